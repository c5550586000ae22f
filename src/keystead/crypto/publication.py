"""Public keys in the forms that other programs read: PEM and JWK."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm as NotInLibrary
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from keystead.errors import InvalidRequest

_CURVES: Final[dict[str, str]] = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "secp256k1": "secp256k1",
}


def public_pem(public_der: bytes) -> str:
    """Return SubjectPublicKeyInfo PEM (RFC 7468, 13).

    Raises InvalidRequest if ``public_der`` is not SubjectPublicKeyInfo DER, as X-Wing's
    raw public key is not.
    """
    try:
        public = load_der_public_key(public_der)
    except (ValueError, NotInLibrary):
        raise InvalidRequest("This public key has no PEM form.") from None
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_jwk(public_der: bytes) -> dict[str, str] | None:
    """Return the key as a JWK's key parameters (RFC 7518, 6; RFC 8037, 2; RFC 8812, 3).

    None for ML-DSA, ML-KEM and X-Wing, which have no JWK in a published RFC; what is not
    a public key at all has none either.
    """
    try:
        public = load_der_public_key(public_der)
    except (ValueError, NotInLibrary):
        return None
    match public:
        case rsa.RSAPublicKey():
            rsa_numbers = public.public_numbers()
            return {"kty": "RSA", "n": _uint(rsa_numbers.n), "e": _uint(rsa_numbers.e)}
        case ec.EllipticCurvePublicKey() if public.curve.name in _CURVES:
            size = (public.key_size + 7) // 8
            point = public.public_numbers()
            return {
                "kty": "EC",
                "crv": _CURVES[public.curve.name],
                "x": _base64url(point.x.to_bytes(size)),
                "y": _base64url(point.y.to_bytes(size)),
            }
        case ed25519.Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public.public_bytes_raw())}
        case x25519.X25519PublicKey():
            return {"kty": "OKP", "crv": "X25519", "x": _base64url(public.public_bytes_raw())}
    return None


def _uint(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
