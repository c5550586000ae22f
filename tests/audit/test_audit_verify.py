"""Whatever is done to a log's files is found and named."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.audit.checkpoint import Signer
from keystead.audit.entry import Entry, encode
from keystead.audit.log import LogWriter
from keystead.audit.segments import list_segments
from keystead.audit.verify import Report, verify
from keystead.errors import VerificationFailed

SIZE = 23


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, make_entry: Callable[..., Entry], signer: Signer
) -> Path:
    """A log of 23 entries in four segments, with checkpoints at 7, 14, 21 and others."""
    directory = tmp_path_factory.mktemp("original") / "log"
    writer = LogWriter(directory, segment_bytes=3000, reserve_bytes=4096)
    writer.sign_with(signer)
    for n in range(SIZE):
        writer.commit([encode(make_entry(n))])
        if n % 7 == 6:
            writer.checkpoint()
    writer.close()
    assert len(list_segments(directory)) >= 3
    return directory


@pytest.fixture
def tampered(original: Path, tmp_path: Path) -> Path:
    return copy(original, tmp_path)


def copy(original: Path, where: Path) -> Path:
    target = where / "copy"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(original, target)
    return target


def all_lines(directory: Path) -> list[tuple[Path, int, bytes]]:
    """(segment, line number from 0, line with newline) for every entry, in order."""
    return [
        (segment.path, number, line)
        for segment in list_segments(directory)
        for number, line in enumerate(segment.path.read_bytes().splitlines(keepends=True))
    ]


def replace_line(directory: Path, index: int, new: bytes) -> None:
    path, number, _ = all_lines(directory)[index]
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number] = new
    path.write_bytes(b"".join(lines))


def names(report: Report, index: int, *kinds: str) -> bool:
    return any(
        f.first <= index <= f.last and (not kinds or f.kind in kinds) for f in report.findings
    )


def test_an_untouched_log_is_sound(original: Path, signer: Signer) -> None:
    progress: list[int] = []
    report = verify(original, signer.vkey, progress=progress.append)
    assert report.sound, report.findings
    assert (report.size, report.covered, report.trust_on_first_use) == (SIZE, SIZE, False)
    own = verify(original)
    assert own.sound
    assert own.trust_on_first_use
    assert own.vkey == signer.vkey


@settings(max_examples=300)
@given(data=st.data())
def test_any_flipped_byte_of_any_entry_is_found_and_its_entry_named(
    original: Path, tmp_path_factory: pytest.TempPathFactory, signer: Signer, data: st.DataObject
) -> None:
    tampered = copy(original, tmp_path_factory.getbasetemp() / "flips")
    index = data.draw(st.integers(0, SIZE - 1))
    _, _, line = all_lines(tampered)[index]
    position = data.draw(st.integers(0, len(line) - 1))
    mask = data.draw(st.integers(1, 255))
    replace_line(
        tampered, index, line[:position] + bytes([line[position] ^ mask]) + line[position + 1 :]
    )
    report = verify(tampered, signer.vkey)
    assert names(report, index), (index, position, report.findings)


def test_every_dropped_entry_is_named(original: Path, tmp_path: Path, signer: Signer) -> None:
    for index in range(SIZE):
        tampered = copy(original, tmp_path)
        replace_line(tampered, index, b"")
        report = verify(tampered, signer.vkey)
        kind = "truncated" if index == SIZE - 1 else "dropped"
        assert names(report, index, kind), (index, report.findings)
        assert sum(f.kind == kind for f in report.findings) == 1


def test_every_pair_of_swapped_entries_is_named(
    original: Path, tmp_path: Path, signer: Signer
) -> None:
    for first in range(SIZE):
        for second in range(first + 1, min(first + 4, SIZE)):
            tampered = copy(original, tmp_path)
            lines = all_lines(tampered)
            replace_line(tampered, first, lines[second][2])
            replace_line(tampered, second, lines[first][2])
            report = verify(tampered, signer.vkey)
            assert names(report, first, "reordered"), (first, second, report.findings)
            assert not any(f.kind == "dropped" for f in report.findings)


def test_a_repeated_entry_is_named(tampered: Path, signer: Signer) -> None:
    line = all_lines(tampered)[5][2]
    replace_line(tampered, 9, all_lines(tampered)[9][2] + line)
    assert names(verify(tampered, signer.vkey), 5, "reordered")


def test_truncation_at_any_byte_is_found_and_the_first_lost_entry_named(
    original: Path, tmp_path: Path, signer: Signer
) -> None:
    segment = list_segments(original)[-1]
    whole = segment.path.read_bytes()
    for length in range(0, len(whole), 29):
        tampered = copy(original, tmp_path)
        (tampered / segment.path.name).write_bytes(whole[:length])
        lost = segment.first + whole[:length].count(b"\n")
        report = verify(tampered, signer.vkey)
        assert names(report, lost, "truncated"), (length, report.findings)


def test_a_missing_segment_is_named(original: Path, tmp_path: Path, signer: Signer) -> None:
    segments = list_segments(original)
    for number, segment in enumerate(segments):
        tampered = copy(original, tmp_path)
        (tampered / segment.path.name).unlink()
        report = verify(tampered, signer.vkey)
        last = number == len(segments) - 1
        assert names(report, segment.first, "truncated" if last else "dropped"), report.findings


def test_a_rewritten_log_with_a_good_chain_fails_its_checkpoints(
    tampered: Path, signer: Signer, make_entry: Callable[..., Entry]
) -> None:
    checkpoints = (tampered / "checkpoints").read_bytes()
    shutil.rmtree(tampered)
    writer = LogWriter(tampered, reserve_bytes=4096)
    for n in range(SIZE):
        forged = {"principal": "p-else"} if n == 9 else {}
        writer.commit([encode(make_entry(n, **forged))])
    writer.close()
    (tampered / "checkpoints").write_bytes(checkpoints)
    assert names(verify(tampered, signer.vkey), 9, "altered")


@pytest.mark.parametrize(
    "entry",
    [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b'{"a":1,"index":9}', b'{"a":"\\u0041"}'],
)
def test_an_entry_that_is_not_canonical_is_named_though_chain_and_checkpoint_hold(
    open_log: Callable[..., LogWriter], signer: Signer, entry: bytes
) -> None:
    writer = open_log()
    writer.sign_with(signer)
    writer.commit([b'{"a":1}', entry, b'{"a":1}'])
    writer.close()
    report = verify(writer._directory, signer.vkey)
    assert [(f.kind, f.first, f.segment, f.line) for f in report.findings] == [
        ("altered", 1, list_segments(writer._directory)[0].path.name, 2)
    ]


def test_a_log_without_checkpoints_is_not_sound(tampered: Path, signer: Signer) -> None:
    (tampered / "checkpoints").unlink()
    report = verify(tampered, signer.vkey)
    assert [f.kind for f in report.findings] == ["unsigned"]


@settings(max_examples=200)
@given(position=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_any_flipped_byte_of_the_checkpoints_is_found(
    original: Path,
    tmp_path_factory: pytest.TempPathFactory,
    signer: Signer,
    position: int,
    mask: int,
) -> None:
    tampered = copy(original, tmp_path_factory.getbasetemp() / "checkpoint-flips")
    data = bytearray((tampered / "checkpoints").read_bytes())
    data[position % len(data)] ^= mask
    (tampered / "checkpoints").write_bytes(data)
    assert not verify(tampered, signer.vkey).sound


def test_another_key_or_a_false_vkey_is_found(tampered: Path, signer: Signer) -> None:
    other = Signer.from_seed(signer.origin, b"\x08" * 32)
    assert not verify(tampered, other.vkey).sound
    (tampered / "log.vkey").write_bytes(other.vkey.encode() + b"\n")
    assert not verify(tampered).sound
    (tampered / "log.vkey").write_bytes(b"\xff")
    assert not verify(tampered).sound
    with pytest.raises(VerificationFailed):
        verify(tampered, "nonsense")


def test_a_checkpoint_kept_elsewhere_shows_what_the_folder_alone_does_not(
    tampered: Path, signer: Signer
) -> None:
    notes = (tampered / "checkpoints").read_bytes().split(b"\n\n")
    newest = notes[-3] + b"\n\n" + notes[-2] + b"\n"
    assert verify(tampered, signer.vkey, against=newest).sound
    cut = [path for path, _, _ in all_lines(tampered)][-1]
    lost = len(cut.read_bytes().splitlines())
    cut.unlink()
    kept = [n for n in range(0, len(notes) - 1, 2) if int(notes[n].split(b"\n")[1]) <= SIZE - lost]
    keep = notes[: kept[-1] + 2]
    (tampered / "checkpoints").write_bytes(b"\n\n".join(keep) + b"\n\n")
    assert verify(tampered, signer.vkey).sound  # the folder agrees with itself
    assert names(verify(tampered, signer.vkey, against=newest), SIZE - 1, "truncated")
    forged = Signer.from_seed(signer.origin, b"\x08" * 32).sign(7, b"\x01" * 32)
    assert not verify(tampered, signer.vkey, against=forged).sound
    split = signer.sign(7, b"\x01" * 32)
    assert names(verify(tampered, signer.vkey, against=split), 3, "altered")


def test_a_log_is_sound_while_it_is_written(
    open_log: Callable[..., LogWriter], signer: Signer, make_entry: Callable[..., Entry]
) -> None:
    writer = open_log(segment_bytes=60_000)
    writer.sign_with(signer)

    def write() -> None:
        for n in range(0, 4000, 20):
            writer.commit([encode(make_entry(n + k)) for k in range(20)])
            writer.checkpoint()
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    sizes = set()
    while thread.is_alive():
        report = verify(writer._directory)
        assert all(f.kind == "unsigned" for f in report.findings), report.findings
        sizes.add(report.covered)
    thread.join()
    assert len(sizes) > 2
    assert verify(writer._directory).covered == 4000


def test_an_empty_log_is_sound(open_log: Callable[..., LogWriter], signer: Signer) -> None:
    writer = open_log()
    writer.close()
    report = verify(writer._directory, signer.vkey)
    assert report.sound
    assert report.size == 0
