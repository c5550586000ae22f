"""Entries: canonical bytes, and back."""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.entry import (
    MAX_ENTRY_BYTES,
    Entry,
    Resource,
    decode,
    encode,
    parse_time,
    render_time,
)
from keystead.audit.segments import NO_PREV, frame
from keystead.errors import IntegrityFailure, InvalidRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BMP_TEXT = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xD7FF), max_size=20)
ENTRIES = st.builds(
    Entry,
    action=TEXT,
    context=st.dictionaries(BMP_TEXT, TEXT, max_size=5),
    details=st.dictionaries(
        BMP_TEXT, TEXT | st.integers(-(2**53), 2**53) | st.booleans(), max_size=5
    ),
    intent=st.none() | st.integers(0, 2**53),
    key_version=st.integers(0, 2**31),
    outcome=st.sampled_from(["", "ok", "denied", "failed", "unknown"]),
    phase=st.sampled_from(["intent", "outcome", "event"]),
    resource=st.builds(Resource, TEXT, TEXT, TEXT),
    root=st.booleans(),
    time=st.integers(0, 4_000_000_000_000_000).map(lambda us: us * 1000),
    token_accessor=TEXT,
    trace_id=TEXT,
)


@given(ENTRIES)
def test_what_is_encoded_decodes_to_the_same_entry(entry: Entry) -> None:
    record = decode(frame(7, NO_PREV, encode(entry)))
    assert (record.index, record.prev_hex, record.entry) == (7, NO_PREV.decode(), entry)


@given(ENTRIES)
def test_the_encoding_is_json_with_sorted_keys_and_no_whitespace(entry: Entry) -> None:
    raw = encode(entry)
    parsed = json.loads(raw)
    again = json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(again) == parsed
    assert list(parsed) == sorted(parsed)
    assert list(parsed.get("context", {})) == sorted(parsed.get("context", {}))
    assert len(raw) <= len(again.encode()) + 6 * raw.count(b"\\")


def test_empty_fields_are_left_out() -> None:
    raw = encode(Entry(action="a", phase="event", time=0))
    assert raw == b'{"action":"a","phase":"event","time":"1970-01-01T00:00:00.000000Z"}'


def test_a_context_that_looks_like_the_time_field_does_not_confuse_the_encoding(
    make_entry: Callable[..., Entry],
) -> None:
    entry = make_entry(
        context={"time": '"time":5'},
        details={"time": 1_764_567_890_000_000_000},
        trace_id='"time":7',
    )
    assert decode(frame(0, NO_PREV, encode(entry))).entry == entry


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_are_rfc_3339_with_microseconds(microseconds: int) -> None:
    text = render_time(microseconds * 1000).decode()
    second, micro = divmod(microseconds, 1_000_000)
    moment = datetime.fromtimestamp(second, UTC).replace(microsecond=micro)
    assert text == moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert parse_time(text) == microseconds * 1000


@given(st.binary(max_size=200))
def test_hostile_lines_are_refused_with_one_error(line: bytes) -> None:
    with pytest.raises(IntegrityFailure):
        decode(line)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"index":0,"prev":"","time":"2025-13-01T00:00:00.000000Z"}',
        b'{"index":0,"prev":"","time":"2025-01-01T00:00:00.000000Z","action":1,"phase":"event"}',
        b'{"index":1e400,"prev":"","time":""}',
    ],
)
def test_malformed_entries_are_refused(line: bytes) -> None:
    with pytest.raises(IntegrityFailure):
        decode(line)


def test_text_that_is_not_unicode_and_entries_too_large_are_refused(
    make_entry: Callable[..., Entry],
) -> None:
    with pytest.raises(InvalidRequest):
        encode(make_entry(context={"a": "\ud800"}))
    with pytest.raises(InvalidRequest):
        encode(make_entry(context={"a": "x" * MAX_ENTRY_BYTES}))


def test_encoding_a_typical_entry_is_a_matter_of_microseconds(
    make_entry: Callable[..., Entry],
) -> None:
    entry = make_entry()
    best = min(timeit.repeat(lambda: encode(entry), number=2000, repeat=5)) / 2000
    assert best < 30e-6  # 1.8 µs alone; the bound allows for a busy machine
