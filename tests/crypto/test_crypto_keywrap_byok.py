"""Key wrap and import of foreign keys: published vectors and both halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.crypto import (
    SPECS,
    KeyMaterial,
    Usage,
    generate,
    import_material,
    open_private,
    open_public,
    public_der,
)
from keystead.crypto.byok import (
    HPKE,
    HPKE_INFO,
    RSA_AES_KWP,
    import_algorithms,
    unwrap_import,
    wrap_import,
)
from keystead.crypto.keywrap import unwrap, unwrap_padded, wrap, wrap_padded
from keystead.crypto.xwing import XWingPrivateKey
from keystead.errors import DecryptionFailed, IntegrityFailure, InvalidRequest, UnsupportedAlgorithm

Vector = dict[str, Any]
Vectors = Callable[[str], list[Vector]]
Wycheproof = Callable[[str], list[tuple[Vector, Vector]]]
Material = Callable[[str], KeyMaterial]

KEK = KeyMaterial(bytes(range(32)))
WRAPPING = [
    ("rsa-2048", RSA_AES_KWP),
    ("rsa-3072", RSA_AES_KWP),
    ("x25519", HPKE),
    ("x25519-ml-kem-768", HPKE),
]


@pytest.mark.parametrize(
    ("file", "seal", "open_"),
    [("rfc3394-keywrap", wrap, unwrap), ("rfc5649-keywrap-padded", wrap_padded, unwrap_padded)],
)
def test_key_wrap_matches_its_rfc(
    vectors: Vectors,
    file: str,
    seal: Callable[[KeyMaterial, bytes], bytes],
    open_: Callable[[KeyMaterial, bytes], KeyMaterial],
) -> None:
    for vector in vectors(file):
        kek = KeyMaterial(bytes.fromhex(vector["kek"]))
        key, wrapped = bytes.fromhex(vector["key"]), bytes.fromhex(vector["wrapped"])
        assert seal(kek, key) == wrapped
        assert open_(kek, wrapped).reveal() == key


@pytest.mark.parametrize(
    ("file", "seal", "open_"),
    [("aes-wrap", wrap, unwrap), ("aes-kwp", wrap_padded, unwrap_padded)],
)
def test_key_wrap_agrees_with_wycheproof(
    wycheproof: Wycheproof,
    file: str,
    seal: Callable[[KeyMaterial, bytes], bytes],
    open_: Callable[[KeyMaterial, bytes], KeyMaterial],
) -> None:
    for _, test in wycheproof(file):
        kek = KeyMaterial(bytes.fromhex(test["key"]))
        key, wrapped = bytes.fromhex(test["msg"]), bytes.fromhex(test["ct"])
        if test["result"] == "valid":
            assert seal(kek, key) == wrapped
            assert open_(kek, wrapped).reveal() == key
        else:  # the acceptable ones are keys of 8 bytes, which RFC 3394 leaves out
            with pytest.raises(DecryptionFailed):
                open_(kek, wrapped)


@given(key=st.binary(min_size=1, max_size=200))
def test_any_key_of_a_byte_or_more_wraps_padded(key: bytes) -> None:
    assert unwrap_padded(KEK, wrap_padded(KEK, key)).reveal() == key


@given(key=st.binary(max_size=60))
def test_unpadded_wrap_takes_multiples_of_eight_from_sixteen_up(key: bytes) -> None:
    if len(key) >= 16 and len(key) % 8 == 0:
        assert unwrap(KEK, wrap(KEK, key)).reveal() == key
    else:
        with pytest.raises(InvalidRequest):
            wrap(KEK, key)


@given(key=st.binary(min_size=16, max_size=16), bit=st.integers(0, 24 * 8 - 1))
def test_any_flipped_bit_of_a_wrapped_key_is_refused(key: bytes, bit: int) -> None:
    for seal, open_ in ((wrap, unwrap), (wrap_padded, unwrap_padded)):
        wrapped = bytearray(seal(KEK, key))
        wrapped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptionFailed):
            open_(KEK, bytes(wrapped))


@given(wrapped=st.binary(max_size=80))
def test_random_wrapped_keys_fail_and_do_nothing_else(wrapped: bytes) -> None:
    for open_ in (unwrap, unwrap_padded):
        with pytest.raises(DecryptionFailed):
            open_(KEK, wrapped)


def test_wrapping_nothing_or_under_a_wrong_kek_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        wrap_padded(KEK, b"")
    for seal in (wrap, wrap_padded):
        with pytest.raises(InvalidRequest):
            seal(KeyMaterial(bytes(31)), bytes(16))


def test_a_wrapping_handle_takes_either_algorithm_and_never_confuses_them(
    material: Material,
) -> None:
    handle = open_private(SPECS["aes-256-kwp"], Usage.WRAP_UNWRAP, material("aes-256-kwp"))
    wrapped = {name: handle.wrap(bytes(16), algorithm=name) for name in ("aes-kw", "aes-kwp")}
    assert handle.unwrap(handle.wrap(b"odd"), algorithm="aes-kwp").reveal() == b"odd"
    for name, other in (("aes-kw", "aes-kwp"), ("aes-kwp", "aes-kw")):
        assert handle.unwrap(wrapped[name], algorithm=name).reveal() == bytes(16)
        with pytest.raises(DecryptionFailed):
            handle.unwrap(wrapped[name], algorithm=other)
    for call in (handle.wrap, handle.unwrap):
        with pytest.raises(UnsupportedAlgorithm):
            call(bytes(24), algorithm="keystead")


@pytest.mark.parametrize(("wrapping", "algorithm"), WRAPPING)
@pytest.mark.parametrize("target", ["xaes-256-gcm", "ed25519", "ec-p256", "rsa-2048"])
def test_a_wrapped_key_arrives_and_imports(
    wrapping: str, algorithm: str, target: str, material: Material
) -> None:
    spec, private, key = SPECS[wrapping], material(wrapping), material(target)
    public = public_der(spec, private)
    assert public is not None
    wrapped = wrap_import(spec, public, algorithm, key)
    arrived = unwrap_import(spec, private, algorithm, wrapped)
    assert import_material(SPECS[target], arrived.reveal()).reveal() == key.reveal()


@pytest.mark.parametrize(("wrapping", "algorithm"), WRAPPING)
def test_an_altered_truncated_or_foreign_import_is_refused(
    wrapping: str, algorithm: str, material: Material
) -> None:
    spec, private = SPECS[wrapping], material(wrapping)
    public = public_der(spec, private)
    assert public is not None
    wrapped = wrap_import(spec, public, algorithm, material("xaes-256-gcm"))
    damaged = [wrapped[:-1], wrapped + b"\0", b"", wrapped[: len(wrapped) // 2]]
    for position in range(0, len(wrapped), max(1, len(wrapped) // 40)):
        altered = bytearray(wrapped)
        altered[position] ^= 1
        damaged.append(bytes(altered))
    for candidate in damaged:
        with pytest.raises(DecryptionFailed):
            unwrap_import(spec, private, algorithm, candidate)


@pytest.mark.parametrize(("wrapping", "algorithm"), WRAPPING)
def test_a_public_key_that_is_not_of_the_spec_wraps_nothing(
    wrapping: str, algorithm: str, material: Material
) -> None:
    for data in (b"", b"\0" * 1216, public_der(SPECS["ec-p256"], material("ec-p256")) or b""):
        with pytest.raises(InvalidRequest):
            wrap_import(SPECS[wrapping], data, algorithm, KEK)


def test_a_sender_cannot_weaken_the_key_between_rsa_and_target(material: Material) -> None:
    spec, weak = SPECS["rsa-2048"], KeyMaterial(bytes(16))
    public = public_der(spec, material("rsa-2048"))
    assert public is not None
    encryptor = open_public(spec, Usage.ENCRYPT_DECRYPT, public)
    wrapped = encryptor.encrypt(weak.reveal(), b"") + wrap_padded(weak, bytes(32))
    with pytest.raises(DecryptionFailed):
        unwrap_import(spec, material("rsa-2048"), RSA_AES_KWP, wrapped)


def test_algorithms_go_with_the_wrapping_key(material: Material) -> None:
    assert import_algorithms(SPECS["rsa-4096"]) == (RSA_AES_KWP,)
    assert import_algorithms(SPECS["x25519"]) == (HPKE,)
    assert import_algorithms(SPECS["ed25519"]) == ()
    for wrapping, algorithm in (("x25519", RSA_AES_KWP), ("rsa-2048", HPKE), ("ed25519", HPKE)):
        with pytest.raises(UnsupportedAlgorithm):
            unwrap_import(SPECS[wrapping], material(wrapping), algorithm, b"")
        with pytest.raises(UnsupportedAlgorithm):
            wrap_import(SPECS[wrapping], b"", algorithm, KEK)


def test_a_wrapping_key_that_is_damaged_at_rest_is_an_integrity_failure() -> None:
    for wrapping, algorithm in WRAPPING:
        with pytest.raises(IntegrityFailure):
            unwrap_import(SPECS[wrapping], KeyMaterial(b"damaged"), algorithm, b"")


XWING = generate(SPECS["x25519-ml-kem-768"])


@settings(max_examples=40)
@given(wrapped=st.binary(max_size=1300))
def test_random_imports_fail_and_do_nothing_else(wrapped: bytes) -> None:
    for spec, private in ((SPECS["x25519"], KEK), (SPECS["x25519-ml-kem-768"], XWING)):
        with pytest.raises(DecryptionFailed):
            unwrap_import(spec, private, HPKE, wrapped)


def test_the_library_opens_the_published_hpke_vectors(vectors: Vectors) -> None:
    aeads = {2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}
    kems = {0x20: hpke.KEM.X25519, 0x647A: hpke.KEM.MLKEM768_X25519}
    for vector in vectors("hpke"):
        secret = bytes.fromhex(vector["skRm"])
        private: Any = X25519PrivateKey.from_private_bytes(secret)
        if vector["kem_id"] == 0x647A:
            xwing = XWingPrivateKey.from_seed_bytes(secret)
            private = hpke.MLKEM768X25519PrivateKey(xwing.mlkem, xwing.x25519)
        suite = hpke.Suite(kems[vector["kem_id"]], hpke.KDF.HKDF_SHA256, aeads[vector["aead_id"]])
        info, aad, enc, body = (
            bytes.fromhex(vector[name]) for name in ("info", "aad", "enc", "ct")
        )
        # The vectors have an aad, which only this entry of the library takes.
        opened = openssl.hpke._decrypt_with_aad(suite, enc + body, private, info, aad)
        assert opened.hex() == vector["pt"]


def test_a_plain_hpke_sender_can_import(material: Material) -> None:
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    private = X25519PrivateKey.from_private_bytes(material("x25519").reveal())
    wrapped = suite.encrypt(b"key made elsewhere", private.public_key(), HPKE_INFO)
    arrived = unwrap_import(SPECS["x25519"], material("x25519"), HPKE, wrapped)
    assert arrived.reveal() == b"key made elsewhere"
