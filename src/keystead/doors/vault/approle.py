"""Log-in mounts of type ``approle``."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.logins import (
    TIDIED,
    login_answer,
    mount_path,
    role_name,
    token_limits,
    token_members,
    token_policies,
)
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import rfc3339
from keystead.errors import InvalidRequest, NotFound, Unauthenticated
from keystead.operations.identity import (
    AppRoleView,
    CreateSecretId,
    DeleteAppRole,
    DestroySecretId,
    FindSecretId,
    ListAppRoles,
    ListSecretIds,
    LoginAppRole,
    SecretId,
    SecretIdView,
    ShowAppRole,
    TokenLimits,
    WriteAppRole,
)

ENGINE = Engine("approle")

_USUAL: Final = "approle"
_PAGE: Final = 1000
_NEVER: Final = "0001-01-01T00:00:00Z"
_PARTS: Final = (
    "policies", "token-policies", "bind-secret-id", "secret-id-num-uses", "secret-id-ttl",
    "secret-id-bound-cidrs", "bound-cidr-list", "period", "token-period", "token-num-uses",
    "token-ttl", "token-max-ttl", "token-bound-cidrs", "local-secret-ids",
)  # fmt: skip
"""The members of a role that have paths of their own."""
_CURRENT: Final = {
    "policies": "token_policies",
    "period": "token_period",
    "bound_cidr_list": "secret_id_bound_cidrs",
}
"""What members with an old name are called now."""


# --- roles ------------------------------------------------------------------------------


@ENGINE.write("role/{name}", grants=True)
async def write_role(request: VaultRequest, name: str) -> None:
    """What the request leaves out stays as it is."""
    await _write(request, name, request.text("role_id") or None)


async def _write(request: VaultRequest, name: str, role_id: str | None = None) -> None:
    full = role_name(request, _USUAL, name)
    present = await _present(request, full)
    limits = token_limits(request, present.limits)
    cidrs = "secret_id_bound_cidrs" if request.has("secret_id_bound_cidrs") else "bound_cidr_list"
    bind = request.boolean("bind_secret_id", present.bind_secret_id)
    secret_cidrs = request.strings(cidrs, present.secret_id_bound_cidrs)
    if not (bind or secret_cidrs or limits.bound_cidrs):
        raise InvalidRequest("at least one constraint should be enabled on the role")
    await request.perform(
        WriteAppRole(
            name=full,
            roles=token_policies(request, present.roles),
            bind_secret_id=bind,
            secret_id_ttl_seconds=request.seconds("secret_id_ttl", present.secret_id_ttl_seconds),
            secret_id_max_uses=request.integer("secret_id_num_uses", present.secret_id_max_uses),
            secret_id_bound_cidrs=secret_cidrs,
            limits=limits,
            role_id=role_id,
        )
    )


async def _present(request: VaultRequest, name: str) -> AppRoleView:
    """The role as it is, or a new one."""
    try:
        return await request.perform(ShowAppRole(name=name))
    except NotFound:
        return AppRoleView(
            name=name,
            role_id="",
            roles=[],
            bind_secret_id=True,
            secret_id_ttl_seconds=0,
            secret_id_max_uses=0,
            secret_id_bound_cidrs=[],
            limits=TokenLimits(),
        )


async def _show(request: VaultRequest, name: str) -> AppRoleView:
    try:
        return await request.perform(ShowAppRole(name=role_name(request, _USUAL, name)))
    except NotFound:
        raise NotFound from None


def _members(role: AppRoleView) -> dict[str, Any]:
    return {
        "bind_secret_id": role.bind_secret_id,
        "local_secret_ids": False,
        "secret_id_bound_cidrs": role.secret_id_bound_cidrs or None,
        "secret_id_num_uses": role.secret_id_max_uses,
        "secret_id_ttl": role.secret_id_ttl_seconds,
        **token_members(role.roles, role.limits),
    }


@ENGINE.read("role/{name}")
async def read_role(request: VaultRequest, name: str) -> Reply:
    return _members(await _show(request, name))


@ENGINE.list("role")
async def list_roles(request: VaultRequest) -> Reply:
    keys: list[str] = []
    after = ""
    while True:
        page = await request.perform(ListAppRoles(mount=_mount(request), after=after, limit=_PAGE))
        keys += [name.rpartition("/")[2] for name in page.names]
        if not (after := page.next):
            break
    if not keys:
        raise NotFound
    return {"keys": keys}


@ENGINE.delete("role/{name}")
async def delete_role(request: VaultRequest, name: str) -> None:
    try:
        await request.perform(DeleteAppRole(name=role_name(request, _USUAL, name)))
    except NotFound:
        return


@ENGINE.read("role/{name}/role-id")
async def read_role_id(request: VaultRequest, name: str) -> Reply:
    return {"role_id": (await _show(request, name)).role_id}


@ENGINE.write("role/{name}/role-id", grants=True)
async def write_role_id(request: VaultRequest, name: str) -> None:
    if not (role_id := request.text("role_id")):
        raise InvalidRequest("missing role_id")
    await _show(request, name)
    await _write(request, name, role_id)


def _part(member: str) -> None:
    """The paths of one member of a role."""
    field = member.replace("-", "_")
    current = _CURRENT.get(field, field)

    @ENGINE.read(f"role/{{name}}/{member}")
    async def read(request: VaultRequest, name: str) -> Reply:
        return {current: _members(await _show(request, name))[current]}

    @ENGINE.write(f"role/{{name}}/{member}", grants=True)
    async def write(request: VaultRequest, name: str) -> None:
        await _show(request, name)
        if not (request.has(field) or request.has(current)):
            raise InvalidRequest(f"missing {field}")
        await _write(request, name)

    @ENGINE.delete(f"role/{{name}}/{member}", grants=True)
    async def reset(request: VaultRequest, name: str) -> None:
        await _show(request, name)
        empty: Any = [] if field.endswith(("policies", "cidrs", "list")) else 0
        request.body[field] = True if field == "bind_secret_id" else empty
        await _write(request, name)


for _member in _PARTS:
    _part(_member)


# --- secret identifiers -----------------------------------------------------------------


@ENGINE.write("role/{name}/secret-id")
async def create_secret_id(request: VaultRequest, name: str) -> Reply:
    return await _create_secret_id(request, name, None)


@ENGINE.write("role/{name}/custom-secret-id")
async def create_custom_secret_id(request: VaultRequest, name: str) -> Reply:
    if not (text := request.text("secret_id")):
        raise InvalidRequest("missing secret_id")
    return await _create_secret_id(request, name, text)


async def _create_secret_id(request: VaultRequest, name: str, text: str | None) -> Reply:
    try:
        role = await _show(request, name)
    except NotFound:
        raise NotFound(f'role "{name}" does not exist') from None
    if not role.bind_secret_id:
        raise InvalidRequest("bind_secret_id is not set on the role")
    ttl, uses = request.seconds("ttl"), request.integer("num_uses")
    if uses < 0:
        raise InvalidRequest("num_uses cannot be negative")
    if role.secret_id_max_uses and uses > role.secret_id_max_uses:
        raise InvalidRequest("num_uses cannot be higher than the role's secret_id_num_uses")
    if role.secret_id_ttl_seconds and ttl > role.secret_id_ttl_seconds:
        raise InvalidRequest("ttl cannot be longer than the role's secret_id_ttl")
    made: SecretId = await request.perform(
        CreateSecretId(
            name=role.name,
            ttl_seconds=ttl,
            max_uses=uses,
            bound_cidrs=request.strings("cidr_list"),
            token_bound_cidrs=request.strings("token_bound_cidrs"),
            metadata=_metadata(request),
            text=text,
        )
    )
    left = made.expires_at - time.time() if made.expires_at else 0
    return {
        "secret_id": made.secret_id,
        "secret_id_accessor": made.accessor,
        "secret_id_num_uses": made.max_uses,
        "secret_id_ttl": round(left),
    }


def _metadata(request: VaultRequest) -> dict[str, str]:
    """Metadata is sent as a dictionary, or as a text that holds one in JSON."""
    text = request.body.get("metadata")
    if not isinstance(text, str):
        return request.mapping("metadata")
    try:
        return msgspec.json.decode(text, type=dict[str, str]) if text else {}
    except msgspec.DecodeError:
        raise InvalidRequest("failed to parse metadata") from None


@ENGINE.list("role/{name}/secret-id")
async def list_secret_ids(request: VaultRequest, name: str) -> Reply:
    full = role_name(request, _USUAL, name)
    try:
        found = (await request.perform(ListSecretIds(name=full))).secret_ids
    except NotFound:
        raise InvalidRequest(f'role "{name}" does not exist') from None
    if not found:
        raise NotFound
    return {"keys": [secret_id.accessor for secret_id in found]}


@ENGINE.write("role/{name}/secret-id/lookup", capability="update")
async def lookup_secret_id(request: VaultRequest, name: str) -> Reply:
    role = await _show(request, name)
    if not (text := request.text("secret_id")):
        raise InvalidRequest("missing secret_id")
    try:
        return _shown(await request.perform(FindSecretId(name=role.name, secret_id=text)), role)
    except NotFound:
        return None


@ENGINE.write("role/{name}/secret-id/destroy", capability="update")
@ENGINE.delete("role/{name}/secret-id/destroy")
async def destroy_secret_id(request: VaultRequest, name: str) -> None:
    role = await _show(request, name)
    if not (text := request.text("secret_id")):
        raise InvalidRequest("missing secret_id")
    try:
        found = await request.perform(FindSecretId(name=role.name, secret_id=text))
    except NotFound:
        return
    await request.perform(DestroySecretId(name=role.name, accessor=found.accessor))


@ENGINE.write("role/{name}/secret-id-accessor/lookup", capability="update")
async def lookup_accessor(request: VaultRequest, name: str) -> Reply:
    role = await _show(request, name)
    accessor = _accessor(request)
    for found in (await request.perform(ListSecretIds(name=role.name))).secret_ids:
        if found.accessor == accessor:
            return _shown(found, role)
    raise NotFound("failed to find accessor entry for secret_id_accessor: " + accessor)


@ENGINE.write("role/{name}/secret-id-accessor/destroy", capability="update")
@ENGINE.delete("role/{name}/secret-id-accessor/destroy")
async def destroy_accessor(request: VaultRequest, name: str) -> None:
    role = await _show(request, name)
    accessor = _accessor(request)
    try:
        await request.perform(DestroySecretId(name=role.name, accessor=accessor))
    except NotFound:
        told = "failed to find accessor entry for secret_id_accessor: " + accessor
        raise NotFound(told) from None


def _accessor(request: VaultRequest) -> str:
    if not (accessor := request.text("secret_id_accessor")):
        raise InvalidRequest("missing secret_id_accessor")
    return accessor


def _shown(found: SecretIdView, role: AppRoleView) -> dict[str, Any]:
    ends = found.expires_at
    return {
        "cidr_list": found.bound_cidrs,
        "creation_time": rfc3339(found.created_at),
        "expiration_time": rfc3339(ends) if ends else _NEVER,
        "last_updated_time": rfc3339(found.created_at),
        "metadata": found.metadata,
        "secret_id_accessor": found.accessor,
        "secret_id_num_uses": found.uses_left or 0,
        "secret_id_ttl": round(ends - found.created_at) if ends else 0,
        "token_bound_cidrs": found.token_bound_cidrs,
    }


@ENGINE.write("tidy/secret-id", sudo=True, capability="update")
async def tidy(request: VaultRequest) -> Reply:
    """Secret identifiers that ended are swept all the time: there is nothing left to start."""
    await request.perform(ListAppRoles(limit=1))
    return Answer(status=202, warnings=[TIDIED])


# --- log-in -----------------------------------------------------------------------------


class _Login(msgspec.Struct):
    role_id: str = ""
    secret_id: str = ""


@ENGINE.write("login", public=True)
async def login(request: VaultRequest) -> Reply:
    body = request.decode(_Login)
    if not body.role_id:
        raise InvalidRequest("missing role_id")
    operation = LoginAppRole(role_id=body.role_id, secret_id=body.secret_id, mount=_mount(request))
    try:
        return login_answer(await request.perform(operation))
    except Unauthenticated:
        missing = "" if body.secret_id else "missing secret_id"
        raise InvalidRequest(missing or "invalid role or secret ID") from None


def _mount(request: VaultRequest) -> str:
    """The mount's path below ``auth/``; empty for the usual one."""
    mount = mount_path(request)
    return "" if mount == _USUAL else mount
