"""AES key wrap: RFC 3394 (KW) and RFC 5649 (KWP), with 16, 24 or 32-byte KEKs."""

from __future__ import annotations

from cryptography.hazmat.primitives import keywrap as aes

from keystead.crypto.material import KeyMaterial
from keystead.errors import DecryptionFailed, InvalidRequest, UnsupportedAlgorithm

ALGORITHMS = ("aes-kwp", "aes-kw")


def wrap(kek: KeyMaterial, key: bytes) -> bytes:
    """Wrap 16 or more bytes, a multiple of 8, into 8 bytes more (RFC 3394, 2.2.1).

    Raises InvalidRequest for another length of ``key`` or ``kek``.
    """
    try:
        return aes.aes_key_wrap(kek.reveal(), key)
    except ValueError:
        raise InvalidRequest(
            "AES key wrap takes 16 or more bytes, a multiple of 8.", length_bytes=len(key)
        ) from None


def unwrap(kek: KeyMaterial, wrapped: bytes) -> KeyMaterial:
    """Unwrap what ``wrap`` made (RFC 3394, 2.2.2); raises DecryptionFailed."""
    try:
        return KeyMaterial(aes.aes_key_unwrap(kek.reveal(), wrapped))
    except (aes.InvalidUnwrap, ValueError):
        raise DecryptionFailed from None


def wrap_padded(kek: KeyMaterial, key: bytes) -> bytes:
    """Wrap 1 or more bytes into the next multiple of 8, plus 8 (RFC 5649, 4.1).

    Raises InvalidRequest for an empty ``key`` or a wrong length of ``kek``.
    """
    try:
        return aes.aes_key_wrap_with_padding(kek.reveal(), key)
    except ValueError:
        raise InvalidRequest(
            "Padded AES key wrap takes 1 or more bytes.", length_bytes=len(key)
        ) from None


def unwrap_padded(kek: KeyMaterial, wrapped: bytes) -> KeyMaterial:
    """Unwrap what ``wrap_padded`` made (RFC 5649, 4.2); raises DecryptionFailed."""
    try:
        return KeyMaterial(aes.aes_key_unwrap_with_padding(kek.reveal(), wrapped))
    except (aes.InvalidUnwrap, ValueError):
        raise DecryptionFailed from None


class Wrapper:
    """Wraps and unwraps keys under one KEK; ``aes-kwp`` is the default, ``aes-kw`` the other.

    The two check different constants (RFC 5649, 3), so neither unwraps the other's output.
    """

    __slots__ = ("_kek",)

    def __init__(self, kek: bytes) -> None:
        self._kek = KeyMaterial(kek)

    def wrap(self, key: bytes, *, algorithm: str | None = None) -> bytes:
        """Wrap ``key``; raises InvalidRequest for its length, and UnsupportedAlgorithm."""
        seal = wrap_padded if _is_padded(algorithm) else wrap
        return seal(self._kek, key)

    def unwrap(self, wrapped: bytes, *, algorithm: str | None = None) -> KeyMaterial:
        """Unwrap what ``wrap`` made; raises DecryptionFailed and UnsupportedAlgorithm."""
        open_ = unwrap_padded if _is_padded(algorithm) else unwrap
        return open_(self._kek, wrapped)


def _is_padded(algorithm: str | None) -> bool:
    if algorithm not in (None, *ALGORITHMS):
        raise UnsupportedAlgorithm(
            f"This key wraps with {' or '.join(ALGORITHMS)}.", algorithm=algorithm
        )
    return algorithm != "aes-kw"
