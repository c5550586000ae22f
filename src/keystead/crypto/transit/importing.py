"""Keys on their way to a transit engine: RSA-OAEP of an AES-256 key, then AES-KWP of the key.

What PKCS #11 calls CKM_RSA_AES_KEY_WRAP; the label of OAEP is empty. Symmetric keys are wrapped
raw, all others as PKCS #8 DER.
"""

from __future__ import annotations

from os import urandom
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm as NotInLibrary
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from keystead.crypto import keywrap
from keystead.crypto.keys import import_material
from keystead.crypto.material import KeyMaterial
from keystead.crypto.specs import spec
from keystead.crypto.transit.types import LEAST_HMAC_BYTES, MOST_HMAC_BYTES, TransitType
from keystead.errors import DecryptionFailed, IntegrityFailure, InvalidRequest

_KEK_BYTES = 32
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA1": hashes.SHA1(),  # noqa: S303 - still safe in OAEP
    "SHA224": hashes.SHA224(),
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def _oaep(hash_function: str) -> OAEP:
    digest = _HASHES.get(hash_function.upper())
    if digest is None:
        raise InvalidRequest(f"unknown hash function: {hash_function}")
    return OAEP(MGF1(digest), digest, None)


def unwrap(wrapping_key: KeyMaterial, wrapped: bytes, hash_function: str) -> KeyMaterial:
    """The key that was wrapped for an RSA private key (PKCS #8 at rest), yet to be checked.

    Raises InvalidRequest for an unknown hash or too few bytes, DecryptionFailed for all else.
    """
    padding = _oaep(hash_function)
    try:
        private = spec("rsa-4096").form.load(wrapping_key.reveal())
    except ValueError:
        raise IntegrityFailure("The stored wrapping key is none.") from None
    size = private.key_size // 8
    if len(wrapped) <= size:
        raise InvalidRequest("provided ciphertext is too short")
    try:
        kek = private.decrypt(wrapped[:size], padding)
    except ValueError:
        raise DecryptionFailed("crypto/rsa: decryption error") from None
    if len(kek) != _KEK_BYTES:
        raise DecryptionFailed("expected ephemeral AES key to be 256-bit")
    return keywrap.unwrap_padded(KeyMaterial(kek), wrapped[size:])


def wrap(public: RSAPublicKey, key: bytes, hash_function: str) -> bytes:
    """Wrap a key for the holder of an RSA key; raises InvalidRequest for an unknown hash."""
    padding = _oaep(hash_function)
    kek = urandom(_KEK_BYTES)
    return public.encrypt(kek, padding) + keywrap.wrap_padded(KeyMaterial(kek), key)


def for_wrapping(type_: TransitType, material: bytes, private: Any) -> bytes:
    """A key's material as it is wrapped: raw, or PKCS #8."""
    if type_.symmetric:
        return material
    pkcs8: bytes = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return pkcs8


def check(type_: TransitType, key: bytes) -> KeyMaterial:
    """A key from elsewhere in its form at rest; raises InvalidRequest."""
    if type_.symmetric:
        fits = LEAST_HMAC_BYTES <= len(key) <= MOST_HMAC_BYTES
        if type_.aead:
            fits = len(key) == type_.key_bytes
        if not fits:
            raise InvalidRequest(f"invalid key size {len(key)} bytes for key type {type_.name}")
    try:
        return import_material(spec(type_.spec), key)
    except InvalidRequest:
        raise InvalidRequest(
            f"error parsing asymmetric key: it is not of type {type_.name}"
        ) from None


def check_public(type_: TransitType, pem: str) -> bytes:
    """A public key (PEM) as SubjectPublicKeyInfo DER; raises InvalidRequest."""
    if not type_.takes_public_keys:
        raise InvalidRequest("provided type does not support public_key import")
    form = spec(type_.spec).form
    try:
        der = load_pem_public_key(pem.encode()).public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        form.load_public(der)
    except (ValueError, TypeError, NotInLibrary):
        raise InvalidRequest("error parsing public key: not in PEM format") from None
    return der
