"""What envelope-encrypted messages and files begin with.

magic (4) ‖ length (4, big-endian) ‖ MessagePack array [key id, wrapped data key, context]

The magic is ``KSM\\x01`` for messages and ``KSF\\x01`` for files, and the data key was made
with the magic as its ``aad``: so what was wrapped for one is never opened as the other.
Everything after a prologue is authenticated together with it.
"""

from __future__ import annotations

from struct import Struct

import msgspec

from keystead.errors import DecryptionFailed, InvalidRequest

MESSAGE_MAGIC = b"KSM\x01"
FILE_MAGIC = b"KSF\x01"
FIXED_BYTES = 8
MAX_PROLOGUE_BYTES = 128 * 1024

_FIXED = Struct(">4sI")


class Prologue(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which key wrapped the data key, and for files the encryption context."""

    key_id: str
    wrapped_key: bytes
    context: dict[str, str] = {}


_DECODER = msgspec.msgpack.Decoder(Prologue)


def pack(magic: bytes, prologue: Prologue) -> bytes:
    """Return the bytes of a prologue; raises InvalidRequest if it is over 128 KiB."""
    packed = msgspec.msgpack.encode(prologue)
    if len(packed) > MAX_PROLOGUE_BYTES:
        raise InvalidRequest("The encryption context is too large.", limit=MAX_PROLOGUE_BYTES)
    return _FIXED.pack(magic, len(packed)) + packed


def length(magic: bytes, fixed: bytes) -> int:
    """Return how many bytes follow the first 8; raises DecryptionFailed if they are not ours."""
    if len(fixed) != FIXED_BYTES:
        raise DecryptionFailed
    found, size = _FIXED.unpack(fixed)
    if found != magic or size > MAX_PROLOGUE_BYTES:
        raise DecryptionFailed
    return int(size)


def unpack(packed: bytes) -> Prologue:
    """Read what follows the first 8 bytes; raises DecryptionFailed."""
    try:
        return _DECODER.decode(packed)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise DecryptionFailed from None
