"""What a closed segment holds, in a small file beside it: ``segment-….idx``.

A summary is a hint that lets a query pass a segment over. It can be deleted; it is made
when a query first needs it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from keystead.audit import disk
from keystead.audit.entry import Entry, decode
from keystead.audit.segments import Segment, read_lines

if TYPE_CHECKING:
    from keystead.audit.query import Query

MAX_VALUES = 256

FIELDS = ("action", "outcome", "principal", "key", "namespace", "source_ip")


class Summary(msgspec.Struct):
    """``values`` has no entry for a field with more than ``MAX_VALUES`` different values."""

    bytes: int
    since_ns: int
    until_ns: int
    values: dict[str, list[str]]


def may_match(segment: Segment, query: Query) -> bool:
    """False only if no entry of a closed segment can match.

    Raises as ``read_lines`` and ``entry.decode`` do when the summary has to be made.
    """
    known = _load(segment) or _make(segment)
    if query.since_ns is not None and known.until_ns < query.since_ns:
        return False
    if query.until_ns is not None and known.since_ns >= query.until_ns:
        return False
    wanted = {field: getattr(query, field) for field in FIELDS if field in known.values}
    return all(not text or text in known.values[field] for field, text in wanted.items())


def _load(segment: Segment) -> Summary | None:
    try:
        known = msgspec.json.decode(segment.path.with_suffix(".idx").read_bytes(), type=Summary)
        return known if known.bytes == segment.path.stat().st_size else None
    except (OSError, msgspec.MsgspecError):
        return None


def _make(segment: Segment) -> Summary:
    values: dict[str, set[str]] = {field: set() for field in FIELDS}
    size, since_ns, until_ns = 0, 1 << 62, 0
    for line in read_lines(segment.path):
        entry = decode(line.data).entry
        size = line.offset + len(line.data) + line.whole
        since_ns, until_ns = min(since_ns, entry.time), max(until_ns, entry.time)
        for field, texts in _texts(entry).items():
            if len(values[field]) <= MAX_VALUES:
                values[field].update(texts)
    listed = {field: sorted(v) for field, v in values.items() if len(v) <= MAX_VALUES}
    made = Summary(size, since_ns, until_ns, listed)
    with contextlib.suppress(OSError):  # a reader without rights to write does without
        disk.replace(segment.path.with_suffix(".idx"), msgspec.json.encode(made))
    return made


def _texts(entry: Entry) -> dict[str, tuple[str, ...]]:
    """What a query for each field compares with."""
    return {
        "action": (entry.action,),
        "outcome": (entry.outcome,),
        "principal": (entry.principal, entry.principal_name),
        "key": (entry.resource.id, entry.resource.name),
        "namespace": (entry.namespace,),
        "source_ip": (entry.source_ip,),
    }
