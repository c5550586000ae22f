"""The ciphertext header and the encoding of what it authenticates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.crypto.ciphertext import HEADER_BYTES, associated_data, pack_header, parse
from keystead.errors import DecryptionFailed, InvalidRequest

codes = st.integers(0, 255)
key_ids = st.binary(min_size=16, max_size=16)
versions = st.integers(0, 2**32 - 1)
contexts = st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4)
HEADER = pack_header(1, bytes(16), 1)


@given(code=codes, key_id=key_ids, version=versions, body=st.binary(max_size=40))
def test_what_is_packed_parses_to_the_same(
    code: int, key_id: bytes, version: int, body: bytes
) -> None:
    header = pack_header(code, key_id, version)
    assert len(header) == HEADER_BYTES
    parsed = parse(header + body)
    assert (parsed.spec_code, parsed.key_id, parsed.version) == (code, key_id, version)
    assert parsed.header + parsed.body == header + body
    assert pack_header(parsed.spec_code, parsed.key_id, parsed.version) == parsed.header


def test_the_layout_is_the_documented_one() -> None:
    key_id = bytes(range(16))
    assert pack_header(7, key_id, 0x01020304) == b"KS\x01\x07" + key_id + b"\x01\x02\x03\x04"


@given(data=st.binary(max_size=60))
def test_random_bytes_are_foreign_and_do_nothing_else(data: bytes) -> None:
    if data[:3] != b"KS\x01" or len(data) < HEADER_BYTES:
        with pytest.raises(DecryptionFailed):
            parse(data)
    with pytest.raises(DecryptionFailed):
        parse(b"\0" + data)


@pytest.mark.parametrize("position", range(3))
def test_another_magic_or_format_is_foreign(position: int) -> None:
    header = bytearray(HEADER)
    header[position] ^= 1
    with pytest.raises(DecryptionFailed):
        parse(bytes(header))


@pytest.mark.parametrize("length", range(HEADER_BYTES))
def test_a_truncated_header_is_refused(length: int) -> None:
    with pytest.raises(DecryptionFailed):
        parse(HEADER[:length])


@pytest.mark.parametrize(
    ("code", "key_id", "version"),
    [(256, bytes(16), 1), (-1, bytes(16), 1), (1, bytes(15), 1), (1, bytes(16), 2**32)],
)
def test_a_field_that_does_not_fit_is_refused(code: int, key_id: bytes, version: int) -> None:
    with pytest.raises(InvalidRequest):
        pack_header(code, key_id, version)


@given(
    one=st.tuples(contexts, st.binary(max_size=30)),
    other=st.tuples(contexts, st.binary(max_size=30)),
)
def test_different_inputs_authenticate_different_bytes(
    one: tuple[dict[str, str], bytes], other: tuple[dict[str, str], bytes]
) -> None:
    same = associated_data(HEADER, *one) == associated_data(HEADER, *other)
    assert same is (one == other)


@given(context=contexts, aad=st.binary(max_size=30))
def test_the_encoding_reads_back_to_its_inputs(context: dict[str, str], aad: bytes) -> None:
    encoded = associated_data(HEADER, context, aad)
    assert encoded[:HEADER_BYTES] == HEADER
    position = HEADER_BYTES

    def number() -> int:
        nonlocal position
        position += 4
        return int.from_bytes(encoded[position - 4 : position])

    def text() -> bytes:
        nonlocal position
        length = number()
        position += length
        return encoded[position - length : position]

    entries = [(text(), text()) for _ in range(number())]
    assert entries == sorted(entries)
    assert {key.decode(): value.decode() for key, value in entries} == context
    assert encoded[position:] == aad


@given(context=contexts)
def test_the_order_of_a_context_does_not_matter(context: dict[str, str]) -> None:
    turned = dict(reversed(context.items()))
    assert associated_data(HEADER, context, b"") == associated_data(HEADER, turned, b"")


@pytest.mark.parametrize("context", [{"\ud800": "v"}, {"k": "\udfff"}])
def test_text_that_is_not_unicode_is_refused(context: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        associated_data(HEADER, context, b"")
