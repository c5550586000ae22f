"""Rows: a record sealed with its identity, its plain columns and its change number."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from keystead.errors import IntegrityFailure, Sealed
from keystead.store.kinds import Kind

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder().encode


class Sealer(Protocol):
    """Seals what is stored. Namespace ``""`` holds the system's own records."""

    def seal(self, namespace: str, aad: bytes, plaintext: bytes) -> bytes:
        """Raises Sealed or NamespaceSealed when the namespace's key is not at hand."""

    def open(self, namespace: str, aad: bytes, blob: bytes) -> bytes:
        """Raises IntegrityFailure, Sealed or NamespaceSealed."""


class Row(NamedTuple):
    """One row of ``records``; types are what the database says and are not trusted."""

    kind: str
    namespace: str
    id: str
    name: Any
    parent: Any
    state: Any
    expires_at: Any
    change: Any
    blob: Any


def seal_row(
    sealer: Sealer | None, kind: Kind[T], namespace: str, id: str, value: T, change: int
) -> dict[str, Any]:
    """The row's columns by name. Raises Sealed, or NamespaceSealed."""
    columns = kind.columns(value)
    identity = (kind.name, namespace, id, *columns, change)
    blob = _awake(sealer).seal(namespace, _encode(identity), kind.encode(value))
    return Row(*identity, blob)._asdict()


def open_row(sealer: Sealer | None, kind: Kind[T], row: Row) -> T:
    """The row's value.

    The additional data is the msgpack array of all columns but the blob (typed and
    length-prefixed), so every one of them is what Keystead wrote, or this raises
    IntegrityFailure naming kind and id. Also raises Sealed or NamespaceSealed. That the row
    is the newest of its identity is not checked here.
    """
    sealer = _awake(sealer)
    try:
        if not isinstance(row.blob, bytes):
            raise TypeError
        return kind.decode(sealer.open(row.namespace, _encode(row[:-1]), row.blob))
    except (IntegrityFailure, msgspec.MsgspecError, TypeError, OverflowError):
        raise IntegrityFailure(
            f"The stored {kind.name} {row.id} is not what Keystead wrote.",
            kind=kind.name,
            id=str(row.id),
        ) from None


def _awake(sealer: Sealer | None) -> Sealer:
    if sealer is None:
        raise Sealed
    return sealer
