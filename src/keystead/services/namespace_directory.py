"""Namespaces as they are stored, and as every worker knows them by heart."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keystead.errors import NamespaceSealed, NotFound
from keystead.seal.keyring import WrappedKek
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader

ROOT = "root"
"""The identifier of the root namespace, whose name is empty."""

_PAGE = 1000


class NamespaceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace. ``name`` is the whole name (``a/b``), ``parent`` the identifier of ``a``.

    ``keks`` are all versions of its key-encryption key, oldest first; the last is active.
    """

    name: str
    parent: str
    created_at: float
    keks: list[WrappedKek]
    sealed: bool = False
    custom_metadata: dict[str, str] = {}

    @property
    def kek_version(self) -> int:
        return self.keks[-1].version


NAMESPACE = Kind(
    "namespace",
    NamespaceRecord,
    name_of=lambda record: record.name,
    parent_of=lambda record: record.parent,
    state_of=lambda record: "sealed" if record.sealed else "active",
)


def all_namespaces(reader: Reader) -> dict[str, NamespaceRecord]:
    """Every namespace by its identifier."""
    found: dict[str, NamespaceRecord] = {}
    after = ""
    while page := reader.list(NAMESPACE, "", after=after, limit=_PAGE):
        found.update(page)
        after = page[-1][0]
    return found


def path_of(namespaces: Mapping[str, NamespaceRecord], id: str) -> tuple[str, ...]:
    """Identifiers from the root namespace down to ``id``."""
    path: list[str] = []
    while id in namespaces and id not in path:
        path.append(id)
        id = namespaces[id].parent
    return tuple(reversed(path))


def sealed_namespaces(namespaces: Mapping[str, NamespaceRecord]) -> frozenset[str]:
    """Those that are sealed, and all below them."""
    return frozenset(
        id
        for id in namespaces
        if any(namespaces[above].sealed for above in path_of(namespaces, id))
    )


class Namespaces:
    """Names and identifiers of all namespaces, in memory. ``founded_at`` (Unix seconds) is
    when the server was initialized."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {"": ROOT}
        self._names: dict[str, str] = {ROOT: ""}
        self._paths: dict[str, tuple[str, ...]] = {ROOT: (ROOT,)}
        self._sealed: frozenset[str] = frozenset()
        self.founded_at = 0.0

    def load(self, reader: Reader) -> None:
        """Know exactly the namespaces that are stored."""
        namespaces = all_namespaces(reader)
        self._ids = {record.name: id for id, record in namespaces.items()}
        self._names = {id: record.name for id, record in namespaces.items()}
        self._paths = {id: path_of(namespaces, id) for id in namespaces}
        self._sealed = sealed_namespaces(namespaces)
        if ROOT in namespaces:
            self.founded_at = namespaces[ROOT].created_at

    def id_of(self, name: str) -> str:
        """The identifier; raises NotFound, or NamespaceSealed if it or one above is sealed."""
        id = self._ids.get(name)
        if id is None:
            raise NotFound(f"There is no namespace {name}.", namespace=name)
        if id in self._sealed:
            raise NamespaceSealed(f"Namespace {name} is sealed.", namespace=name)
        return id

    def name_of(self, id: str) -> str:
        """The whole name; raises NotFound."""
        try:
            return self._names[id]
        except KeyError:
            raise NotFound("There is no such namespace.", namespace=id) from None

    def names(self) -> Mapping[str, str]:
        """Every namespace's whole name, by identifier."""
        return self._names

    def path(self, id: str) -> tuple[str, ...]:
        """Identifiers from the root namespace down to ``id``; raises NotFound."""
        try:
            return self._paths[id]
        except KeyError:
            raise NotFound("There is no such namespace.", namespace=id) from None
