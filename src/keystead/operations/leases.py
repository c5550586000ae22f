"""Leases: what was given out for a time, and is taken back when that is over."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply

LeaseId = Annotated[str, Meta(min_length=1, max_length=1024)]
"""The path a lease was asked at and a random part: ``database/creds/readonly/Qm3…``."""

State = Literal["live", "revoking", "failed", "irrevocable"]


class LeaseView(Reply, frozen=True):
    """A lease. Times are in Unix seconds.

    ``live``: it holds until ``expires_at``. ``revoking``: it is being taken back.
    ``failed``: that did not work ``attempts`` times, for the reason in ``error``, and is
    tried again at ``next_attempt_at``. ``irrevocable``: it did not work so often that
    someone should look; it is still tried.
    """

    id: str
    state: State
    issued_at: float
    expires_at: float
    renewed_at: float | None = None
    renewable: bool = False
    issuer: str = ""
    mount: str = ""
    token_id: str = ""
    attempts: int = 0
    error: str = ""
    next_attempt_at: float | None = None


class LeasePage(Reply, frozen=True):
    leases: list[LeaseView]
    next: str = ""


class LeaseKeys(Reply, frozen=True):
    """The next segments below a prefix, in order; those with leases below end in a slash."""

    keys: list[str]
    next: str = ""


class LeaseCount(Reply, frozen=True, omit_defaults=False):
    """How many leases there are in this namespace. ``irrevocable_by_mount`` by mount uuid."""

    live: int
    revoking: int
    failed: int
    irrevocable: int
    irrevocable_by_mount: dict[str, int] = {}


class ShowLease(Operation[LeaseView], frozen=True, kw_only=True):
    """Show a lease."""

    action: ClassVar[str] = "lease:show"
    kind: ClassVar[str] = "lease"
    names: ClassVar[str | None] = "lease_id"
    effect: ClassVar[Effect] = Effect.READ

    lease_id: LeaseId


class ListLeases(Page, Operation[LeasePage], frozen=True, kw_only=True):
    """List leases whose ids begin with a prefix, by id: the live ones, or in another state."""

    action: ClassVar[str] = "lease:list"
    kind: ClassVar[str] = "lease"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("prefix",)

    prefix: Annotated[str, Meta(max_length=1024)] = ""
    state: Annotated[str, Meta(pattern="^(live|revoking|failed|irrevocable)$")] = "live"


class ListLeaseKeys(Operation[LeaseKeys], frozen=True, kw_only=True):
    """List what is next below a prefix, as in a tree of folders."""

    action: ClassVar[str] = "lease:list"
    kind: ClassVar[str] = "lease"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("prefix",)

    prefix: Annotated[str, Meta(max_length=1024)] = ""
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000


class CountLeases(Operation[LeaseCount], frozen=True, kw_only=True):
    """Count the leases of this namespace by state."""

    action: ClassVar[str] = "lease:list"
    kind: ClassVar[str] = "lease"
    effect: ClassVar[Effect] = Effect.READ


class RenewLease(Operation[LeaseView], frozen=True, kw_only=True):
    """Prolong a lease by ``increment_seconds`` from now, within its longest lifetime.

    0: by what it was first given for.
    """

    action: ClassVar[str] = "lease:renew"
    kind: ClassVar[str] = "lease"
    names: ClassVar[str | None] = "lease_id"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("increment_seconds",)

    lease_id: LeaseId
    increment_seconds: Annotated[int, Meta(ge=0, le=1 << 40)] = 0


class RevokeLease(Operation[Done], frozen=True, kw_only=True):
    """Take back what was leased. ``wait``: answer when that is done, or with why not.

    A lease that is not there is one that has been revoked.
    """

    action: ClassVar[str] = "lease:revoke"
    kind: ClassVar[str] = "lease"
    names: ClassVar[str | None] = "lease_id"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("wait",)

    lease_id: LeaseId
    wait: bool = False


class RevokeLeases(Operation[Done], frozen=True, kw_only=True):
    """Take back everything leased below a prefix, whose last segment is a whole one.

    ``wait``: answer when all is done, or with the first failure.
    """

    action: ClassVar[str] = "lease:revoke-prefix"
    kind: ClassVar[str] = "lease"
    names: ClassVar[str | None] = "prefix"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("wait",)

    prefix: LeaseId
    wait: bool = False


class ForgetLeases(Operation[Done], frozen=True, kw_only=True):
    """Take back everything leased below a prefix, and forget what cannot be.

    What is forgotten may still work where it was made: for targets that are gone for good.
    """

    action: ClassVar[str] = "lease:revoke-force"
    kind: ClassVar[str] = "lease"
    names: ClassVar[str | None] = "prefix"
    effect: ClassVar[Effect] = Effect.CONTROL

    prefix: LeaseId


class TidyLeases(Operation[Done], frozen=True, kw_only=True):
    """Revoke leases whose tokens are gone: none should be left, so this finds nothing."""

    action: ClassVar[str] = "lease:tidy"
    kind: ClassVar[str] = "lease"
    effect: ClassVar[Effect] = Effect.CONTROL


class EndLease(Operation[Done], frozen=True, kw_only=True):
    """Take back a lease that is due. Asked by the server itself."""

    action: ClassVar[str] = "lease:end"
    kind: ClassVar[str] = "lease"
    names: ClassVar[str | None] = "lease_id"
    effect: ClassVar[Effect] = Effect.CONTROL

    lease_id: LeaseId


class SweepLeases(Operation[Done], frozen=True, kw_only=True):
    """Make leases due that were revoked together, a bounded number at a time. Asked by the
    server itself."""

    action: ClassVar[str] = "lease:sweep"
    kind: ClassVar[str] = "lease"
    effect: ClassVar[Effect] = Effect.CHANGE
