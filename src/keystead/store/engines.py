"""Connections to SQLite and PostgreSQL whose transactions begin as the store needs them.

Writing transactions are in one total order on both databases: SQLite's ``BEGIN IMMEDIATE``,
PostgreSQL's table lock on ``changes``, taken before the snapshot. So they cannot conflict
with each other, and change numbers become visible in order without gaps. Reading
transactions see one snapshot and never wait.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from keystead.errors import ConfigurationError

BUSY_TIMEOUT_MS = 5_000
_WRITE_LOCK_POLL_SECONDS = 0.0005

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # in WAL mode: the log is synced at each commit
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA secure_delete = ON",  # a destroyed key must not survive in a free page
    "PRAGMA journal_size_limit = 67108864",
)
_POSTGRES_SETTINGS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "statement_timeout": "30s",
        "lock_timeout": f"{BUSY_TIMEOUT_MS}ms",
        "idle_in_transaction_session_timeout": "15s",  # a frozen node gives up the lock
        "synchronous_commit": "on",
    }.items()
)
_SCHEMA_LOCK = 0x6B_65_79_73_74_65_61_64  # "keystead"


def open_engine(url: str) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://…``; connects at first use.

    Raises ConfigurationError for any other URL, an in-memory SQLite database, a folder that
    does not exist, or PostgreSQL without its driver.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("The storage URL cannot be read.") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed)
    if backend == "postgresql":
        return _open_postgres(parsed)
    raise ConfigurationError(
        f"Storage {backend} is not supported.", hint="Use sqlite:///… or postgresql://…."
    )


def for_writing(connection: Connection) -> Connection:
    """The connection, whose transactions now wait for their turn to write."""
    return connection.execution_options(writes=True)


def lock_schema(connection: Connection) -> None:
    """Let nobody else create or migrate the schema until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def _open_sqlite(url: URL) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise ConfigurationError("SQLite storage needs a file.", hint="Use sqlite:///path.")
    path = Path(str(url.database))
    if not path.parent.is_dir():
        raise ConfigurationError(f"There is no folder {path.parent}.")
    engine = create_engine(url, connect_args={"check_same_thread": False})
    make = iter((_make_private,))

    @event.listens_for(engine, "do_connect")
    def find_file(*_: Any) -> None:
        next(make, _require_file)(path)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: Any) -> None:
        record.info["file"] = _file_at(path)
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.info["file"] != _file_at(path):
            # What is written to a file that lost its name is gone at the next start.
            connection.invalidate()
            raise DisconnectionError("The database file was moved or replaced.")
        if connection.get_execution_options().get("writes"):
            _begin_to_write(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _begin_to_write(connection: Connection) -> None:
    """Wait for the write lock, which sibling workers hold for a millisecond or two.

    SQLite's own waiting soon sleeps for 25 ms and more at a time, and each worker would
    stand still for most of what the other leaves it.
    """
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    cursor = connection.connection.cursor()
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":
                deadline = 0.0
            time.sleep(_WRITE_LOCK_POLL_SECONDS)
        else:
            break
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises as every statement does
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _make_private(path: Path) -> None:
    """Create the file for this user only.

    One that exists is not opened: closing it again would let go of every lock that this
    process has on it (fcntl(2)), and another process could then take away the log in use.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _require_file(path: Path) -> None:
    """A database that is gone while it is in use is not replaced by an empty one."""
    if not path.exists():
        error = sqlite3.OperationalError("The database file is not there.")
        error.sqlite_errorname = "SQLITE_CANTOPEN"
        raise error


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _open_postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="REPEATABLE READ",
            connect_args={
                "connect_timeout": 5,
                "application_name": "keystead",
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 2,
                "tcp_user_timeout": 5_000,
                "options": _POSTGRES_SETTINGS,
            },
        )
    except ModuleNotFoundError:
        raise ConfigurationError(
            "PostgreSQL storage needs its driver.", hint="pip install 'keystead[postgres]'"
        ) from None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql("LOCK TABLE changes IN EXCLUSIVE MODE")

    return engine
