"""Encryption in the transit engine: AEADs plain, derived and convergent, and RSA-OAEP.

An AEAD ciphertext is nonce (12 bytes; XChaCha20: 24) ‖ encrypted bytes ‖ tag (16).

Derived: the key is derived for the context of each request. Convergent: so is a second key,
32 bytes more of the same derivation; the nonce is the front of the HMAC-SHA-256 of the
plaintext under it, so that equal plaintexts of a context have equal ciphertexts.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from os import urandom
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from keystead.crypto.cipher import TAG_BYTES, RsaCipher, RsaEncryptor
from keystead.crypto.material import KeyMaterial
from keystead.crypto.transit.derivation import derive
from keystead.errors import (
    DecryptionFailed,
    InvalidRequest,
    PayloadTooLarge,
)

_NONCE_KEY_BYTES = 32
_FAILED: Final = "cipher: message authentication failed"


class Aead(Protocol):
    """An AEAD under one key, given nonces."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class XChaCha:
    """XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) of libsodium."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = KeyMaterial(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            data, associated_data, nonce, self._key.reveal()
        )

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        try:
            return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                data, associated_data, nonce, self._key.reveal()
            )
        except CryptoError:
            raise InvalidTag from None


_AEADS: Final[dict[str, tuple[Callable[[bytes], Aead], int, int]]] = {
    "aes128-gcm96": (AESGCM, 16, 12),
    "aes256-gcm96": (AESGCM, 32, 12),
    "chacha20-poly1305": (ChaCha20Poly1305, 32, 12),
    "xchacha20-poly1305": (XChaCha, 32, 24),
}  # type: key's opener, key bytes, nonce bytes


class TransitCipher(Protocol):
    """Encrypts and decrypts with one version of a key."""

    def encrypt(self, plaintext: bytes, context: bytes, aad: bytes) -> bytes:
        """Encrypt; ``context`` is for derived keys and passed over by others.

        Raises InvalidRequest.
        """

    def decrypt(self, ciphertext: bytes, context: bytes, aad: bytes) -> bytes:
        """Decrypt what ``encrypt`` made; raises InvalidRequest or DecryptionFailed."""


class PlainCipher:
    """An AEAD under the key itself."""

    __slots__ = ("_aead", "_nonce_bytes")

    def __init__(self, type_: str, key: bytes) -> None:
        opener, _, self._nonce_bytes = _AEADS[type_]
        self._aead = opener(key)

    def encrypt(self, plaintext: bytes, context: bytes, aad: bytes) -> bytes:
        """See ``TransitCipher.encrypt``."""
        nonce = urandom(self._nonce_bytes)
        try:
            return nonce + self._aead.encrypt(nonce, plaintext, aad)
        except OverflowError:
            raise PayloadTooLarge from None

    def decrypt(self, ciphertext: bytes, context: bytes, aad: bytes) -> bytes:
        """See ``TransitCipher.decrypt``."""
        return _open(self._aead, self._nonce_bytes, ciphertext, aad)


class DerivedCipher:
    """An AEAD under a key derived for each request's context."""

    __slots__ = ("_convergent", "_kdf", "_key", "_key_bytes", "_nonce_bytes", "_opener")

    def __init__(self, type_: str, key: bytes, kdf: str, *, convergent: bool) -> None:
        self._opener, self._key_bytes, self._nonce_bytes = _AEADS[type_]
        self._key = KeyMaterial(key)
        self._kdf = kdf
        self._convergent = convergent

    def encrypt(self, plaintext: bytes, context: bytes, aad: bytes) -> bytes:
        """See ``TransitCipher.encrypt``."""
        length = self._key_bytes
        if self._convergent:
            derived = derive(self._key.reveal(), context, length + _NONCE_KEY_BYTES, self._kdf)
            mac = hmac.digest(derived[length:], plaintext, "sha256")
            nonce = mac[: self._nonce_bytes]
        else:
            derived = derive(self._key.reveal(), context, length, self._kdf)
            nonce = urandom(self._nonce_bytes)
        try:
            return nonce + self._opener(derived[:length]).encrypt(nonce, plaintext, aad)
        except OverflowError:
            raise PayloadTooLarge from None

    def decrypt(self, ciphertext: bytes, context: bytes, aad: bytes) -> bytes:
        """See ``TransitCipher.decrypt``."""
        derived = derive(self._key.reveal(), context, self._key_bytes, self._kdf)
        aead = self._opener(derived[: self._key_bytes])
        return _open(aead, self._nonce_bytes, ciphertext, aad)


def _open(aead: Aead, nonce_bytes: int, ciphertext: bytes, aad: bytes) -> bytes:
    if len(ciphertext) < nonce_bytes:
        raise InvalidRequest("invalid ciphertext length")
    if len(ciphertext) < nonce_bytes + TAG_BYTES:
        raise DecryptionFailed(_FAILED)
    try:
        return aead.decrypt(ciphertext[:nonce_bytes], ciphertext[nonce_bytes:], aad)
    except (InvalidTag, OverflowError):
        raise DecryptionFailed(_FAILED) from None


class OaepCipher:
    """RSA-OAEP with SHA-256 and no label; with a public key alone it only encrypts."""

    __slots__ = ("_rsa",)

    def __init__(self, rsa: RsaEncryptor) -> None:
        self._rsa = rsa

    def encrypt(self, plaintext: bytes, context: bytes, aad: bytes) -> bytes:
        """See ``TransitCipher.encrypt``."""
        return self._rsa.encrypt(plaintext, b"")

    def decrypt(self, ciphertext: bytes, context: bytes, aad: bytes) -> bytes:
        """See ``TransitCipher.decrypt``."""
        if not isinstance(self._rsa, RsaCipher):
            raise InvalidRequest(
                "cannot decrypt ciphertext, key version does not have a private counterpart"
            )
        try:
            return self._rsa.decrypt(ciphertext, b"")
        except DecryptionFailed:
            raise DecryptionFailed(
                "failed to RSA decrypt the ciphertext: crypto/rsa: decryption error"
            ) from None
