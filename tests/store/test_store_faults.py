"""What goes wrong under the store: nothing acknowledged is lost, and it comes back by itself."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import text

from keystead.errors import AlreadyExists, IntegrityFailure, StoreUnavailable
from keystead.store import engines
from keystead.store.engines import open_engine
from keystead.store.store import Store

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)

PROGRAM = """
import asyncio, sys
import msgspec
from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.store.kinds import Kind
from keystead.store.store import Store

class Count(msgspec.Struct, frozen=True):
    name: str
    number: int = 0

class Sealer:
    key = RecordKey(KeyMaterial(bytes(32)))
    def seal(self, namespace, aad, plaintext): return self.key.seal(plaintext, aad)
    def open(self, namespace, aad, blob): return self.key.open(blob, aad)

COUNTS = Kind("count", Count, name_of=lambda count: count.name)
store = Store(sys.argv[1])
store.sealer = Sealer()
store.prepare()
prefix, many = sys.argv[2], int(sys.argv[3])
"""

WRITE_FOREVER = """
async def write(worker):
    for number in range(1_000_000):
        id = f"{prefix}-{worker}-{number}"
        await store.write(lambda tx: tx.add(COUNTS, "ns", id, Count(id, number)))
        print(id, flush=True)

async def main():
    await asyncio.gather(*(write(worker) for worker in range(many)))
asyncio.run(main())
"""

INCREMENT = """
def increment(tx):
    count = tx.get(COUNTS, "ns", "total") or Count("total")
    tx.put(COUNTS, "ns", "total", Count("total", count.number + 1))

async def worker():
    for _ in range(many):
        await store.write(increment)

async def main():
    await asyncio.gather(*(worker() for _ in range(8)))
asyncio.run(main())
store.close()
"""


def _start(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM + script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_kill_9_loses_no_acknowledged_write(store: Store, store_url: str, things: Any) -> None:
    counts = type(things)("count", dict)
    acknowledged: set[str] = set()
    for round_ in range(10):
        process = _start(WRITE_FOREVER, store_url, str(round_), "8")
        assert process.stdout is not None
        acknowledged.add(process.stdout.readline().strip())
        time.sleep(random.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}
        process.wait()
        process.stdout.close()
    kept = {
        id
        for prefix in range(10)
        for id, _ in store.read_now(
            lambda r: r.list(type(things)("count", object), "ns", prefix=f"{prefix}-", limit=10**6)  # noqa: B023
        )
    }
    assert len(acknowledged) > 50
    assert acknowledged <= kept
    numbers = [c.number for c in store.read_now(lambda r: r.changes_after(0, 10**6))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert store.read_now(lambda r: r.count(counts)) == len(kept) == len(numbers)


def test_two_processes_lose_no_increment(store: Store, store_url: str, things: Any) -> None:
    processes = [_start(INCREMENT, store_url, "", "25") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    counts = type(things)("count", object)
    found = store.read_now(lambda r: r.get(counts, "ns", "total"))
    assert found == {"name": "total", "number": 400}
    numbers = [c.number for c in store.read_now(lambda r: r.changes_after(0))]
    assert numbers == list(range(1, 401))


def test_a_poller_sees_the_changes_of_two_nodes_in_order_without_gaps(
    store: Store, store_url: str, things: Any, thing: Any
) -> None:
    other = Store(store_url)
    other.sealer = store.sealer
    seen: list[int] = []

    async def write(node: Store, name: str) -> None:
        for number in range(15):
            id = f"{name}-{number}"
            value = thing(name=id)
            await node.write(lambda tx, id=id, value=value: tx.put(things, "ns", id, value))

    async def poll() -> None:
        while len(seen) < 180:
            last = seen[-1] if seen else 0
            changes = await store.read(lambda r, last=last: r.changes_after(last))
            seen.extend(change.number for change in changes)

    async def run() -> None:
        writers = [
            write(node, f"{number}-{worker}")
            for number, node in enumerate((store, other))
            for worker in range(6)
        ]
        await asyncio.wait_for(asyncio.gather(poll(), *writers), 60)

    asyncio.run(run())
    other.close()
    assert seen == list(range(1, 181))


# --- SQLite -------------------------------------------------------------------------------


@on_sqlite
def test_a_locked_database_is_unavailable_until_it_is_free(
    store_url: str, tmp_path: Path, things: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragmas = [p if "busy" not in p else "PRAGMA busy_timeout = 50" for p in engines._PRAGMAS]
    monkeypatch.setattr(engines, "_PRAGMAS", pragmas)
    store = Store(store_url)
    store.prepare()
    other = sqlite3.connect(tmp_path / "keystead.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable) as caught:
        store.write_now(lambda tx: tx.touch(things, "ns", "1"))
    assert "locked" in caught.value.hint
    assert store.read_now(lambda r: r.last_change()) == 0
    other.execute("ROLLBACK")
    other.close()
    store.write_now(lambda tx: tx.touch(things, "ns", "1"))
    store.close()


@on_sqlite
def test_a_full_database_takes_nothing_and_recovers(
    store: Store, tmp_path: Path, things: Any, thing: Any
) -> None:
    """The file may not grow past a limit of the operating system's, as on a full disk."""
    store.write_now(lambda tx: tx.put(things, "ns", "0", thing(name="0")))
    size = (tmp_path / "keystead.db-wal").stat().st_size

    def work(tx: Any) -> None:
        for number in range(100):
            tx.put(things, "ns", f"{number}", thing(name=f"{number}" + "x" * 1000))

    with _file_size_limit(size + 8192), pytest.raises(StoreUnavailable):
        store.write_now(work)
    assert store.read_now(lambda r: r.count(things)) == 1
    store.write_now(work)
    assert store.read_now(lambda r: r.count(things)) == 100


@contextmanager
def _file_size_limit(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@on_sqlite
def test_a_full_disk_in_one_work_of_a_batch_acknowledges_none(
    store: Store, tmp_path: Path, things: Any, thing: Any
) -> None:
    go = threading.Event()
    limit = 65536 + max(path.stat().st_size for path in tmp_path.glob("keystead.db*"))

    async def run() -> list[Any]:
        first = asyncio.create_task(store.write(lambda tx: go.wait(10)))
        await asyncio.sleep(0.05)
        big = thing(name="x" * 3_000_000)
        tasks = [
            asyncio.create_task(store.write(work))
            for work in (
                lambda tx: tx.put(things, "ns", "a", thing(name="a")),
                lambda tx: tx.put(things, "ns", "b", big),
                lambda tx: tx.put(things, "ns", "c", thing(name="c")),
            )
        ]
        await asyncio.sleep(0.05)
        with _file_size_limit(limit):
            go.set()
            await first
            return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(run())
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert store.read_now(lambda r: r.count(things)) == 0
    store.write_now(lambda tx: tx.put(things, "ns", "a", thing(name="a")))


@on_sqlite
def test_a_damaged_file_is_told(store: Store, store_url: str, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "keystead.db"
    path.write_bytes(b"not a database at all" * 400)
    damaged = Store(store_url)
    with pytest.raises(IntegrityFailure):
        damaged.prepare()
    damaged.close()


@on_sqlite
def test_a_destroyed_record_leaves_no_bytes_in_the_file(
    store: Store, tmp_path: Path, things: Any, thing: Any
) -> None:
    store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="findable-name")))
    store.write_now(lambda tx: tx.delete(things, "ns", "1"))
    store.close()
    assert b"findable-name" not in (tmp_path / "keystead.db").read_bytes()


# --- PostgreSQL ---------------------------------------------------------------------------


def _terminate_others(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


@on_postgres
def test_lost_connections_are_replaced_unnoticed(store: Store, store_url: str, things: Any) -> None:
    async def use() -> int:
        await store.write(lambda tx: tx.touch(things, "ns", "1"))
        return await store.read(lambda r: r.last_change())

    assert asyncio.run(use()) == 1
    _terminate_others(store_url)
    assert asyncio.run(use()) == 2


@on_postgres
def test_a_connection_lost_inside_a_work_repeats_it_once(
    store: Store, store_url: str, things: Any, thing: Any
) -> None:
    runs: list[int] = []

    def work(tx: Any) -> None:
        count = tx.get(things, "ns", "1") or thing(name="a")
        tx.put(things, "ns", "1", thing(name="a", number=count.number + 1))
        runs.append(1)
        if len(runs) == 1:
            _terminate_others(store_url)

    store.write_now(work)
    assert len(runs) == 2
    assert store.read_now(lambda r: r.get(things, "ns", "1")).number == 1


@on_postgres
def test_a_serialization_failure_is_retried(
    store: Store, store_url: str, things: Any, thing: Any
) -> None:
    store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="a")))
    runs: list[int] = []
    outsider = open_engine(store_url)

    def work(tx: Any) -> None:
        count = tx.get(things, "ns", "1")
        runs.append(1)
        if len(runs) == 1:
            with outsider.begin() as connection:
                connection.execute(text("UPDATE records SET change = change"))
        tx.put(things, "ns", "1", thing(name="a", number=count.number + 1))

    store.write_now(work)
    outsider.dispose()
    assert len(runs) == 2
    assert store.read_now(lambda r: r.get(things, "ns", "1")).number == 1


@on_postgres
def test_a_server_that_is_gone_is_unavailable_until_it_is_back(
    store: Store, store_url: str, things: Any
) -> None:
    socket = Path(unquote(store_url.partition("host=")[2])) / ".s.PGSQL.5432"
    hidden = socket.with_name("hidden")
    store.write_now(lambda tx: tx.touch(things, "ns", "1"))
    _terminate_others(store_url)
    socket.rename(hidden)
    try:
        with pytest.raises(StoreUnavailable):
            store.write_now(lambda tx: tx.touch(things, "ns", "2"))
        with pytest.raises(StoreUnavailable):
            asyncio.run(store.read(lambda r: r.last_change()))
    finally:
        hidden.rename(socket)
    store.write_now(lambda tx: tx.touch(things, "ns", "3"))
    assert [c.id for c in store.read_now(lambda r: r.changes_after(0))] == ["1", "3"]


@on_postgres
def test_a_name_taken_in_one_work_does_not_fail_the_batch(
    store: Store, things: Any, thing: Any
) -> None:
    store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="a")))
    go = threading.Event()

    async def run() -> list[Any]:
        first = asyncio.create_task(store.write(lambda tx: go.wait(10)))
        await asyncio.sleep(0.05)
        tasks = [
            asyncio.create_task(store.write(work))
            for work in (
                lambda tx: tx.put(things, "ns", "2", thing(name="a")),
                lambda tx: tx.put(things, "ns", "3", thing(name="c")),
            )
        ]
        await asyncio.sleep(0.05)
        go.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(run())
    assert isinstance(results[0], AlreadyExists)
    assert results[1] is None
