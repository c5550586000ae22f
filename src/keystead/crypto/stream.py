"""Encryption of streams of any size: libsodium's secretstream (XChaCha20-Poly1305).

A stream is a 24-byte header, then chunks of 64 KiB of plaintext, each 17 bytes longer
encrypted; the last chunk is shorter than 64 KiB (it may be empty) and tagged FINAL. So
a stream that is truncated, extended, reordered or spliced does not open. Chunks are
released as they open: the whole is known to be whole only after ``finish``.
"""

from __future__ import annotations

from typing import Final

from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from keystead.crypto.material import KeyMaterial
from keystead.errors import DecryptionFailed, InvalidRequest

KEY_BYTES = 32
HEADER_BYTES = 24
CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES + 17

_MESSAGE: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL


def _key(key: KeyMaterial) -> bytes:
    if len(key) != KEY_BYTES:
        raise InvalidRequest("A stream key has 32 bytes.", length_bytes=len(key))
    return key.reveal()


class StreamEncryptor:
    """Encrypts one stream; write ``header`` first, then what each call returns."""

    __slots__ = ("_aad", "_finished", "_state", "header")

    def __init__(self, key: KeyMaterial, aad: bytes = b"") -> None:
        self._aad = aad
        self._finished = False
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        self.header = sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, _key(key))

    def update(self, chunk: bytes) -> bytes:
        """Encrypt a full chunk of 64 KiB; raises InvalidRequest for another length."""
        if len(chunk) != CHUNK_BYTES:
            raise InvalidRequest("Every chunk but the last has 64 KiB.", length_bytes=len(chunk))
        return self._push(chunk, _MESSAGE)

    def finish(self, chunk: bytes) -> bytes:
        """Encrypt the last chunk, shorter than 64 KiB; raises InvalidRequest otherwise."""
        if len(chunk) >= CHUNK_BYTES:
            raise InvalidRequest("The last chunk is under 64 KiB.", length_bytes=len(chunk))
        sealed = self._push(chunk, _FINAL)
        self._finished = True
        return sealed

    def _push(self, chunk: bytes, tag: int) -> bytes:
        if self._finished:
            raise InvalidRequest("The stream is finished.")
        return sodium.crypto_secretstream_xchacha20poly1305_push(self._state, chunk, self._aad, tag)


class StreamDecryptor:
    """Decrypts one stream, given its 24-byte header and chunks of 65,553 bytes."""

    __slots__ = ("_aad", "_finished", "_state")

    def __init__(self, key: KeyMaterial, header: bytes, aad: bytes = b"") -> None:
        """Start a stream; raises DecryptionFailed if the header has not 24 bytes."""
        if len(header) != HEADER_BYTES:
            raise DecryptionFailed
        self._aad = aad
        self._finished = False
        self._state: sodium.crypto_secretstream_xchacha20poly1305_state | None = (
            sodium.crypto_secretstream_xchacha20poly1305_state()
        )
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, _key(key))

    def update(self, sealed: bytes) -> bytes:
        """Open the next chunk: 65,553 bytes, or fewer if it is the last.

        Raises DecryptionFailed for anything else; the stream is then dead.
        """
        state, self._state = self._state, None
        if state is None or self._finished or len(sealed) > SEALED_CHUNK_BYTES:
            raise DecryptionFailed
        try:
            chunk, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, sealed, self._aad)
        except CryptoError:
            raise DecryptionFailed from None
        if tag != (_MESSAGE if len(chunk) == CHUNK_BYTES else _FINAL):
            raise DecryptionFailed
        self._finished = tag == _FINAL
        self._state = state
        return chunk

    def finish(self) -> None:
        """Confirm that the last chunk was seen; raises DecryptionFailed on truncation."""
        if not self._finished:
            raise DecryptionFailed
