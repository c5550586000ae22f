"""Namespaces: nested, sealed, rotated, shredded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from keystead.errors import (
    AlreadyExists,
    Conflict,
    IntegrityFailure,
    InvalidRequest,
    NamespaceSealed,
    NotFound,
)
from keystead.operations.namespaces import (
    CreateNamespace,
    DeleteNamespace,
    ListNamespaces,
    RotateNamespaceKek,
    SealNamespace,
    ShowNamespace,
    UnsealNamespace,
)
from keystead.operations.system import Initialize
from keystead.seal.dev import DevSeal
from keystead.services.namespaces import ROOT, sweep_remains
from keystead.store.kinds import Kind


class Note(msgspec.Struct, frozen=True):
    text: str


NOTE = Kind("note", Note, expires_of=lambda note: 1.0)


def _write(house: Any, namespace: str, text: str = "hello", id: str = "n") -> None:
    house.store.write_now(lambda tx: tx.put(NOTE, namespace, id, Note(text)))


def _read(house: Any, namespace: str, id: str = "n") -> Any:
    return house.store.read_now(lambda reader: reader.get(NOTE, namespace, id))


def test_a_nested_namespace_needs_its_parent(house: Any) -> None:
    with pytest.raises(NotFound):
        house.ask(CreateNamespace(name="a/b"))
    a = house.ask(CreateNamespace(name="a"))
    b = house.ask(CreateNamespace(name="a/b"))
    assert house.namespaces.path(b.id) == (ROOT, a.id, b.id)
    assert house.namespaces.id_of("a/b") == b.id
    assert house.namespaces.name_of(b.id) == "a/b"


def test_names_are_relative_to_where_one_asks(house: Any) -> None:
    house.ask(CreateNamespace(name="a"))
    made = house.ask(CreateNamespace(name="b"), namespace="a")
    assert made.name == "b"
    assert house.ask(ShowNamespace(name="a/b")).id == made.id
    assert house.ask(ShowNamespace(name="b"), namespace="a") == made
    with pytest.raises(NotFound):
        house.ask(ShowNamespace(name="a"), namespace="a")


def test_a_name_is_taken_once(house: Any) -> None:
    house.ask(CreateNamespace(name="a"))
    with pytest.raises(AlreadyExists):
        house.ask(CreateNamespace(name="a"))


def test_listing_pages_through_what_is_below(house: Any) -> None:
    for name in ("b", "a", "a/x", "a/y", "ab"):
        house.ask(CreateNamespace(name=name))
    first = house.ask(ListNamespaces(limit=2))
    rest = house.ask(ListNamespaces(limit=9, after=first.next))
    assert [n.name for n in (*first.namespaces, *rest.namespaces)] == ["a", "a/x", "a/y", "ab", "b"]
    assert rest.next == ""
    assert [n.name for n in house.ask(ListNamespaces(), namespace="a").namespaces] == ["x", "y"]


def test_a_sealed_namespace_and_all_below_serve_nothing_until_unsealed(house: Any) -> None:
    a, b = (house.ask(CreateNamespace(name=name)).id for name in ("a", "a/b"))
    _write(house, a)
    _write(house, b)
    assert house.ask(SealNamespace(name="a")).sealed
    for id, name in ((a, "a"), (b, "a/b")):
        with pytest.raises(NamespaceSealed):
            _read(house, id)
        with pytest.raises(NamespaceSealed):
            _write(house, id)
        with pytest.raises(NamespaceSealed):
            house.namespaces.id_of(name)
    assert not house.ask(UnsealNamespace(name="a")).sealed
    assert _read(house, b) == Note("hello")


def test_a_restarted_node_leaves_sealed_namespaces_sealed(make_house: Callable[..., Any]) -> None:
    seal = DevSeal()
    house = make_house(seal)
    house.ask(Initialize())
    a = house.ask(CreateNamespace(name="a")).id
    _write(house, a)
    house.ask(SealNamespace(name="a"))
    restarted = make_house(seal)
    asyncio.run(restarted.seal.auto_unseal())
    with pytest.raises(NamespaceSealed):
        _read(restarted, a)


def test_the_expired_are_found_past_sealed_namespaces(house: Any) -> None:
    a, b = (house.ask(CreateNamespace(name=name)).id for name in ("a", "b"))
    for number in range(5):
        _write(house, a, id=f"n{number}")
    _write(house, b)
    house.ask(SealNamespace(name="a"))
    found = house.store.read_now(lambda reader: reader.expired(NOTE, 2.0, 2))
    assert found == [(b, "n", Note("hello"))]


def test_after_a_kek_rotation_old_and_new_records_open_everywhere(
    make_house: Callable[..., Any],
) -> None:
    seal = DevSeal()
    house = make_house(seal)
    house.ask(Initialize())
    a = house.ask(CreateNamespace(name="a")).id
    other = make_house(seal)
    asyncio.run(other.seal.auto_unseal())
    _write(house, a, id="old")
    assert house.ask(RotateNamespaceKek(name="a")).kek_version == 2
    _write(house, a, id="new")
    assert house.keyring.seal(a, b"", b"")[:4] == (2).to_bytes(4)
    for node in (house, other):
        assert _read(node, a, "old") == _read(node, a, "new") == Note("hello")


def test_deleting_destroys_the_key_first_and_the_rows_after(house: Any) -> None:
    a = house.ask(CreateNamespace(name="a")).id
    for number in range(3):
        _write(house, a, id=f"n{number}")
    house.ask(DeleteNamespace(name="a", confirm="a"))
    with pytest.raises(NotFound):
        house.namespaces.id_of("a")
    with pytest.raises(NamespaceSealed):
        _read(house, a, "n0")
    assert house.store.read_now(lambda reader: reader.count(NOTE, a)) == 3
    asyncio.run(sweep_remains(house.store))
    assert house.store.read_now(lambda reader: reader.count(NOTE, a)) == 0
    asyncio.run(sweep_remains(house.store))


def test_a_namespace_made_anew_has_nothing_of_the_old_one(house: Any) -> None:
    old = house.ask(CreateNamespace(name="a")).id
    _write(house, old)
    house.ask(DeleteNamespace(name="a", confirm="a"))
    new = house.ask(CreateNamespace(name="a")).id
    assert new != old
    assert _read(house, new) is None


def test_a_namespace_with_others_in_it_is_not_deleted(house: Any) -> None:
    house.ask(CreateNamespace(name="a"))
    house.ask(CreateNamespace(name="a/b"))
    with pytest.raises(Conflict):
        house.ask(DeleteNamespace(name="a", confirm="a"))
    house.ask(DeleteNamespace(name="a/b", confirm="a/b"))
    house.ask(DeleteNamespace(name="a", confirm="a"))


def test_deleting_needs_the_name_repeated(house: Any) -> None:
    house.ask(CreateNamespace(name="a"))
    with pytest.raises(InvalidRequest):
        house.ask(DeleteNamespace(name="a", confirm="b"))


@pytest.mark.parametrize(
    "operation",
    [SealNamespace(name=""), UnsealNamespace(name=""), DeleteNamespace(name="", confirm="")],
)
def test_the_root_namespace_is_neither_sealed_nor_deleted(house: Any, operation: Any) -> None:
    with pytest.raises(NotFound):
        house.ask(operation)


def test_records_do_not_move_between_namespaces(house: Any) -> None:
    a, b = (house.ask(CreateNamespace(name=name)).id for name in ("a", "b"))
    _write(house, a)
    with house.store._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE records SET namespace = '{b}' WHERE kind = 'note'")
    with pytest.raises(IntegrityFailure):
        _read(house, b)
