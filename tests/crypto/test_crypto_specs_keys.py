"""The registry is consistent, and every spec generates, imports, opens and publishes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.crypto import (
    DEFAULT_SPEC,
    SPECS,
    KeyMaterial,
    Usage,
    generate,
    import_material,
    open_private,
    open_public,
    public_der,
    public_jwk,
    public_pem,
    spec,
)
from keystead.crypto.encoding import Seed
from keystead.errors import IntegrityFailure, InvalidRequest, KeyUsageForbids, UnsupportedAlgorithm

Material = Callable[[str], KeyMaterial]

CODES = {
    "xaes-256-gcm": 1,
    "aes-256-gcm": 2,
    "aes-128-gcm": 3,
    "chacha20-poly1305": 4,
    "xchacha20-poly1305": 7,
    "aes-256-siv": 5,
    "aes-256-kwp": 6,
    "hmac-sha256": 16,
    "hmac-sha384": 17,
    "hmac-sha512": 18,
    "hmac": 19,
    "rsa-2048": 32,
    "rsa-3072": 33,
    "rsa-4096": 34,
    "ec-p256": 48,
    "ec-p384": 49,
    "ec-p521": 50,
    "ec-secp256k1": 51,
    "ed25519": 64,
    "x25519": 65,
    "ml-dsa-44": 80,
    "ml-dsa-65": 81,
    "ml-dsa-87": 82,
    "ml-kem-768": 96,
    "ml-kem-1024": 97,
    "x25519-ml-kem-768": 98,
}
ASYMMETRIC = [name for name, entry in SPECS.items() if not entry.symmetric]
SEEDED = [name for name, entry in SPECS.items() if isinstance(entry.form, Seed)]


def pkcs8(private: Any) -> bytes:
    return cast(bytes, private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def test_codes_in_ciphertexts_never_change() -> None:
    assert {name: entry.code for name, entry in SPECS.items()} == CODES
    assert len(set(CODES.values())) == len(CODES)


def test_an_unknown_spec_is_refused_with_the_list_of_known_ones() -> None:
    assert spec(DEFAULT_SPEC) is SPECS["xaes-256-gcm"]
    with pytest.raises(UnsupportedAlgorithm) as caught:
        spec("rot13")
    assert str(caught.value.details["known"]).split(", ") == list(SPECS)


def test_messages_are_limited_exactly_where_nonces_are_short() -> None:
    limited = {name for name, entry in SPECS.items() if entry.message_limit is not None}
    assert limited == {"aes-256-gcm", "aes-128-gcm", "chacha20-poly1305"}
    assert {SPECS[name].message_limit for name in limited} == {2**32}


@pytest.mark.parametrize("name", SPECS)
def test_every_spec_opens_for_its_usages_and_no_other(name: str, material: Material) -> None:
    entry = SPECS[name]
    assert entry.usages
    assert all(entry.algorithms[usage] for usage in entry.usages)
    for usage in Usage:
        if usage in entry.usages:
            open_private(entry, usage, material(name))
        else:
            with pytest.raises(KeyUsageForbids):
                open_private(entry, usage, material(name))
            with pytest.raises(KeyUsageForbids):
                open_public(entry, usage, b"")


@pytest.mark.parametrize("name", SPECS)
def test_a_generated_key_is_fresh_and_imports_as_itself(name: str, material: Material) -> None:
    key = material(name)
    if not name.startswith("rsa"):
        assert generate(SPECS[name]).reveal() != key.reveal()
    assert import_material(SPECS[name], key.reveal()).reveal() == key.reveal()


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_imports_from_pkcs8_too(name: str, material: Material) -> None:
    entry = SPECS[name]
    private = entry.form.load(material(name).reveal())
    assert import_material(entry, pkcs8(private)).reveal() == material(name).reveal()


@pytest.mark.parametrize("name", ["ec-p256", "ec-p384", "ec-p521", "ec-secp256k1", "rsa-2048"])
def test_the_older_forms_of_ec_and_rsa_keys_import_as_pkcs8(name: str, material: Material) -> None:
    private = load_der_private_key(material(name).reveal(), None)
    older = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert import_material(SPECS[name], older).reveal() == material(name).reveal()


@pytest.mark.parametrize("name", SPECS)
def test_a_key_of_any_other_spec_does_not_import(name: str, material: Material) -> None:
    for other in SPECS:
        data = material(other).reveal()
        if other == name or raw_key_fits(name, data):
            continue
        with pytest.raises(InvalidRequest):
            import_material(SPECS[name], data)


def raw_key_fits(name: str, data: bytes) -> bool:
    """Uniform bytes of one length are a key of every spec that takes that length raw."""
    if name == "hmac":
        return 32 <= len(data) <= 512
    takes = len(generate(SPECS[name])) if not name.startswith(("rsa", "ec-")) else 0
    return len(data) == takes


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=40)
@given(data=st.binary(max_size=150))
def test_random_imports_are_refused_and_do_nothing_else(name: str, data: bytes) -> None:
    if raw_key_fits(name, data):
        return
    with pytest.raises(InvalidRequest):
        import_material(SPECS[name], data)


@pytest.mark.parametrize("name", ASYMMETRIC)
@settings(max_examples=40)
@given(data=st.binary(max_size=150))
def test_random_public_keys_are_refused_and_do_nothing_else(name: str, data: bytes) -> None:
    entry = SPECS[name]
    if entry.uses[0].open_public is None:
        return
    with pytest.raises(InvalidRequest):
        open_public(entry, entry.usages[0], data)


@pytest.mark.parametrize("name", ["ec-p256", "ed25519", "ml-dsa-44", "rsa-2048"])
def test_no_damaged_pkcs8_or_public_key_raises_anything_else(name: str, material: Material) -> None:
    entry, key = SPECS[name], material(name)
    der = public_der(entry, key)
    assert der is not None
    encoded = pkcs8(entry.form.load(key.reveal()))
    for position in range(0, len(encoded), max(1, len(encoded) // 60)):
        damaged = bytearray(encoded)
        damaged[position] ^= 0x81
        try:
            import_material(entry, bytes(damaged))
        except InvalidRequest:
            continue
    for position in range(0, len(der), max(1, len(der) // 60)):
        damaged = bytearray(der)
        damaged[position] ^= 0x81
        try:
            open_public(entry, Usage.SIGN_VERIFY, bytes(damaged))
        except InvalidRequest:
            continue


def test_rsa_imports_only_its_size_and_a_sound_exponent() -> None:
    small = pkcs8(rsa.generate_private_key(65537, 1024))
    weak = pkcs8(rsa.generate_private_key(3, 2048))
    for data in (small, weak):
        with pytest.raises(InvalidRequest):
            import_material(SPECS["rsa-2048"], data)


def test_an_inconsistent_rsa_key_does_not_import(material: Material) -> None:
    private = load_der_private_key(material("rsa-2048").reveal(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    numbers = private.private_numbers()
    prime = numbers.q.to_bytes(128)
    altered = material("rsa-2048").reveal().replace(prime, (numbers.q + 2).to_bytes(128))
    with pytest.raises(InvalidRequest):
        import_material(SPECS["rsa-2048"], altered)


def test_an_encrypted_pkcs8_is_refused() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    data = private.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    with pytest.raises(InvalidRequest):
        import_material(SPECS["ec-p256"], data)


@pytest.mark.parametrize("name", SPECS)
def test_material_damaged_at_rest_is_an_integrity_failure(name: str) -> None:
    for usage in SPECS[name].usages:
        with pytest.raises(IntegrityFailure):
            open_private(SPECS[name], usage, KeyMaterial(b"damaged"))
    with pytest.raises(IntegrityFailure):
        public_der(SPECS[name], KeyMaterial(b"damaged"))


@pytest.mark.parametrize("name", [name for name, entry in SPECS.items() if entry.symmetric])
def test_a_symmetric_key_has_no_public_part(name: str, material: Material) -> None:
    assert public_der(SPECS[name], material(name)) is None
    with pytest.raises(KeyUsageForbids):
        open_public(SPECS[name], SPECS[name].usages[0], b"")


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_public_key_is_published_in_the_forms_that_exist(name: str, material: Material) -> None:
    der = public_der(SPECS[name], material(name))
    assert der is not None
    jwk = public_jwk(der)
    if name == "x25519-ml-kem-768":
        assert len(der) == 1216
        with pytest.raises(InvalidRequest):
            public_pem(der)
    else:
        load_pem_public_key(public_pem(der).encode())
    assert (jwk is None) is name.startswith(("ml-", "x25519-ml"))
    assert len(material(name).reveal()) > 0
    if jwk is not None:
        assert {"RSA", "EC", "OKP"} >= {jwk["kty"]}
        for parameter in set(jwk) - {"kty", "crv"}:
            decoded = base64.urlsafe_b64decode(jwk[parameter] + "==")
            assert decoded in der


@given(data=st.binary(max_size=100))
def test_what_is_no_public_key_has_no_pem_and_no_jwk(data: bytes) -> None:
    assert public_jwk(data) is None
    with pytest.raises(InvalidRequest):
        public_pem(data)


def test_ed25519_jwk_is_the_one_of_rfc_8037() -> None:
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    der = public_der(SPECS["ed25519"], KeyMaterial(seed))
    assert der is not None
    assert public_jwk(der) == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
