"""Bringing a key from elsewhere: the sender wraps it for a wrapping key held here.

``rsa-oaep-sha256+aes-kwp``: RSA-OAEP (SHA-256, empty label) of a fresh AES-256 key,
then that key's AES-KWP of the target key; what PKCS #11 calls CKM_RSA_AES_KEY_WRAP.

``hpke``: RFC 9180 base mode, encapsulated key ‖ ciphertext, with HKDF-SHA256, AES-256-GCM,
an empty aad and ``HPKE_INFO``; the KEM is DHKEM(X25519, HKDF-SHA256) for an ``x25519``
wrapping key and MLKEM768-X25519 for ``x25519-ml-kem-768``.

The target key is its form at import: raw bytes, a seed or PKCS #8.
"""

from __future__ import annotations

from os import urandom
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from keystead.crypto import keywrap
from keystead.crypto.cipher import RsaCipher, RsaEncryptor
from keystead.crypto.material import KeyMaterial
from keystead.crypto.specs import KeySpec
from keystead.crypto.xwing import XWingPrivateKey, XWingPublicKey
from keystead.errors import (
    DecryptionFailed,
    IntegrityFailure,
    InvalidRequest,
    UnsupportedAlgorithm,
)

RSA_AES_KWP = "rsa-oaep-sha256+aes-kwp"
HPKE = "hpke"
HPKE_INFO = b"keystead-import-v1"

_AES_BYTES = 32
_OAEP = "rsa-oaep-sha256"
_RSA_SPECS = ("rsa-2048", "rsa-3072", "rsa-4096")
_SUITES: Final[dict[str, hpke.Suite]] = {
    "x25519": hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
    "x25519-ml-kem-768": hpke.Suite(
        hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM
    ),
}


def import_algorithms(spec: KeySpec) -> tuple[str, ...]:
    """Return the algorithms under which a key of ``spec`` can be a wrapping key."""
    if spec.name in _RSA_SPECS:
        return (RSA_AES_KWP,)
    return (HPKE,) if spec.name in _SUITES else ()


def wrap_import(spec: KeySpec, wrapping_public: bytes, algorithm: str, key: KeyMaterial) -> bytes:
    """Wrap ``key`` for the holder of a wrapping key; the sender's half.

    ``wrapping_public`` is what ``keys.public_der`` returns for the wrapping key. Raises
    UnsupportedAlgorithm if it does not go with ``algorithm`` and InvalidRequest if it is
    not a public key of ``spec``.
    """
    _check_algorithm(spec, algorithm)
    try:
        public = spec.form.load_public(wrapping_public)
    except ValueError:
        raise InvalidRequest("The bytes are not a wrapping key of this spec.") from None
    if algorithm == RSA_AES_KWP:
        kek = KeyMaterial(urandom(_AES_BYTES))
        wrapped_kek = RsaEncryptor(public).encrypt(kek.reveal(), b"", algorithm=_OAEP)
        return wrapped_kek + keywrap.wrap_padded(kek, key.reveal())
    try:
        return _SUITES[spec.name].encrypt(key.reveal(), _hpke_public(public), HPKE_INFO)
    except ValueError:
        raise InvalidRequest("The wrapping key is of small order.") from None


def unwrap_import(
    spec: KeySpec, wrapping_private: KeyMaterial, algorithm: str, wrapped: bytes
) -> KeyMaterial:
    """Return the target key that a sender wrapped; it is still to be checked on import.

    Raises UnsupportedAlgorithm if ``spec`` does not go with ``algorithm``,
    IntegrityFailure if the wrapping key does not fit ``spec``, and DecryptionFailed for
    everything about ``wrapped``.
    """
    _check_algorithm(spec, algorithm)
    try:
        private = spec.form.load(wrapping_private.reveal())
    except ValueError:
        raise IntegrityFailure("The stored key does not fit its spec.", spec=spec.name) from None
    if algorithm == RSA_AES_KWP:
        size = private.key_size // 8
        kek = KeyMaterial(RsaCipher(private).decrypt(wrapped[:size], b"", algorithm=_OAEP))
        if len(kek) != _AES_BYTES:
            raise DecryptionFailed
        return keywrap.unwrap_padded(kek, wrapped[size:])
    try:
        return KeyMaterial(_SUITES[spec.name].decrypt(wrapped, _hpke_private(private), HPKE_INFO))
    except (InvalidTag, ValueError):
        raise DecryptionFailed from None


def _check_algorithm(spec: KeySpec, algorithm: str) -> None:
    known = import_algorithms(spec)
    if algorithm not in known:
        raise UnsupportedAlgorithm(
            "This wrapping key does not go with this algorithm.",
            spec=spec.name,
            algorithm=algorithm,
            known=", ".join(known),
        )


def _hpke_public(public: Any) -> Any:
    if isinstance(public, XWingPublicKey):
        return hpke.MLKEM768X25519PublicKey(public.mlkem, public.x25519)
    return public


def _hpke_private(private: Any) -> Any:
    if isinstance(private, XWingPrivateKey):
        return hpke.MLKEM768X25519PrivateKey(private.mlkem, private.x25519)
    return private
