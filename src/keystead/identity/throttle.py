"""Guessing made slow: failed log-ins of one name are counted, and further ones must wait."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from threading import Lock

from keystead.errors import Overloaded

_FREE_FAILURES = 5
_LONGEST_SECONDS = 300.0
_NAMES = 10_000


class Throttle:
    """Counts failures in memory, on this node alone, of the last 10,000 names that failed.

    Five failures cost nothing; then one attempt is admitted after 2 seconds, and after each
    that fails the wait doubles, up to 5 minutes. A success forgets the failures. Names
    that do not exist are treated like those that do.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def admit(self, namespace: str, name: str, now: float) -> None:
        """Let an attempt through, or raise Overloaded with ``retry_after_seconds``."""
        with self._lock:
            failures, until = self._failures.get((namespace, name), (0, 0.0))
            if failures < _FREE_FAILURES:
                return
            if now < until:
                raise Overloaded("Too many failed log-ins.", retry_after_seconds=ceil(until - now))
            # The next attempt waits, whether or not this one has ended: of many at once,
            # one is admitted.
            self._failures[namespace, name] = (failures, now + _wait(failures))

    def failed(self, namespace: str, name: str, now: float) -> None:
        """Count a failure."""
        with self._lock:
            failures, _ = self._failures.pop((namespace, name), (0, 0.0))
            self._failures[namespace, name] = (failures + 1, now + _wait(failures + 1))
            if len(self._failures) > _NAMES:
                self._failures.popitem(last=False)

    def succeeded(self, namespace: str, name: str) -> None:
        """Forget the failures of a name."""
        with self._lock:
            self._failures.pop((namespace, name), None)


def _wait(failures: int) -> float:
    if failures < _FREE_FAILURES:
        return 0.0
    return min(2.0 ** min(failures - _FREE_FAILURES + 1, 16), _LONGEST_SECONDS)
