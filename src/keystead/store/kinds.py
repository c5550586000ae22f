"""Kinds: what sorts of records there are, each defined beside its record type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from msgspec import msgpack

T = TypeVar("T")

_encoder = msgpack.Encoder()


class Columns(NamedTuple):
    """The plain columns by which a row is found. ``expires_at`` is in Unix seconds."""

    name: str | None
    parent: str | None
    state: str | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A sort of record: ``type`` is a frozen msgspec struct, kept as msgpack in the blob.

    ``name_of`` fills the column ``name``, unique within kind and namespace. ``parent_of``
    and ``expires_of`` (Unix seconds) fill indexed columns, ``state_of`` one to filter by.
    These columns are in clear: never derive one from a secret.
    """

    name: str
    type: type[T]
    name_of: Callable[[T], str] | None = None
    parent_of: Callable[[T], str] | None = None
    state_of: Callable[[T], str] | None = None
    expires_of: Callable[[T], float | None] | None = None
    _decoder: msgpack.Decoder[T] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_decoder", msgpack.Decoder(self.type))

    def encode(self, value: T) -> bytes:
        """The value as msgpack."""
        return _encoder.encode(value)

    def decode(self, data: bytes) -> T:
        """The value; raises msgspec.DecodeError unless ``data`` is one of this kind."""
        return self._decoder.decode(data)

    def columns(self, value: T) -> Columns:
        """The plain columns of a value."""
        expires_at = self.expires_of(value) if self.expires_of else None
        return Columns(
            _plain(self.name_of, value),
            _plain(self.parent_of, value),
            _plain(self.state_of, value),
            None if expires_at is None else float(expires_at),
        )


def _plain(derive: Callable[[T], str] | None, value: T) -> str | None:
    """A column as a bare ``str``: an enumeration's member becomes its value."""
    return None if derive is None else str.__str__(derive(value))
