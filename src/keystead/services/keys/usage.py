"""How often keys are used, by whom, and when last: counted in memory, written in batches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import msgspec

from keystead.errors import NamespaceSealed, NotFound
from keystead.operations.keys import KeyUsage, ShowKeyUsage, UsageCount
from keystead.services.keys.cache import find_record
from keystead.services.registry import reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of one version by one principal for one action."""

    key_id: str
    version: int
    principal: str
    action: str
    count: int
    last_used_at: float


USAGE = Kind("key-usage", UsageRecord, parent_of=lambda r: r.key_id)

_Slot = tuple[str, str, int, str, str]  # namespace, key id, version, principal, action


class UsageCounters:
    """Counts since the last flush.

    What was counted and not yet flushed is lost when a worker is killed; the audit log has
    every use all the same.
    """

    def __init__(self) -> None:
        self._counts: dict[_Slot, list[float]] = {}

    def count(
        self,
        namespace: str,
        key_id: str,
        version: int,
        principal: str,
        action: str,
        uses: int,
        now: float,
    ) -> None:
        """Count ``uses`` of a key version. Called for every operation: no I/O."""
        slot = (namespace, key_id, version, principal, action)
        counted = self._counts.get(slot)
        if counted is None:
            self._counts[slot] = [uses, now]
        else:
            counted[0] += uses
            counted[1] = now

    def take(self) -> dict[_Slot, list[float]]:
        """What was counted since the last call; the caller writes it or gives it back."""
        taken, self._counts = self._counts, {}
        return taken

    def give_back(self, taken: dict[_Slot, list[float]]) -> None:
        """Add counts that could not be written."""
        for (namespace, key_id, version, principal, action), (uses, last) in taken.items():
            self.count(namespace, key_id, version, principal, action, int(uses), last)


def write_usage(tx: Transaction, taken: Iterable[tuple[_Slot, list[float]]]) -> None:
    """Add counts to those stored. Counts in a namespace that was sealed meanwhile are dropped:
    they must not keep all others from being written."""
    for slot, (uses, last) in taken:
        with contextlib.suppress(NamespaceSealed):
            _add(tx, slot, int(uses), last)


def _add(tx: Transaction, slot: _Slot, uses: int, last: float) -> None:
    namespace, key_id, version, principal, action = slot
    place = f"{key_id}/{version}/{principal}/{action}"
    present = tx.get(USAGE, namespace, place)
    record = UsageRecord(
        key_id=key_id,
        version=version,
        principal=principal,
        action=action,
        count=uses + (present.count if present else 0),
        last_used_at=max(last, present.last_used_at if present else 0.0),
    )
    tx.put(USAGE, namespace, place, record)


@reads(ShowKeyUsage)
def show_key_usage(operation: ShowKeyUsage, scope: Scope, reader: Reader) -> KeyUsage:
    found = find_record(reader, scope.namespace, operation.key)
    if found is None:
        raise NotFound(f"There is no key {operation.key}.", key=operation.key)
    counts: list[UsageCount] = []
    after = ""
    while page := reader.list(USAGE, scope.namespace, parent=found[0], after=after, limit=1000):
        after = page[-1][0]
        counts += [
            UsageCount(
                version=row.version,
                principal=row.principal,
                action=row.action,
                count=row.count,
                last_used_at=row.last_used_at,
            )
            for _, row in page
        ]
    return KeyUsage(
        key_id=found[0],
        counts=counts,
        last_used_at=max((c.last_used_at for c in counts), default=None),
    )
