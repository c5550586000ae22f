"""ECDSA (FIPS 186-5, 6) with SHA-2, in DER (RFC 3279) or raw r ‖ s (IEEE P1363) form."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from keystead.crypto.signing import check_digest, refuse_context, unknown_algorithm
from keystead.errors import InvalidRequest, VerificationFailed

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "ecdsa-sha256": hashes.SHA256(),
    "ecdsa-sha384": hashes.SHA384(),
    "ecdsa-sha512": hashes.SHA512(),
}
_HASHED = {name: ec.ECDSA(digest) for name, digest in _HASHES.items()}
_PREHASHED = {name: ec.ECDSA(Prehashed(digest)) for name, digest in _HASHES.items()}
_DEFAULTS: Final[dict[int, str]] = {256: "ecdsa-sha256", 384: "ecdsa-sha384", 521: "ecdsa-sha512"}


def algorithms(curve: ec.EllipticCurve) -> tuple[str, ...]:
    """Return the algorithms of a curve, first the one whose hash matches its strength."""
    default = _DEFAULTS[curve.key_size]
    return default, *(name for name in _HASHES if name != default)


class EcdsaVerifier:
    """Checks ECDSA signatures; low and high s are both accepted."""

    __slots__ = ("_default", "_public", "_scalar_bytes")

    def __init__(self, public: ec.EllipticCurvePublicKey) -> None:
        self._public = public
        self._default = _DEFAULTS[public.key_size]
        self._scalar_bytes = (public.key_size + 7) // 8

    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: str | None = None,
        prehashed: bool = False,
        context: bytes = b"",
        signature_format: str | None = None,
    ) -> None:
        """See ``Verifier.verify``."""
        scheme = self._scheme(message, algorithm, prehashed, context)
        if self._is_raw(signature_format):
            signature = self._raw_to_der(signature)
        try:
            self._public.verify(signature, message, scheme)
        except InvalidSignature:
            raise VerificationFailed from None

    def _scheme(
        self, message: bytes, algorithm: str | None, prehashed: bool, context: bytes
    ) -> ec.ECDSA:
        refuse_context(context)
        name = algorithm or self._default
        if name not in _HASHES:
            raise unknown_algorithm(algorithm, _HASHES)
        if not prehashed:
            return _HASHED[name]
        check_digest(message, _HASHES[name].digest_size)
        return _PREHASHED[name]

    def _is_raw(self, signature_format: str | None) -> bool:
        if signature_format not in (None, "der", "raw"):
            raise InvalidRequest("An ECDSA signature is either der or raw.")
        return signature_format == "raw"

    def _raw_to_der(self, signature: bytes) -> bytes:
        if len(signature) != 2 * self._scalar_bytes:
            raise VerificationFailed
        r, s = signature[: self._scalar_bytes], signature[self._scalar_bytes :]
        return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


class EcdsaSigner(EcdsaVerifier):
    """Makes and checks ECDSA signatures, with a random nonce each."""

    __slots__ = ("_private",)

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(private.public_key())
        self._private = private

    def sign(
        self,
        message: bytes,
        *,
        algorithm: str | None = None,
        prehashed: bool = False,
        context: bytes = b"",
        signature_format: str | None = None,
    ) -> bytes:
        """See ``Signer.sign``; a raw signature has 64, 96 or 132 bytes."""
        scheme = self._scheme(message, algorithm, prehashed, context)
        raw = self._is_raw(signature_format)
        signature = self._private.sign(message, scheme)
        return self._der_to_raw(signature) if raw else signature

    def _der_to_raw(self, signature: bytes) -> bytes:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(self._scalar_bytes) + s.to_bytes(self._scalar_bytes)
