"""Find entries, and follow the log.

Reading goes through segment files; a closed one gets a summary beside it
(``summary``), so that later queries can pass it over. A query trusts the folder: whether
the log is what was written is for ``verify`` to say.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from keystead.audit import summary
from keystead.audit.entry import Entry, Record, decode
from keystead.audit.follow import Follower
from keystead.audit.segments import Segment, durable_size, list_segments, mapped
from keystead.errors import InvalidRequest

_LINE_START = b'{"index":'
_MOST_SELECTIVE_FIRST = (
    "request_id",
    "trace_id",
    "key",
    "principal",
    "source_ip",
    "action",
    "namespace",
    "outcome",
)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for; empty fields match everything.

    ``key`` is a key's id or name, ``principal`` an id or a name. Times are nanoseconds
    since the Unix epoch: from ``since_ns`` up to, but without, ``until_ns``.
    """

    principal: str = ""
    key: str = ""
    action: str = ""
    outcome: str = ""
    source_ip: str = ""
    request_id: str = ""
    trace_id: str = ""
    namespace: str = ""
    since_ns: int | None = None
    until_ns: int | None = None

    def matches(self, entry: Entry) -> bool:
        return (
            (not self.action or self.action == entry.action)
            and (not self.outcome or self.outcome == entry.outcome)
            and (not self.source_ip or self.source_ip == entry.source_ip)
            and (not self.request_id or self.request_id == entry.request_id)
            and (not self.trace_id or self.trace_id == entry.trace_id)
            and (not self.namespace or self.namespace == entry.namespace)
            and (not self.principal or self.principal in (entry.principal, entry.principal_name))
            and (not self.key or self._is_key(entry))
            and (self.since_ns is None or self.since_ns <= entry.time)
            and (self.until_ns is None or entry.time < self.until_ns)
        )

    def _is_key(self, entry: Entry) -> bool:
        resource = entry.resource
        return resource.kind == "key" and self.key in (resource.id, resource.name)

    def needle(self) -> bytes:
        """Bytes that every matching line has. Raises InvalidRequest for invalid Unicode."""
        try:
            for field in _MOST_SELECTIVE_FIRST:
                if value := getattr(self, field):
                    return msgspec.json.encode(value)
        except UnicodeEncodeError:
            raise InvalidRequest("Text to look for is not valid Unicode") from None
        return _LINE_START


class Page(NamedTuple):
    """``cursor`` is what to ask for the next page with, or None if this is the last."""

    records: list[Record]
    cursor: int | None


def search(
    directory: Path,
    query: Query,
    *,
    newest_first: bool = True,
    limit: int = 100,
    cursor: int | None = None,
) -> Page:
    """Matching entries, at most ``limit``; going on after the entry ``cursor``.

    Raises AuditUnavailable if a segment cannot be read, IntegrityFailure if an entry found
    is malformed, InvalidRequest if a text is not valid Unicode.
    """
    records: list[Record] = []
    for record in _scan(directory, query, newest_first, cursor):
        if len(records) == limit:
            return Page(records, records[-1].index)
        records.append(record)
    return Page(records, None)


def tail(
    directory: Path,
    query: Query | None = None,
    *,
    follow: bool = True,
    start: int | None = None,
    poll_seconds: float = 0.2,
    stop: threading.Event | None = None,
) -> Iterator[Record]:
    """Durable entries from an index on (default: from now), and those still to come.

    Without ``follow`` it ends with the last durable entry; with it, when ``stop`` is set.
    Raises as ``Follower.read`` does.
    """
    waiter = stop or threading.Event()
    follower = Follower(directory, durable_size(directory) or 0 if start is None else start)
    while not waiter.is_set():
        lines = follower.read()
        for record in map(decode, lines):
            if query is None or query.matches(record.entry):
                yield record
        if not lines:
            if not follow:
                return
            waiter.wait(poll_seconds)


def _scan(
    directory: Path, query: Query, newest_first: bool, cursor: int | None
) -> Iterator[Record]:
    segments = list_segments(directory)
    needle = query.needle()
    for segment in segments[::-1] if newest_first else segments:
        if cursor is not None and newest_first and segment.first >= cursor:
            continue
        closed = segment is not segments[-1]
        if closed and not summary.may_match(segment, query):
            continue
        for line in _lines_with(segment, needle, newest_first):
            record = decode(line)
            after = cursor is None or (
                record.index < cursor if newest_first else record.index > cursor
            )
            if after and query.matches(record.entry):
                yield record


def _lines_with(segment: Segment, needle: bytes, newest_first: bool) -> Iterator[bytes]:
    """The whole lines that contain some bytes."""
    with mapped(segment.path) as data:
        end = data.rfind(b"\n") + 1
        yield from (_backward if newest_first else _forward)(data, needle, end)


def _forward(data: mmap.mmap | bytes, needle: bytes, end: int) -> Iterator[bytes]:
    hit = data.find(needle, 0, end)
    while hit >= 0:
        stop = data.find(b"\n", hit)
        yield data[data.rfind(b"\n", 0, hit) + 1 : stop]
        hit = data.find(needle, stop, end)


def _backward(data: mmap.mmap | bytes, needle: bytes, end: int) -> Iterator[bytes]:
    hit = data.rfind(needle, 0, end)
    while hit >= 0:
        start = data.rfind(b"\n", 0, hit) + 1
        yield data[start : data.find(b"\n", hit)]
        hit = data.rfind(needle, 0, start)
