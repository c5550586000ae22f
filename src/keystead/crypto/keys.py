"""From specs and secret bytes to working handles: generate, import, open, publish."""

from __future__ import annotations

from keystead.crypto.material import KeyMaterial
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


def open_private(spec: KeySpec, usage: Usage, material: KeyMaterial) -> Handle:
    """Return a handle that does everything ``usage`` allows; keep it, opening is slow.

    Raises KeyUsageForbids if the spec has no such usage and IntegrityFailure if the
    material is not what ``generate`` or ``import_material`` returned for this spec.
    """
    return _use(spec, usage).open_private(_load(spec, material))


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
