"""The files of a log, as readers see them.

``segment-<first index, 20 digits>.jsonl`` holds lines
``{"index":N,"prev":"<hex>",<entry fields>}``; ``prev`` is the RFC 6962 leaf hash of the
line before (64 zeros before the first), and a line's newline is not hashed.
``durable`` holds the number of durable entries (8 bytes, little-endian): a hint, so that
a follower does not read what a crash could still take back.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from keystead.audit.entry import MAX_ENTRY_BYTES
from keystead.audit.merkle import leaf_hash
from keystead.errors import AuditUnavailable, IntegrityFailure

CHECKPOINTS = "checkpoints"
DURABLE = "durable"
LOG_VKEY = "log.vkey"
MAX_LINE_BYTES = MAX_ENTRY_BYTES + 256
NO_PREV = b"0" * 64

_FILE = re.compile(r"segment-([0-9]{20})\.jsonl")
_FRAME = re.compile(rb'\{"index":(0|[1-9][0-9]{0,18}),"prev":"([0-9a-f]{64})",')


class Segment(NamedTuple):
    first: int
    path: Path


class Line(NamedTuple):
    """One line, without its newline. ``whole`` is false where the newline is missing."""

    data: bytes
    offset: int
    whole: bool


def segment_path(directory: Path, first: int) -> Path:
    return directory / f"segment-{first:020d}.jsonl"


def list_segments(directory: Path) -> list[Segment]:
    """The segments in order. Raises AuditUnavailable if the folder cannot be read."""
    try:
        names = [(path, _FILE.fullmatch(path.name)) for path in directory.iterdir()]
    except OSError as error:
        raise AuditUnavailable(f"The audit folder cannot be read: {error.strerror}") from error
    return sorted(Segment(int(match[1]), path) for path, match in names if match)


def frame(index: int, prev_hex: bytes, encoded: bytes) -> bytes:
    """The line of an encoded entry, without newline."""
    return b'{"index":%d,"prev":"%b",%b' % (index, prev_hex, encoded[1:])


def parse_frame(line: bytes) -> tuple[int, bytes]:
    """A line's index and its ``prev``, as hex. Raises IntegrityFailure."""
    match = _FRAME.match(line)
    if match is None:
        raise IntegrityFailure("Malformed line in the audit log")
    return int(match[1]), match[2]


def read_lines(path: Path, offset: int = 0) -> Iterator[Line]:
    """The lines of a segment from a byte offset, in bounded memory.

    A line longer than ``MAX_LINE_BYTES`` comes in parts that are not ``whole``. Raises
    AuditUnavailable if the file cannot be read.
    """
    try:
        with path.open("rb", buffering=1 << 18) as file:
            file.seek(offset)
            while data := file.readline(MAX_LINE_BYTES):
                whole = data[-1] == 10
                yield Line(data[:-1] if whole else data, offset, whole)
                offset += len(data)
    except OSError as error:
        raise AuditUnavailable(f"A segment cannot be read: {error.strerror}") from error


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """A segment's bytes, mapped. Raises AuditUnavailable if the file cannot be read."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:  # cannot be mapped
                yield b""
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except OSError as error:
        raise AuditUnavailable(f"A segment cannot be read: {error.strerror}") from error


def read_from(directory: Path, index: int, until: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(index, line) from an index on, up to but without ``until``.

    Stops at a line that is not complete yet. Raises IntegrityFailure where the index
    sequence breaks.
    """
    segments = list_segments(directory)
    later = [segment.first for segment in segments[1:]]
    for segment, following in zip(segments, [*later, None], strict=True):
        if following is not None and following <= index:
            continue
        position = segment.first
        for line in read_lines(segment.path):
            if not line.whole or position == until:
                return
            if position >= index:
                if parse_frame(line.data)[0] != position:
                    raise IntegrityFailure("The audit log is out of order", index=position)
                yield position, line.data
            position += 1


def leaves(directory: Path, size: int) -> Iterator[bytes]:
    """The leaf hashes of the first ``size`` entries."""
    for _, line in read_from(directory, 0, size):
        yield leaf_hash(line)


def durable_size(directory: Path) -> int | None:
    """How many entries are durable, or None if the log does not say."""
    try:
        data = (directory / DURABLE).read_bytes()
    except OSError:
        return None
    return int.from_bytes(data, "little") if len(data) == 8 else None
