"""Keys derived for a context: HKDF-SHA-256 (RFC 5869), and for keys of old a counter mode.

The counter mode is SP 800-108r1, 4.1, with HMAC-SHA-256: counter (4 bytes, from 0) ‖ context ‖
length of the output in bits (4 bytes).
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keystead.errors import InvalidRequest

HKDF_SHA256: Final = "hkdf"
COUNTER: Final = "counter"

_HASH_BYTES = 32
MISSING_CONTEXT: Final = (
    "missing 'context' for key derivation; the key was created using a derived key, which means "
    "additional, per-request information must be included in order to perform operations with "
    "the key"
)


def derive(key: bytes, context: bytes, length: int, kdf: str = HKDF_SHA256) -> bytes:
    """``length`` bytes for a context (in counter mode 32); raises InvalidRequest without one."""
    if not context:
        raise InvalidRequest(MISSING_CONTEXT)
    if kdf == COUNTER:
        return _counter_mode(key, context)
    return HKDF(SHA256(), length, None, context).derive(key)


def agreed_key(shared_secret: bytes, length: int) -> bytes:
    """A key from an ECDH secret: HKDF-SHA-256 without salt or info."""
    return HKDF(SHA256(), length, None, b"").derive(shared_secret)


def _counter_mode(key: bytes, context: bytes) -> bytes:
    message = bytes(4) + context + (8 * _HASH_BYTES).to_bytes(4)
    return hmac.digest(key, message, "sha256")
