"""The SQL, in the dialect that SQLite and PostgreSQL share. Values are always bound."""

from __future__ import annotations

import functools
from typing import Literal

_COLUMNS = "kind, namespace, id, name, parent, state, expires_at, change, blob"
_SELECT = f"SELECT {_COLUMNS} FROM records WHERE kind = :kind"  # noqa: S608 - constants
_INSERT = (
    f"INSERT INTO records ({_COLUMNS}) VALUES "  # noqa: S608 - constants
    "(:kind, :namespace, :id, :name, :parent, :state, :expires_at, :change, :blob)"
)
GET = f"{_SELECT} AND namespace = :namespace AND id = :id"
BY_NAME = f"{_SELECT} AND namespace = :namespace AND name = :name"
EXPIRED = (
    f"{_SELECT} AND expires_at < :before AND (expires_at, namespace, id) > (:at, :namespace, :id)"
    " ORDER BY expires_at, namespace, id LIMIT :limit"
)
ADD = f"{_INSERT} ON CONFLICT DO NOTHING"
PUT = (
    f"{_INSERT} ON CONFLICT (kind, namespace, id) DO UPDATE SET name = excluded.name,"
    " parent = excluded.parent, state = excluded.state, expires_at = excluded.expires_at,"
    " change = excluded.change, blob = excluded.blob"
)
DELETE = "DELETE FROM records WHERE kind = :kind AND namespace = :namespace AND id = :id"
DELETE_NAMESPACE = (
    "DELETE FROM records WHERE (kind, namespace, id) IN (SELECT kind, namespace, id"
    " FROM records WHERE namespace = :namespace LIMIT :limit)"
)
KINDS = "SELECT DISTINCT kind FROM records"
DELETE_KIND = "DELETE FROM records WHERE kind = :kind"
ROWS_AFTER = (
    f"SELECT {_COLUMNS} FROM records"  # noqa: S608 - constants
    " WHERE (kind, namespace, id) > (:kind, :namespace, :id)"
    " ORDER BY kind, namespace, id LIMIT :limit"
)
CHANGES_AFTER = (
    "SELECT number, namespace, kind, id, request_id, at FROM changes"
    " WHERE number > :number ORDER BY number LIMIT :limit"
)
COUNT_BELOW = (
    "SELECT count(*) FROM (SELECT 1 FROM records WHERE kind = :kind AND namespace = :namespace"
    " AND id >= :prefix AND id < :prefix_end LIMIT :most) AS found"
)
LAST_CHANGE = "SELECT coalesce(max(number), 0) FROM changes"
FORGET_CHANGES = "DELETE FROM changes WHERE number <= :number AND number < :first + :limit"
FIRST_CHANGE = "SELECT coalesce(min(number), 0) FROM changes"
OF_REQUEST = "SELECT 1 FROM changes WHERE request_id = :request_id LIMIT 1"
GET_SEAL = "SELECT row FROM seal WHERE id = 1"
PUT_SEAL = (
    "INSERT INTO seal (id, row) VALUES (1, :row) ON CONFLICT (id) DO UPDATE SET row = excluded.row"
)
SAVEPOINT = "SAVEPOINT work"
RELEASE = "RELEASE SAVEPOINT work"
ROLL_BACK = "ROLLBACK TO SAVEPOINT work"
ADD_CHANGE = (
    "INSERT INTO changes (number, namespace, kind, id, request_id, at)"
    " VALUES (:number, :namespace, :kind, :id, :request_id, :at)"
)
NOTIFY = "SELECT pg_notify(:channel, :origin)"


@functools.cache
def listing(by: Literal["id", "name"], filters: frozenset[str]) -> str:
    """Rows of a kind and namespace in the order of ``by``; ``filters`` are of after, prefix,
    parent and state."""
    terms = {
        "after": f"{by} > :after",
        "prefix": f"{by} >= :prefix AND {by} < :prefix_end",
        "parent": "parent = :parent",
        "state": "state = :state",
    }
    where = [f"{_SELECT} AND namespace = :namespace", *(terms[name] for name in sorted(filters))]
    if by == "name":
        where.append("name IS NOT NULL")
    return f"{' AND '.join(where)} ORDER BY {by} LIMIT :limit"


@functools.cache
def counting(filters: frozenset[str]) -> str:
    """How many rows of a kind; ``filters`` are of namespace and state."""
    terms = "".join(f" AND {name} = :{name}" for name in sorted(filters))
    return f"SELECT count(*) FROM records WHERE kind = :kind{terms}"  # noqa: S608 - constants
