"""Key encapsulation: ML-KEM (FIPS 203) and the X-Wing hybrid."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import mlkem

from keystead.crypto.material import KeyMaterial
from keystead.crypto.xwing import XWingPrivateKey, XWingPublicKey
from keystead.errors import DecryptionFailed, InvalidRequest

KemPublicKey = mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey | XWingPublicKey
KemPrivateKey = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey | XWingPrivateKey


class Encapsulator:
    """Makes fresh shared secrets for the holder of the private key."""

    __slots__ = ("_public",)

    def __init__(self, public: KemPublicKey) -> None:
        self._public = public

    def encapsulate(self) -> tuple[KeyMaterial, bytes]:
        """Return (32-byte shared secret, ciphertext of 1088, 1568 or 1120 bytes).

        Raises InvalidRequest if the public key is of small order (X-Wing only).
        """
        try:
            secret, ciphertext = self._public.encapsulate()
        except ValueError:
            raise InvalidRequest("The public key is of small order.") from None
        return KeyMaterial(secret), ciphertext


class Kem(Encapsulator):
    """Encapsulates and decapsulates under one private key."""

    __slots__ = ("_private",)

    def __init__(self, private: KemPrivateKey) -> None:
        super().__init__(private.public_key())
        self._private = private

    def decapsulate(self, ciphertext: bytes) -> KeyMaterial:
        """Return the 32-byte shared secret; raises DecryptionFailed for a wrong length.

        A forged ciphertext of the right length yields an unrelated secret, not an error
        (implicit rejection, FIPS 203, 6.3).
        """
        try:
            return KeyMaterial(self._private.decapsulate(ciphertext))
        except ValueError:
            raise DecryptionFailed from None
