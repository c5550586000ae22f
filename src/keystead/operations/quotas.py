"""Quotas: how many requests, and how many leases, a path may have."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Reply

QuotaName = Annotated[str, Meta(pattern=r"^[\w.-]{1,128}$(?!\n)")]
QuotaPath = Annotated[str, Meta(max_length=512)]
"""Empty: everything. Else a namespace or a mount (``team/secret/``), a path below one, or the
beginning of one (``secret/data/app*``)."""
Seconds = Annotated[float, Meta(ge=0.001, le=86_400)]


class QuotaNames(Reply, frozen=True):
    """The quotas of one sort, by name."""

    names: list[str]


class RateLimit(Reply, frozen=True):
    """``rate`` requests each ``interval_seconds`` for each client address.

    Who asks more is refused until there is room again, or for ``block_seconds`` if that is
    more than 0.
    """

    name: str
    path: str
    rate: float
    interval_seconds: float
    block_seconds: float = 0.0
    inheritable: bool = False


class WriteRateLimit(Operation[RateLimit], frozen=True, kw_only=True):
    """Limit the rate of requests. Of several limits the one of the narrowest path counts.

    ``inheritable``: a namespace's limit holds for the namespaces in it too.
    """

    action: ClassVar[str] = "quota:write"
    kind: ClassVar[str] = "quota"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("path", "rate")

    name: QuotaName
    path: QuotaPath = ""
    rate: Annotated[float, Meta(ge=0.001, le=1e9)]
    interval_seconds: Seconds = 1.0
    block_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    inheritable: bool = False


class ShowRateLimit(Operation[RateLimit], frozen=True, kw_only=True):
    """Show a limit of the rate of requests."""

    action: ClassVar[str] = "quota:show"
    kind: ClassVar[str] = "quota"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: QuotaName


class ListRateLimits(Operation[QuotaNames], frozen=True, kw_only=True):
    """List the limits of the rate of requests."""

    action: ClassVar[str] = "quota:list"
    kind: ClassVar[str] = "quota"
    effect: ClassVar[Effect] = Effect.READ


class DeleteRateLimit(Operation[Done], frozen=True, kw_only=True):
    """Delete a limit of the rate of requests."""

    action: ClassVar[str] = "quota:delete"
    kind: ClassVar[str] = "quota"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: QuotaName


class LeaseLimit(Reply, frozen=True):
    """At most ``max_leases`` at a path."""

    name: str
    path: str
    max_leases: int
    inheritable: bool = False


class WriteLeaseLimit(Operation[LeaseLimit], frozen=True, kw_only=True):
    """Limit the number of leases. Of several limits the one of the narrowest path counts."""

    action: ClassVar[str] = "quota:write"
    kind: ClassVar[str] = "quota"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("path", "max_leases")

    name: QuotaName
    path: QuotaPath = ""
    max_leases: Annotated[int, Meta(ge=1, le=1_000_000)]
    inheritable: bool = False


class ShowLeaseLimit(Operation[LeaseLimit], frozen=True, kw_only=True):
    """Show a limit of the number of leases."""

    action: ClassVar[str] = "quota:show"
    kind: ClassVar[str] = "quota"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: QuotaName


class ListLeaseLimits(Operation[QuotaNames], frozen=True, kw_only=True):
    """List the limits of the number of leases."""

    action: ClassVar[str] = "quota:list"
    kind: ClassVar[str] = "quota"
    effect: ClassVar[Effect] = Effect.READ


class DeleteLeaseLimit(Operation[Done], frozen=True, kw_only=True):
    """Delete a limit of the number of leases."""

    action: ClassVar[str] = "quota:delete"
    kind: ClassVar[str] = "quota"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: QuotaName


class QuotaSettings(Reply, frozen=True):
    """``exempt_paths`` are not limited: paths, or beginnings that end in ``*``."""

    exempt_paths: list[str]


class ShowQuotaSettings(Operation[QuotaSettings], frozen=True, kw_only=True):
    """Show which paths no rate limit holds for."""

    action: ClassVar[str] = "quota:show-settings"
    kind: ClassVar[str] = "quota"
    effect: ClassVar[Effect] = Effect.READ


class WriteQuotaSettings(Operation[QuotaSettings], frozen=True, kw_only=True):
    """Say which paths no rate limit holds for."""

    action: ClassVar[str] = "quota:write-settings"
    kind: ClassVar[str] = "quota"
    effect: ClassVar[Effect] = Effect.CHANGE

    exempt_paths: Annotated[list[QuotaPath], Meta(max_length=256)]
