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
from keystead.seal.base import ROOT_KEY_BYTES
from keystead.seal.contents import KeyringContents, decode_contents, encode_contents
from keystead.store.seal_row import SealRow

_AAD = b"keystead keyring"


class RootKey:
    """32 bytes, and two subkeys by HKDF-SHA-256 (RFC 5869) that do its work."""

    __slots__ = ("_keyring", "_mac", "material")

    def __init__(self, material: KeyMaterial) -> None:
        if len(material) != ROOT_KEY_BYTES:
            raise UnsealFailed("That is not a root key.")
        self.material = material
        self._keyring = RecordKey(_derive(material, b"keystead keyring"))
        self._mac = _derive(material, b"keystead seal row")

    @classmethod
    def generate(cls) -> RootKey:
        return cls(KeyMaterial(secrets.token_bytes(ROOT_KEY_BYTES)))

    def wrap(self, contents: KeyringContents) -> bytes:
        """The keyring, wrapped."""
        return self._keyring.seal(encode_contents(contents), _AAD)

    def unwrap(self, row: SealRow) -> KeyringContents:
        """The row's keyring.

        Raises UnsealFailed if this is not the root key, or IntegrityFailure if it is and the
        row was edited.
        """
        try:
            contents = self._keyring.open(row.keyring, _AAD)
        except IntegrityFailure:
            raise UnsealFailed("That is not the root key of this server.") from None
        if not self.vouches_for(row):
            raise IntegrityFailure("The seal row was edited.", kind="seal")
        return decode_contents(contents)

    def sign(self, row: SealRow) -> SealRow:
        """The row with its MAC."""
        return msgspec.structs.replace(row, mac=self._tag(row))

    def vouches_for(self, row: SealRow) -> bool:
        """Whether the row is as this root key signed it."""
        return hmac.compare_digest(row.mac, self._tag(row))

    def _tag(self, row: SealRow) -> bytes:
        return hmac.digest(self._mac.reveal(), row.authenticated(), "sha256")


def authority_of(secret: KeyMaterial) -> bytes:
    """What the seal row keeps of the 32 random bytes that share holders join.

    HKDF-SHA-256 of them, from which nothing of them can be learnt.
    """
    return _derive(secret, b"keystead authority").reveal()


def recognizes(row: SealRow, secret: KeyMaterial) -> bool:
    """Whether ``secret`` is the one that authorises ceremonies, by an authentic row."""
    return hmac.compare_digest(row.authority, authority_of(secret))


def _derive(secret: KeyMaterial, info: bytes) -> KeyMaterial:
    subkeys = Derivation(secret.reveal(), hashes.SHA256())
    return subkeys.derive(info=info, salt=b"", length=ROOT_KEY_BYTES)
