"""Units of work: what can be read in a snapshot, and changed in a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy.exc import IntegrityError

from keystead.errors import AlreadyExists, InvalidRequest, NamespaceSealed
from keystead.store import statements as sql
from keystead.store.kinds import Kind
from keystead.store.rows import Row, Sealer, open_row, seal_row
from keystead.store.seal_row import SealRow, decode_seal_row, encode_seal_row
from keystead.store.session import Session

T = TypeVar("T")

SEAL_KIND = "seal"
"""The kind that a change of the seal row is recorded under."""


class Change(NamedTuple):
    """One record that a committed transaction touched. ``at`` is in Unix seconds.

    Numbers grow by one in the order of commits: whoever has seen number n has seen all
    before it.
    """

    number: int
    namespace: str
    kind: str
    id: str
    request_id: str
    at: float


Listing = list[tuple[str, T]]
Expired = list[tuple[str, str, T]]
Changes = list[Change]


class Reader:
    """Reads one snapshot. Namespace ``""`` holds the system's own records.

    What is read is authenticated (IntegrityFailure otherwise); Sealed and NamespaceSealed
    are raised while the keys are not at hand. Whoever can write the database can still hide
    rows, or put an old row back in place of its successor.
    """

    def __init__(self, session: Session, sealer: Sealer | None) -> None:
        self._session = session
        self._sealer = sealer

    def with_sealer(self, sealer: Sealer) -> Reader:
        """A reader of the same snapshot that opens records with another sealer."""
        return Reader(self._session, sealer)

    def get(self, kind: Kind[T], namespace: str, id: str) -> T | None:
        """The record with that identifier, or None."""
        found = self._one(kind, sql.GET, {"kind": kind.name, "namespace": namespace, "id": id})
        return found[1] if found else None

    def by_name(self, kind: Kind[T], namespace: str, name: str) -> tuple[str, T] | None:
        """The identifier and the record with that name, or None."""
        return self._one(
            kind, sql.BY_NAME, {"kind": kind.name, "namespace": namespace, "name": name}
        )

    def list(
        self,
        kind: Kind[T],
        namespace: str,
        *,
        after: str = "",
        limit: int = 100,
        parent: str | None = None,
        state: str | None = None,
        prefix: str = "",
        by: Literal["id", "name"] = "id",
    ) -> Listing[T]:
        """Up to ``limit`` records as (identifier, value), ordered by code points of ``by``.

        ``after`` (a cursor: the last one seen) and ``prefix`` apply to the column ``by``;
        by name, only named records are listed.
        """
        given: dict[str, Any] = {"after": after or None, "parent": parent, "state": state}
        given["prefix"] = prefix or None
        given = {name: value for name, value in given.items() if value is not None}
        statement = sql.listing(by, frozenset(given))
        given |= {"kind": kind.name, "namespace": namespace, "limit": limit}
        if prefix:
            given["prefix_end"] = prefix + "\U0010ffff"
        rows = self._session.rows(statement, given)
        return [self._open(kind, Row._make(row)) for row in rows]

    def expired(self, kind: Kind[T], before: float, limit: int) -> Expired[T]:
        """Up to ``limit`` records of any namespace as (namespace, identifier, value), the
        longest expired first. Those in sealed namespaces are passed over."""
        found: Expired[T] = []
        for row in self._expired_rows(kind, before, limit):
            try:
                found.append((row.namespace, *self._open(kind, row)))
            except NamespaceSealed:
                continue
            if len(found) == limit:
                break
        return found

    def _expired_rows(self, kind: Kind[T], before: float, page: int) -> Iterator[Row]:
        cursor: dict[str, Any] = {"at": float("-inf"), "namespace": "", "id": ""}
        while True:
            given = {"kind": kind.name, "before": before, "limit": page, **cursor}
            rows = self._session.rows(sql.EXPIRED, given)
            yield from map(Row._make, rows)
            if len(rows) < page:
                return
            last = Row._make(rows[-1])
            cursor = {"at": last.expires_at, "namespace": last.namespace, "id": last.id}

    def count(self, kind: Kind[Any], namespace: str | None = None, state: str | None = None) -> int:
        """How many records the database holds. The plain columns are taken at their word."""
        given = {"namespace": namespace, "state": state}
        given = {name: value for name, value in given.items() if value is not None}
        statement = sql.counting(frozenset(given))
        return self._session.number(statement, {"kind": kind.name, **given})

    def count_below(self, kind: Kind[Any], namespace: str, prefix: str, most: int) -> int:
        """How many records have identifiers with that prefix, but no more than ``most``."""
        given = {"kind": kind.name, "namespace": namespace, "most": max(0, most)}
        given |= {"prefix": prefix, "prefix_end": prefix + "\U0010ffff"}
        return self._session.number(sql.COUNT_BELOW, given)

    def rows(self, limit: int = 500) -> Iterator[Row]:
        """Every row as it is stored, sealed and not yet authenticated, ``limit`` at a time."""
        cursor = {"kind": "", "namespace": "", "id": ""}
        while True:
            page = self._session.rows(sql.ROWS_AFTER, {**cursor, "limit": limit})
            yield from map(Row._make, page)
            if len(page) < limit:
                return
            last = Row._make(page[-1])
            cursor = {"kind": last.kind, "namespace": last.namespace, "id": last.id}

    def changes_after(self, number: int, limit: int = 1000) -> Changes:
        """Changes with greater numbers, in order."""
        rows = self._session.rows(sql.CHANGES_AFTER, {"number": number, "limit": limit})
        return [Change._make(row) for row in rows]

    def last_change(self) -> int:
        """The number of the newest change; 0 before the first."""
        return self._session.number(sql.LAST_CHANGE)

    def change_of_request(self, request_id: str) -> bool:
        """Whether anything was committed for that request."""
        given = {"request_id": request_id}
        return self._session.first(sql.OF_REQUEST, given) is not None

    def seal_row(self) -> SealRow | None:
        """How the server is unsealed; None before it is initialized. Not yet authenticated."""
        row = self._session.first(sql.GET_SEAL)
        return decode_seal_row(row[0]) if row else None

    def _one(self, kind: Kind[T], statement: str, given: dict[str, Any]) -> tuple[str, T] | None:
        row = self._session.first(statement, given)
        return self._open(kind, Row._make(row)) if row else None

    def _open(self, kind: Kind[T], row: Row) -> tuple[str, T]:
        return row.id, open_row(self._sealer, kind, row)


class Transaction(Reader):
    """Changes records, all or none. It sees its own changes.

    ``changes`` are those recorded so far. A unit of work that raises is rolled back alone;
    one that fails for AlreadyExists must let the error out.
    """

    def __init__(
        self,
        session: Session,
        sealer: Sealer | None,
        *,
        request_id: str,
        last_change: int,
        now: float,
    ) -> None:
        super().__init__(session, sealer)
        self.changes: Changes = []
        self._request_id = request_id
        self._last = last_change
        self._now = now

    def put(self, kind: Kind[T], namespace: str, id: str, value: T) -> None:
        """Insert the record or replace it; raises AlreadyExists if another has its name."""
        row = self._sealed(kind, namespace, id, value)
        try:
            self._session.run(sql.PUT, row)
        except IntegrityError:
            raise _taken(kind, row) from None

    def add(self, kind: Kind[T], namespace: str, id: str, value: T) -> None:
        """Insert the record; raises AlreadyExists if its identifier or name is taken."""
        row = self._sealed(kind, namespace, id, value)
        if self._session.run(sql.ADD, row) != 1:
            raise _taken(kind, row)

    def delete(self, kind: Kind[Any], namespace: str, id: str) -> bool:
        """Delete the record; False if there was none."""
        given = {"kind": kind.name, "namespace": namespace, "id": id}
        deleted = self._session.run(sql.DELETE, given) == 1
        if deleted:
            self._record(kind.name, namespace, id)
        return deleted

    def delete_namespace(self, namespace: str, limit: int = 1000) -> bool:
        """Delete up to ``limit`` records of a namespace; False once none is left.

        Records no change: caches drop a whole namespace when its own record changes.
        """
        given = {"namespace": namespace, "limit": limit}
        return self._session.run(sql.DELETE_NAMESPACE, given) > 0

    def touch(self, kind: Kind[Any], namespace: str, id: str) -> None:
        """Record a change of something without writing it, so that caches drop it."""
        self._record(kind.name, namespace, id)

    def forget_changes(self, keep: int, limit: int = 10_000) -> int:
        """Drop up to ``limit`` of the oldest changes but keep the newest ``keep`` (at least
        one, so that numbers go on); return how many were dropped."""
        first = self._session.number(sql.FIRST_CHANGE)
        given = {"number": self.last_change() - max(keep, 1), "first": first, "limit": limit}
        return self._session.run(sql.FORGET_CHANGES, given)

    def put_rows(self, rows: Iterable[Row]) -> None:
        """Insert or replace rows as they were once stored. Records no change."""
        self._session.run_each(sql.PUT, [row._asdict() for row in rows])

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Insert rows as they were once stored where there is none. Records no change."""
        self._session.run_each(sql.ADD, [row._asdict() for row in rows])

    def delete_kinds(self, keep: Collection[str]) -> None:
        """Delete every record but those of some kinds. Records no change."""
        for (kind,) in self._session.rows(sql.KINDS):
            if kind not in keep:
                self._session.run(sql.DELETE_KIND, {"kind": kind})

    def put_seal_row(self, row: SealRow) -> None:
        """Replace the row that says how the server is unsealed."""
        self._session.run(sql.PUT_SEAL, {"row": encode_seal_row(row)})
        self._record(SEAL_KIND, "", SEAL_KIND)

    def _sealed(self, kind: Kind[T], namespace: str, id: str, value: T) -> dict[str, Any]:
        number = self._record(kind.name, namespace, id)
        return seal_row(self._sealer, kind, namespace, id, value, number)

    def _record(self, kind: str, namespace: str, id: str) -> int:
        """Note the change. Its text must be storable, for all changes of a batch are written
        together and one that cannot be would fail the others."""
        if "\0" in (told := f"{namespace}{id}{self._request_id}"):
            raise InvalidRequest("An identifier cannot hold a zero character.")
        told.encode()
        self._last += 1
        self.changes.append(Change(self._last, namespace, kind, id, self._request_id, self._now))
        return self._last


def _taken(kind: Kind[Any], row: dict[str, Any]) -> AlreadyExists:
    name = row["name"] or row["id"]
    return AlreadyExists(f"There is already a {kind.name} {name}.", kind=kind.name, name=name)
