"""Envelope encryption: messages are encrypted here, and only data keys at the server.

A message is prologue ‖ nonce (24) ‖ ciphertext ‖ tag (16), encrypted with XAES-256-GCM
(C2SP) under the data key that the prologue carries wrapped; its AAD is the prologue, then
the caller's ``aad``. The encryption context is bound to the data key by the server, is not
in the message, and is needed again to decrypt.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import urandom
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag

from keystead.client.datakeys import CacheLimits, DataKeyCache, DataKeyUse, context_key
from keystead.client.methods import NO_ENTRIES
from keystead.client.prologue import FIXED_BYTES, MESSAGE_MAGIC, Prologue, length, pack, unpack
from keystead.crypto.xaes import KEY_BYTES, NONCE_BYTES, Xaes256Gcm
from keystead.errors import DecryptionFailed
from keystead.operations.cryptography import DataKey, Decrypt, Decrypted, GenerateDataKey

if TYPE_CHECKING:
    from keystead.client.asynchronous import AsyncClient
    from keystead.client.sync import Client

_DEFAULT_LIMITS = CacheLimits()


class _Message(NamedTuple):
    prologue: bytes
    key_id: str
    wrapped_key: bytes
    body: bytes


class _Caches:
    """The data keys of both directions: one for encrypting never serves decrypting."""

    def __init__(self, limits: CacheLimits) -> None:
        self.encrypting = DataKeyCache(limits)
        self.decrypting = DataKeyCache(limits)

    def keep_new(
        self, key: str, context: Mapping[str, str], reply: DataKey, size: int
    ) -> DataKeyUse:
        prologue = pack(MESSAGE_MAGIC, Prologue(reply.key_id, reply.ciphertext))
        name = (key, context_key(context))
        return self.encrypting.keep(name, _cipher(reply.plaintext), prologue, size)

    def keep_opened(
        self, message: _Message, context: Mapping[str, str], reply: Decrypted
    ) -> DataKeyUse:
        name = (message.prologue, context_key(context))
        cipher = _cipher(reply.plaintext)
        return self.decrypting.keep(name, cipher, message.prologue, len(message.body))


class Envelope:
    """Encrypts and decrypts messages with data keys, which it keeps within ``limits``."""

    def __init__(self, client: Client, limits: CacheLimits = _DEFAULT_LIMITS) -> None:
        self._client = client
        self._caches = _Caches(limits)

    def encrypt(
        self,
        key: str,
        plaintext: bytes,
        *,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
    ) -> bytes:
        """Encrypt a message under a data key of ``key``."""
        size = len(plaintext)
        use = self._caches.encrypting.take((key, context_key(context)), size)
        if use is None:
            reply = self._client(_new_data_key(key, context))
            use = self._caches.keep_new(key, context, reply, size)
        return _seal(use, plaintext, aad)

    def decrypt(
        self, message: bytes, *, context: Mapping[str, str] = NO_ENTRIES, aad: bytes = b""
    ) -> bytes:
        """Decrypt a message; raises DecryptionFailed for any other message, context or aad."""
        parsed = _parse(message)
        name = (parsed.prologue, context_key(context))
        use = self._caches.decrypting.take(name, len(parsed.body))
        if use is None:
            reply = self._client(_opened_data_key(parsed, context))
            use = self._caches.keep_opened(parsed, context, reply)
        return _open(use, parsed, aad)

    def forget(self) -> None:
        """Drop every kept data key, as after a key was disabled."""
        self._caches.encrypting.clear()
        self._caches.decrypting.clear()


class AsyncEnvelope:
    """``Envelope`` over an ``AsyncClient``."""

    def __init__(self, client: AsyncClient, limits: CacheLimits = _DEFAULT_LIMITS) -> None:
        self._client = client
        self._caches = _Caches(limits)

    async def encrypt(
        self,
        key: str,
        plaintext: bytes,
        *,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
    ) -> bytes:
        """Encrypt a message under a data key of ``key``."""
        size = len(plaintext)
        use = self._caches.encrypting.take((key, context_key(context)), size)
        if use is None:
            reply = await self._client(_new_data_key(key, context))
            use = self._caches.keep_new(key, context, reply, size)
        return _seal(use, plaintext, aad)

    async def decrypt(
        self, message: bytes, *, context: Mapping[str, str] = NO_ENTRIES, aad: bytes = b""
    ) -> bytes:
        """Decrypt a message; raises DecryptionFailed for any other message, context or aad."""
        parsed = _parse(message)
        name = (parsed.prologue, context_key(context))
        use = self._caches.decrypting.take(name, len(parsed.body))
        if use is None:
            reply = await self._client(_opened_data_key(parsed, context))
            use = self._caches.keep_opened(parsed, context, reply)
        return _open(use, parsed, aad)

    def forget(self) -> None:
        """Drop every kept data key, as after a key was disabled."""
        self._caches.encrypting.clear()
        self._caches.decrypting.clear()


def _new_data_key(key: str, context: Mapping[str, str]) -> GenerateDataKey:
    return GenerateDataKey(key=key, length=KEY_BYTES, context=dict(context), aad=MESSAGE_MAGIC)


def _opened_data_key(message: _Message, context: Mapping[str, str]) -> Decrypt:
    return Decrypt(
        ciphertext=message.wrapped_key,
        key=message.key_id,
        context=dict(context),
        aad=MESSAGE_MAGIC,
    )


def _cipher(data_key: bytes | None) -> Xaes256Gcm:
    if data_key is None or len(data_key) != KEY_BYTES:
        raise DecryptionFailed
    return Xaes256Gcm(data_key)


def _seal(use: DataKeyUse, plaintext: bytes, aad: bytes) -> bytes:
    nonce = urandom(NONCE_BYTES)
    return use.prologue + nonce + use.cipher.encrypt(nonce, plaintext, use.prologue + aad)


def _open(use: DataKeyUse, message: _Message, aad: bytes) -> bytes:
    nonce, ciphertext = message.body[:NONCE_BYTES], message.body[NONCE_BYTES:]
    try:
        return use.cipher.decrypt(nonce, ciphertext, message.prologue + aad)
    except InvalidTag:
        raise DecryptionFailed from None


def _parse(message: bytes) -> _Message:
    end = FIXED_BYTES + length(MESSAGE_MAGIC, message[:FIXED_BYTES])
    if len(message) < end + NONCE_BYTES:
        raise DecryptionFailed
    prologue = unpack(message[FIXED_BYTES:end])
    return _Message(message[:end], prologue.key_id, prologue.wrapped_key, message[end:])
