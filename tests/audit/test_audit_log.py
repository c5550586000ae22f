"""The log on disk: group commit, recovery, faults."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from keystead.audit import head as heads
from keystead.audit import log as log_module
from keystead.audit.checkpoint import Signer
from keystead.audit.entry import Entry, encode
from keystead.audit.log import LogWriter
from keystead.audit.merkle import leaf_hash, root
from keystead.audit.segments import leaves, list_segments, read_from
from keystead.audit.verify import verify
from keystead.errors import AuditUnavailable, IntegrityFailure

Open = Callable[..., LogWriter]
Make = Callable[..., Entry]


def batch(make_entry: Make, *numbers: int) -> list[bytes]:
    return [encode(make_entry(n)) for n in numbers]


def test_a_batch_takes_consecutive_indexes_and_links_each_line_to_the_one_before(
    open_log: Open, make_entry: Make, tmp_path: Path
) -> None:
    writer = open_log()
    assert writer.commit(batch(make_entry, 0, 1, 2)) == 0
    assert writer.commit([]) == 3
    assert writer.commit(batch(make_entry, 3)) == 3
    lines = [line for _, line in read_from(tmp_path / "log", 0)]
    assert writer.size == len(lines) == 4
    assert writer.root() == root(map(leaf_hash, lines))
    for before, line in pairwise(lines):
        assert leaf_hash(before).hex().encode() in line
    writer.close()


def test_a_log_has_one_writer(open_log: Open) -> None:
    first = open_log()
    with pytest.raises(AuditUnavailable):
        open_log()
    first.close()
    open_log().close()


@pytest.mark.parametrize("forget_state", [False, True])
def test_reopening_continues_tree_and_chain_over_many_segments(
    open_log: Open, make_entry: Make, signer: Signer, tmp_path: Path, forget_state: bool
) -> None:
    directory = tmp_path / "log"
    for start in range(0, 60, 7):
        writer = open_log(segment_bytes=1500)
        assert writer.size == start
        if start % 2:
            writer.sign_with(signer)
        writer.commit(batch(make_entry, *range(start, start + 3)))
        writer.commit(batch(make_entry, *range(start + 3, start + 7)))
        writer.close()
        if forget_state:
            (directory / heads.STATE).unlink(missing_ok=True)
    writer = open_log(segment_bytes=1500)
    writer.sign_with(signer)
    writer.close()
    report = verify(directory, signer.vkey)
    assert report.sound
    assert report.size == report.covered == 63
    assert len(list_segments(directory)) > 5


def test_a_false_state_is_not_believed(
    make_log: Callable[..., Path], open_log: Open, tmp_path: Path
) -> None:
    directory = make_log(9)
    good = (directory / heads.STATE).read_bytes()
    peak = good.index(b'"peaks":["') + 10
    other_peak = good[:peak] + b"0" * 64 + good[peak + 64 :]
    offset = good.replace(b'"offset":', b'"offset":1')
    for bad in (other_peak, offset, b"{}", b"\xff", good[:-5]):
        (directory / heads.STATE).write_bytes(bad)
        writer = open_log()
        assert writer.size == 9
        assert writer.root() == root(leaves(directory, 9))
        writer.close()


@pytest.mark.parametrize("tail", [b'{"index":3,"prev":"', b"\0" * 5000, b"x"])
def test_a_torn_last_line_is_cut_off_and_reported(
    make_log: Callable[..., Path], open_log: Open, make_entry: Make, signer: Signer, tail: bytes
) -> None:
    directory = make_log(3)
    with list_segments(directory)[-1].path.open("ab") as file:
        file.write(tail)
    writer = open_log()
    assert (writer.torn_bytes, writer.size) == (len(tail), 3)
    writer.sign_with(signer)
    writer.commit(batch(make_entry, 3))
    writer.close()
    assert verify(directory, signer.vkey).sound


def test_an_altered_tail_is_refused_on_opening_by_its_index(
    open_log: Open, make_entry: Make, signer: Signer, tmp_path: Path
) -> None:
    writer = open_log()
    writer.sign_with(signer)
    writer.commit(batch(make_entry, *range(4)))
    writer.checkpoint()
    writer.commit(batch(make_entry, *range(4, 9)))
    writer._release()  # as a crash would: the last five are under no checkpoint
    path = list_segments(tmp_path / "log")[0].path
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"r-6"', b'"r-X"'))
    with pytest.raises(IntegrityFailure) as refused:
        open_log()
    assert refused.value.details["index"] == 6
    path.write_bytes(b"".join(good.splitlines(keepends=True)[:3]))
    with pytest.raises(IntegrityFailure) as refused:
        open_log()
    assert refused.value.details["index"] == 3


def test_the_log_keeps_to_one_checkpoint_key(
    make_log: Callable[..., Path], open_log: Open, signer: Signer
) -> None:
    make_log(2)
    writer = open_log()
    with pytest.raises(IntegrityFailure):
        writer.sign_with(Signer.from_seed(signer.origin, b"\x08" * 32))
    writer.sign_with(signer)
    writer.close()


KILLED = """
import os, sys
from pathlib import Path
from keystead.audit.checkpoint import Signer
from keystead.audit.entry import Entry, encode
from keystead.audit.log import LogWriter
writer = LogWriter(Path(sys.argv[1]), segment_bytes=20_000, reserve_bytes=4096)
writer.sign_with(Signer.from_seed("keystead.example/n1", b"\\x07" * 32))
n = 0
while True:
    names = [f"{os.getpid()}-{n + k}" for k in range(7)]
    first = writer.commit([encode(Entry(action="a", phase="event", time=n, request_id=r))
                           for r in names])
    os.write(1, b"".join(b"%d %b\\n" % (first + k, r.encode()) for k, r in enumerate(names)))
    n += 7
    if n % 21 == 0:
        writer.checkpoint()
"""


def test_after_kill_9_at_any_time_every_acknowledged_entry_is_there_and_the_log_verifies(
    tmp_path: Path, open_log: Open, signer: Signer
) -> None:
    directory = tmp_path / "log"
    acknowledged: dict[int, bytes] = {}
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(directory)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            heard = child.stdout.readline()
            time.sleep(random.uniform(0, 0.03))
            child.kill()
            heard += child.stdout.read()
        for line in heard[: heard.rindex(b"\n")].split(b"\n"):
            index, name = line.split()
            assert acknowledged.setdefault(int(index), name) == name
    writer = open_log()
    writer.sign_with(signer)
    writer.close()
    report = verify(directory, signer.vkey)
    assert report.sound, report.findings
    stored = dict(read_from(directory, 0))
    assert len(acknowledged) > 100
    for index, name in acknowledged.items():
        assert b'"request_id":"%b"' % name in stored[index]


class Fault:
    """Makes a call of ``os`` fail while ``on``; ``before`` may spoil things first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
        self.on = False
        real: Any = getattr(os, name)

        def call(fd: int, *arguments: Any) -> Any:
            if not self.on:
                return real(fd, *arguments)
            if name == "pwrite":
                real(fd, bytes(arguments[0])[: len(arguments[0]) // 2], arguments[1])
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("truncate_fails", [False, True])
@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("fdatasync", errno.EIO),
        ("fdatasync", errno.ENOSPC),
        ("pwrite", errno.ENOSPC),
        ("pwrite", errno.EIO),
    ],
)
def test_a_failing_disk_acknowledges_nothing_and_the_log_goes_on_when_the_fault_goes(
    open_log: Open,
    make_entry: Make,
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    call: str,
    number: int,
    truncate_fails: bool,
) -> None:
    writer = open_log(segment_bytes=3000)
    writer.sign_with(signer)
    writer.commit(batch(make_entry, 0, 1))
    fault = Fault(monkeypatch, call, number)
    truncation = Fault(monkeypatch, "ftruncate", number)
    for n in range(2, 20, 2):
        fault.on, truncation.on = True, truncate_fails
        for _ in range(2):
            with pytest.raises(AuditUnavailable):
                writer.commit(batch(make_entry, 100, 101))
        assert writer.size == n
        fault.on = truncation.on = False
        assert writer.commit(batch(make_entry, n, n + 1)) == n
    writer.close()
    report = verify(tmp_path / "log", signer.vkey)
    assert report.sound
    assert report.size == 20
    assert not any(b'"r-100"' in line for _, line in read_from(tmp_path / "log", 0))


def test_durable_entries_lost_with_a_failed_fsync_stop_the_log_by_their_index(
    open_log: Open, make_entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_log()
    writer.commit(batch(make_entry, *range(5)))
    fault = Fault(monkeypatch, "fdatasync", errno.EIO)
    fault.on = True
    with pytest.raises(AuditUnavailable):
        writer.commit(batch(make_entry, 5))
    fault.on = False
    path = list_segments(writer._directory)[0].path
    path.write_bytes(path.read_bytes().replace(b'"r-4"', b'"r-\0"'))
    with pytest.raises(IntegrityFailure) as refused:
        writer.commit(batch(make_entry, 5))
    assert refused.value.details["index"] == 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "small"
    where.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_full_disk_leaves_room_for_operators_and_service_returns_with_space(
    small_disk: Path, open_log: Open, make_entry: Make, signer: Signer
) -> None:
    writer = open_log(small_disk / "log", reserve_bytes=128 * 1024)
    writer.sign_with(signer)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 400_000)
    n = 0
    with pytest.raises(AuditUnavailable) as refused:  # noqa: PT012 - some entry is the first
        for n in range(10_000):
            writer.commit(batch(make_entry, n))
    assert refused.value.details["errno"] == errno.ENOSPC
    assert writer.size == n > 100
    assert not writer.takes_all()
    assert writer.commit(batch(make_entry, n)) == n  # an essential one, from the reserve
    ballast.unlink()
    writer._next_reserve_try = 0.0
    assert writer.takes_all()
    assert writer.commit(batch(make_entry, n + 1)) == n + 1
    writer.close()
    report = verify(small_disk / "log", signer.vkey)
    assert report.sound
    assert report.size == n + 2


def test_a_folder_that_cannot_be_made_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AuditUnavailable):
        log_module.LogWriter(tmp_path / "file" / "log")
