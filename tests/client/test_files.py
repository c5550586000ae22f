"""Files of any size come back whole, or not at all."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.client.atomic import new_file
from keystead.client.files import decrypt_file, decrypt_stream, encrypt_file, encrypt_stream
from keystead.crypto.stream import CHUNK_BYTES, SEALED_CHUNK_BYTES
from keystead.errors import DecryptionFailed

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]


def encrypted(keeper: Any, plaintext: bytes, context: dict[str, str] | None = None) -> bytes:
    written = io.BytesIO()
    encrypt_stream(keeper, "orders", io.BytesIO(plaintext), written, context=context or {})
    return written.getvalue()


def decrypted(keeper: Any, data: bytes) -> bytes:
    written = io.BytesIO()
    decrypt_stream(keeper, io.BytesIO(data), written)
    return written.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_sizes_around_chunk_ends_come_back(keeper: Any, size: int) -> None:
    plaintext = os.urandom(size)
    assert decrypted(keeper, encrypted(keeper, plaintext, {"tenant": "acme"})) == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_a_file_cut_at_or_near_a_chunk_end_is_refused(keeper: Any, size: int) -> None:
    data = encrypted(keeper, bytes(size))
    start = len(data) - size - 17 * (size // CHUNK_BYTES + 1)
    ends = range(start, len(data), SEALED_CHUNK_BYTES)
    cuts = {cut for end in ends for cut in (end - 1, end, end + 1)} | {0, 3, 8, len(data) - 1}
    for cut in cuts & set(range(len(data))):
        with pytest.raises(DecryptionFailed):
            decrypted(keeper, data[:cut])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_of_a_file_is_refused(
    data: st.DataObject, make_keeper: Callable[[], Any]
) -> None:
    keeper = make_keeper()
    written = bytearray(encrypted(keeper, bytes(CHUNK_BYTES + 100), {"tenant": "acme"}))
    near = st.integers(0, 400) | st.integers(0, len(written) - 1)
    place, bit = data.draw(near), data.draw(st.integers(0, 7))
    written[place] ^= 1 << bit
    with pytest.raises(DecryptionFailed):
        decrypted(keeper, bytes(written))


def test_chunks_exchanged_repeated_or_appended_are_refused(keeper: Any) -> None:
    data = encrypted(keeper, os.urandom(3 * CHUNK_BYTES))
    end = len(data) - 17
    first = end - 3 * SEALED_CHUNK_BYTES
    chunks = [data[first + n * SEALED_CHUNK_BYTES :][:SEALED_CHUNK_BYTES] for n in range(3)]
    head, last = data[:first], data[end:]
    for order in ([1, 0, 2], [0, 0, 1, 2], [0, 1], [0, 1, 2, 2]):
        with pytest.raises(DecryptionFailed):
            decrypted(keeper, head + b"".join(chunks[n] for n in order) + last)
    with pytest.raises(DecryptionFailed):
        decrypted(keeper, data + b"x")


@given(data=st.binary(max_size=100), marked=st.booleans())
def test_foreign_files_raise_decryption_failed_and_nothing_else(
    data: bytes, marked: bool, make_keeper: Callable[[], Any]
) -> None:
    with pytest.raises(DecryptionFailed):
        decrypted(make_keeper(), b"KSF\x01" + data if marked else data)


def test_a_context_that_is_given_must_be_the_files(keeper: Any) -> None:
    data = encrypted(keeper, b"x", {"tenant": "acme"})
    decrypt_stream(keeper, io.BytesIO(data), io.BytesIO(), context={"tenant": "acme"})
    for context in ({}, {"tenant": "other"}, {"tenant": "acme", "more": "x"}):
        with pytest.raises(DecryptionFailed):
            decrypt_stream(keeper, io.BytesIO(data), io.BytesIO(), context=context)


class Endless(io.RawIOBase):
    """``size`` zero bytes, given out in odd portions as a pipe does."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        given = min(size, self.left, 10_007)
        self.left -= given
        return bytes(given)


class Counting(io.RawIOBase):
    """Takes writes in part, as an unbuffered file may."""

    count = 0

    def write(self, data: Any) -> int:
        taken = min(len(data), 50_000)
        self.count += taken
        return taken


def test_memory_does_not_grow_with_the_file(keeper: Any) -> None:
    sink: Any = Counting()
    tracemalloc.start()
    encrypt_stream(keeper, "orders", Endless(64 * 1024 * 1024), sink)  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sink.count > 64 * 1024 * 1024
    assert peak < 2 * 1024 * 1024


def test_progress_counts_all_input(keeper: Any, tmp_path: Path) -> None:
    plain, sealed, back = (tmp_path / name for name in "abc")
    plain.write_bytes(bytes(200_000))
    counts: list[int] = []
    encrypt_file(keeper, "orders", plain, sealed, progress=counts.append)
    assert sum(counts) == 200_000
    counts.clear()
    decrypt_file(keeper, sealed, back, progress=counts.append)
    assert sum(counts) == sealed.stat().st_size
    assert back.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("replace", [True, False])
def test_a_file_that_fails_late_leaves_nothing(
    keeper: Any, tmp_path: Path, nameless: bool, replace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE")
    sealed = tmp_path / "sealed"
    sealed.write_bytes(encrypted(keeper, bytes(5 * CHUNK_BYTES))[:-1])
    with pytest.raises(DecryptionFailed):
        decrypt_file(keeper, sealed, tmp_path / "plain", replace=replace)
    assert [path.name for path in tmp_path.iterdir()] == ["sealed"]


@pytest.mark.parametrize("nameless", [True, False])
def test_an_existing_file_is_replaced_only_when_told_and_only_by_a_whole_one(
    tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE")
    monkeypatch.chdir(tmp_path)
    path = Path("file")
    write(path, b"old")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write(path, b"new")
    with pytest.raises(ZeroDivisionError):
        write(path, b"half", replace=True, meanwhile=lambda: 1 / 0)
    assert path.read_bytes() == b"old"
    write(path, b"new", replace=True)
    assert path.read_bytes() == b"new"
    assert os.listdir() == ["file"]


@pytest.mark.parametrize("nameless", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE")
    path = tmp_path / "file"
    with pytest.raises(FileExistsError):
        write(path, b"mine", meanwhile=lambda: path.write_bytes(b"another's"))
    assert path.read_bytes() == b"another's"
    assert os.listdir(tmp_path) == ["file"]


def write(
    path: Path, data: bytes, *, replace: bool = False, meanwhile: Callable[[], object] = dict
) -> None:
    with new_file(path, replace=replace) as file:
        file.write(data)
        meanwhile()


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="needs O_TMPFILE")
def test_kill_9_while_writing_leaves_no_name(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from keystead.client.atomic import new_file\n"
        "with new_file(Path(sys.argv[1])) as f:\n"
        "    f.write(b'plaintext'); print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "plain")], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
