"""Durable file operations. All raise OSError; callers say what it means."""

from __future__ import annotations

import os
from pathlib import Path

FILE_MODE = 0o600


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write every byte at an offset, however many calls it takes."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(path: Path, data: bytes) -> None:
    """Write a whole file so that a crash leaves either the old or the new one."""
    draft = path.with_name(path.name + ".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        write_all(fd, data, 0)
        os.fdatasync(fd)
    finally:
        os.close(fd)
    draft.replace(path)
    sync_folder(path.parent)


def allocate(path: Path, size: int) -> None:
    """Create a file that really occupies ``size`` bytes; on failure it is not left."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(fd)
