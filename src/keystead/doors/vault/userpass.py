"""Log-in mounts of type ``userpass``."""

from __future__ import annotations

import re
from typing import Any

from keystead.doors.vault.engine import Answer, Engine
from keystead.doors.vault.logins import (
    login_answer,
    mount_path,
    role_name,
    token_limits,
    token_members,
    token_policies,
)
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest, NotFound, Unauthenticated
from keystead.operations.identity import (
    DeleteUser,
    ListUsers,
    LoginUser,
    SetPassword,
    ShowUser,
    TokenLimits,
    UserView,
    WriteUser,
)

ENGINE = Engine("userpass")

_USUAL = "userpass"
_NAME = re.compile(r"[\w@]([\w.@-]*\w)?", re.ASCII)


@ENGINE.write("users/{name}", grants=True)
async def write_user(request: VaultRequest, name: str) -> None:
    """What the request leaves out stays as it is."""
    full = _full(request, name)
    try:
        present = await request.perform(ShowUser(name=full))
    except NotFound:
        if not request.text("password"):
            raise InvalidRequest("missing password") from None
        present = UserView(name=full, roles=[], limits=TokenLimits())
    await _write(request, present, request.text("password") or None)


@ENGINE.write("users/{name}/policies", grants=True)
async def write_policies(request: VaultRequest, name: str) -> None:
    await _write(request, await _present(request, name), None)


@ENGINE.write("users/{name}/password", grants=True)
async def set_password(request: VaultRequest, name: str) -> None:
    password = request.text("password")
    if not password:
        raise InvalidRequest("missing password")
    present = await _present(request, name)
    await request.perform(SetPassword(name=present.name, password=password))


@ENGINE.read("users/{name}")
async def read_user(request: VaultRequest, name: str) -> dict[str, Any]:
    try:
        user = await request.perform(ShowUser(name=_full(request, name)))
    except NotFound:
        raise NotFound from None
    return token_members(user.roles, user.limits)


@ENGINE.list("users")
async def list_users(request: VaultRequest) -> dict[str, Any]:
    mount, after = mount_path(request), ""
    keys: list[str] = []
    while True:
        found = await request.perform(
            ListUsers(mount="" if mount == _USUAL else mount, after=after, limit=1000)
        )
        keys += [name.rpartition("/")[2] for name in found.names]
        if not (after := found.next):
            break
    if not keys:
        raise NotFound
    return {"keys": keys}


@ENGINE.delete("users/{name}")
async def delete_user(request: VaultRequest, name: str) -> None:
    try:
        await request.perform(DeleteUser(name=_full(request, name)))
    except NotFound:
        return


@ENGINE.write("login/{name}", public=True)
async def login(request: VaultRequest, name: str) -> Answer:
    password = request.text("password")
    if not password:
        raise InvalidRequest("missing password")
    try:
        issued = await request.perform(LoginUser(name=_full(request, name), password=password))
    except Unauthenticated:
        raise InvalidRequest("invalid username or password") from None
    return login_answer(issued)


async def _present(request: VaultRequest, name: str) -> UserView:
    try:
        return await request.perform(ShowUser(name=_full(request, name)))
    except NotFound:
        raise InvalidRequest("username does not exist") from None


async def _write(request: VaultRequest, present: UserView, password: str | None) -> None:
    await request.perform(
        WriteUser(
            name=present.name,
            password=password,
            roles=token_policies(request, present.roles),
            limits=token_limits(request, present.limits),
        )
    )


def _full(request: VaultRequest, name: str) -> str:
    """The user's one name: Vault knows users in lower case."""
    if not _NAME.fullmatch(name):
        raise NotFound("1 error occurred:\n\t* unsupported path\n\n")
    return role_name(request, _USUAL, name.lower())
