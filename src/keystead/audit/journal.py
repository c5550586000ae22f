"""Groups of entries into a log writer, with its checkpoints in time.

Both committers drive a journal. No asyncio is loaded here: the writer process does
without.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keystead.audit.log import LogWriter
from keystead.errors import AuditUnavailable, KeysteadError

if TYPE_CHECKING:
    import asyncio

BATCH_BYTES = 4 << 20
CHECKPOINT_SECONDS = 10.0


class Group:
    """Entries that are committed together, and the futures that wait for them."""

    __slots__ = ("bytes", "entries", "essential", "futures")

    def __init__(self, *, essential: bool) -> None:
        self.essential = essential
        self.entries: list[bytes] = []
        self.futures: list[asyncio.Future[int]] = []
        self.bytes = 0

    def succeed(self, first: int) -> None:
        for index, future in enumerate(self.futures, first):
            if not future.done():
                future.set_result(index)

    def fail(self, error: KeysteadError) -> None:
        for future in self.futures:
            if not future.done():
                failure = type(error)(error.message)
                failure.details = dict(error.details)
                future.set_exception(failure)


class Journal:
    """A log writer with its checkpoints in time: what both committers drive."""

    def __init__(self, writer: LogWriter, checkpoint_seconds: float) -> None:
        self.writer = writer
        self.last_error = ""
        self._interval = checkpoint_seconds
        self._next_checkpoint = 0.0

    def commit(self, groups: Sequence[Group]) -> list[int | KeysteadError]:
        """Commit groups together; each one's first index, or why it is not durable.

        If the disk fills up here, the essential groups are tried again from the reserve.
        """
        taken = [g for g in groups if g.essential or self.writer.takes_all()]
        outcome = self._commit(taken)
        if isinstance(outcome, KeysteadError) and self.writer.essential_only:
            essential = [g for g in taken if g.essential]
            if essential:
                taken, outcome = essential, self._commit(essential)
        full = AuditUnavailable("The audit disk is full: only operators' actions are recorded")
        results: list[int | KeysteadError] = []
        committed = set(map(id, taken))
        for group in groups:
            if id(group) not in committed:
                results.append(full)
            elif isinstance(outcome, KeysteadError):
                results.append(outcome)
            else:
                results.append(outcome)
                outcome += len(group.entries)
        return results

    def checkpoint_if_due(self) -> None:
        now = time.monotonic()
        if now < self._next_checkpoint:
            return
        try:
            if self.writer.checkpoint():
                self._next_checkpoint = now + self._interval
        except KeysteadError as error:
            self.last_error = error.message
            self._next_checkpoint = now + self._interval

    def _commit(self, groups: Sequence[Group]) -> int | KeysteadError:
        try:
            first = self.writer.commit([entry for group in groups for entry in group.entries])
        except KeysteadError as error:
            self.last_error = error.message
            return error
        if groups:
            self.last_error = ""
        return first
