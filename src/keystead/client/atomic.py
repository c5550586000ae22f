"""A file that is there whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def new_file(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """Open a file of mode 0600 that gets its name only once the block has ended well.

    Its bytes and its name are then durable. Where the system has O_TMPFILE the file has
    no name before that, so that even ``kill -9`` leaves nothing; elsewhere a dot file
    beside it does, which is removed on every error. Raises FileExistsError, before or
    after the block, if ``path`` exists and may not be replaced.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd, nameless = _open(path, temporary)
        try:
            with open(fd, "wb", buffering=0, closefd=False) as file:
                yield file
            os.fsync(fd)
            source = f"/proc/self/fd/{fd}" if nameless else temporary.name
            if not replace:
                _link(source, path, folder)
            else:
                if nameless:
                    _link(source, temporary, folder)
                temporary.replace(path)
            os.fsync(folder)
        finally:
            os.close(fd)
            with suppress(FileNotFoundError):
                temporary.unlink()
    finally:
        os.close(folder)


def _open(path: Path, temporary: Path) -> tuple[int, bool]:
    """Open the file to write; True if it has no name yet."""
    nameless = getattr(os, "O_TMPFILE", 0)
    if nameless:
        with suppress(OSError):
            return os.open(path.parent, nameless | os.O_WRONLY | os.O_CLOEXEC, 0o600), True
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(temporary, flags, 0o600), False


def _link(source: str, path: Path, folder: int) -> None:
    """Name a file, given by its path or its name in ``folder``; never replaces one.

    A folder descriptor makes Python call linkat(2), which alone follows /proc/self/fd.
    """
    os.link(source, path, src_dir_fd=folder, follow_symlinks=True)
