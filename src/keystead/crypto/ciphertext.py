"""The wire form of a ciphertext: an authenticated header that names its key, then the body.

"KS" (2) ‖ format 0x01 (1) ‖ spec code (1) ‖ key id (16) ‖ version (4, big-endian) ‖ body
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

import msgspec

from keystead.errors import DecryptionFailed, InvalidRequest

HEADER_BYTES = 24
KEY_ID_BYTES = 16

_MAGIC = b"KS\x01"
_HEADER = Struct(">3sB16sI")
_COUNT = Struct(">I")
_NO_CONTEXT = _COUNT.pack(0)


class Ciphertext(msgspec.Struct, frozen=True, gc=False):
    """A parsed ciphertext; nothing in it is authenticated before the body opens."""

    spec_code: int
    key_id: bytes
    version: int
    header: bytes
    body: bytes


def pack_header(spec_code: int, key_id: bytes, version: int) -> bytes:
    """Return the 24-byte header for a one-byte code, a 16-byte id and a 32-bit version.

    Raises InvalidRequest if one of them does not fit.
    """
    fits = 0 <= spec_code < 1 << 8 and len(key_id) == KEY_ID_BYTES and 0 <= version < 1 << 32
    if not fits:
        raise InvalidRequest("A ciphertext header takes a byte, 16 bytes and a 32-bit version.")
    return _HEADER.pack(_MAGIC, spec_code, key_id, version)


def parse(ciphertext: bytes) -> Ciphertext:
    """Split a ciphertext into header fields and body.

    Raises DecryptionFailed if it is shorter than a header or not Keystead's. Whether the
    key exists and the body is whole is found out by opening it.
    """
    if len(ciphertext) < HEADER_BYTES:
        raise DecryptionFailed
    magic, spec_code, key_id, version = _HEADER.unpack_from(ciphertext)
    if magic != _MAGIC:
        raise DecryptionFailed
    return Ciphertext(
        spec_code, key_id, version, ciphertext[:HEADER_BYTES], ciphertext[HEADER_BYTES:]
    )


def associated_data(header: bytes, context: Mapping[str, str], aad: bytes) -> bytes:
    """Return what the AEAD authenticates beside the body; no two inputs give the same bytes.

    header (24) ‖ number of entries (4) ‖ entries ‖ aad, where entries are sorted by their
    UTF-8 key, and each is length (4) ‖ key ‖ length (4) ‖ value. Raises InvalidRequest for
    text that UTF-8 cannot encode.
    """
    if not context:
        return header + _NO_CONTEXT + aad
    try:
        entries = sorted((key.encode(), value.encode()) for key, value in context.items())
    except UnicodeEncodeError:
        raise InvalidRequest("The encryption context is not valid Unicode.") from None
    parts = [header, _COUNT.pack(len(entries))]
    for key, value in entries:
        parts += (_COUNT.pack(len(key)), key, _COUNT.pack(len(value)), value)
    parts.append(aad)
    return b"".join(parts)
