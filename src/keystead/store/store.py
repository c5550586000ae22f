"""The store: where records are kept, and the threads that reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, local
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from keystead.errors import StoreUnavailable
from keystead.store.engines import open_engine
from keystead.store.faults import is_disconnect, meaning
from keystead.store.migrate import prepare_schema
from keystead.store.notices import Notices
from keystead.store.rows import Sealer
from keystead.store.seal_row import SealRow
from keystead.store.session import Session
from keystead.store.transaction import Change, Reader, Transaction
from keystead.store.writer import Job, Writer

__all__ = ["SealRow", "Sealer", "Store"]

T = TypeVar("T")


ANSWER_SECONDS = 30.0
"""Longer nobody waits for the database: a frozen one would hold its callers for ever."""


class Store:
    """Reads snapshots in ``threads`` threads, and writes in one.

    ``sealer`` seals and opens records; while it is None they are Sealed. ``on_commit`` is
    called in the storage thread with each commit's changes, before its callers resume.

    Every method raises StoreUnavailable while the database is locked, full, lost or closed,
    and works again by itself when the fault goes. After StoreUnavailable from a write,
    nothing is promised: the change may have been made if it was its answer that got lost.
    Work may run more than once, so it must have no effect outside its transaction.
    """

    def __init__(self, url: str, *, threads: int = 4) -> None:
        self.sealer: Sealer | None = None
        self.on_commit: Callable[[list[Change]], None] | None = None
        self._engine = open_engine(url)
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="keystead-reader")
        self._writer = Writer(self._engine, self._committed)
        self._notices: Notices | None = None
        self._local = local()
        self._connections: set[Connection] = set()
        self._lock = Lock()

    @property
    def database(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    def prepare(self) -> None:
        """Create the schema, or migrate an older one.

        Raises ConfigurationError if it is newer than this Keystead.
        """
        try:
            prepare_schema(self._engine)
        except SQLAlchemyError as error:
            raise meaning(error) from None

    def listen(self, on_notice: Callable[[], None]) -> None:
        """Call ``on_notice``, in a thread, when another node may have committed.

        Only PostgreSQL has other nodes.
        """
        if self._engine.dialect.name == "postgresql":
            self._notices = Notices(self._engine, self._writer.origin, on_notice)

    async def read(self, work: Callable[[Reader], T]) -> T:
        """Run ``work`` on a snapshot, in a storage thread."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await loop.run_in_executor(self._readers, self._read, work)
        except TimeoutError:
            raise _no_answer() from None
        except RuntimeError as error:
            if "shutdown" in str(error):
                raise StoreUnavailable("The store is closed.") from None
            raise

    async def write(self, work: Callable[[Transaction], T], *, request_id: str = "") -> T:
        """Run ``work`` in a transaction, in the writing thread; return once it is durable."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(Job(work, request_id, self.sealer, waiter))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await waiter
        except TimeoutError:
            raise _no_answer() from None

    def read_now(self, work: Callable[[Reader], T]) -> T:
        """The same as ``read``, blocking, on a connection of its own.

        It may be called anywhere, even within other work.
        """
        try:
            with self._engine.connect() as connection, connection.begin():
                return work(Reader(Session(connection), self.sealer))
        except (SQLAlchemyError, UnicodeEncodeError) as error:
            raise meaning(error) from None

    def write_now(self, work: Callable[[Transaction], T], *, request_id: str = "") -> T:
        """The same as ``write``, blocking; never call it within other work."""
        waiter: Future[T] = Future()
        self._writer.submit(Job(work, request_id, self.sealer, waiter))
        return waiter.result()

    def load_seal(self) -> SealRow | None:
        """How the server is unsealed; None before it is initialized. Not yet authenticated."""
        return self.read_now(lambda reader: reader.seal_row())

    def save_seal(self, row: SealRow) -> None:
        """Replace the row that says how the server is unsealed."""
        self.write_now(lambda transaction: transaction.put_seal_row(row))

    def close(self) -> None:
        """Carry out what is queued, then let go of the database."""
        if self._notices is not None:
            self._notices.close()
        self._writer.close()
        self._readers.shutdown()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._engine.dispose()

    def _committed(self, changes: list[Change]) -> None:
        if self.on_commit is not None:
            self.on_commit(changes)

    def _read(self, work: Callable[[Reader], T]) -> T:
        try:
            try:
                return self._read_once(work)
            except SQLAlchemyError as error:
                if not is_disconnect(error):
                    raise
                return self._read_once(work)
        except (SQLAlchemyError, UnicodeEncodeError) as error:
            raise meaning(error) from None

    def _read_once(self, work: Callable[[Reader], T]) -> T:
        connection = self._thread_connection()
        try:
            with connection.begin():
                return work(Reader(Session(connection), self.sealer))
        except SQLAlchemyError:
            self._drop_thread_connection()
            raise

    def _thread_connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            with self._lock:
                self._connections.add(connection)
        return connection

    def _drop_thread_connection(self) -> None:
        connection: Connection = self._local.connection
        self._local.connection = None
        with self._lock:
            self._connections.discard(connection)
        try:
            connection.invalidate()
        finally:
            connection.close()


def _no_answer() -> StoreUnavailable:
    return StoreUnavailable("The database does not answer in time.")
