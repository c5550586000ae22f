"""The hash functions that the transit engine knows by name."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from cryptography.hazmat.primitives import hashes


class Hash(NamedTuple):
    """A hash function: as the standard library calls it, and as pyca/cryptography does."""

    library_name: str
    algorithm: hashes.HashAlgorithm

    def digest(self, message: bytes) -> bytes:
        """Hash a message."""
        return hashlib.new(self.library_name, message).digest()

    def hmac(self, key: bytes, message: bytes) -> bytes:
        """The HMAC (RFC 2104) of a message."""
        return hmac.digest(key, message, self.library_name)


HASHES: Final[Mapping[str, Hash]] = MappingProxyType(
    {
        "sha1": Hash("sha1", hashes.SHA1()),  # noqa: S303 - what was signed with it is verified
        "sha2-224": Hash("sha224", hashes.SHA224()),
        "sha2-256": Hash("sha256", hashes.SHA256()),
        "sha2-384": Hash("sha384", hashes.SHA384()),
        "sha2-512": Hash("sha512", hashes.SHA512()),
        "sha3-224": Hash("sha3_224", hashes.SHA3_224()),
        "sha3-256": Hash("sha3_256", hashes.SHA3_256()),
        "sha3-384": Hash("sha3_384", hashes.SHA3_384()),
        "sha3-512": Hash("sha3_512", hashes.SHA3_512()),
    }
)
"""All hash functions by Vault's names."""

BY_LENGTH: Final[Mapping[int, Hash]] = MappingProxyType(
    {20: HASHES["sha1"], 28: HASHES["sha2-224"], 32: HASHES["sha2-256"],
     48: HASHES["sha2-384"], 64: HASHES["sha2-512"]}
)  # fmt: skip
"""A hash function for each length of a digest: for schemes that sign digests of any kind."""
