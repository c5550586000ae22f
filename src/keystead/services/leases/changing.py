"""Renewing and revoking on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from keystead.errors import InvalidRequest
from keystead.operations import Done
from keystead.operations.leases import (
    ForgetLeases,
    LeaseView,
    RenewLease,
    RevokeLease,
    RevokeLeases,
)
from keystead.services.leases.ending import end
from keystead.services.leases.records import ISSUERS, LIVE, SWEEP, SweepRecord, find_lease
from keystead.services.leases.sweeping import make_due, order_sweep, sweep
from keystead.services.leases.views import view
from keystead.services.registry import controls
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Transaction

AT_ONCE = 16
"""How many leases of one request are taken back side by side."""

PROMPTLY = 10_000
"""So many leases are due when a request to revoke a prefix is answered; the rest soon after."""


@controls(RenewLease)
async def renew_lease(operation: RenewLease, scope: Scope) -> LeaseView:
    """Prolong a live lease, at its target first: a crash between leaves it shorter, not longer.

    Raises InvalidRequest for a lease that is not live, or not renewable.
    """
    house, namespace, lease_id = scope.house, scope.namespace, operation.lease_id
    lease = await house.store.read(lambda reader: reader.get(LIVE, namespace, lease_id))
    if lease is None or lease.expires_at <= scope.now:
        raise _not_found()
    if not lease.renewable:
        raise InvalidRequest("lease is not renewable", lease=lease_id)
    wanted = scope.now + (operation.increment_seconds or lease.ttl_seconds)
    expires_at = min(wanted, lease.max_expires_at)
    await ISSUERS[lease.issuer].renew(house, namespace, lease, expires_at)

    def renewed(tx: Transaction) -> LeaseView:
        current = tx.get(LIVE, namespace, lease_id)
        if current is None:
            raise _not_found()
        longer = msgspec.structs.replace(
            current, expires_at=expires_at, due_at=expires_at, renewed_at=scope.now
        )
        tx.put(LIVE, namespace, lease_id, longer)
        return view(lease_id, longer, live=True)

    reply = await house.store.write(renewed, request_id=scope.call.request_id)
    await house.feed.catch_up()
    return reply


@controls(RevokeLease)
async def revoke_lease(operation: RevokeLease, scope: Scope) -> Done:
    """Revoke one lease, now or very soon; from the reply on it cannot be renewed."""
    house, namespace, lease_id = scope.house, scope.namespace, operation.lease_id

    def order(tx: Transaction) -> bool:
        found = find_lease(tx, namespace, lease_id)
        if found is not None:
            make_due(tx, found[0], namespace, lease_id, found[1])
        return found is not None

    known = await house.store.write(order, request_id=scope.call.request_id)
    if known and operation.wait:
        await end(house, namespace, lease_id)
    await house.feed.catch_up()
    return Done()


@controls(RevokeLeases)
async def revoke_leases(operation: RevokeLeases, scope: Scope) -> Done:
    """Revoke what is below a prefix. Of very many, those past the first come soon after."""
    await _revoke_below(scope, operation.prefix, wait=operation.wait, force=False)
    return Done()


@controls(ForgetLeases)
async def forget_leases(operation: ForgetLeases, scope: Scope) -> Done:
    await _revoke_below(scope, operation.prefix, wait=True, force=True)
    return Done()


async def _revoke_below(scope: Scope, prefix: str, *, wait: bool, force: bool) -> None:
    house, namespace = scope.house, scope.namespace
    below = prefix.rstrip("/") + "/"
    order = SweepRecord(prefix=below, ordered_at=scope.now, force=force)
    order_id = await house.store.write(
        lambda tx: order_sweep(tx, namespace, order),
        request_id=scope.call.request_id,
    )
    count, forgotten, failure = 0, 0, None
    while wait or count < PROMPTLY:
        page = await house.store.write(lambda tx: _page(tx, scope, order_id))
        if page is None:
            break
        count += len(page)
        if wait:
            results = await _end_all(scope, page, force=force)
            forgotten += results.count(False)
            errors = (each for each in results if isinstance(each, BaseException))
            failure = failure or next(errors, None)
    scope.details["leases"] = count
    if forgotten:
        scope.details["forgotten"] = forgotten
    await house.feed.catch_up()
    if failure is not None:
        raise failure


def _page(tx: Transaction, scope: Scope, order_id: str) -> list[str] | None:
    if tx.get(SWEEP, scope.namespace, order_id) is None:
        return None
    return sweep(tx, scope.namespace, order_id)


async def _end_all(
    scope: Scope, lease_ids: list[str], *, force: bool
) -> list[bool | BaseException]:
    """Take back all that can be; return for each what ``end`` does, or raises."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(lease_id: str) -> bool:
        async with gate:
            return await end(scope.house, scope.namespace, lease_id, force=force)

    return await asyncio.gather(*map(one, lease_ids), return_exceptions=True)


def _not_found() -> InvalidRequest:
    return InvalidRequest("lease not found")
