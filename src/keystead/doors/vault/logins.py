"""What log-in methods with roles of their own have in common: token settings, and the reply."""

from __future__ import annotations

from typing import Any

from keystead.doors.vault.engine import Answer
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest
from keystead.operations.identity import IssuedToken, MfaRequirement, TokenLimits, TokenView

_MFA_WARNING = (
    "A login request was issued that is subject to MFA validation. Please make sure to validate"
    " the login by sending another request to mfa/validate endpoint."
)

TIDIED = (
    "Tidy operation successfully started. Any information from the operation will be printed to"
    " Keystead's server logs."
)

_KINDS = {
    "": "",
    "default": "",
    "service": "service",
    "default-service": "",
    "batch": "batch",
    "default-batch": "batch",
}


def mount_path(request: VaultRequest) -> str:
    """The mount's path below ``auth/``."""
    return request.mount.prefix.removeprefix("auth/")


def role_name(request: VaultRequest, usual: str, name: str) -> str:
    """The full name of a role of this mount; ``usual`` is the mount that goes without saying."""
    mount = mount_path(request)
    return name if mount == usual else f"{mount}/{name}"


def token_limits(request: VaultRequest, present: TokenLimits) -> TokenLimits:
    """The limits that the ``token_…`` members of a request ask for; what it leaves out stays."""
    ttl = _seconds(request, "token_ttl", "ttl", present.ttl_seconds)
    longest = _seconds(request, "token_max_ttl", "max_ttl", present.max_ttl_seconds)
    if longest and ttl > longest:
        raise InvalidRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
    max_uses = request.integer(_given(request, "token_num_uses", "num_uses"), present.max_uses)
    if max_uses < 0:
        raise InvalidRequest("'token_num_uses' cannot be negative")
    return TokenLimits(
        ttl_seconds=ttl,
        max_ttl_seconds=longest,
        period_seconds=_seconds(request, "token_period", "period", present.period_seconds),
        max_uses=max_uses,
        bound_cidrs=request.strings(
            _given(request, "token_bound_cidrs", "bound_cidrs"), present.bound_cidrs
        ),
        explicit_max_ttl_seconds=_seconds(
            request, "token_explicit_max_ttl", "explicit_max_ttl", present.explicit_max_ttl_seconds
        ),
        without_default=request.boolean("token_no_default_policy", present.without_default),
        kind=_kind(request, present),
    )


def token_policies(request: VaultRequest, present: list[str]) -> list[str]:
    """The policies that a request gives a role; what it leaves out stays."""
    policies = request.strings(_given(request, "token_policies", "policies"), present)
    return list(dict.fromkeys(policy.strip().lower() for policy in policies if policy.strip()))


def token_members(roles: list[str], limits: TokenLimits) -> dict[str, Any]:
    """The ``token_…`` members of a role's reply."""
    return {
        "token_bound_cidrs": addresses(limits.bound_cidrs),
        "token_explicit_max_ttl": limits.explicit_max_ttl_seconds,
        "token_max_ttl": limits.max_ttl_seconds,
        "token_no_default_policy": limits.without_default,
        "token_num_uses": limits.max_uses,
        "token_period": limits.period_seconds,
        "token_policies": roles,
        "token_ttl": limits.ttl_seconds,
        "token_type": limits.kind or "default",
    }


def addresses(cidrs: list[str]) -> list[str]:
    """Networks as Vault writes them: those of one address without their length."""
    return [
        cidr.removesuffix("/128") if ":" in cidr else cidr.removesuffix("/32") for cidr in cidrs
    ]


def login_answer(issued: IssuedToken) -> Answer:
    """The reply to a log-in; one that waits for a second factor says so."""
    if issued.mfa is not None:
        return Answer(auth=_waiting(issued.mfa), warnings=[_MFA_WARNING])
    return Answer(auth=token_auth(issued.token, issued.info))


def _waiting(mfa: MfaRequirement) -> dict[str, Any]:
    constraints = {
        name: {
            "any": [
                {"type": "totp", "id": choice.id, "uses_passcode": True, "name": choice.name}
                for choice in choices
            ]
        }
        for name, choices in mfa.constraints.items()
    }
    return {
        "client_token": "",
        "accessor": "",
        "policies": None,
        "token_policies": None,
        "metadata": None,
        "lease_duration": 0,
        "renewable": False,
        "entity_id": "",
        "token_type": "default",
        "orphan": False,
        "mfa_requirement": {"mfa_request_id": mfa.request_id, "mfa_constraints": constraints},
        "num_uses": 0,
    }


def token_auth(token: str, info: TokenView) -> dict[str, Any]:
    """The ``auth`` member of a reply that gives out or renews a token."""
    names = token_names(info)
    auth: dict[str, Any] = {
        "client_token": token,
        "accessor": accessor_of(info),
        "policies": sorted({*names, *info.entity_roles}),
        "token_policies": names,
        "metadata": info.metadata or None,
        "lease_duration": lifetime(info),
        "renewable": info.renewable,
        "entity_id": info.entity_id,
        "token_type": info.kind,
        "orphan": info.orphan,
        "mfa_requirement": None,
        "num_uses": info.uses_left or 0,
    }
    if info.entity_roles:
        auth["identity_policies"] = info.entity_roles
    return auth


def accessor_of(info: TokenView) -> str:
    """A token's accessor; batch tokens have none, as far as Vault's clients know."""
    return "" if info.kind == "batch" else info.accessor


def lifetime(info: TokenView) -> int:
    """How many seconds a token that was just made or renewed holds; 0: without an end."""
    since = info.renewed_at or info.created_at
    return round(info.expires_at - since) if info.expires_at is not None else 0


def token_names(info: TokenView) -> list[str]:
    """A token's policies. ``default`` speaks for every token that does not do without it."""
    if info.root:
        return ["root"]
    return sorted({*info.roles, *([] if info.without_default else ["default"])})


def _given(request: VaultRequest, name: str, old: str) -> str:
    """The member's name, or its old one if only that is there."""
    return old if request.has(old) and not request.has(name) else name


def _kind(request: VaultRequest, present: TokenLimits) -> str:
    kind = request.text("token_type", present.kind)
    if kind not in _KINDS:
        raise InvalidRequest(f"invalid 'token_type' value \"{kind}\"")
    return _KINDS[kind]


def _seconds(request: VaultRequest, name: str, old: str, present: int) -> int:
    return request.seconds(_given(request, name, old), present)
