"""Taking back: one lease at a time, at its issuer's target, until that succeeds.

1 claim    the lease is revoking, and nobody else's for a while
2 revoke   the issuer takes back what was leased
3 forget   the lease goes; or, after a failure, is tried again later

A crash after 1 leaves a lease that is due again when the claim is over.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec

from keystead.errors import KeysteadError, UpstreamUnavailable
from keystead.operations import Done
from keystead.operations.leases import EndLease
from keystead.services.leases.records import (
    HOLDER,
    ISSUERS,
    REVOKING,
    Issuer,
    LeaseRecord,
    find_lease,
)
from keystead.services.registry import controls
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.services.house import House
    from keystead.store.transaction import Transaction

CLAIM_SECONDS = 60.0
"""Longer than any issuer takes to take something back, or to fail."""

FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 3_600.0

_random: Final = random.SystemRandom()


def delay_seconds(attempts: int) -> float:
    """How long to wait after so many failures: twice as long each time, give or take half,
    so that what failed together is not tried together."""
    delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(attempts - 1, 16), LONGEST_DELAY_SECONDS)
    return delay * _random.uniform(0.5, 1.5)


def expire_of_token(tx: Transaction, token_id: str) -> None:
    """Make all leases of a token due, by its record id; call it wherever a token goes.

    They are taken back in the background. Costs one look-up if the token has none.
    """
    held = tx.get(HOLDER, "", token_id)
    if held is not None and held.gone_at is None:
        tx.put(HOLDER, "", token_id, msgspec.structs.replace(held, gone_at=0.0))


async def end(house: House, namespace: str, lease_id: str, *, force: bool = False) -> bool:
    """Carry out the plan above now, whether the lease is due or not.

    Returns once the lease is gone; raises what the issuer does. ``force``: it is forgotten
    though it cannot be taken back; False if that was so.
    """
    lease = await house.store.write(  # 1
        lambda tx: _claim(tx, namespace, lease_id, house.clock(), due_only=False)
    )
    if lease is None:
        return True
    return await _take_back(house, namespace, lease_id, lease, force=force or lease.force)


@controls(EndLease)
async def end_lease(operation: EndLease, scope: Scope) -> Done:
    """Take back a lease if it is due; another node may have come first."""
    house, namespace, lease_id = scope.house, scope.namespace, operation.lease_id
    lease = await house.store.write(  # 1
        lambda tx: _claim(tx, namespace, lease_id, scope.now, due_only=True)
    )
    if lease is None:
        scope.details["due"] = False
        return Done()
    scope.details["issuer"] = lease.issuer
    scope.details["attempt"] = lease.attempts
    taken_back = await _take_back(
        house, namespace, lease_id, lease, force=lease.force, request_id=scope.call.request_id
    )
    if not taken_back:
        scope.details["forgotten"] = True
    return Done()


async def _take_back(
    house: House,
    namespace: str,
    lease_id: str,
    lease: LeaseRecord,
    *,
    force: bool,
    request_id: str = "",
) -> bool:
    taken_back = False
    try:
        await _issuer_of(lease).revoke(house, namespace, lease)  # 2
        taken_back = True
    except Exception as error:
        told = error if isinstance(error, KeysteadError) else UpstreamUnavailable("internal error")
        if not force:
            await house.store.write(
                lambda tx: _failed(tx, namespace, lease_id, told.message, house.clock())
            )
            raise
    await house.store.write(  # 3
        lambda tx: tx.delete(REVOKING, namespace, lease_id), request_id=request_id
    )
    return taken_back


def _claim(
    tx: Transaction, namespace: str, lease_id: str, now: float, *, due_only: bool
) -> LeaseRecord | None:
    found = find_lease(tx, namespace, lease_id)
    if found is None:
        return None
    kind, lease = found
    if due_only and lease.due_at > now:
        return None
    if kind is not REVOKING:
        tx.delete(kind, namespace, lease_id)
    claimed = msgspec.structs.replace(
        lease, attempts=lease.attempts + 1, due_at=now + CLAIM_SECONDS
    )
    tx.put(REVOKING, namespace, lease_id, claimed)
    return claimed


def _failed(tx: Transaction, namespace: str, lease_id: str, error: str, now: float) -> None:
    lease = tx.get(REVOKING, namespace, lease_id)
    if lease is not None:
        again = now + delay_seconds(lease.attempts)
        failed = msgspec.structs.replace(lease, error=error[:500], due_at=again)
        tx.put(REVOKING, namespace, lease_id, failed)


def _issuer_of(lease: LeaseRecord) -> Issuer:
    try:
        return ISSUERS[lease.issuer]
    except KeyError:
        raise UpstreamUnavailable(f"Nothing here issues {lease.issuer} leases.") from None
