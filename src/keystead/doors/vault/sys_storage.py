"""``sys/storage``: snapshots. There is no raft: what is asked of it is refused as Vault does."""

from __future__ import annotations

from typing import Final

from keystead.doors.vault.engine import Answer, Engine, Raw, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest
from keystead.operations.snapshots import RestoreSnapshot, TakeSnapshot
from keystead.operations.system import ShowServer

ENGINE = Engine("sys-storage")

_GZIP: Final = b"application/gzip"


@ENGINE.read("storage/raft/snapshot")
async def take(request: VaultRequest) -> Reply:
    snapshot = await request.perform(TakeSnapshot())
    return Answer(raw=Raw(_GZIP, snapshot.archive))


@ENGINE.write("storage/raft/snapshot", "storage/raft/snapshot-force")
async def restore(request: VaultRequest) -> Reply:
    """By force or not: a snapshot of another server would leave this one without its keys."""
    await request.perform(RestoreSnapshot(archive=request.raw))
    return None


@ENGINE.write("storage/raft/join", "storage/raft/remove-peer", "storage/raft/bootstrap")
async def no_raft(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    raise InvalidRequest("raft storage is not in use")


@ENGINE.read("storage/raft/configuration")
async def no_peers(request: VaultRequest) -> Reply:
    return await no_raft(request)
