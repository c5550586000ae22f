"""Intents that a crash left without an outcome.

A state change writes an intent before it commits and an outcome after. Which of the two
worlds an open intent is in, only the store knows: the node looks there, appends the
outcomes, and then says with ``mark_clean`` that nothing before an index is open.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import msgspec

from keystead.audit import disk
from keystead.audit.entry import Record, Resource, decode
from keystead.audit.segments import durable_size, list_segments, mapped
from keystead.errors import AuditUnavailable

CLEAN = "clean"

_MARKS = (b'"phase":"intent"', b'"phase":"outcome"')


class OpenIntent(msgspec.Struct, frozen=True):
    """An intent without outcome; ``index`` is the entry's."""

    index: int
    request_id: str
    action: str
    namespace: str
    resource: Resource
    key_version: int
    principal: str
    time_ns: int
    details: dict[str, str | int | bool]


def open_intents(directory: Path) -> list[OpenIntent]:
    """The intents since the last clean point that have no outcome, oldest first.

    An outcome closes the intent whose index it names, or else the oldest open one of its
    request and action. Raises AuditUnavailable if a segment cannot be read, and
    IntegrityFailure if one of these entries is malformed.
    """
    intents: dict[int, Record] = {}
    for record in _marked(directory, _clean_point(directory)):
        entry = record.entry
        if entry.phase == "intent":
            intents[record.index] = record
        elif entry.phase == "outcome":
            intents.pop(_closed_by(record, intents), None)
    return [_open(record) for record in intents.values()]


def mark_clean(directory: Path, index: int) -> None:
    """Every intent before ``index`` has its outcome: later scans start there.

    Raises AuditUnavailable if it cannot be written.
    """
    try:
        disk.replace(directory / CLEAN, msgspec.json.encode(index))
    except OSError as error:
        raise AuditUnavailable(f"The clean point cannot be written: {error.strerror}") from error


def _clean_point(directory: Path) -> int:
    """Zero if none is known, or if it lies beyond the log (which was then put back)."""
    try:
        index = msgspec.json.decode((directory / CLEAN).read_bytes(), type=int)
    except (OSError, msgspec.MsgspecError):
        return 0
    size = durable_size(directory)
    return index if size is not None and 0 <= index <= size else 0


def _closed_by(outcome: Record, intents: dict[int, Record]) -> int:
    if outcome.entry.intent is not None:
        return outcome.entry.intent
    wanted = (outcome.entry.request_id, outcome.entry.action)
    return next(
        (i for i, r in intents.items() if (r.entry.request_id, r.entry.action) == wanted), -1
    )


def _marked(directory: Path, start: int) -> Iterator[Record]:
    segments = list_segments(directory)
    ends = [segment.first for segment in segments[1:]]
    for segment, end in zip(segments, [*ends, None], strict=True):
        if end is None or end > start:
            yield from (r for r in _marked_in(segment.path) if r.index >= start)


def _marked_in(path: Path) -> Iterator[Record]:
    """The entries that carry a mark, in order: others are passed over unread."""
    with mapped(path) as data:
        end = 0
        for at in sorted(at for mark in _MARKS for at in _occurrences(data, mark)):
            if at < end:
                continue
            start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            if end < 0:
                return
            yield decode(data[start:end])


def _occurrences(data: mmap.mmap | bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def _open(record: Record) -> OpenIntent:
    entry = record.entry
    return OpenIntent(
        record.index,
        entry.request_id,
        entry.action,
        entry.namespace,
        entry.resource,
        entry.key_version,
        entry.principal,
        entry.time,
        entry.details,
    )
