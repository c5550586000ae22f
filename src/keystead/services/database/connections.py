"""Connections to databases: few to each, kept for the next, in threads of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

from keystead.errors import InvalidRequest, Overloaded, UpstreamUnavailable
from keystead.services.database.dialect import (
    Dialect,
    LoginRefused,
    Session,
    Target,
    by_plugin,
)
from keystead.services.database.records import DatabaseRecord

T = TypeVar("T")

DEFAULT_OPEN: Final = 4
PATIENCE_SECONDS: Final = 8.0
"""How long a caller waits for its turn."""

DOWN_SECONDS: Final = 2.0
"""How long nobody else tries a database that could not be reached."""

FRESH_SECONDS: Final = 1.0
"""For how long after its last use a connection is taken to be alive."""

_THREADS: Final = 64


class Connections:
    """All databases of one worker, by the record ids of how they are reached."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="database")
        self._pools: dict[str, _Pool] = {}

    async def run(
        self,
        place: str,
        record: DatabaseRecord,
        work: Callable[[Session], T],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> T:
        """Do blocking work with a connection of the database that ``record`` describes.

        Raises UpstreamUnavailable if it cannot be reached, Overloaded if no connection is free
        for so long, and what ``work`` raises.
        """
        pool = self._pools.get(place)
        if pool is None or pool.generation != record.generation:
            if pool is not None:
                pool.close()
            pool = self._pools[place] = _Pool(record)
        try:
            async with asyncio.timeout(patience_seconds):
                await pool.turn.acquire()
        except TimeoutError:
            raise Overloaded("All connections to the database are in use.") from None
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, pool.work, work)
        finally:
            pool.turn.release()

    async def check(self, record: DatabaseRecord) -> None:
        """Connect once; raises InvalidRequest or UpstreamUnavailable."""
        loop = asyncio.get_running_loop()
        session = await loop.run_in_executor(self._executor, open_session, record)
        session.close()

    def forget(self, place: str) -> None:
        """Close the connections of one database; those in use, after their use."""
        pool = self._pools.pop(place, None)
        if pool is not None:
            pool.close()

    def clear(self) -> None:
        """Forget every database: the node is being sealed, or it ends."""
        for place in list(self._pools):
            self.forget(place)


class _Idle(NamedTuple):
    session: Session
    opened_at: float
    used_at: float


class _Pool:
    def __init__(self, record: DatabaseRecord) -> None:
        self.generation = record.generation
        most = record.max_open_connections
        self.turn = asyncio.Semaphore(most if most > 0 else DEFAULT_OPEN)
        self._record = record
        self._most_idle = record.max_idle_connections or DEFAULT_OPEN
        self._lifetime = record.max_connection_lifetime_seconds
        self._idle: list[_Idle] = []
        self._down_until = 0.0
        self._closed = False

    def work(self, work: Callable[[Session], T]) -> T:
        session, opened_at = self._take()
        try:
            return work(session)
        except UpstreamUnavailable:
            opened_at = float("-inf")
            raise
        finally:
            self._give_back(session, opened_at)

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().session.close()

    def _take(self) -> tuple[Session, float]:
        while self._idle:
            session, opened_at, used_at = self._idle.pop()
            now = time.monotonic()
            old = self._lifetime and now - opened_at > self._lifetime
            fresh = now - used_at < FRESH_SECONDS
            if not old and session.is_open() and (fresh or session.alive()):
                return session, opened_at
            session.close()
        if time.monotonic() < self._down_until:
            raise UpstreamUnavailable("the database could not be reached a moment ago")
        try:
            return open_session(self._record), time.monotonic()
        except UpstreamUnavailable:
            self._down_until = time.monotonic() + DOWN_SECONDS
            raise

    def _give_back(self, session: Session, opened_at: float) -> None:
        lost = opened_at == float("-inf")
        if self._closed or lost or self._most_idle < 0 or len(self._idle) >= self._most_idle:
            session.close()
        else:
            self._idle.append(_Idle(session, opened_at, time.monotonic()))


def dialect_of(plugin: str) -> Dialect:
    """The dialect of a plugin; raises InvalidRequest for one that is not known."""
    if not plugin:
        raise InvalidRequest("empty plugin name", field="plugin_name")
    found = by_plugin().get(plugin)
    if found is None:
        raise InvalidRequest(f"plugin not found in the catalog: {plugin}", field="plugin_name")
    return found


def open_session(record: DatabaseRecord) -> Session:
    """A new connection, with whichever of the two passwords is the right one.

    Blocks. Raises InvalidRequest or UpstreamUnavailable.
    """
    dialect = dialect_of(record.plugin)
    try:
        return dialect.open(target_of(record, record.password))
    except LoginRefused as error:
        refused = error
    if record.next_password:
        try:
            return dialect.open(target_of(record, record.next_password))
        except LoginRefused:
            pass
    raise UpstreamUnavailable(f"failed to connect: {refused}") from None


def target_of(record: DatabaseRecord, password: str) -> Target:
    """Where a record leads, with a given password."""
    return Target(
        url=record.connection_url,
        username=record.username,
        password=password,
        disable_escaping=record.disable_escaping,
        tls_ca=record.tls_ca,
        tls_certificate=record.tls_certificate,
        tls_private_key=record.tls_private_key,
        tls_server_name=record.tls_server_name,
        tls_skip_verify=record.tls_skip_verify,
    )
