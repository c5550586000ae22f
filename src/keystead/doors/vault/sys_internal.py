"""``sys/internal``: what clients look up before they ask for something."""

from __future__ import annotations

from typing import Final

from keystead.doors.vault.bare import bare
from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.openapi import document
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.sys_mounts import described
from keystead.errors import NotFound, PermissionDenied
from keystead.operations.mounts import (
    ListMounts,
    ListOwnMounts,
    ListVisibleMounts,
    MountView,
    ShowOwnMount,
)
from keystead.operations.namespaces import ListNamespaces

ENGINE = Engine("sys-internal")

_PREFLIGHT: Final = (
    "preflight capability check returned 403, please ensure client's policies grant access to"
    ' path "{}"'
)


@ENGINE.read("internal/ui/mounts", public=True)
async def own_mounts(request: VaultRequest) -> Reply:
    """Without a token, what is shown to everyone; and of that no more than they need."""
    known = bool(request.call.token)
    visible = await request.perform(ListOwnMounts() if known else ListVisibleMounts())
    secret, auth = {}, {}
    for mount in visible.mounts:
        if mount.type in ("system", "identity", "token") and not known:
            continue
        shown = described(mount) if known else _briefly(mount)
        if mount.is_login:
            auth[mount.path.removeprefix("auth/")] = shown
        else:
            secret[mount.path] = shown
    return {"secret": secret, "auth": auth}


@ENGINE.read("internal/ui/mounts/{path*}")
async def own_mount(request: VaultRequest, path: str) -> Reply:
    try:
        mount = await request.perform(ShowOwnMount(path=path))
    except PermissionDenied:
        shown = f"{path.strip('/')}/"
        return bare({"errors": [_PREFLIGHT.format(shown)]}, 403)
    return {**described(mount), "path": mount.path}


@ENGINE.read("internal/ui/namespaces")
async def own_namespaces(request: VaultRequest) -> Reply:
    page = await request.perform(ListNamespaces(limit=1000))
    names = [f"{namespace.name.strip('/')}/" for namespace in page.namespaces]
    return {"keys": names} if names else {}


@ENGINE.read("internal/specs/openapi")
async def openapi(request: VaultRequest) -> Reply:
    """An OpenAPI document of what answers at this namespace's mounts."""
    page = await request.perform(ListMounts())
    return bare(document(page.mounts))


@ENGINE.read("internal/inspect/router/{tag}", sudo=True)
async def inspect(request: VaultRequest, tag: str) -> Reply:
    page = await request.perform(ListMounts())
    if tag not in ("root", "uuid", "accessor", "storage"):
        raise NotFound("1 error occurred:\n\t* unsupported path\n\n")
    return {
        tag: [
            {
                "accessor": mount.accessor,
                "mount_namespace": request.call.namespace,
                "mount_path": mount.path,
                "mount_type": mount.type,
                "storage_prefix": f"{mount.uuid}/",
                "tainted": False,
                "uuid": mount.uuid,
            }
            for mount in page.mounts
        ]
    }


def _briefly(mount: MountView) -> dict[str, object]:
    return {
        "type": mount.type,
        "description": mount.description,
        "options": None if mount.built_in else mount.options,
    }
