"""Sealed records and encrypted streams open as written, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.crypto import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.crypto.stream import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SEALED_CHUNK_BYTES,
    StreamDecryptor,
    StreamEncryptor,
)
from keystead.crypto.xaes import Xaes256Gcm
from keystead.errors import DecryptionFailed, IntegrityFailure, InvalidRequest

KEY = KeyMaterial(bytes(range(32)))
RECORDS = RecordKey(KEY)


@given(plaintext=st.binary(max_size=100), aad=st.binary(max_size=40))
def test_a_sealed_record_opens(plaintext: bytes, aad: bytes) -> None:
    blob = RECORDS.seal(plaintext, aad)
    assert RECORDS.open(blob, aad) == plaintext
    assert len(blob) == len(plaintext) + 41


def test_a_record_is_format_nonce_and_xaes_under_the_format() -> None:
    blob = RECORDS.seal(b"row", b"table/1")
    assert blob[0] == 1
    opened = Xaes256Gcm(KEY.reveal()).decrypt(blob[1:25], blob[25:], b"\x01table/1")
    assert opened == b"row"


@given(plaintext=st.binary(max_size=20), position=st.integers(0, 2**16))
def test_any_flipped_bit_of_a_record_is_refused(plaintext: bytes, position: int) -> None:
    blob = bytearray(RECORDS.seal(plaintext, b"aad"))
    bit = position % (len(blob) * 8)
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(IntegrityFailure):
        RECORDS.open(bytes(blob), b"aad")


@given(blob=st.binary(max_size=80))
def test_random_records_fail_and_do_nothing_else(blob: bytes) -> None:
    for candidate in (blob, b"\x01" + blob):
        with pytest.raises(IntegrityFailure):
            RECORDS.open(candidate, b"")


def test_a_record_belongs_to_its_key_and_its_place() -> None:
    blob = RECORDS.seal(b"row", b"table/1")
    for records, aad in ((RECORDS, b"table/2"), (RecordKey(KeyMaterial(bytes(32))), b"table/1")):
        with pytest.raises(IntegrityFailure):
            records.open(blob, aad)


def encrypt(plaintext: bytes, aad: bytes = b"") -> list[bytes]:
    encryptor = StreamEncryptor(KEY, aad)
    full, rest = divmod(len(plaintext), CHUNK_BYTES)
    parts = [encryptor.header]
    parts += [
        encryptor.update(plaintext[i * CHUNK_BYTES : (i + 1) * CHUNK_BYTES]) for i in range(full)
    ]
    return [*parts, encryptor.finish(plaintext[full * CHUNK_BYTES :] if rest else b"")]


def decrypt(parts: list[bytes], aad: bytes = b"") -> bytes:
    decryptor = StreamDecryptor(KEY, parts[0], aad)
    plaintext = b"".join(decryptor.update(part) for part in parts[1:])
    decryptor.finish()
    return plaintext


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
)
def test_a_stream_of_any_size_opens(size: int) -> None:
    plaintext = bytes(i % 251 for i in range(size))
    parts = encrypt(plaintext, b"name")
    assert len(parts[0]) == HEADER_BYTES
    assert all(len(part) == SEALED_CHUNK_BYTES for part in parts[1:-1])
    assert decrypt(parts, b"name") == plaintext


def damages() -> dict[str, Callable[[list[bytes]], list[bytes]]]:
    other = encrypt(bytes(2 * CHUNK_BYTES + 5))
    return {
        "without its last chunk": lambda p: p[:-1],
        "without its end": lambda p: [*p[:-1], p[-1][:-1]],
        "without its middle": lambda p: [*p[:2], *p[3:]],
        "without any chunk": lambda p: p[:1],
        "reordered": lambda p: [p[0], p[2], p[1], p[3]],
        "with a repeated chunk": lambda p: [*p[:2], *p[1:]],
        "with an end after its end": lambda p: [*p, p[-1]],
        "with more after its end": lambda p: [*p, b"more"],
        "with nothing after its end": lambda p: [*p, b""],
        "with a chunk of another stream": lambda p: [*p[:2], other[2], p[3]],
        "with another header": lambda p: [other[0], *p[1:]],
        "with a short header": lambda p: [p[0][:-1], *p[1:]],
        "cut elsewhere": lambda p: [p[0], p[1][:100], p[1][100:], *p[2:]],
    }


@pytest.mark.parametrize("name", damages())
def test_a_damaged_stream_does_not_open(name: str) -> None:
    parts = encrypt(bytes(2 * CHUNK_BYTES + 5))
    assert len(decrypt(parts)) == 2 * CHUNK_BYTES + 5
    with pytest.raises(DecryptionFailed):
        decrypt(damages()[name](parts))


def test_a_stream_belongs_to_its_aad_and_key() -> None:
    parts = encrypt(b"content", b"name")
    with pytest.raises(DecryptionFailed):
        decrypt(parts, b"another name")
    with pytest.raises(DecryptionFailed):
        StreamDecryptor(KeyMaterial(bytes(32)), parts[0], b"name").update(parts[1])


def test_a_full_chunk_cannot_end_a_stream_even_for_who_holds_the_key() -> None:
    from nacl import bindings as sodium

    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    header = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, KEY.reveal())
    chunks = ((bytes(CHUNK_BYTES), 3), (b"short", 0), (b"short", 1), (bytes(CHUNK_BYTES + 1), 3))
    for chunk, tag in chunks:
        part = sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, b"", tag)
        with pytest.raises(DecryptionFailed):
            StreamDecryptor(KEY, header).update(part)
        state = sodium.crypto_secretstream_xchacha20poly1305_state()
        header = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, KEY.reveal())


def test_nothing_follows_the_end_even_from_who_holds_the_key() -> None:
    from nacl import bindings as sodium

    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    header = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, KEY.reveal())
    parts = [
        sodium.crypto_secretstream_xchacha20poly1305_push(state, b"end", b"", 3) for _ in range(2)
    ]
    decryptor = StreamDecryptor(KEY, header)
    assert decryptor.update(parts[0]) == b"end"
    with pytest.raises(DecryptionFailed):
        decryptor.update(parts[1])


def test_a_stream_that_failed_stays_dead() -> None:
    header, part = encrypt(b"content")
    decryptor = StreamDecryptor(KEY, header)
    with pytest.raises(DecryptionFailed):
        decryptor.update(part[:-1])
    with pytest.raises(DecryptionFailed):
        decryptor.update(part)
    with pytest.raises(DecryptionFailed):
        decryptor.finish()


@settings(max_examples=40)
@given(header=st.binary(min_size=24, max_size=24), part=st.binary(max_size=60))
def test_random_streams_fail_and_do_nothing_else(header: bytes, part: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        StreamDecryptor(KEY, header).update(part)


def test_an_encryptor_takes_chunks_of_the_right_size_until_it_is_finished() -> None:
    encryptor = StreamEncryptor(KEY)
    for call, chunk in ((encryptor.update, b"short"), (encryptor.finish, bytes(CHUNK_BYTES))):
        with pytest.raises(InvalidRequest):
            call(chunk)
    encryptor.finish(b"")
    for call, chunk in ((encryptor.update, bytes(CHUNK_BYTES)), (encryptor.finish, b"")):
        with pytest.raises(InvalidRequest):
            call(chunk)
    with pytest.raises(InvalidRequest):
        StreamEncryptor(KeyMaterial(b"short"))
