"""Key agreement: ECDH on the NIST curves and X25519 (RFC 7748)."""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm as NotInLibrary
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keystead.crypto.material import KeyMaterial
from keystead.errors import InvalidRequest

_X25519_BYTES = 32


class Agreement(Protocol):
    """Agrees on a shared secret with the holder of another key."""

    def agree(self, peer_public: bytes) -> KeyMaterial:
        """Return the raw shared secret with a peer's public key (SubjectPublicKeyInfo DER).

        Raises InvalidRequest for a key of another kind, a point off the curve, or a point
        of small order. The secret is not uniform: derive keys from it before use.
        """


class EcdhAgreement:
    """ECDH (SP 800-56A, 5.7.1.2): the x coordinate, as long as the field."""

    __slots__ = ("_private",)

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    def agree(self, peer_public: bytes) -> KeyMaterial:
        """Return 32, 48 or 66 bytes; see ``Agreement.agree``."""
        try:
            peer = load_der_public_key(peer_public)
            if not isinstance(peer, ec.EllipticCurvePublicKey):
                raise ValueError
            return KeyMaterial(self._private.exchange(ec.ECDH(), peer))
        except (ValueError, NotInLibrary):
            raise InvalidRequest(
                f"The peer's key is not a point on {self._private.curve.name}."
            ) from None


class X25519Agreement:
    """X25519 (RFC 7748, 6.1); the peer's key may also be its 32 raw bytes."""

    __slots__ = ("_private",)

    def __init__(self, private: x25519.X25519PrivateKey) -> None:
        self._private = private

    def agree(self, peer_public: bytes) -> KeyMaterial:
        """Return 32 bytes, never all zero; see ``Agreement.agree``."""
        try:
            return KeyMaterial(self._private.exchange(_x25519_public(peer_public)))
        except (ValueError, NotInLibrary):
            raise InvalidRequest("The peer's key is not a usable X25519 public key.") from None


def _x25519_public(data: bytes) -> x25519.X25519PublicKey:
    if len(data) == _X25519_BYTES:
        return x25519.X25519PublicKey.from_public_bytes(data)
    peer = load_der_public_key(data)
    if not isinstance(peer, x25519.X25519PublicKey):
        raise ValueError
    return peer
