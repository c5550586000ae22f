"""The one row kept in clear: how the server is unsealed."""

from __future__ import annotations

import msgspec

from keystead.errors import IntegrityFailure

_encoder = msgspec.msgpack.Encoder()


class SealRow(msgspec.Struct, frozen=True, kw_only=True):
    """How the root key is had, and the keyring wrapped under it.

    ``root`` is the root key wrapped by an automatic seal (empty for Shamir). ``keyring`` is
    wrapped under the root key. ``successor`` is the root key sealed under the keyring, by
    which an unsealed node follows when another one replaces the root key. ``authority``
    recognizes the secret that share holders join to authorise ceremonies.
    ``mac`` is HMAC-SHA-256 under the root key over all the rest, so that no field can be
    edited unnoticed. ``generation`` counts the writes of this row.
    """

    seal_type: str
    shares: int
    threshold: int
    generation: int
    root: bytes
    keyring: bytes
    successor: bytes
    authority: bytes
    mac: bytes = b""

    def authenticated(self) -> bytes:
        """What ``mac`` is computed over: every other field, as a msgpack array."""
        return _encoder.encode(("keystead seal row", *msgspec.structs.astuple(self)[:-1]))


_decoder = msgspec.msgpack.Decoder(SealRow)


def encode_seal_row(row: SealRow) -> bytes:
    return _encoder.encode(row)


def decode_seal_row(data: object) -> SealRow:
    """Raises IntegrityFailure unless ``data`` is a seal row. Its ``mac`` is not checked here."""
    try:
        if isinstance(data, bytes):
            return _decoder.decode(data)
    except msgspec.DecodeError:
        pass
    raise IntegrityFailure("The seal row cannot be read.", kind="seal")
