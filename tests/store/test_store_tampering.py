"""Whoever can write the database cannot forge a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from keystead.errors import IntegrityFailure
from keystead.store.engines import open_engine
from keystead.store.store import Store


def _sql(url: str, statement: str, **values: Any) -> int:
    engine = open_engine(url)
    with engine.begin() as connection:
        count = connection.execute(text(statement), values).rowcount
    engine.dispose()
    return count


@pytest.fixture
def filled(store: Store, things: Any, thing: Any) -> Store:
    def fill(tx: Any) -> None:
        tx.put(things, "ns", "1", thing(name="a", expires_at=5.0))
        tx.put(things, "ns", "2", thing(name="b", parent="q", state="off", number=9))

    store.write_now(fill)
    return store


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "z"),
        ("name", None),
        ("parent", "z"),
        ("parent", ""),
        ("state", "z"),
        ("state", None),
        ("expires_at", 6.0),
        ("expires_at", None),
        ("change", 9),
        ("blob", b""),
        ("blob", b"\x01" + bytes(64)),
    ],
)
def test_a_changed_column_is_an_integrity_failure(
    filled: Store, store_url: str, things: Any, column: str, value: object
) -> None:
    assert _sql(store_url, f"UPDATE records SET {column} = :v WHERE id = '1'", v=value) == 1
    with pytest.raises(IntegrityFailure) as caught:
        filled.read_now(lambda r: r.get(things, "ns", "1"))
    assert caught.value.details == {"kind": "thing", "id": "1"}
    assert filled.read_now(lambda r: r.get(things, "ns", "2")) is not None


@pytest.mark.parametrize("column", ["id", "namespace", "kind"])
def test_a_row_moved_to_another_identity_is_refused(
    filled: Store, store_url: str, things: Any, column: str
) -> None:
    _sql(store_url, f"UPDATE records SET {column} = 'moved' WHERE id = '1'")
    identity = {"id": "1", "namespace": "ns", "kind": "thing"} | {column: "moved"}
    kind = type(things)(identity["kind"], things.type)
    with pytest.raises(IntegrityFailure):
        filled.read_now(lambda r: r.get(kind, identity["namespace"], identity["id"]))


def test_blobs_swapped_between_two_records_are_refused(
    filled: Store, store_url: str, things: Any
) -> None:
    engine = open_engine(store_url)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT id, blob FROM records ORDER BY id")).all()
        for (id, _), (_, blob) in zip(rows, reversed(rows), strict=True):
            update = text("UPDATE records SET blob = :blob WHERE id = :id")
            connection.execute(update, {"blob": blob, "id": id})
    engine.dispose()
    for id in ("1", "2"):
        with pytest.raises(IntegrityFailure):
            filled.read_now(lambda r, id=id: r.get(things, "ns", id))


def test_a_record_cannot_be_had_under_another_name(
    filled: Store, store_url: str, things: Any
) -> None:
    _sql(store_url, "UPDATE records SET name = 'x' WHERE id = '1'")
    _sql(store_url, "UPDATE records SET name = 'a' WHERE id = '2'")
    with pytest.raises(IntegrityFailure):
        filled.read_now(lambda r: r.by_name(things, "ns", "a"))
    with pytest.raises(IntegrityFailure):
        filled.read_now(lambda r: r.list(things, "ns"))


def test_any_flipped_bit_of_the_blob_is_refused(filled: Store, store_url: str, things: Any) -> None:
    engine = open_engine(store_url)
    update = text("UPDATE records SET blob = :blob WHERE id = '1'")
    with engine.connect() as connection:
        blob = connection.execute(text("SELECT blob FROM records WHERE id = '1'")).scalar_one()
    for position in range(0, len(blob), 3):
        flipped = bytearray(blob)
        flipped[position] ^= 1 << position % 8
        with engine.begin() as connection:
            connection.execute(update, {"blob": bytes(flipped)})
        with pytest.raises(IntegrityFailure):
            filled.read_now(lambda r: r.get(things, "ns", "1"))
    with engine.begin() as connection:
        connection.execute(update, {"blob": blob})
    assert filled.read_now(lambda r: r.get(things, "ns", "1")) is not None
    engine.dispose()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", b"a"),
        ("state", 1),
        ("expires_at", "5"),
        ("expires_at", "soon"),
        ("change", 1.5),
        ("change", "one"),
        ("blob", "text"),
        ("blob", 7),
    ],
)
def test_a_value_of_another_type_in_sqlite_is_an_integrity_failure(
    filled: Store, store_url: str, things: Any, column: str, value: object
) -> None:
    _sql(store_url, f"UPDATE records SET {column} = :v WHERE id = '1'", v=value)
    if (column, value) == ("expires_at", "5"):
        return  # SQLite makes that the number it was
    with pytest.raises(IntegrityFailure):
        filled.read_now(lambda r: r.get(things, "ns", "1"))


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_text_that_is_not_utf8_in_sqlite_is_an_integrity_failure(
    filled: Store, store_url: str, things: Any
) -> None:
    _sql(store_url, "UPDATE records SET name = CAST(x'ff61' AS TEXT) WHERE id = '1'")
    with pytest.raises(IntegrityFailure):
        filled.read_now(lambda r: r.get(things, "ns", "1"))


def test_a_sealed_blob_of_something_else_is_an_integrity_failure(
    store: Store, things: Any, thing: Any
) -> None:
    other = type(things)(things.name, dict)
    store.write_now(lambda tx: tx.put(other, "ns", "1", {"no": "thing"}))
    with pytest.raises(IntegrityFailure):
        store.read_now(lambda r: r.get(things, "ns", "1"))


def test_another_key_opens_nothing(
    filled: Store, things: Any, make_sealer: Callable[[bytes], Any]
) -> None:
    filled.sealer = make_sealer(bytes([1]) * 32)
    with pytest.raises(IntegrityFailure):
        filled.read_now(lambda r: r.get(things, "ns", "1"))


@pytest.mark.parametrize("row", [b"", b"\x00", b"\xc1", b"\x81\xa1a\x01"])
def test_a_seal_row_that_is_none_is_an_integrity_failure(
    store: Store, store_url: str, row: bytes
) -> None:
    _sql(store_url, "INSERT INTO seal (id, row) VALUES (1, :row)", row=row)
    with pytest.raises(IntegrityFailure):
        store.load_seal()
