"""The key types of the transit engine, and which of our specs each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from keystead.errors import InvalidRequest

LEAST_HMAC_BYTES: Final = 32
MOST_HMAC_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class TransitType:
    """A key type.

    ``number`` stands for it in backups. ``key_bytes`` is the length of a symmetric key;
    ``curve`` is what a key's versions are called where clients read public keys.
    """

    name: str
    spec: str
    number: int
    key_bytes: int = 0
    curve: str = ""
    encrypts: bool = False
    signs: bool = False
    derives: bool = False

    @property
    def symmetric(self) -> bool:
        return bool(self.key_bytes) or self.name == "hmac"

    @property
    def aead(self) -> bool:
        return bool(self.key_bytes)

    @property
    def rsa(self) -> bool:
        return self.name.startswith("rsa-")

    @property
    def ecdsa(self) -> bool:
        return self.name.startswith("ecdsa-")

    @property
    def takes_public_keys(self) -> bool:
        """Whether a public key may be imported without its private key."""
        return self.rsa or self.ecdsa or self.name == "ed25519"


def _aead(name: str, spec: str, number: int, key_bytes: int = 32) -> TransitType:
    return TransitType(name, spec, number, key_bytes, encrypts=True, derives=True)


def _rsa(bits: int, number: int) -> TransitType:
    name = f"rsa-{bits}"
    return TransitType(name, name, number, curve=name, encrypts=True, signs=True)


def _ecdsa(bits: int, number: int) -> TransitType:
    return TransitType(f"ecdsa-p{bits}", f"ec-p{bits}", number, curve=f"P-{bits}", signs=True)


def _mldsa(level: int, number: int) -> TransitType:
    name = f"mldsa-{level}"
    return TransitType(name, f"ml-dsa-{level}", number, curve=name, signs=True)


_ALL: Final = (
    _aead("aes256-gcm96", "aes-256-gcm", 0),
    _aead("aes128-gcm96", "aes-128-gcm", 8, 16),
    _aead("chacha20-poly1305", "chacha20-poly1305", 5),
    _aead("xchacha20-poly1305", "xchacha20-poly1305", 11),
    TransitType("ed25519", "ed25519", 2, curve="ed25519", signs=True, derives=True),
    _ecdsa(256, 1),
    _ecdsa(384, 6),
    _ecdsa(521, 7),
    _rsa(2048, 3),
    _rsa(3072, 9),
    _rsa(4096, 4),
    TransitType("hmac", "hmac", 10),
    _mldsa(44, 12),
    _mldsa(65, 13),
    _mldsa(87, 14),
)

TYPES: Final[Mapping[str, TransitType]] = MappingProxyType({entry.name: entry for entry in _ALL})
"""All key types by name."""

NUMBERED: Final[Mapping[int, TransitType]] = MappingProxyType({t.number: t for t in _ALL})
"""All key types by their number in backups."""


def transit_type(name: str) -> TransitType:
    """The key type called ``name``; raises InvalidRequest."""
    found = TYPES.get(name)
    if found is None:
        raise InvalidRequest(f"unknown key type {name}", type=name[:64])
    return found
