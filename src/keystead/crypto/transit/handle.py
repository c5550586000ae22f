"""One version of a transit key, opened: what encrypts with it, and what signs with it."""

from __future__ import annotations

from typing import Any, NamedTuple

from keystead.crypto.cipher import RsaCipher, RsaEncryptor
from keystead.crypto.specs import spec
from keystead.crypto.transit.ciphers import DerivedCipher, OaepCipher, PlainCipher, TransitCipher
from keystead.crypto.transit.signers import (
    DerivedEd25519Signer,
    EcdsaSigner,
    Ed25519Signer,
    MlDsaSigner,
    RsaSigner,
    TransitSigner,
)
from keystead.crypto.transit.types import TransitType
from keystead.errors import IntegrityFailure


class TransitHandle(NamedTuple):
    """``cipher`` and ``signer`` are None for types that do not do such things.

    ``private`` and ``public`` are the library's key objects (None: there is none here).
    """

    cipher: TransitCipher | None = None
    signer: TransitSigner | None = None
    private: Any = None
    public: Any = None


def open_handle(
    type_: TransitType,
    material: bytes,
    public: bytes | None,
    *,
    derived: bool = False,
    convergent: bool = False,
    kdf: str = "",
) -> TransitHandle:
    """Open a version's material at rest; without material, the public key (DER) alone.

    Raises IntegrityFailure for what is not a key of this type.
    """
    if type_.aead:
        if derived:
            return TransitHandle(DerivedCipher(type_.name, material, kdf, convergent=convergent))
        return TransitHandle(PlainCipher(type_.name, material))
    if type_.symmetric:
        return TransitHandle()
    form = spec(type_.spec).form
    try:
        private = form.load(material) if material else None
        key = private.public_key() if private is not None else form.load_public(public or b"")
    except ValueError:
        raise IntegrityFailure("The stored key does not fit its type.") from None
    cipher = None
    if type_.rsa:
        cipher = OaepCipher(RsaEncryptor(key) if private is None else RsaCipher(private))
    return TransitHandle(cipher, _signer(type_, private, key, derived, kdf), private, key)


def _signer(
    type_: TransitType, private: Any, public: Any, derived: bool, kdf: str
) -> TransitSigner:
    if type_.rsa:
        return RsaSigner(private, public)
    if type_.ecdsa:
        return EcdsaSigner(private, public)
    if type_.name != "ed25519":
        return MlDsaSigner(private, public)
    if derived and private is not None:
        return DerivedEd25519Signer(private, kdf)
    return Ed25519Signer(private, public)
