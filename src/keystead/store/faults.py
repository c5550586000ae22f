"""What the database's errors mean to whoever asked."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from keystead.errors import (
    AlreadyExists,
    IntegrityFailure,
    InvalidRequest,
    KeysteadError,
    StoreUnavailable,
)

_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_HINTS = {
    "SQLITE_FULL": "The disk is full: free some space.",
    "SQLITE_BUSY": "Another process holds the database locked.",
    "SQLITE_IOERR": "The disk reports errors: see the system log.",
    "SQLITE_READONLY": "The database file cannot be written.",
    "SQLITE_CANTOPEN": "The database file cannot be opened.",
    "53100": "The database server's disk is full.",
    "55P03": "Another process holds the database locked.",
}
_RETRYABLE = {"40001", "40P01"}


def is_retryable(error: Exception) -> bool:
    """Whether the same transaction may simply be run again: PostgreSQL's serialization
    failure or deadlock."""
    return isinstance(error, DBAPIError) and _code(error) in _RETRYABLE


def is_disconnect(error: Exception) -> bool:
    """Whether the connection was lost."""
    return isinstance(error, DBAPIError) and bool(error.connection_invalidated)


def meaning(error: SQLAlchemyError | UnicodeEncodeError) -> KeysteadError:
    """The Keystead error for a database's; it repeats no statement and no value."""
    if isinstance(error, (DataError, UnicodeEncodeError)):
        return InvalidRequest("The database cannot hold such text.")
    if isinstance(error, IntegrityError):
        return AlreadyExists()
    code = _code(error) if isinstance(error, DBAPIError) else ""
    if code in _DAMAGED or (isinstance(error, DBAPIError) and _is_undecodable(error)):
        return IntegrityFailure("The database file is damaged.", reason=code)
    return StoreUnavailable(hint=_HINTS.get(code, ""), reason=code or type(error).__name__)


def _code(error: DBAPIError) -> str:
    """PostgreSQL's SQLSTATE, or SQLite's primary result code by name; empty if none."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    name = sqlstate or getattr(error.orig, "sqlite_errorname", None) or ""
    return "_".join(name.split("_")[:2])


def _is_undecodable(error: DBAPIError) -> bool:
    """Text that is not UTF-8 in a SQLite column, which Keystead never writes."""
    return "decode to UTF-8" in str(error.orig)
