"""What happens to databases when their mount goes, or moves.

How a database is reached is forgotten last: until then it takes back what is leased there.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import msgspec

from keystead.operations import Done
from keystead.operations.database import SweepDatabases
from keystead.services.database.records import (
    DATABASE,
    DATABASE_REMAINS,
    DATABASE_ROLE,
    STATIC_ROLE,
    DatabaseRemainsRecord,
)
from keystead.services.leases.records import PENDING, REVOKING, SWEEP, SweepRecord
from keystead.services.leases.sweeping import order_sweep
from keystead.services.mounts import keep_under_mounts, on_move, on_unmount
from keystead.services.registry import changes
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.operations.mounts import MountView
    from keystead.store.transaction import Transaction

AGAIN_SECONDS = 60.0
_PAGE = 1000

keep_under_mounts(DATABASE_ROLE, STATIC_ROLE)


@on_unmount("database")
def leave(tx: Transaction, namespace: str, mount: MountView) -> None:
    """Have everything leased at the mount taken back."""
    remains = DatabaseRemainsRecord(path=mount.path, order=_end_leases(tx, namespace, mount))
    tx.put(DATABASE_REMAINS, namespace, mount.uuid, remains)


@on_move("database")
def move(tx: Transaction, namespace: str, mount: MountView, target: str) -> None:
    """Leases are named for where they were asked, so none outlives a move."""
    _end_leases(tx, namespace, mount)


def _end_leases(tx: Transaction, namespace: str, mount: MountView) -> str:
    return order_sweep(
        tx, namespace, SweepRecord(prefix=mount.path, ordered_at=inf, mount=mount.uuid)
    )


@changes(SweepDatabases)
def sweep_databases(operation: SweepDatabases, scope: Scope, tx: Transaction) -> Done:
    for namespace, uuid, remains in tx.expired(DATABASE_REMAINS, scope.now, 10):
        if _has_leases(tx, namespace, uuid, remains):
            later = msgspec.structs.replace(remains, due_at=scope.now + AGAIN_SECONDS)
            tx.put(DATABASE_REMAINS, namespace, uuid, later)
            continue
        for id, _ in tx.list(DATABASE, namespace, prefix=f"{uuid}/", limit=_PAGE):
            tx.delete(DATABASE, namespace, id)
        tx.delete(DATABASE_REMAINS, namespace, uuid)
    return Done()


def _has_leases(
    tx: Transaction, namespace: str, mount: str, remains: DatabaseRemainsRecord
) -> bool:
    """Whether a mount that is gone has leases; another may be at its path by now."""
    if tx.get(SWEEP, namespace, remains.order) is not None:
        return True
    for kind in (PENDING, REVOKING):
        after = ""
        while page := tx.list(kind, namespace, prefix=remains.path, after=after, limit=_PAGE):
            if any(lease.mount == mount for _, lease in page):
                return True
            after = page[-1][0]
    return False
