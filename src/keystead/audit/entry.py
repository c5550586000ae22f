"""An audit entry and its canonical bytes.

The canonical form is JSON in the manner of RFC 8785, for the types used here: keys
sorted, no whitespace, UTF-8, empty fields left out. It departs from RFC 8785 in two
points: keys sort by code point rather than by UTF-16 unit, which differs only for keys
with characters above U+FFFF, and integers are written in full.
"""

from __future__ import annotations

import re
import time as clock
from datetime import datetime
from typing import Literal

import msgspec

from keystead.errors import IntegrityFailure, InvalidRequest

MAX_ENTRY_BYTES = 256 * 1024

Phase = Literal["intent", "outcome", "event"]
Outcome = Literal["", "ok", "denied", "failed", "unknown"]

_SECOND_NS = 1_000_000_000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was acted on: its kind (``key``, ``secret``, …), identifier and name."""

    kind: str = ""
    id: str = ""
    name: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, or is about to. Never holds a secret value.

    ``time`` is nanoseconds since the Unix epoch, recorded to the microsecond. An
    ``outcome`` entry may name the index of the ``intent`` that it closes. ``root`` says
    that a root token was used. ``reason`` is an error code. ``context`` is the
    encryption context.
    """

    action: str
    context: dict[str, str] = {}
    details: dict[str, str | int | bool] = {}
    door: str = ""
    intent: int | None = None
    key_version: int = 0
    namespace: str = ""
    node: str = ""
    outcome: Outcome = ""
    phase: Phase
    principal: str = ""
    principal_name: str = ""
    reason: str = ""
    request_id: str = ""
    resource: Resource = Resource()
    root: bool = False
    source_ip: str = ""
    time: int
    token_accessor: str = ""
    trace_id: str = ""


_encode = msgspec.json.Encoder(order="sorted").encode
_rendered_second: tuple[int, bytes] = (-1, b"")


def encode(entry: Entry) -> bytes:
    """The canonical JSON of an entry, without a newline.

    Raises InvalidRequest for text that is not Unicode, and for more than
    ``MAX_ENTRY_BYTES``.
    """
    try:
        raw = _encode(entry)
    except UnicodeEncodeError:
        raise InvalidRequest("Text to be recorded is not valid Unicode") from None
    if len(raw) > MAX_ENTRY_BYTES:
        raise InvalidRequest("Audit entry is too large", limit=MAX_ENTRY_BYTES)
    # The last ``"time":`` is the field: only text follows it, where quotes are escaped.
    start = raw.rindex(b'"time":') + 7
    end = start + len(str(entry.time))
    return b'%b"%b"%b' % (raw[:start], render_time(entry.time), raw[end:])


def render_time(time_ns: int) -> bytes:
    """RFC 3339 in UTC with six decimals, from nanoseconds since the Unix epoch."""
    global _rendered_second
    second, fraction_ns = divmod(time_ns, _SECOND_NS)
    cached = _rendered_second
    if cached[0] != second:
        text = clock.strftime("%Y-%m-%dT%H:%M:%S", clock.gmtime(second)).encode()
        cached = _rendered_second = (second, text)
    return b"%b.%06dZ" % (cached[1], fraction_ns // 1000)


def parse_time(text: str) -> int:
    """Nanoseconds since the Unix epoch, from what ``render_time`` wrote.

    Raises IntegrityFailure for any other text.
    """
    if _TIME.fullmatch(text) is None:
        raise IntegrityFailure("Malformed time in an audit entry")
    try:
        whole = datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        raise IntegrityFailure("Malformed time in an audit entry") from None
    return int(whole.timestamp()) * _SECOND_NS + int(text[20:26]) * 1000


class Record(msgspec.Struct, frozen=True):
    """An entry as it stands in the log. ``line`` has no newline."""

    index: int
    prev_hex: str
    entry: Entry
    line: bytes


class _Stored(msgspec.Struct):
    index: int
    prev: str
    time: str


_decode_place = msgspec.json.Decoder(_Stored).decode


def decode(line: bytes) -> Record:
    """Read one line of the log. Raises IntegrityFailure if it is not an entry.

    Canonical form, hashes and order are not checked here: see ``verify``.
    """
    try:
        place = _decode_place(line)
        fields = msgspec.json.decode(line)
        fields["time"] = parse_time(place.time)
        entry = msgspec.convert(fields, Entry)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise IntegrityFailure("Malformed audit entry") from None
    return Record(place.index, place.prev, entry, line)
