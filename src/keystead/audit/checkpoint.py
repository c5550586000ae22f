"""Checkpoints: signed tree heads (c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature).

The log signs with Ed25519 (type 0x01). A witness adds a timestamped Ed25519
cosignature (type 0x04). A key is named by its vkey: ``name+hex key ID+base64(type ‖ key)``.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keystead.audit import note as notes
from keystead.audit.note import Checkpoint, Signature
from keystead.errors import VerificationFailed

ED25519 = 0x01
COSIGNATURE = 0x04
SEED_BYTES = 32

_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)")


class VerifierKey(NamedTuple):
    """``kind`` is the signature type; ``public`` is 32 bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def parse_vkey(text: str) -> VerifierKey:
    """Read a vkey. Raises VerificationFailed if malformed or of an unknown type."""
    match = _VKEY.fullmatch(text)
    if match is None:
        raise VerificationFailed("Malformed verifier key")
    encoded = notes.decode_base64(match[3])
    if len(encoded) != 33 or encoded[0] not in (ED25519, COSIGNATURE):
        raise VerificationFailed("Malformed verifier key")
    vkey = VerifierKey(match[1], encoded[0], encoded[1:])
    if vkey.key_id.hex() != match[2]:
        raise VerificationFailed("The verifier key does not match its key ID")
    return vkey


class Signer:
    """Signs the checkpoints of one log; its key name is the log's origin."""

    __slots__ = ("_key", "origin", "vkey")

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        """Raises VerificationFailed if the origin cannot be a key name."""
        notes.check_name(origin)
        self.origin = origin
        self._key = key
        public = key.public_key().public_bytes_raw()
        self.vkey = str(VerifierKey(origin, ED25519, public))

    @classmethod
    def from_seed(cls, origin: str, seed: bytes) -> Signer:
        """From a 32-byte Ed25519 private key (RFC 8032, 5.1.5)."""
        return cls(origin, Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, size: int, root: bytes) -> bytes:
        """A checkpoint note over a tree head of ``size`` leaves and a 32-byte root."""
        return sign(self.origin, size, root, self._key)

    def sign_text(self, text: bytes) -> bytes:
        """A signed note over any UTF-8 text that ends in a newline."""
        return _signed(self.origin, text, self._key)


def sign(origin: str, size: int, root: bytes, key: Ed25519PrivateKey) -> bytes:
    """A checkpoint note, signed by the log key under the name ``origin``."""
    return _signed(origin, notes.checkpoint_text(origin, size, root), key)


def _signed(origin: str, text: bytes, key: Ed25519PrivateKey) -> bytes:
    identity = notes.key_id(origin, ED25519, key.public_key().public_bytes_raw())
    return text + b"\n" + notes.signature_line(Signature(origin, identity, key.sign(text)))


def cosign(note: bytes, name: str, key: Ed25519PrivateKey, time_seconds: int) -> bytes:
    """The same note with a witness's cosignature line added.

    Raises VerificationFailed if the note is malformed. What a witness must check first
    (that the new tree extends the one it saw last) is not checked here.
    """
    notes.check_name(name)
    text = notes.parse_checkpoint(note).text
    identity = notes.key_id(name, COSIGNATURE, key.public_key().public_bytes_raw())
    value = time_seconds.to_bytes(8, "big") + key.sign(_cosigned(time_seconds, text))
    return note + notes.signature_line(Signature(name, identity, value))


def verify_text(note: bytes, vkey: VerifierKey | str) -> bytes:
    """The text of any note signed by that key: for checkpoints see ``verify``.

    Raises VerificationFailed if the key's signature is missing or does not hold.
    """
    text, signatures = notes.split_note(note)
    _verify(text, signatures, _known(vkey))
    return text


def verify(note: bytes, vkey: VerifierKey | str) -> Checkpoint:
    """Read a checkpoint and verify that key's signature; those of others are ignored.

    Raises VerificationFailed if malformed, unsigned by that key, if its signature does not
    hold, or if a log key's name is not the checkpoint's origin.
    """
    checkpoint = notes.parse_checkpoint(note)
    key = _known(vkey)
    if key.kind == ED25519 and key.name != checkpoint.origin:
        raise VerificationFailed("The checkpoint is another log's", origin=checkpoint.origin)
    _verify(checkpoint.text, checkpoint.signatures, key)
    return checkpoint


def cosigned_at(note: bytes, vkey: VerifierKey | str) -> int:
    """When a witness cosigned, in seconds since the Unix epoch; verified.

    Raises VerificationFailed.
    """
    checkpoint, key = notes.parse_checkpoint(note), _known(vkey)
    if key.kind != COSIGNATURE:
        raise VerificationFailed("The verifier key is not a witness's")
    value = _verify(checkpoint.text, checkpoint.signatures, key)
    return int.from_bytes(value[:8], "big")


def _known(vkey: VerifierKey | str) -> VerifierKey:
    return parse_vkey(vkey) if isinstance(vkey, str) else vkey


def _cosigned(time_seconds: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time_seconds + text


def _verify(text: bytes, signatures: tuple[Signature, ...], key: VerifierKey) -> bytes:
    """Verify every signature that claims to be this key's, and return the first."""
    public = Ed25519PublicKey.from_public_bytes(key.public)
    own = [s.value for s in signatures if (s.name, s.key_id) == (key.name, key.key_id)]
    if not own:
        raise VerificationFailed("The note is not signed by this key", key=key.name)
    for value in own:
        signed, signature = text, value
        if key.kind == COSIGNATURE:
            signed, signature = _cosigned(int.from_bytes(value[:8], "big"), text), value[8:]
        try:
            public.verify(signature, signed)
        except InvalidSignature:
            raise VerificationFailed("The note's signature does not hold", key=key.name) from None
    return own[0]
