"""``sys/namespaces``: tenants, each within the namespace that a request is made in."""

from __future__ import annotations

from typing import Any, Final

from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from keystead.operations.namespaces import (
    CreateNamespace,
    DeleteNamespace,
    DescribeNamespace,
    ListNamespaces,
    NamespaceView,
    ShowNamespace,
)

ENGINE = Engine("sys-namespaces")

_RESERVED: Final = ("root", "sys", "audit", "auth", "cubbyhole", "identity")


@ENGINE.list("namespaces")
async def list_children(request: VaultRequest) -> Reply:
    """Those right below; those further down are theirs to list."""
    found: dict[str, dict[str, Any]] = {}
    after, more = "", True
    while more:
        page = await request.perform(ListNamespaces(after=after, limit=1000))
        for namespace in page.namespaces:
            name = namespace.name.strip("/")
            if "/" not in name:
                found[f"{name}/"] = _described(request, namespace)
        after, more = page.next, bool(page.next)
    if not found:
        raise NotFound
    return {"keys": list(found), "key_info": found}


@ENGINE.read("namespaces/{name}")
async def read(request: VaultRequest, name: str) -> Reply:
    try:
        return _described(request, await request.perform(ShowNamespace(name=name)))
    except NotFound:
        raise NotFound from None


@ENGINE.write("namespaces/{name*}", sudo=True)
async def create(request: VaultRequest, name: str) -> Reply:
    """Creating one that is there changes nothing but its custom metadata."""
    if "/" in name:
        raise InvalidRequest("namespace name cannot contain /")
    if name in _RESERVED:
        raise InvalidRequest(f'"{name}/" is a reserved path and cannot be used as a namespace name')
    metadata = request.mapping("custom_metadata")
    if not _is_name(name):
        raise InvalidRequest("a namespace's name is 1 to 63 of a-z, 0-9 and -")
    try:
        namespace = await request.perform(CreateNamespace(name=name, custom_metadata=metadata))
    except AlreadyExists:
        present = await request.perform(ShowNamespace(name=name))
        changes = {**dict.fromkeys(present.custom_metadata), **metadata}
        namespace = await request.perform(DescribeNamespace(name=name, custom_metadata=changes))
    return _described(request, namespace)


@ENGINE.patch("namespaces/{name}", sudo=True)
async def patch(request: VaultRequest, name: str) -> Reply:
    """Change custom metadata; what is null goes."""
    given = request.body.get("custom_metadata")
    if not isinstance(given, dict):
        raise InvalidRequest("custom_metadata must be an object")
    changes = {key: None if value is None else str(value) for key, value in given.items()}
    try:
        namespace = await request.perform(DescribeNamespace(name=name, custom_metadata=changes))
    except NotFound:
        raise InvalidRequest("namespace not found") from None
    return _described(request, namespace)


@ENGINE.delete("namespaces/{name}", sudo=True)
async def delete(request: VaultRequest, name: str) -> Reply:
    try:
        await request.perform(DeleteNamespace(name=name, confirm=name))
    except NotFound:
        return Answer(warnings=["requested namespace does not exist"])
    except Conflict:
        raise InvalidRequest("unable to delete namespace containing child namespaces") from None
    return None


def _is_name(name: str) -> bool:
    plain = name.replace("-", "x")
    return (
        plain.isascii()
        and plain.isalnum()
        and name == name.lower()
        and name[0] != "-"
        and (len(name) <= 63)
    )


def _described(request: VaultRequest, namespace: NamespaceView) -> dict[str, Any]:
    above = f"{request.call.namespace}/" if request.call.namespace else ""
    return {
        "id": namespace.id,
        "uuid": namespace.id,
        "path": f"{above}{namespace.name.strip('/')}/",
        "custom_metadata": namespace.custom_metadata,
        "locked": namespace.sealed,
        "tainted": False,
    }
