"""``sys/policy``, ``sys/policies/…``, ``sys/capabilities…``: what tokens may do."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import msgspec

from keystead.doors.vault.bare import repeated
from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.password_policies import (
    DeletePasswordPolicy,
    GeneratePassword,
    ListPasswordPolicies,
    ShowPasswordPolicy,
    WritePasswordPolicy,
)
from keystead.operations.path_policies import (
    DeletePathPolicy,
    ListPathPolicies,
    PathRight,
    PathRights,
    ShowCapabilities,
    ShowOwnCapabilities,
    ShowOwnRights,
    ShowPathPolicy,
    WritePathPolicy,
)

ENGINE = Engine("sys-policies")

_PAGE: Final = 1000


# --- path policies ------------------------------------------------------------------------


@ENGINE.read("policy")
@ENGINE.list("policy")
async def list_policies_of_old(request: VaultRequest) -> Reply:
    names = await _names(request)
    return repeated({"keys": names, "policies": names})


@ENGINE.list("policies/acl")
async def list_policies(request: VaultRequest) -> Reply:
    return {"keys": await _names(request)}


@ENGINE.read("policy/{name*}")
async def read_policy_of_old(request: VaultRequest, name: str) -> Reply:
    policy = await request.perform(_operation(ShowPathPolicy, name))
    return repeated({"name": policy.name, "rules": policy.text})


@ENGINE.read("policies/acl/{name*}")
async def read_policy(request: VaultRequest, name: str) -> Reply:
    policy = await request.perform(_operation(ShowPathPolicy, name))
    return {"name": policy.name, "policy": policy.text}


@ENGINE.write("policy/{name*}")
async def write_policy_of_old(request: VaultRequest, name: str) -> Reply:
    """The text may be called ``rules``, as it was once."""
    if request.has("policy"):
        return await write_policy(request, name)
    await _write(request, name, "rules")
    return Answer(warnings=["'rules' is deprecated, please use 'policy' instead"])


@ENGINE.write("policies/acl/{name*}")
async def write_policy(request: VaultRequest, name: str) -> Reply:
    await _write(request, name, "policy")
    return None


@ENGINE.delete("policy/{name*}", "policies/acl/{name*}")
async def delete_policy(request: VaultRequest, name: str) -> Reply:
    """What is not there need not be taken away."""
    try:
        await request.perform(_operation(DeletePathPolicy, name))
    except NotFound:
        return None
    return None


async def _names(request: VaultRequest) -> list[str]:
    """All names; root's is told at the end."""
    names: list[str] = []
    after = ""
    while True:
        page = await request.perform(ListPathPolicies(after=after, limit=_PAGE))
        names += page.names
        if not (after := page.next):
            return [*names, "root"]


async def _write(request: VaultRequest, name: str, member: str) -> None:
    text = request.text(member)
    if not text:
        raise InvalidRequest("'policy' parameter not supplied or empty")
    await request.perform(_operation(WritePathPolicy, name, text=_text(text)))


def _operation(operation: type[Any], name: str, **inputs: Any) -> Any:
    """The operation on the policy with that name in lower case."""
    return _checked(operation, name=name.lower(), **inputs)


def _checked(operation: type[Any], **inputs: Any) -> Any:
    try:
        return msgspec.convert(inputs, operation)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None


def _text(given: str) -> str:
    """A policy text as it is, or out of base64."""
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, ValueError):
        return given


# --- password policies --------------------------------------------------------------------


@ENGINE.list("policies/password")
async def list_password_policies(request: VaultRequest) -> Reply:
    names: list[str] = []
    after = ""
    while True:
        page = await request.perform(ListPasswordPolicies(after=after, limit=_PAGE))
        names += page.names
        if not (after := page.next):
            break
    if not names:
        raise NotFound
    return {"keys": names}


@ENGINE.read("policies/password/{name}")
async def read_password_policy(request: VaultRequest, name: str) -> Reply:
    policy = await request.perform(_checked(ShowPasswordPolicy, name=name))
    return {"policy": policy.text}


@ENGINE.write("policies/password/{name}")
async def write_password_policy(request: VaultRequest, name: str) -> Reply:
    text = request.text("policy")
    if not text:
        raise InvalidRequest("missing policy")
    await request.perform(_checked(WritePasswordPolicy, name=name, text=_text(text)))
    return None


@ENGINE.delete("policies/password/{name}")
async def delete_password_policy(request: VaultRequest, name: str) -> Reply:
    try:
        await request.perform(_checked(DeletePasswordPolicy, name=name))
    except NotFound:
        return None
    return None


@ENGINE.read("policies/password/{name}/generate")
async def generate_password(request: VaultRequest, name: str) -> Reply:
    made = await request.perform(_checked(GeneratePassword, name=name))
    return {"password": made.password}


# --- what a token may do ------------------------------------------------------------------


@ENGINE.write("capabilities-self")
async def own_capabilities(request: VaultRequest) -> Reply:
    reply = await request.perform(_checked(ShowOwnCapabilities, paths=_paths(request)))
    return _by_path(reply.capabilities)


@ENGINE.write("capabilities")
async def capabilities(request: VaultRequest) -> Reply:
    if not (token := request.text("token")):
        raise InvalidRequest("no token found")
    paths = _paths(request)
    reply = await request.perform(_checked(ShowCapabilities, paths=paths, token=token))
    return _by_path(reply.capabilities)


@ENGINE.write("capabilities-accessor")
async def capabilities_by_accessor(request: VaultRequest) -> Reply:
    if not (accessor := request.text("accessor")):
        raise InvalidRequest("missing accessor")
    paths = _paths(request)
    reply = await request.perform(_checked(ShowCapabilities, paths=paths, accessor=accessor))
    return _by_path(reply.capabilities)


def _paths(request: VaultRequest) -> list[str]:
    paths = request.strings("paths") or request.strings("path")
    if not paths:
        raise InvalidRequest("paths must be supplied")
    return paths


def _by_path(found: dict[str, list[str]]) -> Reply:
    """Those of a single path are told twice, as they were before there could be several."""
    if len(found) == 1:
        found = {**found, "capabilities": next(iter(found.values()))}
    return repeated(found)


@ENGINE.read("internal/ui/resultant-acl")
async def own_rights(request: VaultRequest) -> Reply:
    rights: PathRights = await request.perform(ShowOwnRights())
    if rights.root:
        return {"root": True}
    return {
        "root": False,
        "exact_paths": {path: _right(right) for path, right in rights.exact.items()},
        "glob_paths": {path: _right(right) for path, right in rights.globs.items()},
    }


def _right(right: PathRight) -> dict[str, Any]:
    return dict(msgspec.to_builtins(right))
