"""Revoking many together: below a prefix, or all of a token; in pages, in the background."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from keystead.errors import NamespaceSealed
from keystead.identity.records import TOKEN
from keystead.operations import Done
from keystead.operations.leases import SweepLeases, TidyLeases
from keystead.services.leases.ending import expire_of_token
from keystead.services.leases.records import (
    HOLDER,
    LIVE,
    PENDING,
    REVOKING,
    SWEEP,
    HolderRecord,
    LeaseRecord,
    SweepRecord,
)
from keystead.services.registry import changes, controls
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.kinds import Kind
    from keystead.store.transaction import Transaction

SWEPT_AT_ONCE: Final = 500
AT_ONCE: Final = 0.0
"""When a lease is due that somebody wants ended: before all that merely expire."""

_SEALED_SECONDS: Final = 60.0
_STAGES: Final = (PENDING, REVOKING, LIVE)


def make_due(
    tx: Transaction,
    kind: Kind[LeaseRecord],
    namespace: str,
    lease_id: str,
    lease: LeaseRecord,
    *,
    force: bool = False,
) -> None:
    """Have a lease taken back as soon as may be; from now on it cannot be renewed.

    What is still being made is taken back once that is over.
    """
    force = force or lease.force
    if kind is PENDING:
        unwanted = msgspec.structs.replace(lease, unwanted=True, force=force)
        tx.put(PENDING, namespace, lease_id, unwanted)
        return
    if kind is LIVE:
        tx.delete(LIVE, namespace, lease_id)
    due = msgspec.structs.replace(lease, due_at=AT_ONCE, force=force)
    tx.put(REVOKING, namespace, lease_id, due)


def order_sweep(tx: Transaction, namespace: str, order: SweepRecord) -> str:
    """Have all leases below a prefix, which ends in a slash, taken back; return the order's id."""
    known = f"{order.force} {order.mount} {order.prefix}"
    order_id = hashlib.sha256(known.encode()).hexdigest()[:32]
    tx.put(SWEEP, namespace, order_id, order)
    return order_id


def sweep(tx: Transaction, namespace: str, order_id: str) -> list[str]:
    """Make a page of the leases below a prefix due, and return their ids.

    The order is gone once none is left.
    """
    order = tx.get(SWEEP, namespace, order_id)
    if order is None:
        return []
    kind = _STAGES[order.stage]
    page = tx.list(kind, namespace, prefix=order.prefix, after=order.after, limit=SWEPT_AT_ONCE)
    due = [(id, lease) for id, lease in page if _is_meant(lease, order)]
    for lease_id, lease in due:
        make_due(tx, kind, namespace, lease_id, lease, force=order.force)
    if len(page) == SWEPT_AT_ONCE:
        further = msgspec.structs.replace(order, after=page[-1][0])
    else:
        further = msgspec.structs.replace(order, stage=order.stage + 1, after="")
    if further.stage == len(_STAGES):
        tx.delete(SWEEP, namespace, order_id)
    else:
        tx.put(SWEEP, namespace, order_id, further)
    return [lease_id for lease_id, _ in due]


def _is_meant(lease: LeaseRecord, order: SweepRecord) -> bool:
    return lease.issued_at <= order.ordered_at and order.mount in ("", lease.mount)


@changes(SweepLeases)
def sweep_leases(operation: SweepLeases, scope: Scope, tx: Transaction) -> Done:
    """One page of each of the oldest orders, and one of the leases of tokens that are gone."""
    swept = 0
    for namespace, order_id, _ in tx.expired(SWEEP, scope.now, 10):
        swept += len(sweep(tx, namespace, order_id))
    left = SWEPT_AT_ONCE
    for _, token_id, held in tx.expired(HOLDER, scope.now, 100):
        left -= _sweep_token(tx, token_id, held, scope.now, left)
        if left <= 0:
            break
    scope.details["leases"] = swept + SWEPT_AT_ONCE - left
    return Done()


def _sweep_token(tx: Transaction, token_id: str, held: HolderRecord, now: float, most: int) -> int:
    """Make up to ``most`` leases of a token that is gone due; return how many.

    Those in sealed namespaces wait until these are unsealed.
    """
    swept, sealed = 0, False
    for namespace in held.namespaces:
        try:
            page = tx.list(LIVE, namespace, parent=token_id, limit=most - swept)
        except NamespaceSealed:
            sealed = True
            continue
        for lease_id, lease in page:
            make_due(tx, LIVE, namespace, lease_id, lease)
        swept += len(page)
    if sealed:
        later = HolderRecord(namespaces=held.namespaces, gone_at=now + _SEALED_SECONDS)
        tx.put(HOLDER, "", token_id, later)
    elif swept < most:
        tx.delete(HOLDER, "", token_id)
    return swept


@controls(TidyLeases)
async def tidy_leases(operation: TidyLeases, scope: Scope) -> Done:
    """Look for holders whose token is gone though nobody said so; one transaction a page."""
    store, after, found = scope.house.store, "", 0

    def tidy(tx: Transaction) -> tuple[str, int]:
        page = tx.list(HOLDER, "", after=after, limit=SWEPT_AT_ONCE)
        lost = [id for id, held in page if held.gone_at is None and tx.get(TOKEN, "", id) is None]
        for token_id in lost:
            expire_of_token(tx, token_id)
        return (page[-1][0] if page else ""), len(lost)

    while True:
        after, lost = await store.write(tidy, request_id=scope.call.request_id)
        found += lost
        if not after:
            break
    scope.details["tokens"] = found
    return Done()
