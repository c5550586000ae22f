"""X-Wing (draft-connolly-cfrg-xwing-kem): X25519 and ML-KEM-768 in one KEM.

Safe while either of the two is. HPKE calls the same KEM MLKEM768-X25519 (0x647a).
Unlike the draft, an X25519 point of small order is refused instead of being combined.
"""

from __future__ import annotations

from hashlib import sha3_256, shake_256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SEED_BYTES = 32

_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_CIPHERTEXT_BYTES = 1088
_LABEL = bytes.fromhex("5c2e2f2f5e5c")  # the draft draws an X-wing in ASCII


def _combine(mlkem_secret: bytes, x_secret: bytes, x_ciphertext: bytes, x_public: bytes) -> bytes:
    return sha3_256(mlkem_secret + x_secret + x_ciphertext + x_public + _LABEL).digest()


class XWingPublicKey:
    """A 1216-byte encapsulation key: ML-KEM-768 (1184) ‖ X25519 (32)."""

    __slots__ = ("mlkem", "x25519")

    def __init__(self, mlkem: MLKEM768PublicKey, x25519: X25519PublicKey) -> None:
        self.mlkem = mlkem
        self.x25519 = x25519

    @classmethod
    def from_public_bytes(cls, data: bytes) -> XWingPublicKey:
        """Load 1216 bytes; raises ValueError."""
        mlkem = MLKEM768PublicKey.from_public_bytes(data[:_MLKEM_PUBLIC_BYTES])
        return cls(mlkem, X25519PublicKey.from_public_bytes(data[_MLKEM_PUBLIC_BYTES:]))

    def public_bytes_raw(self) -> bytes:
        """Return the 1216 bytes."""
        return self.mlkem.public_bytes_raw() + self.x25519.public_bytes_raw()

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return (32-byte shared secret, 1120-byte ciphertext); raises ValueError."""
        mlkem_secret, mlkem_ciphertext = self.mlkem.encapsulate()
        ephemeral = X25519PrivateKey.generate()
        x_ciphertext = ephemeral.public_key().public_bytes_raw()
        x_secret = ephemeral.exchange(self.x25519)
        secret = _combine(mlkem_secret, x_secret, x_ciphertext, self.x25519.public_bytes_raw())
        return secret, mlkem_ciphertext + x_ciphertext


class XWingPrivateKey:
    """A decapsulation key, held as its two component keys."""

    __slots__ = ("_x_public", "mlkem", "x25519")

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        self.mlkem = mlkem
        self.x25519 = x25519
        self._x_public = x25519.public_key().public_bytes_raw()

    @classmethod
    def from_seed_bytes(cls, seed: bytes) -> XWingPrivateKey:
        """Expand a 32-byte seed with SHAKE-256 into both keys; raises ValueError."""
        if len(seed) != SEED_BYTES:
            raise ValueError("an X-Wing seed has 32 bytes")
        expanded = shake_256(seed).digest(96)
        return cls(
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )

    def public_key(self) -> XWingPublicKey:
        """Return the encapsulation key."""
        return XWingPublicKey(self.mlkem.public_key(), self.x25519.public_key())

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the 32-byte shared secret for 1120 bytes; raises ValueError.

        A forged ML-KEM part yields an unrelated secret, not an error (FIPS 203, 6.3).
        """
        x_ciphertext = ciphertext[_MLKEM_CIPHERTEXT_BYTES:]
        mlkem_secret = self.mlkem.decapsulate(ciphertext[:_MLKEM_CIPHERTEXT_BYTES])
        x_secret = self.x25519.exchange(X25519PublicKey.from_public_bytes(x_ciphertext))
        return _combine(mlkem_secret, x_secret, x_ciphertext, self._x_public)
