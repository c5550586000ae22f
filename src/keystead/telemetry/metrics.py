"""Metrics: cheap to count on the hot path, added up over a node's workers when scraped."""

from __future__ import annotations

import os
import resource
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

from keystead.telemetry.cells import HISTOGRAM_CELLS, PLACES, file_of, open_cells, read_all
from keystead.telemetry.exposition import render
from keystead.telemetry.families import (
    BUCKETS_SECONDS,
    OPERATIONS,
    WORKER_CPU,
    WORKER_MEMORY,
    Family,
)

_SUM = HISTOGRAM_CELLS - 1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Metrics:
    """One worker's metrics. With a ``folder``, all workers that share it are rendered as one.

    ``folder`` must be the node's own (mode 0700); ``worker`` is the worker's number in it.
    Call ``refresh`` from time to time (each second, say) so that siblings see gauges that
    are not old.
    """

    def __init__(self, folder: Path | None = None, worker: int = 0) -> None:
        self._folder = folder
        self._worker = str(worker)
        self._cells = open_cells(file_of(folder, worker) if folder else None)
        self._sources: list[Callable[[Metrics], None]] = []
        self._base = {
            place: self._cells[place]
            for (family, _), place in PLACES.items()
            if family.kind == "counter" and family.across == "sum"
        }
        self._rows = {values: p for (family, values), p in PLACES.items() if family is OPERATIONS}
        for (family, _), place in PLACES.items():
            if family.kind == "gauge":
                self._cells[place] = 0.0

    def observe(self, action: str, outcome: str, seconds: float) -> None:
        """Count one operation that took ``seconds``."""
        cells = self._cells
        row = self._rows[action, outcome]
        cells[row + bisect_left(BUCKETS_SECONDS, seconds)] += 1.0
        cells[row + _SUM] += seconds

    def set(self, family: Family, value: float, *labels: str) -> None:
        """Set a gauge, or a counter to what this process has counted since it started."""
        place = PLACES[family, labels]
        self._cells[place] = value + self._base.get(place, 0.0)

    def add_source(self, source: Callable[[Metrics], None]) -> None:
        """Have ``source`` asked to ``set`` what it knows, at each refresh."""
        self._sources.append(source)

    def refresh(self) -> None:
        """Ask every source, and measure this process."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.set(WORKER_CPU, usage.ru_utime + usage.ru_stime)
        self.set(WORKER_MEMORY, _resident_bytes())
        for source in self._sources:
            source(self)

    def render(self) -> bytes:
        """Return everything in Prometheus text format 0.0.4."""
        self.refresh()
        if self._folder is None:
            return render({self._worker: self._cells})
        return render(dict(read_all(self._folder)))


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
