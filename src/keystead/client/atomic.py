"""A file that is there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from keystead.errors import AlreadyExists, InvalidRequest


@contextmanager
def new_file(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """Open a file of mode 0600 that gets its name only once the block has ended well.

    Its bytes and its name are then durable. Where the system has O_TMPFILE the file has
    no name before that, so that even ``kill -9`` leaves nothing; elsewhere a dot file
    beside it does, which is removed on every error. Raises AlreadyExists, before and
    after the block, if ``path`` exists and may not be replaced, and InvalidRequest if the
    folder cannot be written.
    """
    if not replace and os.path.lexists(path):
        raise _exists(path)
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
    try:
        fd, nameless = _open(path.parent, temporary)
    except OSError as error:
        raise InvalidRequest(
            "The output file cannot be made.", path=str(path), reason=error.strerror
        ) from None
    try:
        with open(fd, "wb", buffering=0, closefd=False) as file:
            yield file
        os.fsync(fd)
        if nameless:
            os.link(f"/proc/self/fd/{fd}", temporary, follow_symlinks=True)
        if replace:
            temporary.replace(path)
        else:
            _claim(temporary, path)
        _sync_folder(path.parent)
    finally:
        os.close(fd)
        with suppress(FileNotFoundError):
            temporary.unlink()


def _open(folder: Path, temporary: Path) -> tuple[int, bool]:
    nameless = getattr(os, "O_TMPFILE", 0)
    if nameless:
        with suppress(OSError):
            return os.open(folder, nameless | os.O_WRONLY | os.O_CLOEXEC, 0o600), True
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(temporary, flags, 0o600), False


def _claim(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, this does not replace
    except FileExistsError:
        raise _exists(path) from None


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _exists(path: Path) -> AlreadyExists:
    return AlreadyExists(
        "The output file exists already.", hint="Choose another, or replace it.", path=str(path)
    )
