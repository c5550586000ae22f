"""Sealing of stored records: whoever can write the database cannot forge one."""

from __future__ import annotations

from os import urandom

from cryptography.exceptions import InvalidTag

from keystead.crypto import xaes
from keystead.crypto.material import KeyMaterial
from keystead.errors import IntegrityFailure

_FORMAT = b"\x01"
_BODY = 1 + xaes.NONCE_BYTES
_SHORTEST = _BODY + xaes.TAG_BYTES


class RecordKey:
    """Seals records under one 32-byte key with XAES-256-GCM.

    A sealed record is format 0x01 (1) ‖ nonce (24) ‖ ciphertext ‖ tag (16); the format
    byte is authenticated before the caller's aad, which names the record and its version.
    """

    __slots__ = ("_xaes",)

    def __init__(self, key: KeyMaterial) -> None:
        self._xaes = xaes.Xaes256Gcm(key.reveal())

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Return the sealed record: 41 bytes longer than ``plaintext``."""
        nonce = urandom(xaes.NONCE_BYTES)
        return _FORMAT + nonce + self._xaes.encrypt(nonce, plaintext, _FORMAT + aad)

    def open(self, blob: bytes, aad: bytes) -> bytes:
        """Return the plaintext; raises IntegrityFailure for any other bytes, key or aad."""
        if len(blob) < _SHORTEST or blob[:1] != _FORMAT:
            raise IntegrityFailure
        try:
            return self._xaes.decrypt(blob[1:_BODY], memoryview(blob)[_BODY:], _FORMAT + aad)
        except (InvalidTag, OverflowError):
            raise IntegrityFailure from None
