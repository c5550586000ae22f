"""Cubbyholes: what each token keeps for itself."""

from __future__ import annotations

from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import NotFound
from keystead.operations.cubbyholes import (
    DeleteCubbyhole,
    ListCubbyhole,
    ReadCubbyhole,
    WriteCubbyhole,
)

ENGINE = Engine("cubbyhole")


@ENGINE.read("{path*}")
async def read(request: VaultRequest, path: str) -> Reply:
    return (await request.perform(ReadCubbyhole(path=path))).data


@ENGINE.write("{path*}")
async def write(request: VaultRequest, path: str) -> Reply:
    await request.perform(WriteCubbyhole(path=path, data=request.body))
    return None


@ENGINE.delete("{path*}")
async def delete(request: VaultRequest, path: str) -> Reply:
    await request.perform(DeleteCubbyhole(path=path))
    return None


@ENGINE.list("", "{path*}")
async def list_folder(request: VaultRequest, path: str = "") -> Reply:
    names = (await request.perform(ListCubbyhole(path=path))).names
    if not names:
        raise NotFound
    return {"keys": names}
