"""Looking leases up: by id, by prefix, by state; by index whatever their number."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from keystead.errors import InvalidRequest, NamespaceSealed
from keystead.operations.leases import (
    CountLeases,
    LeaseCount,
    LeaseKeys,
    LeasePage,
    LeaseView,
    ListLeaseKeys,
    ListLeases,
    ShowLease,
    State,
)
from keystead.services.leases.records import LIVE, REVOKING, LeaseRecord, find_lease
from keystead.services.registry import reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

IRREVOCABLE_ATTEMPTS = 6
"""So many failures in a row, over some two minutes, and a lease counts as irrevocable."""

_PAGE = 1000
_LAST = "\U0010ffff"


def invalid_lease() -> InvalidRequest:
    """In Vault's words: the lease is not, or no longer, there."""
    return InvalidRequest("invalid lease")


def view(lease_id: str, lease: LeaseRecord, *, live: bool) -> LeaseView:
    """A lease as callers see it."""
    state = "live" if live else state_of(lease)
    return LeaseView(
        id=lease_id,
        state=state,
        issued_at=lease.issued_at,
        expires_at=lease.expires_at,
        renewed_at=lease.renewed_at,
        renewable=live and lease.renewable,
        issuer=lease.issuer,
        mount=lease.mount,
        token_id=lease.token,
        attempts=lease.attempts,
        error=lease.error,
        next_attempt_at=None if live else lease.due_at,
    )


def state_of(lease: LeaseRecord) -> State:
    """The state of a lease that is being revoked."""
    if lease.attempts >= IRREVOCABLE_ATTEMPTS and lease.error:
        return "irrevocable"
    return "failed" if lease.error else "revoking"


@reads(ShowLease)
def show_lease(operation: ShowLease, scope: Scope, reader: Reader) -> LeaseView:
    """Show a lease, one that is being revoked too; raises InvalidRequest if there is none."""
    found = find_lease(reader, scope.namespace, operation.lease_id, (LIVE, REVOKING))
    if found is None:
        raise invalid_lease()
    kind, lease = found
    return view(operation.lease_id, lease, live=kind is LIVE)


@reads(ListLeases)
def list_leases(operation: ListLeases, scope: Scope, reader: Reader) -> LeasePage:
    """A page of leases. Of those that fail, a page may hold fewer than asked for and go on."""
    live = operation.state == "live"
    page = reader.list(
        LIVE if live else REVOKING,
        scope.namespace,
        prefix=operation.prefix,
        after=operation.after,
        limit=operation.limit,
    )
    views = [view(lease_id, lease, live=live) for lease_id, lease in page]
    wanted = {"failed", "irrevocable"} if operation.state == "failed" else {operation.state}
    return LeasePage(
        leases=[lease for lease in views if lease.state in wanted],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@reads(ListLeaseKeys)
def list_lease_keys(operation: ListLeaseKeys, scope: Scope, reader: Reader) -> LeaseKeys:
    """Go from segment to segment: what is below one is not read."""
    prefix = operation.prefix
    keys: list[str] = []
    after = prefix + operation.after if operation.after else ""
    if after.endswith("/"):
        after += _LAST
    while len(keys) < operation.limit:
        batch = min(_PAGE, operation.limit - len(keys)) if keys and keys[-1][-1] != "/" else 1
        page = reader.list(LIVE, scope.namespace, prefix=prefix, after=after, limit=batch)
        if not page:
            return LeaseKeys(keys=keys)
        for lease_id, _ in page:
            if lease_id <= after:
                continue
            segment, slash, _ = lease_id[len(prefix) :].partition("/")
            keys.append(segment + slash)
            after = prefix + segment + slash + _LAST if slash else lease_id
    return LeaseKeys(keys=keys, next=keys[-1])


@reads(CountLeases)
def count_leases(operation: CountLeases, scope: Scope, reader: Reader) -> LeaseCount:
    """Live leases are counted by index; those being revoked are looked at one by one."""
    states: dict[str, int] = {"revoking": 0, "failed": 0, "irrevocable": 0}
    by_mount: dict[str, int] = {}
    for _, lease in revoking_in(reader, scope.namespace):
        state = state_of(lease)
        states[state] += 1
        if state == "irrevocable":
            by_mount[lease.mount] = by_mount.get(lease.mount, 0) + 1
    return LeaseCount(
        live=reader.count(LIVE, scope.namespace), irrevocable_by_mount=by_mount, **states
    )


def lease_census(reader: Reader, namespaces: Iterable[str]) -> Counter[str]:
    """Count the leases of all namespaces by state; those being revoked of sealed ones not."""
    counted = Counter(live=reader.count(LIVE))
    for namespace in namespaces:
        with contextlib.suppress(NamespaceSealed):
            counted.update(state_of(lease) for _, lease in revoking_in(reader, namespace))
    return counted


def revoking_in(reader: Reader, namespace: str) -> Iterator[tuple[str, LeaseRecord]]:
    """Every lease of a namespace that is being revoked, as (id, lease)."""
    after = ""
    while page := reader.list(REVOKING, namespace, after=after, limit=_PAGE):
        yield from page
        after = page[-1][0]
