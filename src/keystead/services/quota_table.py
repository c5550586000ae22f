"""Quotas as every worker knows them by heart, and the tokens left in each client's bucket."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import msgspec

from keystead.call import Call
from keystead.errors import Overloaded
from keystead.seal.keyring import SYSTEM
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

MOST_BUCKETS = 20_000
MOST_QUOTAS = 1_000
EXEMPT_PATHS = (
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
)
"""What an operator needs when everything else is refused."""

_A_TOKEN = 1 - 1e-9
"""One, but for what adding up small parts loses."""

T = TypeVar("T", bound="Limit")


class Limit(Protocol):
    """What a quota says of where it holds."""

    @property
    def path(self) -> str: ...

    @property
    def inheritable(self) -> bool: ...


class RateLimitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``rate`` requests each ``interval_seconds``; the record id is the quota's name."""

    path: str
    rate: float
    interval_seconds: float
    block_seconds: float = 0.0
    inheritable: bool = False


class LeaseLimitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """At most ``max_leases``; the record id is the quota's name."""

    path: str
    max_leases: int
    inheritable: bool = False


class QuotaSettingsRecord(msgspec.Struct, frozen=True):
    exempt_paths: list[str]


RATE_LIMIT = Kind("rate-limit", RateLimitRecord)
LEASE_LIMIT = Kind("lease-limit", LeaseLimitRecord)
QUOTA_SETTINGS = Kind("quota-settings", QuotaSettingsRecord)
SETTINGS_ID = "settings"
RELOAD_ON = frozenset({RATE_LIMIT.name, LEASE_LIMIT.name, QUOTA_SETTINGS.name, "namespace"})
"""Kinds whose changes the table must hear of."""


class Bucket(NamedTuple):
    """What a client had left at ``at`` (seconds, on the table's clock)."""

    left: float
    at: float
    blocked_until: float = 0.0


class Quotas:
    """All quotas. A rate is of the whole node: each of its ``workers`` gives out its part."""

    def __init__(self, clock: Callable[[], float], workers: int = 1) -> None:
        self._clock = clock
        self._workers = workers
        self._rates: list[tuple[str, RateLimitRecord]] = []
        self._leases: list[tuple[str, LeaseLimitRecord]] = []
        self._namespaces: frozenset[str] = frozenset()
        self._exempt: tuple[str, ...] = EXEMPT_PATHS
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def load(self, reader: Reader, namespaces: Iterable[str]) -> None:
        """Know exactly what is stored; ``namespaces`` are all full names."""
        settings = reader.get(QUOTA_SETTINGS, SYSTEM, SETTINGS_ID)
        self._rates = _by_width(dict(reader.list(RATE_LIMIT, SYSTEM, limit=MOST_QUOTAS)))
        self._leases = _by_width(dict(reader.list(LEASE_LIMIT, SYSTEM, limit=MOST_QUOTAS)))
        self._namespaces = frozenset(f"{name}/" for name in namespaces if name)
        self._exempt = EXEMPT_PATHS if settings is None else tuple(settings.exempt_paths)

    def admit(self, call: Call) -> None:
        """Take one token for a request at a path; raises Overloaded when there is none.

        ``retry_after`` in the error is in whole seconds.
        """
        if not self._rates or call.path is None or call.path.admitted:
            return
        path = call.path.path
        if any(_covers(exempt, path) for exempt in self._exempt):
            return
        found = self._narrowest(self._rates, call.namespace, path)
        if found is None:
            return
        wait = self._take(found[0], found[1], call.source_ip)
        if wait > 0:
            raise Overloaded(
                f'request path "{path}": rate limit quota exceeded', retry_after=math.ceil(wait)
            )
        call.path.admitted = True

    def lease_limit(self, namespace: str, path: str) -> LeaseLimitRecord | None:
        """The limit of the leases at a path of a namespace (its full name), if there is one."""
        found = self._narrowest(self._leases, namespace, path)
        return found[1] if found is not None else None

    def _narrowest(
        self, limits: list[tuple[str, T]], namespace: str, path: str
    ) -> tuple[str, T] | None:
        base = f"{namespace}/" if namespace else ""
        whole = base + path
        for name, limit in limits:
            if _covers(limit.path, whole) and self._holds_in(limit, base):
                return name, limit
        return None

    def _holds_in(self, limit: Limit, base: str) -> bool:
        """A namespace's own limit stays in it unless it is inheritable."""
        return limit.inheritable or limit.path not in self._namespaces or limit.path == base

    def _take(self, name: str, limit: RateLimitRecord, client: str) -> float:
        """Take a token, or say for how many seconds there is none."""
        now = self._clock()
        most = max(1.0, limit.rate / self._workers)
        each_second = limit.rate / self._workers / limit.interval_seconds
        bucket = self._buckets.pop((name, client), None) or Bucket(most, now)
        left = min(most, bucket.left + (now - bucket.at) * each_second)
        wait = max(0.0, bucket.blocked_until - now)
        if not wait and left < _A_TOKEN:
            wait = max((1 - left) / each_second, limit.block_seconds)
            bucket = Bucket(left, now, now + limit.block_seconds)
        elif not wait:
            bucket = Bucket(left - 1, now)
        self._buckets[name, client] = bucket
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)  # whoever asked least lately
        return wait


def _by_width(limits: Mapping[str, T]) -> list[tuple[str, T]]:
    """The narrowest first: the longest path, and a whole one before a beginning."""
    return sorted(
        limits.items(), key=lambda item: (-len(item[1].path), item[1].path.endswith("*"), item[0])
    )


def _covers(pattern: str, path: str) -> bool:
    """Whether a quota's path holds for a path: all of it, or what it begins with."""
    if pattern.endswith(("*", "/")):
        return path.startswith(pattern.removesuffix("*"))
    return not pattern or path == pattern
