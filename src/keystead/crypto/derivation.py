"""Derivation of subkeys: HKDF (RFC 5869) with SHA-2."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keystead.crypto.material import KeyMaterial
from keystead.errors import InvalidRequest


class Derivation:
    """Derives subkeys from one key by HKDF extract-then-expand."""

    __slots__ = ("_digest", "_key")

    def __init__(self, key: bytes, digest: hashes.HashAlgorithm) -> None:
        self._key = KeyMaterial(key)
        self._digest = digest

    def derive(self, *, info: bytes, salt: bytes, length: int) -> KeyMaterial:
        """Return ``length`` bytes bound to ``info`` and ``salt`` (which may be empty).

        Raises InvalidRequest unless 1 <= length <= 255 hash lengths (RFC 5869, 2.3).
        """
        limit = 255 * self._digest.digest_size
        if not 1 <= length <= limit:
            raise InvalidRequest(
                f"HKDF derives 1 to {limit} bytes.", length_bytes=length, limit_bytes=limit
            )
        hkdf = HKDF(self._digest, length, salt, info)
        return KeyMaterial(hkdf.derive(self._key.reveal()))
