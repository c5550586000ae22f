"""Entries in, durable indexes out.

``ThreadCommitter`` writes the log from a thread of the only worker;
``socket_committer.SocketCommitter`` hands entries to the writer process that several
workers share. Either way, what one iteration of the event loop appends travels together,
and what waits is committed together.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from pathlib import Path
from typing import NamedTuple, Protocol

from keystead.audit.checkpoint import Signer
from keystead.audit.journal import BATCH_BYTES, CHECKPOINT_SECONDS, Group, Journal
from keystead.audit.log import CheckpointSigner, LogWriter
from keystead.errors import AuditUnavailable, KeysteadError, Overloaded

BACKLOG_BYTES = 64 << 20

DEADLINE_SECONDS = 10.0
"""Longer nobody waits for an entry to become durable."""

_ENTRY_OVERHEAD_BYTES = 512


class Status(NamedTuple):
    """``backlog`` counts entries not yet durable, ``size`` and ``signed_size`` the entries
    that are durable and those under a checkpoint, as last heard. ``last_error`` is empty
    once a commit succeeds. ``essential_only`` means that the disk is full."""

    backlog: int
    size: int
    signed_size: int
    essential_only: bool
    last_error: str


class Committer(Protocol):
    """Makes entries durable. Used from the event loop that it was made in."""

    def append(self, encoded: bytes, *, essential: bool = False) -> asyncio.Future[int]:
        """Record an entry; the future gives its index once it is durable.

        ``essential`` entries, those of operators' actions, are still taken from the reserve
        when the disk is full. The future raises AuditUnavailable if the entry is not known
        to be durable. Raises Overloaded, at once, if too much is waiting.
        """
        ...

    def sign_with(self, origin: str, seed: bytes) -> None:
        """Sign checkpoints from now on, under the log's name, with a 32-byte Ed25519 seed.

        If the log has been signed with another key, ``status().last_error`` says so. Raises
        VerificationFailed if the origin cannot be a key name.
        """
        ...

    def status(self) -> Status: ...

    async def connected(self) -> None:
        """Return once entries can be taken."""
        ...

    async def close(self) -> None:
        """Commit what waits, sign it, and let go of the log."""
        ...


class Collector:
    """Gathers the entries of one loop iteration, and bounds what is waiting and for how long."""

    def __init__(self, backlog_bytes: int, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self.loop = asyncio.get_running_loop()
        self.backlog = 0
        self._bytes = 0
        self._limit = backlog_bytes
        self._open: dict[bool, Group] = {}
        self._deadline = deadline_seconds
        self._waiting: dict[Group, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def append(self, encoded: bytes, *, essential: bool = False) -> asyncio.Future[int]:
        cost = len(encoded) + _ENTRY_OVERHEAD_BYTES
        if self._bytes + cost > self._limit:
            raise Overloaded("Too many audit entries are waiting", backlog=self.backlog)
        if not self._open:
            self.loop.call_soon(self._flush)
        group = self._open.get(essential)
        if group is None:
            group = self._open[essential] = Group(essential=essential)
        future = self.loop.create_future()
        group.entries.append(encoded)
        group.futures.append(future)
        group.bytes += cost
        self._bytes += cost
        self.backlog += 1
        if group.bytes >= BATCH_BYTES:
            self._flush()
        return future

    async def connected(self) -> None:
        """See ``Committer.connected``."""

    def done(self, group: Group) -> None:
        """The group waits no longer."""
        self._waiting.pop(group, None)
        self.backlog -= len(group.entries)
        self._bytes -= group.bytes

    def _flush(self) -> None:
        groups, self._open = list(self._open.values()), {}
        if groups:
            now = self.loop.time()
            for group in groups:
                self._waiting[group] = now
            if self._timer is None:
                self._timer = self.loop.call_later(self._deadline, self._give_up)
            self.submit(groups)

    def _give_up(self) -> None:
        """Fail what has waited too long: it may become durable yet, but nobody is told so."""
        now, self._timer = self.loop.time(), None
        for group, since in self._waiting.items():
            if since + self._deadline > now:
                self._timer = self.loop.call_at(since + self._deadline, self._give_up)
                break
            group.fail(AuditUnavailable("The audit log does not answer in time"))

    def submit(self, groups: list[Group]) -> None:
        raise NotImplementedError


class ThreadCommitter(Collector):
    """A Committer whose log is written by a thread of this process."""

    def __init__(
        self,
        directory: Path,
        *,
        signer: CheckpointSigner | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        backlog_bytes: int = BACKLOG_BYTES,
        writer: LogWriter | None = None,
    ) -> None:
        """Open the log and start the thread; to be called in a running event loop.

        Raises as ``LogWriter`` and ``LogWriter.sign_with`` do.
        """
        super().__init__(backlog_bytes)
        self._writer = writer or LogWriter(directory)
        self._journal = Journal(self._writer, checkpoint_seconds)
        self._tick_seconds = min(1.0, checkpoint_seconds)
        self._groups: queue.SimpleQueue[list[Group] | CheckpointSigner | None] = queue.SimpleQueue()
        self._closed: asyncio.Future[None] | None = None
        if signer is not None:
            try:
                self._writer.sign_with(signer)
            except KeysteadError:
                self._writer.close()
                raise
        self._thread = threading.Thread(target=self._run, name="audit-log", daemon=True)
        self._thread.start()

    @property
    def torn_bytes(self) -> int:
        """See ``LogWriter``."""
        return self._writer.torn_bytes

    def append(self, encoded: bytes, *, essential: bool = False) -> asyncio.Future[int]:
        """See ``Committer.append``."""
        if self._closed is not None:
            raise AuditUnavailable("The audit log is closed")
        return super().append(encoded, essential=essential)

    def sign_with(self, origin: str, seed: bytes) -> None:
        """See ``Committer.sign_with``."""
        self._groups.put(Signer.from_seed(origin, seed))

    def status(self) -> Status:
        """See ``Status``."""
        writer, journal = self._writer, self._journal
        return Status(
            self.backlog, writer.size, writer.signed_size, writer.essential_only, journal.last_error
        )

    async def close(self) -> None:
        """See ``Committer.close``."""
        if self._closed is None:
            self._closed = self.loop.create_future()
            self.loop.call_soon(self._groups.put, None)
        await asyncio.shield(self._closed)

    def submit(self, groups: list[Group]) -> None:
        self._groups.put(groups)

    def _run(self) -> None:
        open_ = True
        while open_:
            groups, open_ = self._wait()
            if groups:
                results = self._commit(groups)
                with contextlib.suppress(RuntimeError):  # the loop may be gone
                    self.loop.call_soon_threadsafe(self._resolve, groups, results)
            self._journal.checkpoint_if_due()
        self._writer.close()
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._end)

    def _wait(self) -> tuple[list[Group], bool]:
        """What is waiting now, up to a batch; and whether to go on."""
        taken: list[Group] = []
        waiting_bytes = 0
        try:
            item = self._groups.get(timeout=self._tick_seconds)
            while item is not None:
                if isinstance(item, list):
                    taken += item
                    waiting_bytes += sum(group.bytes for group in item)
                else:
                    self._sign_with(item)
                if waiting_bytes >= BATCH_BYTES:
                    return taken, True
                item = self._groups.get_nowait()
        except queue.Empty:
            return taken, True
        return taken, False

    def _sign_with(self, signer: CheckpointSigner) -> None:
        try:
            self._writer.sign_with(signer)
        except KeysteadError as error:
            self._journal.last_error = error.message

    def _commit(self, groups: list[Group]) -> list[int | KeysteadError]:
        try:
            return self._journal.commit(groups)
        except Exception as error:  # a bug must fail these entries, not silence the log
            failure = AuditUnavailable(f"The audit log failed: {type(error).__name__}")
            self._journal.last_error = failure.message
            return [failure] * len(groups)

    def _resolve(self, groups: list[Group], results: list[int | KeysteadError]) -> None:
        for group, result in zip(groups, results, strict=True):
            self.done(group)
            if isinstance(result, KeysteadError):
                group.fail(result)
            else:
                group.succeed(result)

    def _end(self) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)
