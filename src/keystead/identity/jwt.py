"""JSON Web Tokens that others signed: whether a signature holds, and what is claimed.

RFC 7519 over JWS compact serialization (RFC 7515). Only signatures with public keys count:
no key here ever verifies a MAC, so a public key cannot be abused as a secret (RFC 8725, 3.1),
and a key verifies only with the algorithms of its own type. Whatever key a token's header
brings along or points to (``jwk``, ``jku``, ``x5c``, ``x5u``) is not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from keystead.errors import InvalidRequest, VerificationFailed

Key = RSAKey | ECKey | OKPKey
Claims = Mapping[str, Any]

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA",
)  # fmt: skip
"""What may be asked for."""
LONGEST: Final = 64 * 1024
"""Characters of a token."""

_SMALLEST_RSA_BITS = 2048
_MOST_KEYS = 256
_CURVES: Final[Mapping[str, str]] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Registry(JWSRegistry):
    """As RFC 7515 says, header parameters that are not understood are ignored, unless they
    are critical; a header may hold a chain of certificates."""

    max_header_length = 16 * 1024


_REGISTRY: Final = _Registry(algorithms=list(ALGORITHMS), strict_check_header=False)


class Unverified(msgspec.Struct, frozen=True):
    """What a token's header says about how to verify it; nothing of it is proved."""

    algorithm: str
    key_id: str | None


def parse_header(token: str) -> Unverified:
    """Read a token's header; raises VerificationFailed for what is no signed token."""
    if token.count(".") != 2:
        raise VerificationFailed("compact JWS format must have three parts")
    try:
        header = _extract(token).headers()
    except (JoseError, ValueError, RecursionError):
        raise VerificationFailed("the token is malformed") from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(key_id, str | None) or "b64" in header:
        raise VerificationFailed("the token is malformed")
    return Unverified(algorithm, key_id)


def fitting(keys: Iterable[Key], header: Unverified) -> list[Key]:
    """The keys that a token with that header may be signed with."""
    return [
        key
        for key in keys
        if header.algorithm in _algorithms(key)
        and (header.key_id is None or key.kid is None or key.kid == header.key_id)
    ]


def verify(token: str, keys: Iterable[Key], algorithms: Collection[str] = ()) -> Claims:
    """The claims of a token that one of ``keys`` has signed with one of ``algorithms`` (none:
    any of ALGORITHMS). Raises VerificationFailed. What is claimed is not checked."""
    header = parse_header(token)
    if header.algorithm not in (algorithms or ALGORITHMS):
        raise VerificationFailed(f"unexpected signature algorithm {header.algorithm!r}")
    for key in fitting(keys, header):
        try:
            signed = _extract(token)
            if jws.validate_compact(signed, key, [header.algorithm], _REGISTRY):
                return _claims(signed.payload)
        except (JoseError, ValueError, UnsupportedAlgorithm):
            continue
    raise VerificationFailed("no known key successfully validated the token signature")


def claims_unverified(token: str) -> Claims:
    """What a token claims, though nothing of it is proved: for whoever has the signature
    checked elsewhere. Raises VerificationFailed for what is no token."""
    parse_header(token)
    return _claims(_extract(token).payload or b"")


def from_pem(texts: Iterable[str]) -> list[Key]:
    """Public keys in PEM, or those of certificates; raises InvalidRequest."""
    return [_from_pem(text) for text in texts]


def from_jwks(document: object) -> list[Key]:
    """The keys of a JWK set (RFC 7517, 5) that verify signatures; others are left out, as
    they should be. Raises VerificationFailed for what is no set."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, Sequence) or isinstance(entries, str) or len(entries) > _MOST_KEYS:
        raise VerificationFailed("not a JSON Web Key Set")
    return [key for entry in entries if (key := _from_jwk(entry)) is not None]


def _extract(token: str) -> jws.CompactSignature:
    if len(token) > LONGEST or not token.isascii():
        raise VerificationFailed("the token is malformed")
    return jws.extract_compact(token.encode(), None, _REGISTRY)


def _claims(payload: bytes) -> Claims:
    try:
        return _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise VerificationFailed("the token's claims are no JSON object") from None


def _from_pem(text: str) -> Key:
    data = text.strip().encode()
    try:
        public = (
            x509.load_pem_x509_certificate(data).public_key()
            if b"BEGIN CERTIFICATE" in data
            else load_pem_public_key(data)
        )
        return _usable(_of_public_key(public))
    except (ValueError, TypeError, JoseError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise InvalidRequest(
            "error parsing public key: data does not contain any valid public keys",
            field="jwt_validation_pubkeys",
        ) from None


def _of_public_key(public: PublicKeyTypes | CertificatePublicKeyTypes) -> Key:
    if isinstance(public, RSAPublicKey):
        return RSAKey.import_key(public)
    if isinstance(public, EllipticCurvePublicKey):
        return ECKey.import_key(public)
    if isinstance(public, Ed25519PublicKey | Ed448PublicKey):
        return OKPKey.import_key(public)
    raise ValueError("not for signatures")


def _from_jwk(entry: object) -> Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    public: dict[str, str | list[str]] = {
        name: v for name, v in entry.items() if isinstance(v, str) and name not in _PRIVATE
    }
    try:
        match entry.get("kty"):
            case "RSA":
                return _usable(RSAKey.import_key(public))
            case "EC":
                return _usable(ECKey.import_key(public))
            case "OKP":
                return _usable(OKPKey.import_key(public))
    except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        pass
    return None


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi"})


def _usable(key: Key) -> Key:
    """The key, if it verifies anything that is asked for here; raises ValueError."""
    if isinstance(key, RSAKey) and key.public_key.key_size < _SMALLEST_RSA_BITS:
        raise ValueError("too small")
    if not _algorithms(key):
        raise ValueError("not for signatures")
    return key


def _algorithms(key: Key) -> tuple[str, ...]:
    """The algorithms that a key verifies: those of its type, or the one that it is bound to."""
    if isinstance(key, RSAKey):
        possible = tuple(a for a in ALGORITHMS if a[0] in "RP")
    elif isinstance(key, ECKey):
        possible = tuple(a for curve, a in _CURVES.items() if curve == key.curve_name)
    else:
        possible = ("EdDSA",) if key.curve_name in ("Ed25519", "Ed448") else ()
    bound = key.alg
    return possible if not bound else tuple(a for a in possible if a == bound)
