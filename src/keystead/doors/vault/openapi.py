"""The OpenAPI document of the Vault door, made of its route tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import keystead
from keystead.doors.vault.engine import DELETE, LIST, PATCH, READ, WRITE, Route
from keystead.operations.mounts import MountView

_VERBS: Final = {READ: "get", LIST: "get", WRITE: "post", DELETE: "delete", PATCH: "patch"}
_LISTING: Final = {
    "name": "list",
    "in": "query",
    "description": "Must be true to list.",
    "schema": {"type": "string"},
}


def document(mounts: Iterable[MountView]) -> dict[str, Any]:
    """What answers below these mounts, as an OpenAPI 3.0.2 document."""
    from keystead.doors.vault.engines import engines

    tables = engines()
    paths: dict[str, dict[str, Any]] = {}
    for mount in mounts:
        table = tables.get(mount.engine)
        for method, route in table.routes() if table is not None else ():
            path = f"/{mount.path}{_pattern(route)}".rstrip("/")
            item = paths.setdefault(path, _item(route))
            _add(item, method, route, mount)
    return {
        "openapi": "3.0.2",
        "info": {
            "title": "Keystead: Vault's API",
            "description": "All paths are below /v1/.",
            "version": keystead.__version__,
        },
        "paths": dict(sorted(paths.items())),
    }


def _pattern(route: Route) -> str:
    return "/".join(segment.replace("*}", "}") for segment in route.segments)


def _item(route: Route) -> dict[str, Any]:
    parameters = [
        {
            "name": segment.strip("{*}"),
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for segment in route.segments
        if segment.startswith("{")
    ]
    item: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if route.public:
        item["x-vault-unauthenticated"] = True
    if route.sudo:
        item["x-vault-sudo"] = True
    return item


def _add(item: dict[str, Any], method: str, route: Route, mount: MountView) -> None:
    """A path that can be read and listed has one GET for both."""
    summary = (route.handler.__doc__ or "").strip().partition("\n")[0]
    words = [mount.path.strip("/"), method, *(s.strip("{*}") for s in route.segments)]
    operation = item.setdefault(
        _VERBS[method],
        {
            "operationId": "-".join(word.replace("/", "-") for word in words if word),
            "tags": [_tag(mount)],
            "responses": {"200": {"description": "OK"}},
        },
    )
    if summary:
        operation.setdefault("summary", summary)
    if method == LIST:
        operation["parameters"] = [_LISTING]
    if method in (WRITE, PATCH):
        body = {"content": {"application/json": {"schema": {"type": "object"}}}}
        operation.setdefault("requestBody", body)


def _tag(mount: MountView) -> str:
    if mount.type in ("system", "identity"):
        return mount.type
    return "auth" if mount.is_login else "secrets"
