"""A worker's numbers: a row of float64 cells, in memory or in a file that siblings can read.

magic (8) ‖ layout (32, SHA-256 of the families) ‖ cells (float64, native order)

One worker writes a file and everyone of the node may read it. An aligned cell is stored and
loaded at once, so a reader sees each number before or after a change, never half of one. A
worker that starts again goes on in the file of its predecessor, so that counters do not fall.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from keystead.telemetry.families import BUCKETS_SECONDS, FAMILIES, Family

HISTOGRAM_CELLS: Final = len(BUCKETS_SECONDS) + 2
"""One cell a bucket, one for what is over the last, one for the sum of seconds."""

_MAGIC: Final = b"KSMETRI1"
_HEADER_BYTES: Final = 40


def _places() -> tuple[dict[tuple[Family, tuple[str, ...]], int], int]:
    places, position = {}, 0
    for family in FAMILIES:
        for values in family.series():
            places[family, values] = position
            position += HISTOGRAM_CELLS if family.kind == "histogram" else 1
    return places, position


PLACES, CELLS = _places()
"""The first cell of every series, and how many cells there are."""

_LAYOUT: Final = hashlib.sha256(repr((FAMILIES, BUCKETS_SECONDS)).encode()).digest()
_PREFIX: Final = _MAGIC + _LAYOUT
_FILE_BYTES: Final = _HEADER_BYTES + 8 * CELLS


def open_cells(path: Path | None) -> memoryview[float]:
    """Return the cells in the file at ``path``, made if need be, or in memory without one."""
    if path is None:
        return memoryview(bytearray(8 * CELLS)).cast("d")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.pread(descriptor, _HEADER_BYTES, 0) != _PREFIX:
            os.ftruncate(descriptor, 0)
        os.ftruncate(descriptor, _FILE_BYTES)
        region = mmap.mmap(descriptor, _FILE_BYTES)
    finally:
        os.close(descriptor)
    region[:_HEADER_BYTES] = _PREFIX
    return memoryview(region)[_HEADER_BYTES:].cast("d")


def file_of(folder: Path, worker: int) -> Path:
    return folder / f"metrics-{worker}.cells"


def clear(folder: Path) -> None:
    """Forget what the workers of an earlier run counted; for whoever starts a node."""
    for path in folder.glob("metrics-*.cells"):
        path.unlink(missing_ok=True)


def read_all(folder: Path) -> Iterator[tuple[str, memoryview[float]]]:
    """Yield worker number and a copy of the cells of every file of this layout."""
    for path in sorted(folder.glob("metrics-*.cells")):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if data.startswith(_PREFIX) and len(data) == _FILE_BYTES:
            yield path.stem.removeprefix("metrics-"), memoryview(data)[_HEADER_BYTES:].cast("d")
