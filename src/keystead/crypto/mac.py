"""Message authentication: HMAC (RFC 2104) with SHA-2."""

from __future__ import annotations

from hmac import compare_digest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from keystead.errors import VerificationFailed


class Mac:
    """One HMAC key, absorbed once; each message starts from a copy of that state."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes, digest: hashes.HashAlgorithm) -> None:
        self._keyed = HMAC(key, digest)

    def generate(self, message: bytes) -> bytes:
        """Return the full MAC: 32, 48 or 64 bytes."""
        state = self._keyed.copy()
        state.update(message)
        return state.finalize()

    def verify(self, message: bytes, mac: bytes) -> None:
        """Check a full-length MAC in constant time; raises VerificationFailed."""
        if not compare_digest(self.generate(message), mac):
            raise VerificationFailed
