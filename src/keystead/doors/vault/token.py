"""The token method, ``auth/token``."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.logins import (
    TIDIED,
    accessor_of,
    lifetime,
    token_auth,
    token_limits,
    token_members,
    token_names,
)
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import rfc3339
from keystead.errors import (
    AlreadyExists,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
)
from keystead.operations.identity import (
    CreateToken,
    DeleteTokenRole,
    FindToken,
    IssuedToken,
    ListTokenRoles,
    ListTokens,
    LookupSelf,
    LookupToken,
    RenewSelf,
    RenewToken,
    RevokeSelf,
    RevokeToken,
    ShowTokenRole,
    TokenLimits,
    TokenView,
    WriteTokenRole,
)

ENGINE = Engine("token")

_ORPHANS: Final = frozenset({"token:create-orphan"})
_BY_ROLE: Final = frozenset({"token-role:use"})
_DEFAULT = "default"


# --- creation ---------------------------------------------------------------------------


@ENGINE.write("create")
async def create(request: VaultRequest) -> Reply:
    return await _create(request, orphan=request.boolean("no_parent"))


@ENGINE.write("create-orphan", grants=_ORPHANS)
async def create_orphan(request: VaultRequest) -> Reply:
    return await _create(request, orphan=True)


@ENGINE.write("create/{role}", grants=_BY_ROLE)
async def create_by_role(request: VaultRequest, role: str) -> Reply:
    return await _create(request, role=role)


async def _create(request: VaultRequest, *, orphan: bool = False, role: str = "") -> Reply:
    """Policies are roles. ``default`` speaks for every token that does not do without it."""
    asked = [name.strip().lower() for name in request.strings("policies")]
    roles = [name for name in asked if name not in (_DEFAULT, "")] if asked else None
    if roles is not None and "root" in roles:
        roles = None
        if not (await request.perform(LookupSelf())).root:
            raise InvalidRequest("root tokens may not be created without parent token being root")
    kind = request.text("type")
    if kind not in ("", "service", "batch"):
        raise InvalidRequest("invalid 'token_type' value")
    if kind == "batch":
        if request.seconds("period"):  # bao sends "0s"
            raise InvalidRequest('batch tokens cannot have "period" set')
        if request.integer("num_uses"):
            raise InvalidRequest('batch tokens cannot have "num_uses" set')
    uses = request.integer("num_uses")
    if uses < 0:
        raise InvalidRequest("number of uses cannot be negative")
    text = request.text("id")
    if "." in text:
        raise InvalidRequest("custom token ID cannot have a '.' in the value")
    ttl = request.seconds("ttl") or request.seconds("lease")
    issued = await _perform(
        request,
        CreateToken(
            roles=roles,
            token_kind=kind,
            orphan=orphan,
            limits=TokenLimits(
                ttl_seconds=ttl,
                period_seconds=request.seconds("period"),
                explicit_max_ttl_seconds=request.seconds("explicit_max_ttl"),
                max_uses=uses,
                without_default=request.boolean("no_default_policy"),
            ),
            display_name=_display_name(request),
            metadata=request.mapping("meta") or request.mapping("metadata"),
            renewable=request.boolean("renewable", True),
            token_role=role,
            entity_alias=request.text("entity_alias"),
            text=text or None,
        ),
    )
    return Answer(auth=token_auth(issued.token, issued.info), warnings=_capped(ttl, issued.info))


def _capped(ttl: int, info: TokenView) -> list[str] | None:
    """What is said to who asked for a longer lifetime than there is."""
    held = lifetime(info)
    if not 0 < held < ttl:
        return None
    return [
        f'TTL of "{ttl}s" exceeded the effective max_ttl of "{held}s"; TTL value is capped'
        " accordingly"
    ]


async def _perform(request: VaultRequest, operation: CreateToken) -> IssuedToken:
    try:
        return await request.perform(operation)
    except PermissionDenied as error:
        if "role" in error.details:
            raise InvalidRequest("child policies must be subset of parent") from None
        if error.details.get("field") == "text":
            told = "root or sudo privileges required to specify token id"
            raise InvalidRequest(told) from None
        raise
    except AlreadyExists:
        raise InvalidRequest("cannot create a token with a duplicate ID") from None
    except NotFound as error:
        raise InvalidRequest(error.message) from None


def _display_name(request: VaultRequest) -> str:
    name = request.text("display_name")
    return f"token-{name}" if name else "token"


# --- looking up -------------------------------------------------------------------------


@ENGINE.read("lookup-self")
async def lookup_self(request: VaultRequest) -> Reply:
    return _shown(await request.perform(LookupSelf()), request.call.token)


@ENGINE.write("lookup-self", capability="update")
async def lookup_self_by_post(request: VaultRequest) -> Reply:
    return await lookup_self(request)


@ENGINE.read("lookup")
@ENGINE.write("lookup", capability="update")
async def lookup(request: VaultRequest) -> Reply:
    token = request.text("token") or request.query.get("token", "")
    if not token or token == request.call.token:
        return await lookup_self(request)
    return _shown(await _find(request, token), token)


@ENGINE.write("lookup-accessor", capability="update")
async def lookup_accessor(request: VaultRequest) -> Reply:
    return _shown(await _by_accessor(request, LookupToken), "")


@ENGINE.list("accessors", sudo=True)
async def accessors(request: VaultRequest) -> Reply:
    keys: list[str] = []
    after = ""
    while True:
        page = await request.perform(ListTokens(after=after, limit=1000))
        keys += [token.accessor for token in page.tokens]
        if not (after := page.next):
            return {"keys": keys}


async def _find(request: VaultRequest, token: str) -> TokenView:
    try:
        return await request.perform(FindToken(token=token))
    except NotFound:
        raise PermissionDenied("bad token") from None


async def _by_accessor(request: VaultRequest, operation: Any, **more: Any) -> Any:
    accessor = request.text("accessor")
    if not accessor:
        raise InvalidRequest("missing accessor")
    try:
        return await request.perform(operation(accessor=accessor, **more))
    except NotFound:
        raise InvalidRequest("1 error occurred:\n\t* invalid accessor\n\n") from None


def _shown(view: TokenView, token: str) -> dict[str, Any]:
    now = time.time()
    left = max(0, int(view.expires_at - now)) if view.expires_at is not None else 0
    shown: dict[str, Any] = {
        "accessor": accessor_of(view),
        "creation_time": int(view.created_at),
        "creation_ttl": view.ttl_seconds,
        "display_name": view.display_name or ("root" if view.root else "token"),
        "entity_id": view.entity_id,
        "expire_time": None if view.expires_at is None else rfc3339(view.expires_at),
        "explicit_max_ttl": view.explicit_max_ttl_seconds,
        "id": token,
        "meta": view.metadata or None,
        "num_uses": view.uses_left or 0,
        "orphan": view.orphan,
        "path": view.made_at or ("auth/token/root" if view.root else "auth/token/create"),
        "policies": token_names(view),
        "ttl": left,
        "type": view.kind,
    }
    if view.expires_at is not None:
        shown["issue_time"] = rfc3339(view.created_at)
        shown["renewable"] = view.renewable
    if view.bound_cidrs:
        shown["bound_cidrs"] = view.bound_cidrs
    if view.period_seconds:
        shown["period"] = view.period_seconds
    if view.made_as:
        shown["role"] = view.made_as
    if view.entity_roles:
        shown["identity_policies"] = view.entity_roles
    if view.renewed_at is not None:
        shown["last_renewal"] = rfc3339(view.renewed_at)
        shown["last_renewal_time"] = int(view.renewed_at)
    return shown


# --- renewal ----------------------------------------------------------------------------


@ENGINE.write("renew-self", capability="update")
async def renew_self(request: VaultRequest) -> Reply:
    increment = request.seconds("increment")
    return _renewed(await _renew(request, RenewSelf(increment_seconds=increment)), request)


@ENGINE.write("renew", "renew/{token}", capability="update")
async def renew(request: VaultRequest, token: str = "") -> Reply:
    token = token or request.text("token")
    if not token or token == request.call.token:
        return await renew_self(request)
    try:
        found = await request.perform(FindToken(token=token))
    except NotFound:
        raise InvalidRequest("token not found") from None
    increment = request.seconds("increment")
    operation = RenewToken(accessor=found.accessor, increment_seconds=increment)
    return Answer(auth=token_auth(token, await _renew(request, operation)))


@ENGINE.write("renew-accessor", capability="update")
async def renew_accessor(request: VaultRequest) -> Reply:
    increment = request.seconds("increment")
    try:
        view = await _by_accessor(request, RenewToken, increment_seconds=increment)
    except Conflict:
        raise InvalidRequest("lease is not renewable") from None
    return Answer(auth=token_auth("", view))


async def _renew(request: VaultRequest, operation: RenewSelf | RenewToken) -> TokenView:
    try:
        return await request.perform(operation)
    except Conflict:
        raise InvalidRequest("lease is not renewable") from None


def _renewed(view: TokenView, request: VaultRequest) -> Answer:
    return Answer(auth=token_auth(request.call.token, view))


# --- revocation -------------------------------------------------------------------------


@ENGINE.write("revoke-self", capability="update")
async def revoke_self(request: VaultRequest) -> None:
    try:
        await request.perform(RevokeSelf())
    except Conflict:
        raise InvalidRequest("batch tokens cannot be revoked") from None


@ENGINE.write("revoke", "revoke/{token}", capability="update")
async def revoke(request: VaultRequest, token: str = "") -> None:
    await _revoke(request, token)


@ENGINE.write("revoke-orphan", sudo=True, capability="update", grants=_ORPHANS)
async def revoke_orphan(request: VaultRequest) -> None:
    await _revoke(request, "", orphan_children=True)


@ENGINE.write("revoke-accessor", capability="update")
async def revoke_accessor(request: VaultRequest) -> Reply:
    accessor = request.text("accessor")
    if not accessor:
        raise InvalidRequest("missing accessor")
    try:
        await request.perform(RevokeToken(accessor=accessor))
    except NotFound:
        return Answer(warnings=["No token found with this accessor"])
    return None


async def _revoke(request: VaultRequest, token: str, *, orphan_children: bool = False) -> None:
    token = token or request.text("token")
    if not token:
        raise InvalidRequest("missing token ID")
    try:
        found = await request.perform(FindToken(token=token))
    except NotFound:
        if orphan_children:
            raise InvalidRequest("token to revoke not found") from None
        return  # it ended already
    if found.kind == "batch":
        raise InvalidRequest("batch tokens cannot be revoked")
    operation = RevokeToken(accessor=found.accessor, orphan_children=orphan_children)
    await request.perform(operation)


@ENGINE.write("tidy", sudo=True, capability="update")
async def tidy(request: VaultRequest) -> Reply:
    """Tokens that ended are swept all the time: there is nothing left to start."""
    await request.perform(ListTokens(limit=1))
    return Answer(status=202, warnings=[TIDIED])


# --- token roles ------------------------------------------------------------------------


@ENGINE.list("roles")
async def list_roles(request: VaultRequest) -> Reply:
    names = (await request.perform(ListTokenRoles(limit=1000))).names
    if not names:
        raise NotFound
    return {"keys": names}


@ENGINE.read("roles/{name}")
async def read_role(request: VaultRequest, name: str) -> Reply:
    try:
        role = await request.perform(ShowTokenRole(name=name))
    except NotFound:
        raise NotFound from None
    members = token_members([], role.limits)
    for member in ("token_policies", "token_ttl", "token_max_ttl"):
        del members[member]
    for member in ("token_bound_cidrs", "token_num_uses"):
        if not members[member]:
            del members[member]
    return members | {
        "allowed_entity_aliases": role.allowed_aliases or None,
        "allowed_policies": role.allowed,
        "allowed_policies_glob": role.allowed_patterns,
        "disallowed_policies": role.disallowed,
        "disallowed_policies_glob": role.disallowed_patterns,
        "explicit_max_ttl": 0,
        "name": name,
        "orphan": role.orphan,
        "path_suffix": role.path_suffix,
        "period": 0,
        "renewable": role.renewable,
        "token_type": role.token_kind or "default-service",
    }


@ENGINE.write("roles/{name}", grants=True)
async def write_role(request: VaultRequest, name: str) -> None:
    """What the request leaves out stays as it is."""
    try:
        present = await request.perform(ShowTokenRole(name=name))
    except NotFound:
        present = None
    kept = msgspec.structs.asdict(present) if present else {}
    limits = token_limits(request, present.limits if present else TokenLimits())
    kind = request.text("token_type", kept.get("token_kind", ""))
    await request.perform(
        WriteTokenRole(
            name=name,
            allowed=request.strings("allowed_policies", kept.get("allowed")),
            allowed_patterns=request.strings("allowed_policies_glob", kept.get("allowed_patterns")),
            disallowed=request.strings("disallowed_policies", kept.get("disallowed")),
            disallowed_patterns=request.strings(
                "disallowed_policies_glob", kept.get("disallowed_patterns")
            ),
            orphan=request.boolean("orphan", kept.get("orphan", False)),
            renewable=request.boolean("renewable", kept.get("renewable", True)),
            path_suffix=request.text("path_suffix", kept.get("path_suffix", "")),
            token_kind="" if kind == "default-service" else kind,
            limits=msgspec.structs.replace(limits, kind=""),
            allowed_aliases=request.strings("allowed_entity_aliases", kept.get("allowed_aliases")),
        )
    )


@ENGINE.delete("roles/{name}")
async def delete_role(request: VaultRequest, name: str) -> None:
    try:
        await request.perform(DeleteTokenRole(name=name))
    except NotFound:
        return
