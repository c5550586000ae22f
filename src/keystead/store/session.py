"""Statements on the driver's own cursor.

SQLAlchemy gives connections, pools, transactions and the dialects' knowledge of errors. Its
statement execution costs about 60 µs a statement more than the driver's, which is most of a
small transaction; the statements here are fixed text, so nothing is lost by going without.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_NOTHING: Final[Mapping[str, Any]] = {}
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")

Row = tuple[Any, ...]


class Session:
    """One cursor on one connection. Raises SQLAlchemy's ``DBAPIError`` for the driver's errors.

    Statements name their parameters ``:like_this``.
    """

    __slots__ = ("_connection", "_cursor", "_dialect", "_postgresql")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._postgresql = connection.dialect.name == "postgresql"
        self._cursor = connection.connection.cursor()

    def rows(self, statement: str, given: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """All rows of a query."""
        self._execute(statement, given)
        return self._fetch(self._cursor.fetchall)  # type: ignore[no-any-return]

    def first(self, statement: str, given: Mapping[str, Any] = _NOTHING) -> Row | None:
        """The first row of a query, or None. The query must not have many."""
        self._execute(statement, given)
        rows = self._fetch(self._cursor.fetchall)
        return rows[0] if rows else None

    def number(self, statement: str, given: Mapping[str, Any] = _NOTHING) -> int:
        """The one number that a query answers with."""
        row = self.first(statement, given)
        assert row is not None
        return int(row[0])

    def run(self, statement: str, given: Mapping[str, Any] = _NOTHING) -> int:
        """Carry out a statement and return how many rows it changed."""
        self._execute(statement, given)
        return self._cursor.rowcount

    def run_each(self, statement: str, given: Iterable[Mapping[str, Any]]) -> None:
        """Carry out a statement once for each set of parameters."""
        if self._postgresql:
            statement = _for_psycopg(statement)
        try:
            self._cursor.executemany(statement, list(given))
        except self._dialect.loaded_dbapi.Error as error:
            raise self._known(error) from None

    def _execute(self, statement: str, given: Mapping[str, Any]) -> None:
        if self._postgresql:
            statement = _for_psycopg(statement)
        try:
            self._cursor.execute(statement, given)
        except self._dialect.loaded_dbapi.Error as error:
            raise self._known(error) from None

    def _fetch(self, fetch: Any) -> Any:
        try:
            return fetch()
        except self._dialect.loaded_dbapi.Error as error:
            raise self._known(error) from None

    def _known(self, error: Any) -> Exception:
        """The driver's error as SQLAlchemy's, without the statement and its values."""
        lost = self._dialect.is_disconnect(error, self._connection.connection, self._cursor)
        if lost:
            self._connection.invalidate(error)
        known = DBAPIError.instance(
            None,
            None,
            error,
            self._dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=self._dialect,
        )
        assert isinstance(known, Exception)
        return known


@functools.lru_cache(maxsize=256)
def _for_psycopg(statement: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", statement)
