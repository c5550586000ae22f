"""Envelope encryption of files and streams of any size, in constant memory.

A file is prologue ‖ secretstream header (24) ‖ chunks of 64 KiB of plaintext, each 17
bytes longer encrypted (``crypto.stream``). The data key is this file's alone, and every
chunk has the SHA-256 of the prologue as AAD. The encryption context is written in the
prologue, where anyone can read it: it is given back to the server when decrypting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from keystead.client.atomic import new_file
from keystead.client.methods import NO_ENTRIES
from keystead.client.prologue import FILE_MAGIC, FIXED_BYTES, Prologue, length, pack, unpack
from keystead.crypto.material import KeyMaterial
from keystead.crypto.stream import (
    CHUNK_BYTES,
    HEADER_BYTES,
    KEY_BYTES,
    SEALED_CHUNK_BYTES,
    StreamDecryptor,
    StreamEncryptor,
)
from keystead.errors import DecryptionFailed

if TYPE_CHECKING:
    from keystead.client.sync import Client

Progress = Callable[[int], object]
"""Is told how many bytes of input were read since it was last told."""


def encrypt_file(
    client: Client,
    key: str,
    source: Path,
    target: Path,
    *,
    context: Mapping[str, str] = NO_ENTRIES,
    replace: bool = False,
    progress: Progress = id,
) -> None:
    """Encrypt a file; ``target`` appears only once it is whole (see ``atomic.new_file``)."""
    with source.open("rb") as reading, new_file(target, replace=replace) as writing:
        encrypt_stream(client, key, reading, writing, context=context, progress=progress)


def decrypt_file(
    client: Client,
    source: Path,
    target: Path,
    *,
    context: Mapping[str, str] | None = None,
    replace: bool = False,
    progress: Progress = id,
) -> None:
    """Decrypt a file; ``target`` appears only once all of ``source`` proved to be genuine."""
    with source.open("rb") as reading, new_file(target, replace=replace) as writing:
        decrypt_stream(client, reading, writing, context=context, progress=progress)


def encrypt_stream(
    client: Client,
    key: str,
    source: BinaryIO,
    sink: BinaryIO,
    *,
    context: Mapping[str, str] = NO_ENTRIES,
    progress: Progress = id,
) -> None:
    """Encrypt ``source`` to its end under a new data key of ``key``."""
    reply = client.keys.generate_data_key(
        key, length=KEY_BYTES, context=context, aad=FILE_MAGIC, with_plaintext=True
    )
    prologue = pack(FILE_MAGIC, Prologue(reply.key_id, reply.ciphertext, dict(context)))
    stream = StreamEncryptor(_data_key(reply.plaintext), hashlib.sha256(prologue).digest())
    _write(sink, prologue + stream.header)
    chunk = _read(source, CHUNK_BYTES)
    while len(chunk) == CHUNK_BYTES:
        _write(sink, stream.update(chunk))
        progress(len(chunk))
        chunk = _read(source, CHUNK_BYTES)
    _write(sink, stream.finish(chunk))
    progress(len(chunk))


def decrypt_stream(
    client: Client,
    source: BinaryIO,
    sink: BinaryIO,
    *,
    context: Mapping[str, str] | None = None,
    progress: Progress = id,
) -> None:
    """Decrypt ``source`` to its end.

    ``sink`` gets chunks as they prove genuine: what it got is the whole only when this
    returns. A ``context`` that is given must be the one in the file. Raises
    DecryptionFailed for whatever is not a file that ``encrypt_stream`` wrote.
    """
    fixed = _read(source, FIXED_BYTES)
    packed = _read(source, length(FILE_MAGIC, fixed))
    prologue = unpack(packed)
    if context is not None and dict(context) != prologue.context:
        raise DecryptionFailed
    reply = client.keys.decrypt(
        prologue.wrapped_key, key=prologue.key_id, context=prologue.context, aad=FILE_MAGIC
    )
    aad = hashlib.sha256(fixed + packed).digest()
    stream = StreamDecryptor(_data_key(reply.plaintext), _read(source, HEADER_BYTES), aad)
    progress(FIXED_BYTES + len(packed) + HEADER_BYTES)
    while sealed := _read(source, SEALED_CHUNK_BYTES):
        _write(sink, stream.update(sealed))
        progress(len(sealed))
    stream.finish()


def _data_key(plaintext: bytes | None) -> KeyMaterial:
    if plaintext is None or len(plaintext) != KEY_BYTES:
        raise DecryptionFailed
    return KeyMaterial(plaintext)


def _read(source: BinaryIO, size: int) -> bytes:
    """Read ``size`` bytes, fewer only at the end: pipes give what they have."""
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(sink: BinaryIO, data: bytes) -> None:
    """Write all of ``data``: an unbuffered file may take less."""
    rest = memoryview(data)
    while rest:
        rest = rest[sink.write(rest) :]
