"""What the keyring holds: its versions, of which one is active."""

from __future__ import annotations

import secrets

import msgspec

from keystead.discreet import Discreet
from keystead.errors import IntegrityFailure

KEY_BYTES = 32


class KeyringVersion(Discreet, frozen=True):
    """One version: 32 secret bytes, and when it was made (Unix seconds)."""

    number: int
    created_at: float
    key: bytes


class KeyringContents(msgspec.Struct, frozen=True):
    """All versions, oldest first; the last is active. Old ones still open what they sealed."""

    versions: list[KeyringVersion]

    @property
    def active(self) -> KeyringVersion:
        return self.versions[-1]

    def rotated(self, now: float) -> KeyringContents:
        """These contents with one more version, which is active."""
        number = self.active.number + 1 if self.versions else 1
        added = KeyringVersion(number, now, secrets.token_bytes(KEY_BYTES))
        return KeyringContents([*self.versions, added])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(KeyringContents)


def encode_contents(contents: KeyringContents) -> bytes:
    return _encoder.encode(contents)


def decode_contents(data: bytes) -> KeyringContents:
    """Raises IntegrityFailure unless ``data`` is a keyring with at least one version."""
    try:
        contents = _decoder.decode(data)
    except msgspec.DecodeError:
        contents = KeyringContents([])
    if not contents.versions or any(len(v.key) != KEY_BYTES for v in contents.versions):
        raise IntegrityFailure("The keyring cannot be read.", kind="seal")
    return contents
