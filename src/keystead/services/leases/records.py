"""What the store keeps of leases. Record ids are lease ids, so a prefix is one index range."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from keystead.discreet import Discreet
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.services.house import House
    from keystead.store.transaction import Reader


class LeaseRecord(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """A lease. ``handle`` is what its issuer must know to take it back, in the issuer's form.

    ``due_at`` is when something must be done about it: it expires (live), is given up
    (pending) or is tried again (revoking). ``confirmed``: what it is for is known to exist.
    ``force``: it is forgotten if it cannot be taken back. ``unwanted``: it was revoked while
    it was still pending, so it is never confirmed.
    """

    issuer: str
    mount: str
    handle: bytes
    issued_at: float
    expires_at: float
    due_at: float
    ttl_seconds: int
    max_expires_at: float
    token: str = ""
    renewable: bool = True
    renewed_at: float | None = None
    confirmed: bool = False
    made_by: str = ""
    attempts: int = 0
    error: str = ""
    force: bool = False
    unwanted: bool = False


class HolderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A token that has leases, in which namespaces; the record id is the token's.

    ``gone_at``: the token is gone, and its leases are to be taken back from then on.
    """

    namespaces: list[str]
    gone_at: float | None = None


class SweepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All leases below ``prefix`` issued until ``ordered_at`` are to be taken back.

    ``mount``: only those of the mount with this uuid, for another may be at its path by now.
    Seen to are the kinds before the one numbered ``stage``, and of that one the ids up to
    ``after``.
    """

    prefix: str
    ordered_at: float
    mount: str = ""
    force: bool = False
    stage: int = 0
    after: str = ""


def _kind(name: str) -> Kind[LeaseRecord]:
    return Kind(name, LeaseRecord, parent_of=lambda r: r.token, expires_of=lambda r: r.due_at)


PENDING: Final = _kind("pending-lease")
LIVE: Final = _kind("lease")
REVOKING: Final = _kind("revoking-lease")
STAGES: Final = (LIVE, REVOKING, PENDING)
HOLDER: Final = Kind("lease-holder", HolderRecord, expires_of=lambda r: r.gone_at)
SWEEP: Final = Kind("lease-sweep", SweepRecord, expires_of=lambda r: 0.0)


class Issuer(Protocol):
    """What gave something out, and can prolong it and take it back."""

    def renew(
        self, house: House, namespace: str, lease: LeaseRecord, expires_at: float
    ) -> Awaitable[None]:
        """Have it hold until ``expires_at``; raises KeysteadError."""

    def revoke(self, house: House, namespace: str, lease: LeaseRecord) -> Awaitable[None]:
        """Take it back, or find that it is not there; raises KeysteadError."""


ISSUERS: Final[dict[str, Issuer]] = {}
"""By ``LeaseRecord.issuer``."""


def find_lease(
    reader: Reader, namespace: str, lease_id: str, kinds: tuple[Kind[Any], ...] = STAGES
) -> tuple[Kind[LeaseRecord], LeaseRecord] | None:
    """A lease with the stage that it is in, or None."""
    for kind in kinds:
        record = reader.get(kind, namespace, lease_id)
        if record is not None:
            return kind, record
    return None
