"""Finding entries, following the log, open intents."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.entry import Entry, Resource, encode
from keystead.audit.log import LogWriter
from keystead.audit.query import Query, search, tail
from keystead.audit.recovery import mark_clean, open_intents
from keystead.audit.segments import list_segments
from keystead.errors import IntegrityFailure, InvalidRequest

Make = Callable[..., Entry]
SIZE = 60


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, make_entry: Make) -> Path:
    made = tmp_path_factory.mktemp("query") / "log"
    writer = LogWriter(made, segment_bytes=4000, reserve_bytes=4096)
    for n in range(SIZE):
        outcome = "denied" if n % 7 == 0 else "ok"
        action = "key:sign" if n % 4 == 0 else "key:encrypt"
        writer.commit([encode(make_entry(n, outcome=outcome, action=action))])
    writer.close()
    assert len(list_segments(made)) > 4
    return made


QUERIES = st.builds(
    Query,
    principal=st.sampled_from(["", "p-1", "svc-2", "p-9"]),
    key=st.sampled_from(["", "k-1", "orders-2", "k-9"]),
    action=st.sampled_from(["", "key:sign", "key:none"]),
    outcome=st.sampled_from(["", "ok", "denied"]),
    source_ip=st.sampled_from(["", "10.1.2.3", "10.9.9.9"]),
    request_id=st.sampled_from(["", "r-7", "r-14", "r-99"]),
    trace_id=st.sampled_from(["", "t-7"]),
    namespace=st.sampled_from(["", "root"]),
    since_ns=st.none() | st.integers(0, SIZE).map(lambda n: 1_764_567_890_000_000_000 + n * 10**9),
    until_ns=st.none() | st.integers(0, SIZE).map(lambda n: 1_764_567_890_000_000_000 + n * 10**9),
)


@given(QUERIES, st.booleans(), st.integers(1, 20), st.booleans())
def test_paging_gives_exactly_the_matching_entries_in_order(
    directory: Path, make_entry: Make, query: Query, newest_first: bool, limit: int, fresh: bool
) -> None:
    if fresh:
        for sidecar in directory.glob("*.idx"):
            sidecar.unlink()
    every = search(directory, Query(), newest_first=False, limit=SIZE).records
    assert [r.index for r in every] == list(range(SIZE))
    wanted = [r.index for r in every if query.matches(r.entry)]
    found: list[int] = []
    cursor = None
    for _ in range(SIZE + 1):
        page = search(directory, query, newest_first=newest_first, limit=limit, cursor=cursor)
        assert len(page.records) <= limit
        found += [r.index for r in page.records]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == (wanted[::-1] if newest_first else wanted)


def test_closed_segments_that_cannot_match_are_not_read(directory: Path) -> None:
    search(directory, Query(action="key:none"))
    sidecars = sorted(directory.glob("*.idx"))
    assert len(sidecars) == len(list_segments(directory)) - 1
    closed = list_segments(directory)[0].path
    content = closed.read_bytes()
    try:
        closed.write_bytes(b"?" * (len(content) - 1) + b"\n")
        assert search(directory, Query(action="key:none")).records == []
    finally:
        closed.write_bytes(content)


@pytest.mark.parametrize(
    "spoiled", [b"", b"{", b'{"bytes":1,"since_ns":0,"until_ns":0,"values":{}}']
)
def test_a_spoiled_sidecar_is_made_anew(directory: Path, spoiled: bytes) -> None:
    search(directory, Query(action="key:sign"))
    for sidecar in directory.glob("*.idx"):
        sidecar.write_bytes(spoiled)
    assert len(search(directory, Query(action="key:sign")).records) == 15


def test_a_damaged_entry_is_reported_not_skipped(
    make_log: Callable[..., Path],
) -> None:
    made = make_log(5)
    path = list_segments(made)[0].path
    path.write_bytes(path.read_bytes().replace(b'"time":"2025', b'"time":"x025'))
    with pytest.raises(IntegrityFailure):
        search(made, Query())


def test_tail_gives_what_is_there_then_what_comes_across_segments(
    open_log: Callable[..., LogWriter], make_entry: Make
) -> None:
    writer = open_log(segment_bytes=2000)
    writer.commit([encode(make_entry(n)) for n in range(3)])
    directory = writer._directory
    assert [r.index for r in tail(directory, follow=False, start=1)] == [1, 2]
    assert list(tail(directory, follow=False)) == []
    stop = threading.Event()
    following = tail(directory, Query(principal="p-1"), start=0, poll_seconds=0.01, stop=stop)

    def write() -> None:
        for n in range(3, 30):
            writer.commit([encode(make_entry(n))])

    thread = threading.Thread(target=write)
    thread.start()
    assert [r.index for r in itertools.islice(following, 10)] == list(range(1, 30, 3))
    thread.join()
    stop.set()
    assert list(following) == []
    writer.close()


def test_tail_shows_only_what_is_durable(
    open_log: Callable[..., LogWriter], make_entry: Make
) -> None:
    writer = open_log()
    writer.commit([encode(make_entry(0))])
    path = list_segments(writer._directory)[0].path
    path.write_bytes(path.read_bytes() * 2)  # written, but not acknowledged
    assert [r.index for r in tail(writer._directory, follow=False, start=0)] == [0]


def test_only_intents_without_outcome_are_open(
    open_log: Callable[..., LogWriter], make_entry: Make
) -> None:
    writer = open_log(segment_bytes=2000)

    def write(n: int, phase: str, **fields: object) -> int:
        given: dict[str, object] = {"action": "key:rotate", "request_id": f"r{n}"}
        return writer.commit([encode(make_entry(0, phase=phase, **(given | fields)))])

    write(1, "intent")
    write(1, "outcome")
    lost = write(2, "intent", details={"version": 4}, resource=Resource("key", "k-1"))
    write(3, "event", context={"phase": "intent"}, details={"phase": "intent"})
    twin_a, twin_b = write(4, "intent"), write(4, "intent")
    write(4, "outcome", intent=twin_b)
    write(5, "intent")
    write(5, "intent", action="key:disable")
    write(5, "outcome")
    directory = writer._directory
    intents = open_intents(directory)
    assert [(i.index, i.request_id, i.action) for i in intents] == [
        (lost, "r2", "key:rotate"),
        (twin_a, "r4", "key:rotate"),
        (8, "r5", "key:disable"),
    ]
    assert intents[0].resource == Resource("key", "k-1")
    assert intents[0].details == {"version": 4}
    mark_clean(directory, twin_a + 1)
    assert [i.index for i in open_intents(directory)] == [8]
    mark_clean(directory, writer.size)
    assert open_intents(directory) == []
    mark_clean(directory, 10_000)  # of a log that has since been put back: not believed
    assert len(open_intents(directory)) == 3
    writer.close()


def test_text_that_is_not_unicode_is_refused(directory: Path) -> None:
    with pytest.raises(InvalidRequest):
        search(directory, Query(principal="\udcff"))


def test_an_empty_log_has_no_open_intents(open_log: Callable[..., LogWriter]) -> None:
    writer = open_log()
    assert open_intents(writer._directory) == []
    assert search(writer._directory, Query()).records == []
    writer.close()
