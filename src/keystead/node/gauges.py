"""What a node's metrics say besides counts of operations."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from keystead.errors import NamespaceSealed
from keystead.services.keys.records import KEY, KeyRecord
from keystead.telemetry.families import (
    AUDIT_BACKLOG,
    AUDIT_ENTRIES,
    CACHE_HITS,
    CACHE_MISSES,
    KEY_AGES_DAYS,
    KEY_STATES,
    KEYS,
    SEALED,
    SINK_LAG,
)

if TYPE_CHECKING:
    from keystead.audit.sinks.shipper import Shipper
    from keystead.services.house import House
    from keystead.store.transaction import Reader
    from keystead.telemetry.metrics import Metrics

_PAGE = 200
_PAUSE_SECONDS = 0.05
_DAY_SECONDS = 86_400

Census = Counter[tuple[str, str]]


def report(metrics: Metrics, house: House, shippers: Sequence[Shipper]) -> None:
    """Set the gauges of one worker."""
    audit = house.audit.status()
    metrics.set(AUDIT_BACKLOG, audit.backlog)
    metrics.set(AUDIT_ENTRIES, audit.size)
    metrics.set(SEALED, float(house.seal.sealed))
    metrics.set(SINK_LAG, max((shipper.lag for shipper in shippers), default=0))
    caches = (
        ("keys", house.keys),
        ("decisions", house.policies),
        ("path-decisions", house.paths),
        ("identities", house.authenticator),
    )
    for name, cache in caches:
        metrics.set(CACHE_HITS, cache.hits, name)
        metrics.set(CACHE_MISSES, cache.misses, name)


async def take_census(house: House) -> Census:
    """Count the keys of every namespace that is not sealed, by state and age of the primary.

    A page at a time with pauses, so that many keys take none of the requests' time for long.
    """
    counted: Census = Counter()
    for namespace in list(house.namespaces.names()):
        after = ""
        while page := await house.store.read(partial(_page, namespace=namespace, after=after)):
            after = page[-1][0]
            now = house.clock()
            counted.update((record.state, _age(record, now)) for _, record in page)
            if len(page) == _PAGE:
                await asyncio.sleep(_PAUSE_SECONDS)
    return counted


def _page(reader: Reader, *, namespace: str, after: str) -> Sequence[tuple[str, KeyRecord]]:
    try:
        return reader.list(KEY, namespace, after=after, limit=_PAGE)
    except NamespaceSealed:
        return []


def _age(record: KeyRecord, now: float) -> str:
    days = (now - record.versions[record.primary - 1].created_at) / _DAY_SECONDS
    return next(name for name, most in KEY_AGES_DAYS if most is None or days <= most)


def publish_census(metrics: Metrics, census: Census) -> None:
    for state in KEY_STATES:
        for age, _ in KEY_AGES_DAYS:
            metrics.set(KEYS, census[state, age], state, age)
