"""The root key at work: it wraps the keyring and vouches for the seal row."""

from __future__ import annotations

import hmac
import secrets

import msgspec
from cryptography.hazmat.primitives import hashes

from keystead.crypto.derivation import Derivation
from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.errors import IntegrityFailure, UnsealFailed
from keystead.seal.contents import KeyringContents, decode_contents, encode_contents
from keystead.seal.seal import ROOT_KEY_BYTES
from keystead.store.seal_row import SealRow

_AAD = b"keystead keyring"


class RootKey:
    """32 bytes, and three subkeys by HKDF-SHA-256 (RFC 5869) that do its work."""

    __slots__ = ("_authority", "_keyring", "_mac", "material")

    def __init__(self, material: KeyMaterial) -> None:
        if len(material) != ROOT_KEY_BYTES:
            raise UnsealFailed("That is not a root key.")
        subkeys = Derivation(material.reveal(), hashes.SHA256())

        def subkey(info: bytes) -> KeyMaterial:
            return subkeys.derive(info=info, salt=b"", length=ROOT_KEY_BYTES)

        self.material = material
        self._keyring = RecordKey(subkey(b"keystead keyring"))
        self._mac = subkey(b"keystead seal row")
        self._authority = subkey(b"keystead authority")

    @classmethod
    def generate(cls) -> RootKey:
        return cls(KeyMaterial(secrets.token_bytes(ROOT_KEY_BYTES)))

    def wrap(self, contents: KeyringContents) -> bytes:
        """The keyring, wrapped."""
        return self._keyring.seal(encode_contents(contents), _AAD)

    def unwrap(self, row: SealRow) -> KeyringContents:
        """The row's keyring; raises IntegrityFailure unless row and keyring are authentic."""
        if not self.vouches_for(row):
            raise IntegrityFailure("The seal row was edited.", kind="seal")
        return decode_contents(self._keyring.open(row.keyring, _AAD))

    def authority_of(self, secret: KeyMaterial) -> bytes:
        """What the seal row keeps of the secret that share holders join."""
        return self._tag(self._authority, secret.reveal())

    def recognizes(self, row: SealRow, secret: KeyMaterial) -> bool:
        """Whether ``secret`` is the one that authorises ceremonies."""
        return hmac.compare_digest(row.authority, self.authority_of(secret))

    def sign(self, row: SealRow) -> SealRow:
        """The row with its MAC."""
        return msgspec.structs.replace(row, mac=self._tag(self._mac, row.authenticated()))

    def vouches_for(self, row: SealRow) -> bool:
        """Whether the row is as this root key signed it."""
        return hmac.compare_digest(row.mac, self._tag(self._mac, row.authenticated()))

    @staticmethod
    def _tag(key: KeyMaterial, message: bytes) -> bytes:
        return hmac.digest(key.reveal(), message, "sha256")
