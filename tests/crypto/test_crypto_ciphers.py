"""Encryption: published vectors, round trips, and nothing altered is accepted."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_128
from typing import Any, cast

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.crypto import (
    SPECS,
    KeyMaterial,
    Usage,
    generate,
    open_private,
    open_public,
    public_der,
)
from keystead.crypto.cipher import Cipher, NonceCipher, RsaCipher, SivCipher, XaesCipher
from keystead.crypto.xaes import Xaes256Gcm
from keystead.errors import DecryptionFailed, PayloadTooLarge, UnsupportedAlgorithm

Vector = dict[str, Any]
Vectors = Callable[[str], list[Vector]]
Wycheproof = Callable[[str], list[tuple[Vector, Vector]]]

AEADS = [
    name for name, spec in SPECS.items() if spec.symmetric and Usage.ENCRYPT_DECRYPT in spec.usages
]
CIPHERS = {
    name: open_private(SPECS[name], Usage.ENCRYPT_DECRYPT, generate(SPECS[name])) for name in AEADS
}


def unhex(vector: Vector, *names: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(vector[name]) for name in names)


def test_xaes_matches_the_c2sp_vectors(vectors: Vectors) -> None:
    for vector in vectors("c2sp-xaes-256-gcm"):
        key, nonce, plaintext, aad, ciphertext = unhex(
            vector, "key", "nonce", "plaintext", "aad", "ciphertext"
        )
        xaes = Xaes256Gcm(key)
        assert xaes.encrypt(nonce, plaintext, aad) == ciphertext
        assert xaes.decrypt(nonce, ciphertext, aad) == plaintext
        assert XaesCipher(key).decrypt(nonce + ciphertext, aad) == plaintext


def test_xaes_matches_ten_thousand_accumulated_vectors(
    vector_document: Callable[[str], Vector],
) -> None:
    expected = vector_document("c2sp-xaes-256-gcm")["accumulated_10000"]
    stream = memoryview(shake_128().digest(10_000 * (32 + 24 + 2 * 256)))
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        position += count
        return bytes(stream[position - count : position])

    digest = shake_128()
    for _ in range(10_000):
        key, nonce = take(32), take(24)
        plaintext = take(take(1)[0])
        aad = take(take(1)[0])
        digest.update(Xaes256Gcm(key).encrypt(nonce, plaintext, aad))
    assert digest.hexdigest(32) == expected


def test_aes_siv_matches_rfc_5297(vectors: Vectors) -> None:
    for vector in vectors("rfc5297-aes-siv"):
        key, aad, tag, plaintext, ciphertext = unhex(
            vector, "key", "aad", "tag", "plaintext", "ciphertext"
        )
        cipher = SivCipher(key)
        assert cipher.encrypt(plaintext, aad) == tag + ciphertext
        assert cipher.decrypt(tag + ciphertext, aad) == plaintext


@pytest.mark.parametrize(
    ("file", "aead"), [("aes-gcm", AESGCM), ("chacha20-poly1305", ChaCha20Poly1305)]
)
def test_nonce_aeads_agree_with_wycheproof(
    wycheproof: Wycheproof, file: str, aead: type[AESGCM | ChaCha20Poly1305]
) -> None:
    for _, test in wycheproof(file):
        key, nonce, aad, message, body, tag = unhex(test, "key", "iv", "aad", "msg", "ct", "tag")
        cipher = NonceCipher(file, aead(key))
        check_decryption(cipher, nonce + body + tag, aad, message, test["result"])


def test_aes_siv_agrees_with_wycheproof(wycheproof: Wycheproof) -> None:
    for _, test in wycheproof("aes-siv-cmac"):
        key, aad, message, body = unhex(test, "key", "aad", "msg", "ct")
        check_decryption(SivCipher(key), body, aad, message, test["result"])


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_rsa_oaep_agrees_with_wycheproof(wycheproof: Wycheproof, digest: str) -> None:
    for group, test in wycheproof(f"rsa-oaep-2048-{digest}-mgf1{digest}"):
        private = load_der_private_key(bytes.fromhex(group["privateKeyPkcs8"]), None)
        label, message, body = unhex(test, "label", "msg", "ct")
        cipher = RsaCipher(cast(Any, private))
        check_decryption(cipher, body, label, message, test["result"], f"rsa-oaep-{digest}")


def check_decryption(
    cipher: Cipher,
    ciphertext: bytes,
    aad: bytes,
    message: bytes,
    result: str,
    algorithm: str | None = None,
) -> None:
    if result == "valid":
        assert cipher.decrypt(ciphertext, aad, algorithm=algorithm) == message
    else:
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(ciphertext, aad, algorithm=algorithm)


@pytest.mark.parametrize("name", AEADS)
@given(plaintext=st.binary(max_size=300), aad=st.binary(max_size=100))
def test_what_is_encrypted_decrypts(name: str, plaintext: bytes, aad: bytes) -> None:
    cipher = CIPHERS[name]
    assert cipher.decrypt(cipher.encrypt(plaintext, aad), aad) == plaintext


@pytest.mark.parametrize("name", AEADS)
@given(data=st.data(), plaintext=st.binary(max_size=60), aad=st.binary(max_size=30))
def test_any_flipped_bit_is_refused(
    name: str, data: st.DataObject, plaintext: bytes, aad: bytes
) -> None:
    cipher = CIPHERS[name]
    joined = bytearray(cipher.encrypt(plaintext, aad) + aad)
    split = len(joined) - len(aad)
    bit = data.draw(st.integers(0, len(joined) * 8 - 1))
    joined[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecryptionFailed):
        cipher.decrypt(bytes(joined[:split]), bytes(joined[split:]))


@pytest.mark.parametrize("name", AEADS)
@given(ciphertext=st.binary(max_size=100), aad=st.binary(max_size=10))
def test_random_bytes_fail_to_decrypt_and_do_nothing_else(
    name: str, ciphertext: bytes, aad: bytes
) -> None:
    with pytest.raises(DecryptionFailed):
        CIPHERS[name].decrypt(ciphertext, aad)


@pytest.mark.parametrize("name", AEADS)
def test_every_truncation_is_refused(name: str) -> None:
    cipher = CIPHERS[name]
    ciphertext = cipher.encrypt(b"attack at dawn", b"")
    for length in range(len(ciphertext)):
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(ciphertext[:length], b"")


@pytest.mark.parametrize("name", AEADS)
def test_only_siv_repeats_itself(name: str) -> None:
    cipher = CIPHERS[name]
    same = cipher.encrypt(b"again", b"") == cipher.encrypt(b"again", b"")
    assert same is (name == "aes-256-siv")


@pytest.mark.parametrize("name", AEADS)
def test_an_aead_key_has_one_algorithm(name: str) -> None:
    cipher = CIPHERS[name]
    assert cipher.decrypt(cipher.encrypt(b"m", b"", algorithm=name), b"", algorithm=name) == b"m"
    for call in (cipher.encrypt, cipher.decrypt):
        with pytest.raises(UnsupportedAlgorithm):
            call(b"m", b"", algorithm="rot13")


def test_xaes_derives_its_subkey_as_an_independent_cmac_does() -> None:
    from cryptography.hazmat.primitives.ciphers.algorithms import AES256
    from cryptography.hazmat.primitives.cmac import CMAC

    key, nonce = bytes(range(32)), bytes(range(100, 124))
    subkey = b""
    for counter in (1, 2):
        prf = CMAC(AES256(key))
        prf.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        subkey += prf.finalize()
    expected = AESGCM(subkey).encrypt(nonce[12:], b"message", b"aad")
    assert Xaes256Gcm(key).encrypt(nonce, b"message", b"aad") == expected
    with pytest.raises(InvalidTag):
        Xaes256Gcm(key).decrypt(nonce, expected, b"other")


@pytest.mark.parametrize("algorithm", SPECS["rsa-2048"].algorithms[Usage.ENCRYPT_DECRYPT])
def test_rsa_decrypts_what_the_public_half_encrypted(
    algorithm: str, material: Callable[[str], KeyMaterial]
) -> None:
    spec = SPECS["rsa-2048"]
    der = public_der(spec, material("rsa-2048"))
    assert der is not None
    public = open_public(spec, Usage.ENCRYPT_DECRYPT, der)
    private = open_private(spec, Usage.ENCRYPT_DECRYPT, material("rsa-2048"))
    ciphertext = public.encrypt(b"data key", b"label", algorithm=algorithm)
    assert private.decrypt(ciphertext, b"label", algorithm=algorithm) == b"data key"
    for body, label in ((ciphertext, b"other"), (ciphertext[:-1], b"label"), (b"", b"label")):
        with pytest.raises(DecryptionFailed):
            private.decrypt(body, label, algorithm=algorithm)


def test_rsa_encrypts_up_to_its_limit_and_says_what_it_is(
    material: Callable[[str], KeyMaterial],
) -> None:
    cipher = open_private(SPECS["rsa-2048"], Usage.ENCRYPT_DECRYPT, material("rsa-2048"))
    assert cipher.decrypt(cipher.encrypt(bytes(190), b""), b"") == bytes(190)
    with pytest.raises(PayloadTooLarge) as caught:
        cipher.encrypt(bytes(191), b"")
    assert caught.value.details == {"limit_bytes": 190}
    with pytest.raises(UnsupportedAlgorithm):
        cipher.encrypt(b"", b"", algorithm="rsa-pkcs1")


@settings(max_examples=25)
@given(ciphertext=st.binary(max_size=260))
def test_random_bytes_fail_rsa_decryption_and_do_nothing_else(ciphertext: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        rsa_cipher().decrypt(ciphertext, b"")


def rsa_cipher(cached: list[Cipher] = []) -> Cipher:  # noqa: B006 - one key for all examples
    if not cached:
        spec = SPECS["rsa-2048"]
        cached.append(open_private(spec, Usage.ENCRYPT_DECRYPT, generate(spec)))
    return cached[0]
