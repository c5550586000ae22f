"""Log-in mounts of type ``jwt`` and ``oidc``."""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.doors.vault.engine import Answer, Engine
from keystead.doors.vault.logins import (
    login_answer,
    mount_path,
    role_name,
    token_limits,
    token_members,
    token_policies,
)
from keystead.doors.vault.request import VaultRequest, seconds
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.identity import TokenLimits
from keystead.operations.jwt_auth import (
    DeleteJwtRole,
    FinishOidcLogin,
    JwtDemands,
    JwtIssuer,
    JwtRoleView,
    ListJwtRoles,
    LoginJwt,
    ShowJwtIssuer,
    ShowJwtRole,
    StartOidcLogin,
    WriteJwtIssuer,
    WriteJwtRole,
)

ENGINE = Engine("jwt")

_USUAL = "jwt"
_ISSUER_TEXTS = (
    "oidc_discovery_url", "oidc_discovery_ca_pem", "oidc_client_id", "oidc_client_secret",
    "jwks_url", "jwks_ca_pem", "bound_issuer", "default_role",
)  # fmt: skip
_TEXTS = ("user_claim", "bound_subject", "bound_claims_type", "groups_claim")
_LISTS = ("bound_audiences", "allowed_redirect_uris", "oidc_scopes")
_LEEWAYS = ("expiration_leeway", "not_before_leeway", "clock_skew_leeway", "max_age")
_FLAGS = ("user_claim_json_pointer", "verbose_oidc_logging")


@ENGINE.write("config", grants=True)
async def write_config(request: VaultRequest) -> None:
    if request.body.get("provider_config") or request.body.get("jwks_pairs"):
        raise InvalidRequest("'provider_config' and 'jwks_pairs' are not supported")
    if request.text("oidc_response_mode") not in ("", "query"):
        raise InvalidRequest("invalid response_mode: only 'query' is supported")
    if request.strings("oidc_response_types") not in ([], ["code"]):
        raise InvalidRequest("invalid response_types: only 'code' is supported")
    issuer = JwtIssuer(
        **{name: request.text(name) for name in _ISSUER_TEXTS},
        jwt_validation_pubkeys=_pems(request, "jwt_validation_pubkeys"),
        jwt_supported_algs=request.strings("jwt_supported_algs"),
    )
    await request.perform(WriteJwtIssuer(mount=mount_path(request), issuer=issuer))


@ENGINE.read("config")
async def read_config(request: VaultRequest) -> dict[str, Any]:
    issuer = await request.perform(ShowJwtIssuer(mount=mount_path(request)))
    return {
        **msgspec.structs.asdict(issuer),
        "namespace_in_state": True,
        "oidc_response_mode": "",
        "oidc_response_types": [],
        "provider_config": {},
    }


@ENGINE.write("role/{name}", grants=True)
async def write_role(request: VaultRequest, name: str) -> None:
    """What the request leaves out stays as it is, except for the type."""
    full = role_name(request, _USUAL, name)
    try:
        present = await request.perform(ShowJwtRole(name=full))
    except NotFound:
        present = JwtRoleView(name=full, roles=[], demands=JwtDemands(), limits=TokenLimits())
    limits = token_limits(request, present.limits)
    if limits.max_ttl_seconds and limits.ttl_seconds > limits.max_ttl_seconds:
        raise InvalidRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
    await request.perform(
        WriteJwtRole(
            name=full,
            demands=_demands(request, present.demands),
            roles=token_policies(request, present.roles),
            limits=limits,
        )
    )


@ENGINE.read("role/{name}")
async def read_role(request: VaultRequest, name: str) -> dict[str, Any]:
    role = await request.perform(ShowJwtRole(name=role_name(request, _USUAL, name)))
    demands = msgspec.structs.asdict(role.demands)
    for member in (*_LISTS, "bound_claims", "claim_mappings"):
        demands[member] = demands[member] or None
    return demands | token_members(role.roles, role.limits)


@ENGINE.list("role")
async def list_roles(request: VaultRequest) -> dict[str, Any]:
    names = (await request.perform(ListJwtRoles(mount=mount_path(request)))).names
    if not names:
        raise NotFound
    return {"keys": names}


@ENGINE.delete("role/{name}")
async def delete_role(request: VaultRequest, name: str) -> None:
    await request.perform(DeleteJwtRole(name=role_name(request, _USUAL, name)))


@ENGINE.write("login", public=True)
async def login(request: VaultRequest) -> Answer:
    operation = LoginJwt(
        mount=mount_path(request), role=request.text("role"), jwt=request.text("jwt")
    )
    return login_answer(await request.perform(operation))


@ENGINE.write("oidc/auth_url", public=True)
async def start_oidc(request: VaultRequest) -> dict[str, Any]:
    redirect_uri = request.text("redirect_uri")
    if not redirect_uri:
        raise InvalidRequest("missing redirect_uri")
    started = await request.perform(
        StartOidcLogin(
            mount=mount_path(request),
            role=request.text("role"),
            redirect_uri=redirect_uri,
            client_nonce=request.text("client_nonce"),
        )
    )
    return {"auth_url": started.auth_url}


@ENGINE.read("oidc/callback", public=True)
async def finish_oidc(request: VaultRequest) -> Answer:
    given = request.query
    issued = await request.perform(
        FinishOidcLogin(
            mount=mount_path(request),
            state=given.get("state", ""),
            code=given.get("code", ""),
            client_nonce=given.get("client_nonce", ""),
        )
    )
    return login_answer(issued)


def _demands(request: VaultRequest, present: JwtDemands) -> JwtDemands:
    bound = request.body.get("bound_claims")
    if bound is not None and not isinstance(bound, dict):
        raise InvalidRequest("Field validation failed: bound_claims must be a map")
    demands = msgspec.structs.asdict(present) | {
        "role_type": request.text("role_type", "oidc") or "oidc",
        "bound_claims": present.bound_claims if bound is None else bound,
        "claim_mappings": request.mapping("claim_mappings", present.claim_mappings),
    }
    for name in _TEXTS:
        demands[name] = request.text(name, demands[name])
    for name in _LISTS:
        demands[name] = request.strings(name, demands[name])
    for name in _LEEWAYS:
        demands[name] = _leeway(request, name, demands[name])
    for name in _FLAGS:
        demands[name] = request.boolean(name, demands[name])
    return JwtDemands(**demands)


def _leeway(request: VaultRequest, name: str, present: int) -> int:
    """Seconds, of which less than none may be asked for."""
    value = request.body.get(name)
    if value is None or value == "":
        return present
    text = str(value)
    return -seconds(text[1:], name) if text.startswith("-") else seconds(value, name)


def _pems(request: VaultRequest, name: str) -> list[str]:
    """PEM texts: a list, or one text that may hold several."""
    texts = [request.text(name)] if isinstance(request.body.get(name), str) else None
    found = request.strings(name) if texts is None else texts
    joined = "\n".join(found)
    if joined.count("-----BEGIN") <= 1:
        return [text.strip() for text in found if text.strip()]
    return [f"-----BEGIN{part}".strip() for part in joined.split("-----BEGIN")[1:]]
