"""The writer: one thread that commits all waiting units of work together.

A batch is one transaction and so one sync to disk for all; each unit of work has its own
savepoint, so that one that fails is rolled back alone. Nobody is answered before the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from keystead.errors import StoreUnavailable
from keystead.store import statements as sql
from keystead.store.engines import for_writing
from keystead.store.faults import is_disconnect, is_retryable, meaning
from keystead.store.notices import CHANNEL
from keystead.store.rows import Sealer
from keystead.store.session import Session
from keystead.store.transaction import Change, Reader, Transaction

_BATCH = 256
_ATTEMPTS = 5

Work = Callable[[Transaction], Any]


@dataclass(slots=True, eq=False)
class Job:
    """A unit of work, and the future that its caller waits on: in a thread or in a loop."""

    work: Work
    request_id: str
    sealer: Sealer | None
    waiter: Future[Any] | asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def resolve(self) -> None:
        """Answer the caller, unless it has gone. Called where the caller waits."""
        if self.waiter.done():
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Writer:
    """Runs jobs in the order they come. ``on_commit`` gets each batch's changes after the
    commit and before any caller is answered. On PostgreSQL each commit is told to the other
    nodes on ``CHANNEL``; ``origin`` says that it is from here."""

    def __init__(self, engine: Engine, on_commit: Callable[[list[Change]], None]) -> None:
        self.origin = secrets.token_hex(8)
        self._notifies = engine.dialect.name == "postgresql"
        self._engine = engine
        self._on_commit = on_commit
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._closed = False
        self._committing = False
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="keystead-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; raises StoreUnavailable after ``close``."""
        with self._lock:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            self._queue.put(job)

    def close(self) -> None:
        """Carry out what is queued, then stop."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._disconnect()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            jobs = [first]
            stop = False
            while len(jobs) < _BATCH and not stop:
                try:
                    job = self._queue.get_nowait()
                except Empty:
                    break
                stop = job is None
                if job is not None:
                    jobs.append(job)
            self._serve([job for job in jobs if not job.waiter.cancelled()])
            if stop:
                return

    def _serve(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            changes = self._commit_with_retries(jobs)
            if changes:
                self._on_commit(changes)
        except Exception as error:
            # Not acknowledged: nobody may take this for done, though a commit whose answer
            # was lost may have happened.
            for job in jobs:
                job.error = _meaning(error)
        _answer(jobs)

    def _commit_with_retries(self, jobs: list[Job]) -> list[Change]:
        """Commit, again where that is safe: after a serialization failure, or if the
        connection was lost before COMMIT was sent. Any failure drops the connection."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._committing = False
            try:
                return self._commit(jobs)
            except Exception as error:
                self._disconnect()
                lost = is_disconnect(error) and not self._committing
                if attempt == _ATTEMPTS or not (lost or is_retryable(error)):
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    def _commit(self, jobs: list[Job]) -> list[Change]:
        connection = self._connect()
        transaction = connection.begin()
        session = Session(connection)
        changes: list[Change] = []
        last, now = Reader(session, None).last_change(), time.time()
        for job in jobs:
            changes += _run_job(session, job, last + len(changes), now)
        if changes:
            session.run_each(sql.ADD_CHANGE, [change._asdict() for change in changes])
            if self._notifies:
                session.run(sql.NOTIFY, {"channel": CHANNEL, "origin": self.origin})
        self._committing = True
        transaction.commit()
        return changes

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = for_writing(self._engine.connect())
        return self._connection

    def _disconnect(self) -> None:
        """Drop the connection: after a fault the next batch starts on a fresh one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
            finally:
                connection.close()


def _run_job(session: Session, job: Job, last: int, now: float) -> list[Change]:
    """Run one job in its savepoint and return its changes: none if it fails by its own fault.

    A fault of the database is let out, for then the whole batch is in doubt.
    """
    transaction = Transaction(
        session, job.sealer, request_id=job.request_id, last_change=last, now=now
    )
    session.run(sql.SAVEPOINT)
    try:
        job.result, job.error = job.work(transaction), None
    except Exception as error:
        if isinstance(error, DBAPIError) and not isinstance(error, (DataError, IntegrityError)):
            raise
        session.run(sql.ROLL_BACK)
        session.run(sql.RELEASE)
        job.error = _meaning(error)
        return []
    session.run(sql.RELEASE)
    return transaction.changes


def _answer(jobs: Iterable[Job]) -> None:
    """Answer every caller: each event loop is woken once for all that wait in it."""
    in_loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if isinstance(job.waiter, asyncio.Future):
            in_loops.setdefault(job.waiter.get_loop(), []).append(job)
        else:
            job.resolve()
    for loop, waiting in in_loops.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all in it
            loop.call_soon_threadsafe(_resolve_all, waiting)


def _resolve_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.resolve()


def _meaning(error: Exception) -> Exception:
    return meaning(error) if isinstance(error, (SQLAlchemyError, UnicodeEncodeError)) else error
