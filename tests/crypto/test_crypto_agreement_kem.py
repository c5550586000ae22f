"""Key agreement and encapsulation: published vectors, both halves, hostile peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
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
from keystead.crypto.agreement import Agreement, EcdhAgreement, X25519Agreement
from keystead.errors import DecryptionFailed, InvalidRequest

Vector = dict[str, Any]
Vectors = Callable[[str], list[Vector]]
Wycheproof = Callable[[str], list[tuple[Vector, Vector]]]

AGREEING = [name for name, spec in SPECS.items() if Usage.KEY_AGREEMENT in spec.usages]
KEMS = [name for name, spec in SPECS.items() if Usage.ENCAPSULATE_DECAPSULATE in spec.usages]


def check_agreement(agreement: Agreement, public: bytes, test: Vector) -> None:
    """Hold a handle to a test's verdict; an acceptable peer may be refused, never misread."""
    if test["result"] == "invalid" or "ZeroSharedSecret" in test["flags"]:
        with pytest.raises(InvalidRequest):
            agreement.agree(public)
        return
    try:
        shared = agreement.agree(public)
    except InvalidRequest:
        assert test["result"] == "acceptable"
    else:
        assert shared.reveal().hex() == test["shared"]


@pytest.mark.parametrize(
    "curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name
)
def test_ecdh_agrees_with_wycheproof(wycheproof: Wycheproof, curve: ec.EllipticCurve) -> None:
    for _, test in wycheproof(f"ecdh-{curve.name}"):
        private = ec.derive_private_key(int(test["private"], 16), curve)
        check_agreement(EcdhAgreement(private), bytes.fromhex(test["public"]), test)


def test_x25519_matches_rfc_7748(vectors: Vectors) -> None:
    for vector in vectors("rfc7748-x25519"):
        scalar, point = (bytes.fromhex(vector[name]) for name in ("input_scalar", "input_u"))
        private = x25519.X25519PrivateKey.from_private_bytes(scalar)
        assert X25519Agreement(private).agree(point).reveal().hex() == vector["output_u"]


def test_x25519_agrees_with_wycheproof_and_refuses_a_zero_secret(wycheproof: Wycheproof) -> None:
    for _, test in wycheproof("x25519"):
        private = x25519.X25519PrivateKey.from_private_bytes(bytes.fromhex(test["private"]))
        check_agreement(X25519Agreement(private), bytes.fromhex(test["public"]), test)


@pytest.mark.parametrize("name", AGREEING)
def test_both_sides_agree(name: str) -> None:
    spec = SPECS[name]
    one, other = generate(spec), generate(spec)
    secrets = []
    for mine, theirs in ((one, other), (other, one)):
        peer = public_der(spec, theirs)
        assert peer is not None
        handle = open_private(spec, Usage.KEY_AGREEMENT, mine)
        secrets.append(handle.agree(peer).reveal())
    assert secrets[0] == secrets[1]


@pytest.mark.parametrize("name", AGREEING)
def test_a_peer_of_another_kind_is_refused(
    name: str, material: Callable[[str], KeyMaterial]
) -> None:
    handle = open_private(SPECS[name], Usage.KEY_AGREEMENT, material(name))
    for other in (*AGREEING, "ec-secp256k1", "ed25519", "rsa-2048", "ml-kem-768"):
        if other != name:
            peer = public_der(SPECS[other], material(other))
            assert peer is not None
            with pytest.raises(InvalidRequest):
                handle.agree(peer)


HANDLES = {
    name: open_private(SPECS[name], Usage.KEY_AGREEMENT, generate(SPECS[name])) for name in AGREEING
}


@pytest.mark.parametrize("name", AGREEING)
@given(peer=st.binary(max_size=120))
def test_a_random_peer_is_refused_and_does_nothing_else(name: str, peer: bytes) -> None:
    if name == "x25519" and len(peer) == 32:
        return
    with pytest.raises(InvalidRequest):
        HANDLES[name].agree(peer)


@pytest.mark.parametrize("name", ["ml-kem-768", "ml-kem-1024"])
def test_ml_kem_agrees_with_wycheproof(wycheproof: Wycheproof, name: str) -> None:
    spec = SPECS[name]
    for _, test in wycheproof(name.replace("ml-kem", "mlkem")):
        try:
            key = import_material(spec, bytes.fromhex(test["seed"]))
        except InvalidRequest:
            assert test["result"] == "invalid"
            continue
        kem = open_private(spec, Usage.ENCAPSULATE_DECAPSULATE, key)
        ciphertext = bytes.fromhex(test["c"])
        if test["result"] == "valid":
            assert kem.decapsulate(ciphertext).reveal().hex() == test["K"]
            der = public_der(spec, key)
            assert der is not None
            assert der.endswith(bytes.fromhex(test["ek"]))
        else:
            with pytest.raises(DecryptionFailed):
                kem.decapsulate(ciphertext)


def test_xwing_matches_the_drafts_vectors(vectors: Vectors) -> None:
    spec = SPECS["x25519-ml-kem-768"]
    for vector in vectors("xwing"):
        key = import_material(spec, bytes.fromhex(vector["seed"]))
        public = public_der(spec, key)
        assert public is not None
        assert public.hex() == vector["pk"]
        kem = open_private(spec, Usage.ENCAPSULATE_DECAPSULATE, key)
        assert kem.decapsulate(bytes.fromhex(vector["ct"])).reveal().hex() == vector["ss"]


def test_xwing_is_the_kem_of_the_hpke_vectors(vectors: Vectors) -> None:
    spec = SPECS["x25519-ml-kem-768"]
    found = [vector for vector in vectors("hpke") if vector["kem_id"] == 0x647A]
    assert found
    for vector in found:
        key = import_material(spec, bytes.fromhex(vector["skRm"]))
        public = public_der(spec, key)
        assert public is not None
        assert public.hex() == vector["pkRm"]
        kem = open_private(spec, Usage.ENCAPSULATE_DECAPSULATE, key)
        secret = kem.decapsulate(bytes.fromhex(vector["enc"]))
        assert secret.reveal().hex() == vector["shared_secret"]


@pytest.mark.parametrize("name", KEMS)
def test_what_the_public_half_encapsulates_the_private_half_opens(
    name: str, material: Callable[[str], KeyMaterial]
) -> None:
    spec = SPECS[name]
    public = public_der(spec, material(name))
    assert public is not None
    sender = open_public(spec, Usage.ENCAPSULATE_DECAPSULATE, public)
    kem = open_private(spec, Usage.ENCAPSULATE_DECAPSULATE, material(name))
    for encapsulator in (sender, kem):
        secret, ciphertext = encapsulator.encapsulate()
        assert len(secret) == 32
        assert kem.decapsulate(ciphertext).reveal() == secret.reveal()
        forged = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
        assert kem.decapsulate(forged).reveal() != secret.reveal()
        for wrong in (b"", ciphertext[:-1], ciphertext + b"\0"):
            with pytest.raises(DecryptionFailed):
                kem.decapsulate(wrong)


def test_xwing_refuses_a_point_of_small_order(material: Callable[[str], KeyMaterial]) -> None:
    spec, key = SPECS["x25519-ml-kem-768"], material("x25519-ml-kem-768")
    public = public_der(spec, key)
    assert public is not None
    kem = open_private(spec, Usage.ENCAPSULATE_DECAPSULATE, key)
    _, ciphertext = kem.encapsulate()
    with pytest.raises(DecryptionFailed):
        kem.decapsulate(ciphertext[:-32] + bytes(32))
    weak = open_public(spec, Usage.ENCAPSULATE_DECAPSULATE, public[:-32] + bytes(32))
    with pytest.raises(InvalidRequest):
        weak.encapsulate()


@pytest.mark.parametrize("name", KEMS)
@settings(max_examples=30)
@given(data=st.binary(max_size=200))
def test_random_public_keys_are_refused(name: str, data: bytes) -> None:
    for candidate in (data, data + b"\xff" * (1216 - len(data))):
        with pytest.raises(InvalidRequest):
            open_public(SPECS[name], Usage.ENCAPSULATE_DECAPSULATE, candidate)
