"""A copy of the log in another file, for collectors that read files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from keystead.audit import disk
from keystead.errors import UpstreamUnavailable


class FileConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` may be moved away by log rotation at any time: it is then made anew."""

    path: Path

    def open(self) -> FileSink:
        return FileSink(self)


class FileSink:
    """Appends lines to a file, durably."""

    def __init__(self, config: FileConfig) -> None:
        self._path = config.path
        self._fd = -1

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``. A partly written batch is cut off."""
        try:
            self._reopen_if_rotated()
            length = os.fstat(self._fd).st_size
            try:
                disk.write_all(self._fd, b"\n".join(lines) + b"\n", length)
                os.fdatasync(self._fd)
            except OSError:
                os.ftruncate(self._fd, length)
                raise
        except OSError as error:
            raise UpstreamUnavailable(f"The audit copy: {error.strerror}") from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _reopen_if_rotated(self) -> None:
        if self._fd >= 0 and not self._is_current():
            self.close()
        if self._fd < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, disk.FILE_MODE)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            return False
