"""Entries through a thread and through the writer process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit import committer as committers
from keystead.audit import wire, writer_process
from keystead.audit.checkpoint import Signer
from keystead.audit.committer import ThreadCommitter
from keystead.audit.entry import Entry, encode
from keystead.audit.journal import Group, Journal
from keystead.audit.log import LogWriter
from keystead.audit.segments import read_from
from keystead.audit.socket_committer import SocketCommitter
from keystead.audit.verify import verify
from keystead.errors import AuditUnavailable, InvalidRequest, Overloaded

Make = Callable[..., Entry]
SEED = b"\x07" * 32


class Writer:
    """A writer process, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "log"
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        module = "keystead.audit.writer_process"
        where = ["--dir", str(self.directory), "--socket", str(self.socket)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *where, "--checkpoint-seconds", "0.05"]
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop(signal.SIGKILL)


def test_appends_resolve_to_the_index_of_their_own_durable_entry(
    tmp_path: Path, make_entry: Make, signer: Signer
) -> None:
    async def run() -> list[int]:
        committer = ThreadCommitter(tmp_path / "log", signer=signer)

        async def worker(k: int) -> list[int]:
            return [await committer.append(encode(make_entry(20 * k + n))) for n in range(20)]

        indexes = await asyncio.gather(*(worker(k) for k in range(10)))
        await committer.close()
        status = committer.status()
        assert (status.backlog, status.size, status.signed_size) == (0, 200, 200)
        return [index for each in indexes for index in each]

    indexes = asyncio.run(run())
    lines = dict(read_from(tmp_path / "log", 0))
    assert sorted(indexes) == list(range(200))
    for number, index in enumerate(indexes):
        assert b'"request_id":"r-%d"' % number in lines[index]
    assert verify(tmp_path / "log", signer.vkey).sound


def test_checkpoints_come_in_time_and_only_when_there_is_something_new(
    tmp_path: Path, make_entry: Make, signer: Signer
) -> None:
    async def run() -> int:
        committer = ThreadCommitter(tmp_path / "log", checkpoint_seconds=0.02)
        await committer.append(encode(make_entry(0)))
        await asyncio.sleep(0.1)
        assert committer.status().signed_size == 0  # waits for the key
        committer.sign_with(signer.origin, SEED)
        for n in range(1, 4):
            await asyncio.sleep(0.1)
            assert committer.status().signed_size == n
            await committer.append(encode(make_entry(n)))
        await committer.close()
        return verify(tmp_path / "log", signer.vkey).checkpoints

    assert asyncio.run(run()) == 4


def test_what_waits_is_bounded(tmp_path: Path, make_entry: Make) -> None:
    async def run() -> None:
        committer = ThreadCommitter(tmp_path / "log", backlog_bytes=10_000)
        futures = []
        with pytest.raises(Overloaded):  # noqa: PT012 - which one is refused is not the point
            for n in range(100):
                futures.append(committer.append(encode(make_entry(n))))
        assert await asyncio.gather(*futures) == list(range(len(futures)))
        assert 5 < len(futures) < 20
        assert await committer.append(encode(make_entry(99))) == len(futures)
        await committer.close()
        with pytest.raises(AuditUnavailable):
            committer.append(encode(make_entry(0)))

    asyncio.run(run())


def test_more_than_one_message_holds_travels_in_several(writer: Writer, make_entry: Make) -> None:
    async def run() -> None:
        committer = SocketCommitter(writer.socket)
        await asyncio.wait_for(committer.connected(), 10)
        big = encode(make_entry(context={"a": "x" * 200_000}))
        futures = [committer.append(big) for _ in range(100)]  # 20 MB
        assert await asyncio.gather(*futures) == list(range(100))
        await committer.close()

    asyncio.run(run())


def test_on_a_full_disk_only_essential_entries_are_taken(
    tmp_path: Path, make_entry: Make, open_log: Callable[..., LogWriter]
) -> None:
    log = open_log()
    log.essential_only = True
    log._next_reserve_try = time.monotonic() + 1000

    async def run() -> None:
        committer = ThreadCommitter(tmp_path / "log", writer=log)
        ordinary = committer.append(encode(make_entry(0)))
        essential = committer.append(encode(make_entry(1)), essential=True)
        assert await essential == 0
        with pytest.raises(AuditUnavailable):
            await ordinary
        assert committer.status().essential_only
        await committer.close()

    asyncio.run(run())


def test_when_the_disk_fills_up_the_essential_entries_of_the_batch_come_from_the_reserve(
    make_entry: Make, open_log: Callable[..., LogWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary, essential = Group(essential=False), Group(essential=True)
    ordinary.entries = [encode(make_entry(0)), encode(make_entry(1))]
    essential.entries = [encode(make_entry(2))]
    log = open_log()
    real, calls = os.fdatasync, []

    def full_at_first(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd)

    monkeypatch.setattr(os, "fdatasync", full_at_first)
    refused, first = Journal(log, 10).commit([ordinary, essential])
    assert isinstance(refused, AuditUnavailable)
    assert (first, log.size) == (0, 1)
    assert not (log._directory / "reserve").exists()
    log.close()


def test_a_bug_in_the_writer_fails_the_entries_and_not_the_thread(
    tmp_path: Path, make_entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        committer = ThreadCommitter(tmp_path / "log")
        with monkeypatch.context() as broken:
            broken.setattr(committer._writer, "commit", lambda batch: 1 // 0)
            with pytest.raises(AuditUnavailable):
                await committer.append(encode(make_entry(0)))
            assert committer.status().last_error
        assert await committer.append(encode(make_entry(1))) == 0
        await committer.close()

    asyncio.run(run())


def test_several_workers_share_one_order_and_the_key_arrives_over_the_socket(
    writer: Writer, make_entry: Make, signer: Signer
) -> None:
    async def run() -> None:
        workers = [SocketCommitter(writer.socket) for _ in range(3)]
        for each in workers:
            await asyncio.wait_for(each.connected(), 10)
        workers[1].sign_with(signer.origin, SEED)
        futures = [w.append(encode(make_entry(n))) for n in range(100) for w in workers]
        assert sorted(await asyncio.gather(*futures)) == list(range(300))
        assert all(w.status().backlog == 0 for w in workers)
        for each in workers:
            await each.close()

    asyncio.run(run())
    assert writer.stop() == 0
    report = verify(writer.directory, signer.vkey)
    assert report.sound
    assert report.covered == 300


def test_when_the_writer_dies_nothing_unconfirmed_is_acknowledged_and_workers_reconnect(
    writer: Writer, make_entry: Make, signer: Signer
) -> None:
    acknowledged: dict[int, int] = {}
    refused = 0

    async def run() -> None:
        nonlocal refused
        committer = SocketCommitter(writer.socket)
        committer.sign_with(signer.origin, SEED)
        ending = False

        async def load(k: int) -> None:
            nonlocal refused
            n = k * 1_000_000
            while not ending:
                n += 1
                try:
                    acknowledged[await committer.append(encode(make_entry(n)))] = n
                except AuditUnavailable:
                    refused += 1
                    await asyncio.sleep(0.005)

        async def served(committer: SocketCommitter) -> None:
            """Return once the writer that runs now has acknowledged an entry."""
            while True:
                with contextlib.suppress(AuditUnavailable):
                    await committer.connected()
                    await committer.append(encode(make_entry(7)))
                    return
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(load(k)) for k in range(8)]
        for _ in range(5):
            await asyncio.wait_for(served(committer), 10)
            writer.stop(signal.SIGKILL)
            writer.start()
        await asyncio.sleep(0)
        await asyncio.wait_for(served(committer), 10)
        ending = True
        await asyncio.wait_for(committer.connected(), 10)
        await asyncio.wait_for(committer.append(encode(make_entry(7))), 10)
        ending = True
        await asyncio.gather(*tasks)
        await committer.close()

    asyncio.run(run())
    assert writer.stop() == 0
    assert refused
    lines = dict(read_from(writer.directory, 0))
    for index, number in acknowledged.items():
        assert b'"request_id":"r-%d"' % number in lines[index]
    report = verify(writer.directory, signer.vkey)
    assert report.sound, report.findings
    assert report.covered == report.size


def test_the_writer_process_serves_an_inherited_socket(tmp_path: Path, make_entry: Make) -> None:
    listener = writer_process.listen(tmp_path / "s")
    arguments = ["--dir", str(tmp_path / "log"), "--socket-fd", str(listener.fileno())]
    process = subprocess.Popen(
        [sys.executable, "-m", "keystead.audit.writer_process", *arguments],
        pass_fds=[listener.fileno()],
    )
    listener.close()

    async def run() -> None:
        committer = SocketCommitter(tmp_path / "s")
        await asyncio.wait_for(committer.connected(), 10)
        assert await asyncio.wait_for(committer.append(encode(make_entry(0))), 10) == 0
        await committer.close()

    try:
        asyncio.run(run())
    finally:
        process.terminate()
    assert process.wait(10) == 0


def test_a_second_writer_process_is_refused(writer: Writer, make_entry: Make) -> None:
    async def run() -> None:
        committer = SocketCommitter(writer.socket)
        await asyncio.wait_for(committer.connected(), 10)
        await committer.close()

    asyncio.run(run())
    arguments = ["--dir", str(writer.directory), "--socket", str(writer.socket) + "2"]
    module = "keystead.audit.writer_process"
    second = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True)
    assert second.returncode == 78
    assert b"Another process" in second.stderr


def test_without_a_writer_appends_are_refused_at_once(tmp_path: Path, make_entry: Make) -> None:
    async def run() -> None:
        committer = SocketCommitter(tmp_path / "nobody")
        with pytest.raises(AuditUnavailable):
            committer.append(encode(make_entry(0)))
        await committer.close()

    asyncio.run(run())


def test_the_writer_process_loads_no_cryptography_before_it_signs() -> None:
    code = (
        "import sys, keystead.audit.writer_process\n"
        "heavy = {'cryptography', 'sqlalchemy', 'asyncio', 'httpx'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


MESSAGES = st.one_of(
    st.builds(
        lambda number, essential, texts: wire.Append(
            number, essential, [b'{"a":"%b"}' % t.encode().replace(b"\n", b"") for t in texts]
        ),
        st.integers(0, 2**32 - 1),
        st.booleans(),
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=4),
    ),
    st.builds(
        wire.Ack,
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**63),
        st.integers(0, 2**63),
        st.integers(0, 2**63),
        st.booleans(),
    ),
    st.builds(
        wire.Refused,
        st.integers(0, 2**32 - 1),
        st.booleans(),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    st.builds(
        wire.Key,
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.binary(min_size=32, max_size=32),
    ),
)
PACK = {
    wire.Append: wire.pack_append,
    wire.Ack: wire.pack_ack,
    wire.Refused: wire.pack_refused,
    wire.Key: wire.pack_key,
}


@given(st.lists(MESSAGES, max_size=5), st.integers(1, 50))
def test_messages_survive_any_cutting_of_the_stream(messages: list[object], step: int) -> None:
    stream = b"".join(PACK[type(m)](m) for m in messages)  # type: ignore[index]
    unpacker = wire.Unpacker()
    heard = [m for i in range(0, len(stream), step) for m in unpacker.feed(stream[i : i + step])]
    assert heard == messages


@given(st.binary(max_size=200))
def test_hostile_messages_raise_only_our_error(data: bytes) -> None:
    for kind in (wire.APPEND, wire.KEY, wire.ACK, wire.REFUSED, 9):
        framed = (len(data) + 1).to_bytes(4, "big") + bytes([kind]) + data
        for stream in (data, framed):
            with contextlib.suppress(InvalidRequest):
                list(wire.Unpacker().feed(stream))


@pytest.mark.parametrize("entry", [b"", b"{}", b'{"a":1}\n{"index":9}', b'["a"]', b'{"a":1'])
def test_an_entry_that_would_break_a_lines_framing_is_refused(entry: bytes) -> None:
    message = wire.pack_append(wire.Append(1, False, [entry]))
    with pytest.raises(InvalidRequest):
        list(wire.Unpacker().feed(message))


def test_the_checkpoint_key_shows_in_no_repr() -> None:
    assert "\\x07" not in repr(wire.Key("a", SEED))


def test_committers_keep_the_limits_they_state() -> None:
    assert committers.BATCH_BYTES + committers._ENTRY_OVERHEAD_BYTES < wire.MAX_MESSAGE_BYTES
