"""Snapshots: the whole database in a file."""

from __future__ import annotations

from typing import ClassVar

from keystead.operations.base import Effect, Operation, Reply


class Snapshot(Reply, frozen=True):
    """A database as it was at one moment: a gzip-compressed tar file.

    Everything in it is sealed, as it is stored. ``change`` numbers the newest change in it.
    """

    archive: bytes
    rows: int
    change: int


class TakeSnapshot(Operation[Snapshot], frozen=True, kw_only=True):
    """Copy the whole database into a file."""

    action: ClassVar[str] = "system:take-snapshot"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.OBSERVE
    secret_reply: ClassVar[bool] = True


class RestoredSnapshot(Reply, frozen=True):
    """What was put back: how many rows, as they were at ``taken_at`` (Unix seconds)."""

    rows: int
    taken_at: float
    change: int


class RestoreSnapshot(Operation[RestoredSnapshot], frozen=True, kw_only=True):
    """Put a snapshot of this server back: everything is as it was then.

    What has been destroyed since stays destroyed; tokens and leases stay what they are. The
    snapshot is checked as a whole before anything is changed. Raises InvalidRequest if it is
    damaged, or was taken under another keyring.
    """

    action: ClassVar[str] = "system:restore-snapshot"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CHANGE

    archive: bytes
