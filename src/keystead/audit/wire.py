"""Messages between workers and the writer process.

A message is a 4-byte big-endian length of the rest, one type byte, and a body:

APPEND   u32 number, u8 essential, then entries, each u32 length ‖ bytes
KEY      32-byte Ed25519 seed ‖ origin in UTF-8
ACK      u32 number, u64 first index, u64 durable size, u64 signed size, u8 essential only
REFUSED  u32 number, u8 essential only, then the reason in UTF-8
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from keystead.audit.segments import MAX_LINE_BYTES
from keystead.errors import InvalidRequest

APPEND, KEY, ACK, REFUSED = 1, 2, 17, 18
MAX_MESSAGE_BYTES = 16 << 20

_HEADER = struct.Struct(">IB")
_LENGTH = struct.Struct(">I")
_APPEND = struct.Struct(">IB")
_ACK = struct.Struct(">IQQQB")
_REFUSED = struct.Struct(">IB")
_SEED_BYTES = 32


class Append(NamedTuple):
    number: int
    essential: bool
    entries: list[bytes]


class Ack(NamedTuple):
    number: int
    first: int
    size: int
    signed_size: int
    essential_only: bool


class Refused(NamedTuple):
    number: int
    essential_only: bool
    reason: str


class Key(NamedTuple):
    origin: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Key(origin={self.origin!r})"


def pack_append(message: Append) -> bytes:
    parts = [_APPEND.pack(message.number, message.essential)]
    for entry in message.entries:
        parts += (_LENGTH.pack(len(entry)), entry)
    return _pack(APPEND, parts)


def pack_key(message: Key) -> bytes:
    return _pack(KEY, [message.seed, message.origin.encode()])


def pack_ack(message: Ack) -> bytes:
    return _pack(ACK, [_ACK.pack(*message)])


def pack_refused(message: Refused) -> bytes:
    number, essential_only, reason = message
    return _pack(REFUSED, [_REFUSED.pack(number, essential_only), reason.encode()])


class Unpacker:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Append | Ack | Refused | Key]:
        """The messages completed by these bytes. Raises InvalidRequest if malformed."""
        buffer = self._buffer
        buffer += data
        position = 0
        try:
            while len(buffer) - position >= _HEADER.size:
                length, kind = _HEADER.unpack_from(buffer, position)
                if not 1 <= length <= MAX_MESSAGE_BYTES:
                    raise InvalidRequest("Malformed message length", limit=MAX_MESSAGE_BYTES)
                end = position + _LENGTH.size + length
                if len(buffer) < end:
                    break
                yield _unpack(kind, bytes(buffer[position + _HEADER.size : end]))
                position = end
        finally:
            del buffer[:position]


def _pack(kind: int, parts: Iterable[bytes]) -> bytes:
    body = b"".join(parts)
    return _HEADER.pack(len(body) + 1, kind) + body


def _unpack(kind: int, body: bytes) -> Append | Ack | Refused | Key:
    try:
        if kind == APPEND:
            number, essential = _APPEND.unpack_from(body)
            return Append(number, bool(essential), _entries(body))
        if kind == ACK:
            number, first, size, signed_size, essential_only = _ACK.unpack(body)
            return Ack(number, first, size, signed_size, bool(essential_only))
        if kind == REFUSED:
            number, essential_only = _REFUSED.unpack_from(body)
            return Refused(number, bool(essential_only), body[_REFUSED.size :].decode())
        if kind == KEY and len(body) > _SEED_BYTES:
            return Key(body[_SEED_BYTES:].decode(), body[:_SEED_BYTES])
    except (struct.error, UnicodeDecodeError):
        pass
    raise InvalidRequest("Malformed message")


def _entries(body: bytes) -> list[bytes]:
    entries = []
    position = _APPEND.size
    while position < len(body):
        (length,) = _LENGTH.unpack_from(body, position)
        start, position = position + _LENGTH.size, position + _LENGTH.size + length
        entry = body[start:position]
        if position > len(body) or length > MAX_LINE_BYTES or not _is_entry(entry):
            raise InvalidRequest("Malformed entry")
        entries.append(entry)
    return entries


def _is_entry(entry: bytes) -> bool:
    """What cannot break the framing of a line; the rest is the worker's word."""
    return entry[:2] == b'{"' and entry[-1:] == b"}" and b"\n" not in entry
