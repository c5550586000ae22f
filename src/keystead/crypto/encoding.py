"""How a key's secret bytes are made, checked, loaded, and its public part written.

At rest a symmetric key and a seed are raw bytes; RSA and EC keys are PKCS #8 DER.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm as NotInLibrary
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from keystead.crypto.xwing import SEED_BYTES, XWingPrivateKey, XWingPublicKey

_RSA_EXPONENT = 65537


class Form(Protocol):
    """The encoding of one kind of key. Every method but ``generate`` raises ValueError."""

    def generate(self) -> bytes:
        """Return a new key's secret bytes."""

    def normalize(self, data: bytes) -> bytes:
        """Return imported bytes as they are kept at rest."""

    def load(self, secret: bytes) -> Any:
        """Return the library's key object for secret bytes at rest."""

    def load_public(self, data: bytes) -> Any:
        """Return the library's public key object."""

    def public_bytes(self, private: Any) -> bytes | None:
        """Return the public part of a loaded key; None if it has none."""


class SecretBytes:
    """A symmetric key: ``length`` uniform bytes."""

    def __init__(self, length: int) -> None:
        self._length = length

    def generate(self) -> bytes:
        return urandom(self._length)

    def normalize(self, data: bytes) -> bytes:
        if len(data) != self._length:
            raise ValueError(f"the key must have {self._length} bytes")
        return data

    load = normalize

    def load_public(self, data: bytes) -> Any:
        raise ValueError("a symmetric key has no public part")

    def public_bytes(self, private: Any) -> None:
        return None


class SecretOfAnyLength(SecretBytes):
    """A symmetric key of ``least`` to ``most`` bytes; one that is made here has ``least``."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least)
        self._most = most

    def normalize(self, data: bytes) -> bytes:
        if not self._length <= len(data) <= self._most:
            raise ValueError(f"the key must have {self._length} to {self._most} bytes")
        return data

    load = normalize


class _Pair:
    """What all key pairs with a standard SubjectPublicKeyInfo share."""

    _public_type: Any

    def load_public(self, data: bytes) -> Any:
        try:
            public = load_der_public_key(data)
        except NotInLibrary as error:
            raise ValueError(str(error)) from None
        self._check_public(public)
        return public

    def public_bytes(self, private: Any) -> bytes:
        spki: bytes = private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return spki

    def _check_public(self, public: Any) -> None:
        if not isinstance(public, self._public_type):
            raise ValueError("the key is of another kind")

    def _load_pkcs8(self, data: bytes, *, validated: bool = False) -> Any:
        try:
            private = load_der_private_key(
                data, password=None, unsafe_skip_rsa_key_validation=validated
            )
        except (NotInLibrary, TypeError) as error:
            raise ValueError(str(error)) from None
        self._check_public(private.public_key())
        return private


class Seed(_Pair):
    """A key pair that grows from a seed of fixed length; imported raw or as PKCS #8."""

    def __init__(self, length: int, load: Callable[[bytes], Any], public_type: Any) -> None:
        self._length = length
        self._load = load
        self._public_type = public_type

    def generate(self) -> bytes:
        return urandom(self._length)

    def normalize(self, data: bytes) -> bytes:
        if len(data) == self._length:
            self._load(data)
            return data
        seed: bytes = self._load_pkcs8(data).private_bytes_raw()
        return seed

    def load(self, secret: bytes) -> Any:
        return self._load(secret)


class _Pkcs8(_Pair):
    """A key pair at rest in PKCS #8; the older PKCS #1 and SEC 1 are taken too."""

    def normalize(self, data: bytes) -> bytes:
        return self._encode(self._load_pkcs8(data))

    def load(self, secret: bytes) -> Any:
        # Made here or validated on import, and authenticated at rest; proving the primes
        # again would take RSA-4096 half a second.
        return self._load_pkcs8(secret, validated=True)

    def _encode(self, private: Any) -> bytes:
        pkcs8: bytes = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return pkcs8


class Rsa(_Pkcs8):
    """RSA with a modulus of exactly ``bits`` and an odd exponent of 65537 to 2**256.

    The exponent's bounds are those of FIPS 186-5, 5.4.
    """

    _public_type = rsa.RSAPublicKey

    def __init__(self, bits: int) -> None:
        self._bits = bits

    def generate(self) -> bytes:
        return self._encode(rsa.generate_private_key(_RSA_EXPONENT, self._bits))

    def _check_public(self, public: Any) -> None:
        super()._check_public(public)
        if public.key_size != self._bits:
            raise ValueError(f"the modulus must have {self._bits} bits")
        if not _RSA_EXPONENT <= public.public_numbers().e < 1 << 256:
            raise ValueError("the public exponent must be 65537 or more")


class Ec(_Pkcs8):
    """An EC key on one named curve; the library checks that points are on it."""

    _public_type = ec.EllipticCurvePublicKey

    def __init__(self, curve: ec.EllipticCurve) -> None:
        self._curve = curve

    def generate(self) -> bytes:
        return self._encode(ec.generate_private_key(self._curve))

    def _check_public(self, public: Any) -> None:
        super()._check_public(public)
        if public.curve.name != self._curve.name:
            raise ValueError(f"the key must be on {self._curve.name}")


class XWing:
    """X-Wing: a 32-byte seed; the public key is its 1216 raw bytes, for want of a standard."""

    def generate(self) -> bytes:
        return urandom(SEED_BYTES)

    def normalize(self, data: bytes) -> bytes:
        self.load(data)
        return data

    def load(self, secret: bytes) -> XWingPrivateKey:
        return XWingPrivateKey.from_seed_bytes(secret)

    def load_public(self, data: bytes) -> XWingPublicKey:
        return XWingPublicKey.from_public_bytes(data)

    def public_bytes(self, private: XWingPrivateKey) -> bytes:
        return private.public_key().public_bytes_raw()
