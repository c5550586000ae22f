"""Entries to this process's standard output, or to nowhere."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence

import msgspec

from keystead.errors import UpstreamUnavailable

_WAIT_SECONDS = 2.0


class StdoutConfig(msgspec.Struct, frozen=True):
    """Standard output, for a container's log collector."""

    def open(self) -> StdoutSink:
        return StdoutSink()


class StdoutSink:
    """Writes lines to standard output. A reader that does not read makes it lag, no more."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``. After a failure a line may be there in part, and again whole."""
        left = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            while left:
                _, writable, _ = select.select([], [self._descriptor], [], _WAIT_SECONDS)
                if not writable:
                    raise UpstreamUnavailable("Nobody reads the standard output.")
                left = left[os.write(self._descriptor, left[: select.PIPE_BUF]) :]
        except OSError as error:
            raise UpstreamUnavailable(f"The standard output: {error.strerror}") from error

    def close(self) -> None:
        """Nothing to let go of."""


class DiscardConfig(msgspec.Struct, frozen=True):
    """Nowhere: every node's own log is enough."""

    def open(self) -> DiscardSink:
        return DiscardSink()


class DiscardSink:
    """Takes lines and forgets them."""

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``."""

    def close(self) -> None:
        """Nothing to let go of."""
