"""Cells as text: the Prometheus exposition format 0.0.4."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from keystead.telemetry.cells import HISTOGRAM_CELLS, PLACES
from keystead.telemetry.families import BUCKETS_SECONDS, FAMILIES, Family

Cells = Mapping[str, "memoryview[float]"]

_BOUNDS = (*(repr(bound) for bound in BUCKETS_SECONDS), "+Inf")


def render(workers: Cells) -> bytes:
    """Return the metrics of all workers (cells by worker number) as one text.

    Histograms of what has not happened yet are left out.
    """
    return "".join(itertools.chain.from_iterable(_family(f, workers) for f in FAMILIES)).encode()


def _family(family: Family, workers: Cells) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
    for values in family.series():
        place = PLACES[family, values]
        pairs = zip((name for name, _ in family.labels), values, strict=True)
        labels = ",".join(f'{name}="{value}"' for name, value in pairs)
        if family.kind == "histogram":
            yield from _histogram(family.name, labels, place, workers)
        elif family.across == "worker":
            for worker, cells in workers.items():
                yield _line(family.name, f'worker="{worker}"', cells[place])
        else:
            combine = max if family.across == "max" else sum
            yield _line(family.name, labels, combine([c[place] for c in workers.values()]))


def _histogram(name: str, labels: str, place: int, workers: Cells) -> Iterator[str]:
    rows = [cells[place : place + HISTOGRAM_CELLS] for cells in workers.values()]
    *buckets, seconds = (sum(column) for column in zip(*rows, strict=True))
    total = 0.0
    if not any(buckets):
        return
    for bound, count in zip(_BOUNDS, buckets, strict=True):
        total += count
        yield _line(f"{name}_bucket", f'{labels},le="{bound}"', total)
    yield _line(f"{name}_sum", labels, seconds)
    yield _line(f"{name}_count", labels, total)


def _line(name: str, labels: str, value: float) -> str:
    number = f"{value:.0f}" if value.is_integer() else repr(value)
    return f"{name}{{{labels}}} {number}\n" if labels else f"{name} {number}\n"
