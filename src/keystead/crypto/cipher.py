"""Encryption and decryption of data: AEADs, AES-SIV and RSA-OAEP."""

from __future__ import annotations

from os import urandom
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV, ChaCha20Poly1305
from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from keystead.crypto import xaes
from keystead.crypto.material import KeyMaterial
from keystead.errors import DecryptionFailed, PayloadTooLarge, UnsupportedAlgorithm

TAG_BYTES = 16
_NONCE_BYTES = 12
_SHORTEST = _NONCE_BYTES + TAG_BYTES


class Encryptor(Protocol):
    """Encrypts under one key; all that a public key can do."""

    def encrypt(self, plaintext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Encrypt ``plaintext``, binding ``aad``; ``algorithm`` None takes the default.

        Raises PayloadTooLarge and UnsupportedAlgorithm.
        """


class Cipher(Encryptor, Protocol):
    """Encrypts and decrypts under one key."""

    def decrypt(self, ciphertext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Return the plaintext; raises DecryptionFailed, whatever the cause."""


class _Aead:
    """What the AEAD ciphers share: they have exactly one algorithm."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def _only(self, algorithm: str) -> None:
        if algorithm != self._name:
            raise UnsupportedAlgorithm(
                f"This key encrypts with {self._name} only.", algorithm=algorithm
            )


class NonceCipher(_Aead):
    """AES-GCM or ChaCha20-Poly1305 under random 96-bit nonces.

    A ciphertext is nonce (12) ‖ encrypted bytes ‖ tag (16). One key may encrypt 2**32
    messages (SP 800-38D, 8.3); counting them is the caller's.
    """

    __slots__ = ("_aead",)

    def __init__(self, name: str, aead: AESGCM | ChaCha20Poly1305) -> None:
        super().__init__(name)
        self._aead = aead

    def encrypt(self, plaintext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Return nonce ‖ ciphertext ‖ tag: 28 bytes longer than ``plaintext``."""
        if algorithm is not None:
            self._only(algorithm)
        nonce = urandom(_NONCE_BYTES)
        try:
            return nonce + self._aead.encrypt(nonce, plaintext, aad)
        except OverflowError:
            raise PayloadTooLarge from None

    def decrypt(self, ciphertext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Open what ``encrypt`` made; raises DecryptionFailed."""
        if algorithm is not None:
            self._only(algorithm)
        if len(ciphertext) < _SHORTEST:
            raise DecryptionFailed
        body = memoryview(ciphertext)
        try:
            return self._aead.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], aad)
        except (InvalidTag, OverflowError):
            raise DecryptionFailed from None


class XaesCipher(_Aead):
    """XAES-256-GCM (C2SP) under random 192-bit nonces, so that no one need count messages.

    A ciphertext is nonce (24) ‖ encrypted bytes ‖ tag (16).
    """

    __slots__ = ("_xaes",)

    def __init__(self, key: bytes) -> None:
        super().__init__("xaes-256-gcm")
        self._xaes = xaes.Xaes256Gcm(key)

    def encrypt(self, plaintext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Return nonce ‖ ciphertext ‖ tag: 40 bytes longer than ``plaintext``."""
        if algorithm is not None:
            self._only(algorithm)
        nonce = urandom(xaes.NONCE_BYTES)
        try:
            return nonce + self._xaes.encrypt(nonce, plaintext, aad)
        except OverflowError:
            raise PayloadTooLarge from None

    def decrypt(self, ciphertext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Open what ``encrypt`` made; raises DecryptionFailed."""
        if algorithm is not None:
            self._only(algorithm)
        if len(ciphertext) < xaes.NONCE_BYTES + TAG_BYTES:
            raise DecryptionFailed
        body = memoryview(ciphertext)[xaes.NONCE_BYTES :]
        try:
            return self._xaes.decrypt(ciphertext[: xaes.NONCE_BYTES], body, aad)
        except (InvalidTag, OverflowError):
            raise DecryptionFailed from None


class XChaChaCipher(_Aead):
    """XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under random 192-bit nonces.

    A ciphertext is nonce (24) ‖ encrypted bytes ‖ tag (16).
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        super().__init__("xchacha20-poly1305")
        self._key = KeyMaterial(key)

    def encrypt(self, plaintext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Return nonce ‖ ciphertext ‖ tag: 40 bytes longer than ``plaintext``."""
        if algorithm is not None:
            self._only(algorithm)
        nonce = urandom(xaes.NONCE_BYTES)
        return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, aad, nonce, self._key.reveal()
        )

    def decrypt(self, ciphertext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Open what ``encrypt`` made; raises DecryptionFailed."""
        if algorithm is not None:
            self._only(algorithm)
        if len(ciphertext) < xaes.NONCE_BYTES + TAG_BYTES:
            raise DecryptionFailed
        nonce, body = ciphertext[: xaes.NONCE_BYTES], ciphertext[xaes.NONCE_BYTES :]
        try:
            return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                body, aad, nonce, self._key.reveal()
            )
        except CryptoError:
            raise DecryptionFailed from None


class SivCipher(_Aead):
    """AES-SIV (RFC 5297) with no nonce: the same input always gives the same ciphertext.

    Whoever sees two equal ciphertexts learns that plaintext and aad were equal.
    A ciphertext is the synthetic IV (16) ‖ encrypted bytes.
    """

    __slots__ = ("_siv",)

    def __init__(self, key: bytes) -> None:
        super().__init__("aes-256-siv")
        self._siv = AESSIV(key)

    def encrypt(self, plaintext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Return SIV ‖ ciphertext: 16 bytes longer than ``plaintext``."""
        if algorithm is not None:
            self._only(algorithm)
        try:
            return self._siv.encrypt(plaintext, [aad])
        except OverflowError:
            raise PayloadTooLarge from None

    def decrypt(self, ciphertext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Open what ``encrypt`` made; raises DecryptionFailed."""
        if algorithm is not None:
            self._only(algorithm)
        try:
            return self._siv.decrypt(ciphertext, [aad])
        except (InvalidTag, OverflowError):
            raise DecryptionFailed from None


_OAEP_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "rsa-oaep-sha256": hashes.SHA256(),
    "rsa-oaep-sha384": hashes.SHA384(),
    "rsa-oaep-sha512": hashes.SHA512(),
    "rsa-oaep-sha1": hashes.SHA1(),  # noqa: S303 - still safe in OAEP, and old peers need it
}
OAEP_ALGORITHMS = tuple(_OAEP_HASHES)


def _oaep(algorithm: str | None, label: bytes) -> OAEP:
    digest = _OAEP_HASHES.get(algorithm or OAEP_ALGORITHMS[0])
    if digest is None:
        raise UnsupportedAlgorithm(
            f"RSA encrypts with one of {', '.join(OAEP_ALGORITHMS)}.", algorithm=algorithm
        )
    return OAEP(MGF1(digest), digest, label)


class RsaEncryptor:
    """RSA-OAEP (RFC 8017, 7.1) with a public key; the label is ``aad``, MGF1 uses the same hash."""

    __slots__ = ("_public",)

    def __init__(self, public: RSAPublicKey) -> None:
        self._public = public

    def encrypt(self, plaintext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Encrypt at most k - 2h - 2 bytes (190 for RSA-2048 with SHA-256) into k bytes."""
        padding = _oaep(algorithm, aad)
        limit = self._public.key_size // 8 - 2 * padding.algorithm.digest_size - 2
        if len(plaintext) > limit:
            raise PayloadTooLarge(
                f"This RSA key encrypts at most {limit} bytes.", limit_bytes=limit
            )
        return self._public.encrypt(plaintext, padding)


class RsaCipher(RsaEncryptor):
    """RSA-OAEP with the private key."""

    __slots__ = ("_private",)

    def __init__(self, private: RSAPrivateKey) -> None:
        super().__init__(private.public_key())
        self._private = private

    def decrypt(self, ciphertext: bytes, aad: bytes, *, algorithm: str | None = None) -> bytes:
        """Open an OAEP ciphertext of exactly the key's length; raises DecryptionFailed."""
        try:
            return self._private.decrypt(ciphertext, _oaep(algorithm, aad))
        except ValueError:
            raise DecryptionFailed from None
