"""Every committed change reaches the caches, whatever fails on the way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keystead.errors import StoreUnavailable
from keystead.services.feed import LOOK_SECONDS, Board, ChangeFeed
from keystead.store.kinds import Kind
from keystead.store.store import Store


class _Note(msgspec.Struct, frozen=True):
    text: str


class _PlainSealer:
    """Seals nothing: what is stored here is no secret, and is not what is tested."""

    def seal(self, namespace: str, aad: bytes, plaintext: bytes) -> bytes:
        return plaintext

    def open(self, namespace: str, aad: bytes, blob: bytes) -> bytes:
        return blob


NOTE = Kind("note", _Note)


class Desk:
    """A feed, what it has told, and a clock that stands still."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(f"sqlite:///{path}")
        self.store.sealer = _PlainSealer()
        self.store.prepare()
        self.now = 0.0
        self.told: list[str] = []
        self.gaps = 0
        self.feed = ChangeFeed(self.store, Board.alone(), lambda: self.now)
        self.feed.listen(self._listen)
        self.feed.on_gap = self._gap

    async def _listen(self, changes: Any) -> None:
        self.told += [change.id for change in changes]

    async def _gap(self) -> None:
        self.gaps += 1

    async def start(self) -> None:
        await self.write("first")
        self.feed.start_after(await self.store.read(lambda reader: reader.last_change()))
        await self.feed.catch_up()

    async def write(self, *ids: str, forget: bool = False, store: Any = None) -> None:
        def work(tx: Any) -> None:
            for id in ids:
                tx.put(NOTE, "", id, _Note(id))

        await (store or self.store).write(work)
        if forget:
            await (store or self.store).write(lambda tx: tx.forget_changes(1))

    async def write_elsewhere(self, *ids: str, forget: bool = False) -> None:
        """Write as another node does, and tell of it."""
        other = Store(f"sqlite:///{self.path}")
        other.sealer = _PlainSealer()
        await self.write(*ids, forget=forget, store=other)
        other.close()
        self.feed.notice()


@pytest.fixture
def on_desk(tmp_path: Path) -> Callable[[Callable[[Desk], Awaitable[None]]], None]:
    def run(work: Callable[[Desk], Awaitable[None]]) -> None:
        async def inside() -> None:
            desk = Desk(tmp_path / "notes.sqlite")
            await desk.start()
            try:
                await work(desk)
            finally:
                desk.store.close()

        asyncio.run(inside())

    return run


async def _python(program: str, path: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return told


def test_more_changes_than_one_page_are_all_told_in_order(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        ids = [f"n{number:05d}" for number in range(2500)]
        await desk.write(*ids)
        assert desk.feed.stale()
        await desk.feed.catch_up()
        assert desk.told == ids
        assert not desk.feed.stale()

    on_desk(work)


def test_changes_that_the_store_has_forgotten_make_a_gap(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        await desk.write_elsewhere("a", "b", "c", forget=True)
        await desk.feed.catch_up()
        assert (desk.told, desk.gaps) == ([], 1)
        await desk.write("d")
        await desk.feed.catch_up()
        assert (desk.told, desk.gaps) == (["d"], 1)

    on_desk(work)


def test_own_changes_are_told_in_order_with_those_of_others(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        await desk.write("own")
        await desk.write_elsewhere("other")
        await desk.write("own again")
        await desk.feed.catch_up()
        await desk.write("last")
        await desk.feed.catch_up()
        assert (desk.told, desk.gaps) == (["own", "other", "own again", "last"], 0)
        assert not desk.feed.stale()

    on_desk(work)


def test_an_older_copy_of_the_database_makes_a_gap(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        desk.feed.start_after(1000)  # as if more had been seen than there is
        await desk.feed.catch_up()
        assert desk.gaps == 1

    on_desk(work)


def test_a_listener_that_fails_is_told_again(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        async def fail(_: Any) -> None:
            if not failed:
                failed.append(True)
                raise StoreUnavailable

        failed: list[bool] = []
        desk.feed.listen(fail)
        await desk.write("a")
        with pytest.raises(StoreUnavailable):
            await desk.feed.catch_up()
        assert desk.feed.stale()
        await desk.feed.catch_up()
        assert desk.told == ["a", "a"]

    on_desk(work)


def test_a_notice_during_an_outage_is_not_forgotten(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        aside = desk.path.with_suffix(".aside")
        desk.path.rename(aside)
        desk.feed.notice()
        with pytest.raises(StoreUnavailable):
            await desk.feed.catch_up()
        aside.rename(desk.path)
        assert desk.feed.stale()
        watch = asyncio.create_task(desk.feed.watch())
        await asyncio.sleep(LOOK_SECONDS + 0.5)
        assert not desk.feed.stale()
        assert desk.feed.unreachable_since is None
        watch.cancel()

    on_desk(work)


def test_grace_is_counted_from_when_the_store_was_last_heard(on_desk: Any) -> None:
    async def work(desk: Desk) -> None:
        desk.now = 100.0
        desk.feed.notice()
        await desk.feed.catch_up()
        desk.path.rename(desk.path.with_suffix(".aside"))
        desk.now = 105.0
        desk.feed.require_heard_within(0)  # not known to be out of reach
        desk.feed.notice()
        with pytest.raises(StoreUnavailable):
            await desk.feed.catch_up()
        assert desk.feed.unreachable_since == 100.0
        desk.feed.require_heard_within(5.1)
        for grace in (0, 5):
            with pytest.raises(StoreUnavailable):
                desk.feed.require_heard_within(grace)

    on_desk(work)


def test_another_process_that_looks_into_the_database_cannot_take_its_log_away(
    on_desk: Any,
) -> None:
    """SQLite's last connection to close deletes the log: the locks must say it is not."""

    async def work(desk: Desk) -> None:
        # Another connection of ours must not let go of the locks that the others hold.
        desk.store.read_now(lambda reader: reader.last_change())
        look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('select 1 from changes')"
        await _python(look, desk.path)
        log = desk.path.with_name(desk.path.name + "-wal")
        assert log.exists()
        await desk.write("kept")
        count = f"{look}; print(sqlite3.connect(sys.argv[1]).execute("
        count += "\"select count(*) from records where id = 'kept'\").fetchone()[0])"
        assert (await _python(count, desk.path)).strip() == b"1"

    on_desk(work)
