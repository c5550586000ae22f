"""Moves durable entries to one sink, at the sink's pace."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from keystead.audit.follow import Follower

FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 30.0
POLL_SECONDS = 0.2


class Sink(Protocol):
    """Where lines go. Used by one thread; must not wait for ever."""

    def send(self, lines: Sequence[bytes]) -> None:
        """Deliver lines, without newlines, in order.

        Raises UpstreamUnavailable if they are not known to have arrived: they are sent again.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. Does not raise."""
        ...


class Shipper:
    """A thread that delivers a log to a sink, from where it last stopped.

    The cursor file holds the index of the next entry; without one, delivery starts with the
    first entry. ``last_error`` is empty once a delivery succeeds.
    """

    def __init__(
        self, directory: Path, sink: Sink, cursor: Path, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._sink = sink
        self._cursor = cursor
        self._poll_seconds = poll_seconds
        self._directory = directory
        self._delivered = _load(cursor)
        self._stop = threading.Event()
        self.last_error = ""
        name = f"audit-{type(sink).__name__}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def delivered(self) -> int:
        """How many entries the sink has taken; the next entry's index."""
        return self._delivered

    @property
    def lag(self) -> int:
        """How many durable entries the sink has not taken."""
        return Follower(self._directory, self._delivered).available()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End after the delivery at hand, or leave it behind after the timeout."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        follower = Follower(self._directory, self._delivered)
        delay = FIRST_RETRY_SECONDS
        while not self._stop.is_set():
            try:
                lines = follower.read()
                if lines:
                    self._deliver(lines)
                    self._delivered = follower.index
                    _save(self._cursor, self._delivered)
            except Exception as error:  # even a sink's bug is only lag, and seen
                self.last_error = str(error) or type(error).__name__
                follower = Follower(self._directory, self._delivered)
                self._stop.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries
                delay = min(2 * delay, LAST_RETRY_SECONDS)
                continue
            self.last_error = ""
            delay = FIRST_RETRY_SECONDS
            if not lines:
                self._stop.wait(self._poll_seconds)
        self._sink.close()

    def _deliver(self, lines: Sequence[bytes]) -> None:
        try:
            self._sink.send(lines)
        except BaseException:
            self._sink.close()
            raise


def _load(cursor: Path) -> int:
    try:
        return max(0, msgspec.json.decode(cursor.read_bytes(), type=int))
    except (OSError, msgspec.MsgspecError):
        return 0


def _save(cursor: Path, index: int) -> None:
    """Not synced: after a power cut the sink may see some entries twice."""
    draft = cursor.with_name(cursor.name + ".new")
    draft.write_bytes(msgspec.json.encode(index))
    os.replace(draft, cursor)
