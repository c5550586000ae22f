"""The metrics there are: name, meaning, labels. A metric's label values are all known here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

from keystead.operations import catalogue

OUTCOMES: Final = ("ok", "denied", "failed")
KEY_STATES: Final = (
    "pre-active",
    "active",
    "suspended",
    "deactivated",
    "compromised",
    "pending-destruction",
    "destroyed",
)
LEASE_STATES: Final = ("live", "revoking", "failed", "irrevocable")
KEY_AGES_DAYS: Final = (("30", 30), ("90", 90), ("365", 365), ("older", None))
"""Ages of primary versions: at most so many days (and more than the one before)."""

BUCKETS_SECONDS: Final = (
    5e-05,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. ``labels`` gives each label's values.

    ``across`` says how the values of a node's workers make one: their ``sum``, their
    ``max`` (what every worker sees alike), or one sample a ``worker``.
    """

    name: str
    kind: str
    help: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    across: str = "sum"

    def series(self) -> list[tuple[str, ...]]:
        """Return every combination of label values."""
        return list(itertools.product(*(values for _, values in self.labels)))


OPERATIONS: Final = Family(
    "keystead_operation_duration_seconds",
    "histogram",
    "Time an operation took in the gate, by policy action and outcome.",
    (
        ("action", tuple(sorted({operation.action for operation in catalogue()}))),
        ("outcome", OUTCOMES),
    ),
)
_CACHES = (("cache", ("keys", "decisions", "path-decisions", "identities")),)
CACHE_HITS: Final = Family(
    "keystead_cache_hits_total", "counter", "Look-ups that a cache answered.", _CACHES
)
CACHE_MISSES: Final = Family(
    "keystead_cache_misses_total", "counter", "Look-ups that a cache did not answer.", _CACHES
)
AUDIT_BACKLOG: Final = Family(
    "keystead_audit_backlog_entries", "gauge", "Audit entries that wait to become durable."
)
AUDIT_ENTRIES: Final = Family(
    "keystead_audit_log_entries", "gauge", "Entries in this node's audit log.", across="max"
)
SINK_LAG: Final = Family(
    "keystead_audit_sink_lag_entries",
    "gauge",
    "Audit entries that the slowest sink has not taken yet.",
    across="max",
)
SEALED: Final = Family(
    "keystead_sealed", "gauge", "1 while any worker of this node is sealed.", across="max"
)
KEYS: Final = Family(
    "keystead_keys",
    "gauge",
    "Keys by state and by the age of the primary version, in days at most.",
    (("state", KEY_STATES), ("max_age_days", tuple(name for name, _ in KEY_AGES_DAYS))),
    across="max",
)
LEASES: Final = Family(
    "keystead_leases",
    "gauge",
    "Leases by state; what is irrevocable could not be taken back many times.",
    (("state", LEASE_STATES),),
    across="max",
)
WORKER_MEMORY: Final = Family(
    "keystead_worker_resident_memory_bytes",
    "gauge",
    "Resident memory of a worker process.",
    across="worker",
)
WORKER_CPU: Final = Family(
    "keystead_worker_cpu_seconds_total",
    "counter",
    "User and system time of a worker process.",
    across="worker",
)

FAMILIES: Final = (
    OPERATIONS,
    CACHE_HITS,
    CACHE_MISSES,
    AUDIT_BACKLOG,
    AUDIT_ENTRIES,
    SINK_LAG,
    SEALED,
    KEYS,
    LEASES,
    WORKER_MEMORY,
    WORKER_CPU,
)
