"""The database locked, gone, replaced, stopped: refused clearly, and well again by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead.errors import StoreUnavailable
from keystead.store import store as store_module
from keystead.store.store import Store

PLAINTEXT = "aGVsbG8="


def _keys(api: Any) -> None:
    """One key with the usual grace, one with two seconds, one strict; all at hand."""
    for name, grace in (("usual", 600), ("short", 2), ("strict", 0)):
        assert api("POST", "/keys", name=name, grace_seconds=grace).status == 201
        assert _encrypt(api, name).status == 200


def _encrypt(api: Any, name: str = "usual") -> Any:
    return api("POST", f"/keys/{name}/encrypt", plaintext=PLAINTEXT)


def _until(what: Callable[[], bool], seconds: float = 15.0) -> float:
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


def _is_refused(answer: Any) -> bool:
    assert answer.status in (200, 201, 503), answer
    if answer.status == 503:
        assert answer.body["code"] == "store-unavailable", answer
    return bool(answer.status == 503)


def test_a_locked_database_refuses_changes_and_serves_keys_at_hand(make_node: Any) -> None:
    node = make_node()
    node.start()
    api = node.api()
    _keys(api)
    other = sqlite3.connect(node.database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    answers: list[Any] = []
    change = threading.Thread(
        target=lambda: answers.append(node.api()("POST", "/keys", name="waits"))
    )
    change.start()
    while change.is_alive():
        assert _encrypt(api).status == 200
        assert _encrypt(api, "strict").status == 200  # what is locked can still be read
    other.execute("ROLLBACK")
    other.close()
    assert answers[0].status == 503
    assert answers[0].body["code"] == "store-unavailable"
    assert "locked" in answers[0].body["hint"]
    assert api("GET", "/keys/waits").status == 404
    assert api("POST", "/keys", name="waits").status == 201
    node.kill()
    node.start()
    # What became of the change was in doubt; now the log says it, as the store does.
    told = node.api()("GET", f"/audit/entries?request_id={answers[0].request_id}").body["entries"]
    assert [entry["phase"] for entry in told] == ["intent", "outcome"]
    assert told[1]["outcome"] == "unknown"
    assert told[1]["details"] == {"recovered": True, "committed": False}


def test_a_database_file_that_is_moved_away_takes_no_change_with_it(make_node: Any) -> None:
    node = make_node()
    node.start()
    api = node.api()
    _keys(api)
    elsewhere = node.folder / "elsewhere"
    node.database.rename(elsewhere)
    assert _is_refused(api("POST", "/keys", name="lost"))
    assert not node.database.exists()  # no empty one is put in its place
    _until(lambda: _is_refused(_encrypt(api, "strict")))
    assert _encrypt(api).status == 200
    assert node.get("/health/ready") == 503
    elsewhere.rename(node.database)
    _until(lambda: not _is_refused(_encrypt(api, "strict")))
    assert node.get("/health/ready") == 200
    assert api("GET", "/keys/lost").status == 404
    assert api("POST", "/keys", name="lost").status == 201


def test_keys_at_hand_serve_for_their_own_grace_while_postgresql_is_stopped(
    make_node: Any, postgres: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    node = make_node(storage=postgres.create("outage"))
    node.start()
    api = node.api()
    _keys(api)
    postgres.stop()
    strict = _until(lambda: _is_refused(_encrypt(api, "strict")))
    short = _until(lambda: _is_refused(_encrypt(api, "short")))
    assert short < 3.0
    started = time.monotonic()
    for _ in range(100):
        assert _encrypt(api).status == 200
    pace = (time.monotonic() - started) / 100
    assert _is_refused(api("POST", "/keys", name="new"))
    assert _is_refused(api("GET", "/keys/usual"))
    assert node.get("/health/ready") == 503
    postgres.start()
    recovery = _until(lambda: node.get("/health/ready") == 200)
    for name in ("usual", "short", "strict"):
        assert _encrypt(api, name).status == 200
    assert api("POST", "/keys", name="new").status == 201
    with capsys.disabled():
        print(
            f"\n  PostgreSQL stopped: a strict key refused after {strict:.2f} s;"
            f" {pace * 1000:.1f} ms an encryption meanwhile; well {recovery:.2f} s after the start"
        )


def test_a_frozen_database_holds_up_no_key_at_hand(make_node: Any, postgres: Any) -> None:
    node = make_node(storage=postgres.create("frozen"))
    node.start()
    api = node.api()
    _keys(api)
    postgres.freeze()
    try:
        deadline = time.monotonic() + 8
        slowest = 0.0
        while node.get("/health/ready") == 200:
            assert time.monotonic() < deadline
            started = time.monotonic()
            assert _encrypt(api).status == 200
            slowest = max(slowest, time.monotonic() - started)
        assert _is_refused(_encrypt(api, "strict"))
        assert _encrypt(api).status == 200
        assert slowest < 1.0
    finally:
        postgres.thaw()
    _until(lambda: node.get("/health/ready") == 200)
    assert _encrypt(api, "strict").status == 200
    assert api("POST", "/keys", name="new").status == 201


def test_nobody_waits_for_ever_for_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ANSWER_SECONDS", 0.2)
    store = Store(f"sqlite:///{tmp_path}/slow.sqlite")
    store.prepare()

    async def run() -> None:
        for ask in (store.read, store.write):
            with pytest.raises(StoreUnavailable):
                await ask(lambda _: time.sleep(0.5))

    asyncio.run(run())
    store.close()


def test_connections_killed_under_load_lose_nothing(
    make_node: Any, make_load: Any, postgres: Any, audited: Any
) -> None:
    url = postgres.create("terminated")
    node = make_node(storage=url, workers=2)
    node.start()
    load = make_load(node.port, node.token)
    killed = 0
    with load.running():
        for _ in range(10):
            time.sleep(0.2)
            killed += postgres.terminate_connections(url)
    assert killed > 10
    node.wait_ready()
    load.check(everything=True)
    acknowledged = set().union(*(client.memory.requests for client in load.clients))
    assert acknowledged <= audited(node.audit)
    assert load.total("changes") > 20


def _two_nodes(make_node: Any, url: str, tmp_path: Path) -> tuple[Any, Any]:
    first = make_node(folder=tmp_path / "first", storage=url, name="first")
    first.start()
    second = make_node(folder=tmp_path / "second", storage=url, name="second")
    second.token = first.token
    second.start()
    return first, second


def test_what_one_node_changes_the_other_knows_at_once(
    make_node: Any, postgres: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = _two_nodes(make_node, postgres.create("pair"), tmp_path)
    here, there = first.api(), second.api()
    assert here("POST", "/keys", name="shared").status == 201
    delays = []
    for _ in range(20):
        _until(lambda: _encrypt(there, "shared").status == 200)
        assert here("POST", "/keys/shared/disable").status == 200
        delays.append(_until(lambda: _encrypt(there, "shared").status == 409))
        assert here("POST", "/keys/shared/enable").status == 200
    issued = here("POST", "/tokens", name="somebody", roles=[]).body
    visitor = second.api()
    visitor.token = issued["token"]
    assert visitor("GET", "/tokens/self").status == 200
    assert here("DELETE", f"/tokens/{issued['info']['accessor']}").status == 204
    _until(lambda: visitor("GET", "/tokens/self").status == 401, 1.0)
    delays.sort()
    with capsys.disabled():
        print(
            f"\n  from a change on one node to refusal on the other:"
            f" {delays[10] * 1000:.0f} ms (median), {delays[-1] * 1000:.0f} ms (worst)"
        )
    assert delays[10] < 0.3


def test_a_node_that_hears_no_notices_finds_changes_by_looking(
    make_node: Any, postgres: Any, tmp_path: Path
) -> None:
    url = postgres.create("deaf")
    first, second = _two_nodes(make_node, url, tmp_path)
    here, there = first.api(), second.api()
    assert here("POST", "/keys", name="shared").status == 201
    assert _encrypt(there, "shared").status == 200
    postgres.terminate_connections(url)
    _until(lambda: not _is_refused(here("POST", "/keys/shared/disable")))
    _until(lambda: _encrypt(there, "shared").status == 409, 3.0)


def test_an_idle_node_uses_next_to_no_processor_time(make_node: Any, postgres: Any) -> None:
    node = make_node(storage=postgres.create("idle"))
    node.start()
    stat = Path(f"/proc/{node.process.pid}/stat")

    def ticks() -> int:
        fields = stat.read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(1.0)
    before = ticks()
    time.sleep(3.0)
    assert ticks() - before <= 6  # hundredths of a second: 2 %
