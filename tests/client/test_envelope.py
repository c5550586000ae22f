"""Messages open only as they were sealed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.client import prologue
from keystead.client.datakeys import CacheLimits
from keystead.client.envelope import Envelope
from keystead.errors import DecryptionFailed

contexts = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=3)


@given(plaintext=st.binary(max_size=300), context=contexts, aad=st.binary(max_size=20))
def test_what_was_encrypted_decrypts(
    plaintext: bytes, context: dict[str, str], aad: bytes, make_keeper: Callable[[], Any]
) -> None:
    keeper = make_keeper()
    message = Envelope(keeper).encrypt("orders", plaintext, context=context, aad=aad)
    assert Envelope(keeper).decrypt(message, context=context, aad=aad) == plaintext


@settings(max_examples=30)
@given(data=st.data(), cached=st.booleans())
def test_any_flipped_bit_is_refused(
    data: st.DataObject, cached: bool, make_keeper: Callable[[], Any]
) -> None:
    envelope = Envelope(make_keeper())
    message = bytearray(envelope.encrypt("orders", b"plaintext", context={"a": "b"}))
    if cached:
        envelope.decrypt(bytes(message), context={"a": "b"})
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    message[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecryptionFailed):
        envelope.decrypt(bytes(message), context={"a": "b"})


def test_every_truncation_is_refused(keeper: Any) -> None:
    envelope = Envelope(keeper)
    message = envelope.encrypt("orders", b"plaintext")
    for size in range(len(message)):
        with pytest.raises(DecryptionFailed):
            envelope.decrypt(message[:size])


def test_another_context_or_aad_is_refused_also_from_the_cache(keeper: Any) -> None:
    envelope = Envelope(keeper)
    message = envelope.encrypt("orders", b"plaintext", context={"a": "b"}, aad=b"x")
    assert envelope.decrypt(message, context={"a": "b"}, aad=b"x") == b"plaintext"
    for context, aad in (({}, b"x"), ({"a": "c"}, b"x"), ({"a": "b"}, b""), ({"a": "b"}, b"y")):
        with pytest.raises(DecryptionFailed):
            envelope.decrypt(message, context=context, aad=aad)


@given(data=st.binary(max_size=80), marked=st.booleans())
def test_foreign_bytes_raise_decryption_failed_and_nothing_else(
    data: bytes, marked: bool, make_keeper: Callable[[], Any]
) -> None:
    with pytest.raises(DecryptionFailed):
        Envelope(make_keeper()).decrypt(prologue.MESSAGE_MAGIC + data if marked else data)


def test_a_data_key_is_asked_for_once_for_each_key_and_context(keeper: Any) -> None:
    envelope = Envelope(keeper)
    for _ in range(5):
        envelope.encrypt("orders", b"x", context={"a": "1", "b": "2"})
        envelope.encrypt("orders", b"x", context={"b": "2", "a": "1"})
    assert keeper.asked == 1
    envelope.encrypt("orders", b"x", context={"a": "1"})
    envelope.encrypt("bills", b"x", context={"a": "1", "b": "2"})
    assert keeper.asked == 3


def test_decrypting_asks_once_for_each_data_key(keeper: Any) -> None:
    messages = [Envelope(keeper).encrypt("orders", b"x") for _ in range(3)]
    keeper.asked = 0
    envelope = Envelope(keeper)
    for message in messages * 4:
        envelope.decrypt(message)
    assert keeper.asked == 3


def test_forget_asks_the_server_again(keeper: Any) -> None:
    envelope = Envelope(keeper)
    message = envelope.encrypt("orders", b"x")
    envelope.decrypt(message)
    envelope.forget()
    envelope.decrypt(message)
    assert keeper.asked == 3


def test_the_cache_for_encrypting_never_serves_decrypting(keeper: Any) -> None:
    envelope = Envelope(keeper)
    message = envelope.encrypt("orders", b"x")
    keeper.asked = 0
    envelope.decrypt(message)
    assert keeper.asked == 1


def test_one_data_key_serves_threads_at_once(keeper: Any) -> None:
    envelope = Envelope(keeper, CacheLimits(max_uses=10**6))
    envelope.encrypt("orders", b"")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for size in range(300):
                plaintext = bytes([number]) * size
                assert envelope.decrypt(envelope.encrypt("orders", plaintext)) == plaintext
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_message_is_never_opened_as_a_file(keeper: Any) -> None:
    import io

    from keystead.client.files import decrypt_stream, encrypt_stream

    written = io.BytesIO()
    encrypt_stream(keeper, "orders", io.BytesIO(b"x"), written)
    as_message = prologue.MESSAGE_MAGIC + written.getvalue()[4:]
    with pytest.raises(DecryptionFailed):
        Envelope(keeper).decrypt(as_message)
    as_file = prologue.FILE_MAGIC + Envelope(keeper).encrypt("orders", b"x")[4:]
    with pytest.raises(DecryptionFailed):
        decrypt_stream(keeper, io.BytesIO(as_file), io.BytesIO())


def test_a_prologue_that_parses_is_written_again_alike() -> None:
    packed = prologue.pack(prologue.FILE_MAGIC, prologue.Prologue("k", b"w", {"a": "b"}))
    size = prologue.length(prologue.FILE_MAGIC, packed[:8])
    assert size == len(packed) - 8
    assert prologue.pack(prologue.FILE_MAGIC, prologue.unpack(packed[8:])) == packed


@given(st.binary(max_size=200))
def test_foreign_prologues_raise_decryption_failed_and_nothing_else(data: bytes) -> None:
    with suppress(DecryptionFailed):
        prologue.length(prologue.FILE_MAGIC, data[:8])
    with suppress(DecryptionFailed):
        prologue.unpack(data)
