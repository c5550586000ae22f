"""The checkpoints of a log, kept in one file of notes (see ``note``)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keystead.audit import disk, note
from keystead.audit.note import MAX_NOTE_BYTES, Checkpoint
from keystead.audit.segments import CHECKPOINTS

_TAIL_BYTES = 2 * MAX_NOTE_BYTES


def append_note(directory: Path, signed: bytes) -> None:
    """Keep a note, durably: a new checkpoint, or one that a witness has cosigned.

    A later note of the same size stands beside the earlier one; writers in several
    processes take turns. Raises OSError; then nothing is added.
    """
    with _opened(directory) as fd:
        length = _whole_length(fd)
        os.ftruncate(fd, length)
        try:
            disk.write_all(fd, signed + b"\n", length)
            os.fdatasync(fd)
        except OSError:
            os.ftruncate(fd, length)
            raise
        if length == 0:
            disk.sync_folder(directory)


def cut_torn_note(directory: Path) -> None:
    """Remove a last note that a crash left incomplete. Raises OSError."""
    if (directory / CHECKPOINTS).exists():
        with _opened(directory) as fd:
            os.ftruncate(fd, _whole_length(fd))


def settled_length(directory: Path) -> int:
    """How long the file is while nobody writes to it; 0 if it is missing. Raises OSError."""
    try:
        with (directory / CHECKPOINTS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return 0


def last_note(directory: Path) -> bytes | None:
    """The newest whole note. Raises OSError."""
    path = directory / CHECKPOINTS
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = file.read()
    tail = tail[: note.complete_length(tail)]
    signatures = tail.rfind(note.SIGNATURES_START)
    start = tail.rfind(b"\n\n", 0, max(signatures, 0))
    return tail[start + 2 if start >= 0 else 0 : -1] or None


def last_checkpoint(directory: Path) -> Checkpoint | None:
    """The newest whole checkpoint; its signature is not verified here.

    Raises VerificationFailed if it is malformed, OSError if it cannot be read.
    """
    newest = last_note(directory)
    return None if newest is None else note.parse_checkpoint(newest)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    fd = os.open(directory / CHECKPOINTS, flags, disk.FILE_MODE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def _whole_length(fd: int) -> int:
    start = max(0, os.fstat(fd).st_size - _TAIL_BYTES)
    return start + note.complete_length(os.pread(fd, _TAIL_BYTES, start))
