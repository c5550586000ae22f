"""Ciphertexts and signatures of the transit engine as text: what parses, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.crypto.transit import backup, wire
from keystead.crypto.transit.ciphers import DerivedCipher, PlainCipher
from keystead.errors import DecryptionFailed, InvalidRequest, KeysteadError

VERSIONS = st.integers(1, 2**32 - 1)
TYPES = ("aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305")


@given(version=VERSIONS, body=st.binary(max_size=100))
def test_what_is_framed_is_split_into_the_same(version: int, body: bytes) -> None:
    framed = wire.split(wire.frame(version, body), "ciphertext")
    assert (framed.version, wire.decode(framed.encoded)) == (version, body)
    urlsafe = wire.split(wire.frame(version, body, urlsafe=True), "signature")
    assert (urlsafe.version, wire.decode_urlsafe(urlsafe.encoded)) == (version, body)


@given(text=st.text(max_size=60) | st.text("vault:v0123456789=+/-_A", max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    for candidate in (text, f"vault:v{text}", f"vault:v1:{text}"):
        try:
            framed = wire.split(candidate, "ciphertext")
            wire.decode(framed.encoded)
            wire.decode_urlsafe(framed.encoded)
        except InvalidRequest:
            pass


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no prefix"),
        ("vault", "no prefix"),
        ("vault:v1", "wrong number of fields"),
        ("vault:v:AAAA", "version number could not be decoded"),
        ("vault:v1_0:AAAA", "version number could not be decoded"),
        ("vault:v 1:AAAA", "version number could not be decoded"),
        ("vault:v٣:AAAA", "version number could not be decoded"),
        ("vault:v99999999999:AAAA", "version number could not be decoded"),
    ],
)
def test_each_way_to_be_no_ciphertext_has_its_words(text: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        wire.split(text, "ciphertext")


@given(text=st.text(max_size=200) | st.binary(max_size=200).map(wire.encode))
def test_any_backup_is_read_or_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        backup.parse(text)


@given(
    policy=st.fixed_dictionaries(
        {},
        optional={
            "type": st.integers(-1, 20) | st.text(max_size=3),
            "latest_version": st.integers(-2, 3) | st.none() | st.text(max_size=2),
            "min_available_version": st.integers(-2, 3) | st.none(),
            "key_size": st.integers(0, 99),
            "keys": st.dictionaries(
                st.text("0123x", max_size=2),
                st.none()
                | st.dictionaries(
                    st.sampled_from(["key", "ec_x", "ec_y", "ec_d", "rsa_key", "time", "hmac_key"]),
                    st.none() | st.integers() | st.text(max_size=9) | st.dictionaries(
                        st.sampled_from(["N", "E", "D", "Primes"]),
                        st.integers() | st.lists(st.integers(), max_size=3),
                    ),
                ),
                max_size=3,
            ),
        },
    )
)  # fmt: skip
def test_a_damaged_backup_is_refused_and_breaks_nothing(policy: dict[str, object]) -> None:
    with pytest.raises(KeysteadError):
        backup.entries_in({"policy": policy}, backup.type_in(policy))


@pytest.mark.parametrize("type_", TYPES)
def test_a_flipped_bit_another_aad_or_another_context_does_not_open(type_: str) -> None:
    key = bytes(range(16 if "128" in type_ else 32))
    for cipher in (
        PlainCipher(type_, key),
        DerivedCipher(type_, key, "hkdf", convergent=False),
        DerivedCipher(type_, key, "hkdf", convergent=True),
        DerivedCipher(type_, key, "counter", convergent=False),
    ):
        sealed = cipher.encrypt(b"plaintext", b"context", b"aad")
        assert cipher.decrypt(sealed, b"context", b"aad") == b"plaintext"
        for place in (0, 20, len(sealed) - 1):
            wrong = bytearray(sealed)
            wrong[place] ^= 1
            with pytest.raises(DecryptionFailed):
                cipher.decrypt(bytes(wrong), b"context", b"aad")
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(sealed, b"context", b"other")
        if isinstance(cipher, DerivedCipher):
            with pytest.raises(DecryptionFailed):
                cipher.decrypt(sealed, b"other", b"aad")
            with pytest.raises(InvalidRequest, match="missing 'context'"):
                cipher.encrypt(b"plaintext", b"", b"aad")
        for short in (b"", sealed[:11], sealed[:27]):
            with pytest.raises((InvalidRequest, DecryptionFailed)):
                cipher.decrypt(short, b"context", b"aad")


def test_convergent_nonces_follow_plaintext_and_context() -> None:
    cipher = DerivedCipher("aes256-gcm96", bytes(32), "hkdf", convergent=True)
    made = cipher.encrypt(b"a", b"context", b"")
    assert made == cipher.encrypt(b"a", b"context", b"")
    assert made[:12] != cipher.encrypt(b"b", b"context", b"")[:12]
    assert made[:12] != cipher.encrypt(b"a", b"other", b"")[:12]


def test_no_text_form_shows_a_key() -> None:
    key = b"correct horse battery staple!!!!"
    for cipher in (
        PlainCipher("xchacha20-poly1305", key),
        DerivedCipher("aes256-gcm96", key, "hkdf", convergent=True),
    ):
        assert "horse" not in repr(cipher)
        for slot in type(cipher).__slots__:
            assert "horse" not in repr(getattr(cipher, slot))
