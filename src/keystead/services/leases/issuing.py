"""Giving out: a lease is on record before what it is for exists.

1 intend   the lease is pending, with all that it takes to undo what follows
2 create   the issuer makes what is leased, at its target
3 confirm  the lease is live, unless its token went meanwhile

A crash after 1 leaves a pending lease that is taken back when its time is up, or when the
node starts again.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from keystead.crypto.random_text import random_text
from keystead.errors import Conflict, KeysteadError
from keystead.identity.credentials import BATCH_PREFIX, fingerprint
from keystead.services.leases.records import (
    HOLDER,
    LIVE,
    PENDING,
    REVOKING,
    HolderRecord,
    LeaseRecord,
)
from keystead.services.quotas import require_lease_room
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.operations.mounts import MountView
    from keystead.services.house import House
    from keystead.store.transaction import Transaction

DEFAULT_TTL_SECONDS = 32 * 86_400
MAX_TTL_SECONDS = 32 * 86_400
PENDING_SECONDS = 45.0
"""Longer than any issuer takes to make something, or to fail."""

_ALPHABET = string.ascii_letters + string.digits
_RANDOM_CHARACTERS = 24  # 142 bits
_ADOPTED_AT_ONCE = 10_000
_PROCESS = secrets.token_hex(8)

T = TypeVar("T")


class Lifetime(NamedTuple):
    """How long something is leased for at first, and at most with all renewals; seconds."""

    ttl: int
    longest: int


@dataclass(slots=True)
class Attempt:
    """``begun``: from now on, something of what is leased may exist."""

    begun: bool = False


def lifetime(mount: MountView, default_ttl: int, max_ttl: int) -> Lifetime:
    """What a role asks for (0: nothing), within the mount's and the server's limits."""
    longest = mount.config.max_lease_ttl or MAX_TTL_SECONDS
    if max_ttl:
        longest = min(longest, max_ttl)
    ttl = default_ttl or mount.config.default_lease_ttl or DEFAULT_TTL_SECONDS
    return Lifetime(min(ttl, longest), longest)


def new_lease_id(path: str) -> str:
    """An id below the path that a lease was asked at."""
    return f"{path}/{random_text(_ALPHABET, _RANDOM_CHARACTERS)}"


def holder(scope: Scope) -> tuple[str, float | None]:
    """The record id of the token that leases hang on, and when they must be over at the latest.

    A batch token is not on record: its leases hang on what it hangs on, and end with it.
    """
    token = scope.call.token
    if token.startswith(BATCH_PREFIX):
        return scope.principal.token_parent, scope.principal.expires_at
    return (fingerprint(token) if token else ""), None


def maker(house: House) -> str:
    """This process of this node."""
    return f"{house.node}/{_PROCESS}"


async def issue(
    scope: Scope,
    lease_id: str,
    lease: LeaseRecord,
    create: Callable[[Attempt], Awaitable[T]],
) -> T:
    """Carry out the plan above; ``create`` makes what is leased and raises KeysteadError.

    What ``create`` may have half done is taken back soon after; a failure before it has
    ``begun`` leaves nothing. Raises Conflict if the token ended meanwhile.
    """
    house, namespace = scope.house, scope.namespace
    pending = msgspec.structs.replace(
        lease, due_at=scope.now + PENDING_SECONDS, made_by=maker(house), confirmed=False
    )

    def intend(tx: Transaction) -> None:
        require_lease_room(tx, house, namespace, lease_id)
        tx.add(PENDING, namespace, lease_id, pending)
        if lease.token:
            _hold(tx, lease.token, namespace)

    await house.store.write(intend)  # 1
    attempt = Attempt()
    try:
        made = await create(attempt)  # 2
        live = msgspec.structs.replace(lease, due_at=lease.expires_at, confirmed=True)
        await house.store.write(  # 3
            lambda tx: _confirm(tx, namespace, lease_id, live),
            request_id=scope.call.request_id,  # whoever asks after a crash: this is what counts
        )
    except KeysteadError:
        undo = _give_up if attempt.begun else _forget
        await house.store.write(lambda tx: undo(tx, namespace, lease_id, pending))
        raise
    await house.feed.catch_up()
    return made


def _hold(tx: Transaction, token: str, namespace: str) -> None:
    known = tx.get(HOLDER, "", token)
    if known is None:
        tx.put(HOLDER, "", token, HolderRecord(namespaces=[namespace]))
    elif namespace not in known.namespaces:
        more = [*known.namespaces, namespace]
        tx.put(HOLDER, "", token, msgspec.structs.replace(known, namespaces=more))


def _confirm(tx: Transaction, namespace: str, lease_id: str, lease: LeaseRecord) -> None:
    held = tx.get(HOLDER, "", lease.token) if lease.token else None
    gone = bool(lease.token) and (held is None or held.gone_at is not None)
    pending = tx.get(PENDING, namespace, lease_id)
    if gone or pending is None or pending.unwanted:
        raise Conflict("The lease ended while it was being made.", lease=lease_id)
    tx.delete(PENDING, namespace, lease_id)
    tx.add(LIVE, namespace, lease_id, lease)


def _give_up(tx: Transaction, namespace: str, lease_id: str, lease: LeaseRecord) -> None:
    """Have taken back now what may have been made, even if it was looked for too early."""
    revoking = tx.get(REVOKING, namespace, lease_id)
    kind, record = (PENDING, lease) if revoking is None else (REVOKING, revoking)
    tx.put(kind, namespace, lease_id, msgspec.structs.replace(record, due_at=lease.issued_at))


def _forget(tx: Transaction, namespace: str, lease_id: str, lease: LeaseRecord) -> None:
    tx.delete(PENDING, namespace, lease_id)


async def adopt_pending(house: House) -> None:
    """Make due what an earlier process of this node was making when it died."""

    def adopt(tx: Transaction) -> None:
        horizon = house.clock() + PENDING_SECONDS
        for namespace, lease_id, lease in tx.expired(PENDING, horizon, _ADOPTED_AT_ONCE):
            node, _, _ = lease.made_by.rpartition("/")
            if node == house.node and lease.made_by != maker(house):
                due = msgspec.structs.replace(lease, due_at=lease.issued_at)
                tx.put(PENDING, namespace, lease_id, due)

    await house.store.write(adopt)
