"""From specs and secret bytes to working handles: generate, import, open, publish."""

from __future__ import annotations

from typing import Literal, overload

from keystead.crypto.agreement import Agreement
from keystead.crypto.cipher import Cipher, Encryptor
from keystead.crypto.derivation import Derivation
from keystead.crypto.kem import Encapsulator, Kem
from keystead.crypto.keywrap import Wrapper
from keystead.crypto.mac import Mac
from keystead.crypto.material import KeyMaterial
from keystead.crypto.signing import Signer, Verifier
from keystead.crypto.specs import Handle, KeySpec, PublicHandle, Usage, Use
from keystead.errors import IntegrityFailure, InvalidRequest, KeyUsageForbids


def generate(spec: KeySpec) -> KeyMaterial:
    """Return a new key from the operating system's randomness."""
    return KeyMaterial(spec.form.generate())


def import_material(spec: KeySpec, data: bytes) -> KeyMaterial:
    """Check a key made elsewhere and return it in its form at rest.

    Takes raw bytes for symmetric keys, the raw seed or PKCS #8 DER for key pairs that
    grow from one, and PKCS #8 (or PKCS #1, SEC 1) DER for RSA and EC. Raises
    InvalidRequest for a wrong length, kind, curve, modulus or exponent.
    """
    try:
        return KeyMaterial(spec.form.normalize(data))
    except ValueError:
        raise InvalidRequest("The bytes are not a key of this spec.", spec=spec.name) from None


@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.ENCRYPT_DECRYPT], material: KeyMaterial
) -> Cipher: ...
@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.WRAP_UNWRAP], material: KeyMaterial
) -> Wrapper: ...
@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.SIGN_VERIFY], material: KeyMaterial
) -> Signer: ...
@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.GENERATE_VERIFY_MAC], material: KeyMaterial
) -> Mac: ...
@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.DERIVE], material: KeyMaterial
) -> Derivation: ...
@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.KEY_AGREEMENT], material: KeyMaterial
) -> Agreement: ...
@overload
def open_private(
    spec: KeySpec, usage: Literal[Usage.ENCAPSULATE_DECAPSULATE], material: KeyMaterial
) -> Kem: ...
@overload
def open_private(spec: KeySpec, usage: Usage, material: KeyMaterial) -> Handle: ...
def open_private(spec: KeySpec, usage: Usage, material: KeyMaterial) -> Handle:
    """Return a handle that does everything ``usage`` allows; keep it, opening is slow.

    Raises KeyUsageForbids if the spec has no such usage and IntegrityFailure if the
    material is not what ``generate`` or ``import_material`` returned for this spec.
    """
    return _use(spec, usage).open_private(_load(spec, material))


@overload
def open_public(
    spec: KeySpec, usage: Literal[Usage.ENCRYPT_DECRYPT], public_der: bytes
) -> Encryptor: ...
@overload
def open_public(
    spec: KeySpec, usage: Literal[Usage.SIGN_VERIFY], public_der: bytes
) -> Verifier: ...
@overload
def open_public(
    spec: KeySpec, usage: Literal[Usage.ENCAPSULATE_DECAPSULATE], public_der: bytes
) -> Encapsulator: ...
@overload
def open_public(spec: KeySpec, usage: Usage, public_der: bytes) -> PublicHandle: ...
def open_public(spec: KeySpec, usage: Usage, public_der: bytes) -> PublicHandle:
    """Return a handle that encrypts, verifies or encapsulates with the public part alone.

    Raises KeyUsageForbids if this usage needs the private key and InvalidRequest if the
    bytes are not a public key of this spec.
    """
    opener = _use(spec, usage).open_public
    if opener is None:
        raise KeyUsageForbids("This usage needs the private key.", spec=spec.name, usage=usage)
    try:
        public = spec.form.load_public(public_der)
    except ValueError:
        raise InvalidRequest(
            "The bytes are not a public key of this spec.", spec=spec.name
        ) from None
    return opener(public)


def public_der(spec: KeySpec, material: KeyMaterial) -> bytes | None:
    """Return the public part as SubjectPublicKeyInfo DER; None for a symmetric key.

    X-Wing has no standard encoding yet: its public part is the 1216 raw bytes. Raises
    IntegrityFailure as ``open_private`` does.
    """
    return spec.form.public_bytes(_load(spec, material))


def _use(spec: KeySpec, usage: Usage) -> Use:
    for use in spec.uses:
        if use.usage == usage:
            return use
    raise KeyUsageForbids(
        f"A key of this spec is for {' or '.join(spec.usages)}.", spec=spec.name, usage=usage
    )


def _load(spec: KeySpec, material: KeyMaterial) -> object:
    try:
        loaded: object = spec.form.load(material.reveal())
    except ValueError:
        raise IntegrityFailure("The stored key does not fit its spec.", spec=spec.name) from None
    return loaded
