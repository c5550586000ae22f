"""Signatures: published vectors, every option, and nothing altered is accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import product
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
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
from keystead.crypto.ecdsa import EcdsaVerifier
from keystead.crypto.eddsa import Ed25519Signer
from keystead.crypto.mldsa import MlDsaVerifier
from keystead.crypto.rsa_signing import RsaVerifier
from keystead.crypto.signing import Signer, Verifier
from keystead.errors import (
    InvalidRequest,
    KeyUsageForbids,
    UnsupportedAlgorithm,
    VerificationFailed,
)

Vector = dict[str, Any]
Vectors = Callable[[str], list[Vector]]
Wycheproof = Callable[[str], list[tuple[Vector, Vector]]]
Material = Callable[[str], KeyMaterial]

SIGNING = [name for name, spec in SPECS.items() if Usage.SIGN_VERIFY in spec.usages]
PAIRS = [
    (name, algorithm) for name in SIGNING for algorithm in SPECS[name].algorithms[Usage.SIGN_VERIFY]
]
HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def signer(name: str, material: Material) -> Signer:
    return open_private(SPECS[name], Usage.SIGN_VERIFY, material(name))


def verifier(name: str, der: bytes) -> Verifier:
    return open_public(SPECS[name], Usage.SIGN_VERIFY, der)


def check(verify: Callable[..., None], test: Vector, **options: Any) -> None:
    message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
    if test["result"] == "valid":
        verify(message, signature, **options)
    elif test["result"] == "invalid":
        with pytest.raises((VerificationFailed, InvalidRequest)):
            verify(message, signature, **options)


@pytest.mark.parametrize("form", ["der", "raw"])
@pytest.mark.parametrize(
    ("spec", "curve", "digest"),
    [
        ("ec-p256", "secp256r1", "sha256"),
        ("ec-p384", "secp384r1", "sha384"),
        ("ec-p521", "secp521r1", "sha512"),
        ("ec-secp256k1", "secp256k1", "sha256"),
    ],
)
def test_ecdsa_agrees_with_wycheproof(
    wycheproof: Wycheproof, spec: str, curve: str, digest: str, form: str
) -> None:
    suffix = "-p1363" if form == "raw" else ""
    for group, test in wycheproof(f"ecdsa-{curve}-{digest}{suffix}"):
        public = verifier(spec, bytes.fromhex(group["publicKeyDer"]))
        check(public.verify, test, algorithm=f"ecdsa-{digest}", signature_format=form)


def test_ecdsa_agrees_with_the_nist_verification_vectors(vectors: Vectors) -> None:
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    for vector in vectors("nist-ecdsa-sigver"):
        curve, digest = vector["section"].split(",")
        size = (curves[curve].key_size + 7) // 8
        x, y, r, s = (int(vector[name], 16) for name in ("qx", "qy", "r", "s"))
        try:
            public = ec.EllipticCurvePublicNumbers(x, y, curves[curve]).public_key()
        except ValueError:
            assert not vector["valid"]
            continue
        test = {
            "msg": vector["msg"],
            "sig": (r.to_bytes(size) + s.to_bytes(size)).hex(),
            "result": "valid" if vector["valid"] else "invalid",
        }
        algorithm = "ecdsa-" + digest.lower().replace("-", "")
        check(EcdsaVerifier(public).verify, test, algorithm=algorithm, signature_format="raw")


def test_ed25519_and_ed25519ph_match_rfc_8032(vectors: Vectors) -> None:
    for vector in vectors("rfc8032-ed25519"):
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["seed"]))
        assert private.public_key().public_bytes_raw().hex() == vector["public"]
        handle = Ed25519Signer(private)
        message, algorithm = bytes.fromhex(vector["msg"]), vector["algorithm"]
        signature = handle.sign(message, algorithm=algorithm)
        assert signature.hex() == vector["sig"]
        handle.verify(message, signature, algorithm=algorithm)


def test_ed25519_agrees_with_wycheproof(wycheproof: Wycheproof) -> None:
    for group, test in wycheproof("ed25519"):
        check(verifier("ed25519", bytes.fromhex(group["publicKeyDer"])).verify, test)


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        ("rsa-2048", "rsa-pss-2048-sha256-mgf1-32"),
        ("rsa-2048", "rsa-pss-2048-sha256-mgf1-0"),
        ("rsa-3072", "rsa-pss-3072-sha256-mgf1-32"),
        ("rsa-4096", "rsa-pss-4096-sha512-mgf1-64"),
    ],
)
def test_rsa_pss_agrees_with_wycheproof(wycheproof: Wycheproof, spec: str, file: str) -> None:
    digest = file.split("-")[3]
    for group, test in wycheproof(file):
        public = verifier(spec, bytes.fromhex(group["publicKeyDer"]))
        check(public.verify, test, algorithm=f"rsa-pss-{digest}")


@pytest.mark.parametrize(
    ("spec", "digest"), [("rsa-2048", "sha256"), ("rsa-3072", "sha384"), ("rsa-4096", "sha512")]
)
def test_rsa_pkcs1_agrees_with_wycheproof(wycheproof: Wycheproof, spec: str, digest: str) -> None:
    for group, test in wycheproof(f"rsa-signature-{spec[4:]}-{digest}"):
        # Directly, since some of these keys have the exponent 3, which no spec takes.
        public = cast(Any, load_der_public_key(bytes.fromhex(group["publicKeyDer"])))
        check(RsaVerifier(public).verify, test, algorithm=f"rsa-pkcs1-{digest}")


@pytest.mark.parametrize("level", ["44", "65", "87"])
def test_ml_dsa_verification_agrees_with_wycheproof(wycheproof: Wycheproof, level: str) -> None:
    public_type: Any = {
        "44": mldsa.MLDSA44PublicKey,
        "65": mldsa.MLDSA65PublicKey,
        "87": mldsa.MLDSA87PublicKey,
    }[level]
    for group, test in wycheproof(f"mldsa-{level}-verify"):
        try:
            public = public_type.from_public_bytes(bytes.fromhex(group["publicKey"]))
        except ValueError:
            assert test["result"] == "invalid"
            continue
        context = bytes.fromhex(test.get("ctx", ""))
        check(MlDsaVerifier(public).verify, test, context=context)


@pytest.mark.parametrize("level", ["44", "65", "87"])
def test_an_ml_dsa_seed_makes_the_published_key(wycheproof: Wycheproof, level: str) -> None:
    spec = SPECS[f"ml-dsa-{level}"]
    for group, test in wycheproof(f"mldsa-{level}-sign-seed"):
        key = import_material(spec, bytes.fromhex(group["privateSeed"]))
        der = public_der(spec, key)
        assert der is not None
        assert der.endswith(bytes.fromhex(group["publicKey"]))
        public = verifier(spec.name, der)
        signature = bytes.fromhex(test["sig"])
        context = bytes.fromhex(test.get("ctx", ""))
        if "msg" in test:
            public.verify(bytes.fromhex(test["msg"]), signature, context=context)
        if "mu" in test:
            public.verify(bytes.fromhex(test["mu"]), signature, prehashed=True)


@pytest.mark.parametrize(("name", "algorithm"), PAIRS)
def test_a_signature_holds_for_its_message_and_algorithm_alone(
    name: str, algorithm: str, material: Material
) -> None:
    private = signer(name, material)
    der = public_der(SPECS[name], material(name))
    assert der is not None
    public = verifier(name, der)
    signature = private.sign(b"message", algorithm=algorithm)
    private.verify(b"message", signature, algorithm=algorithm)
    public.verify(b"message", signature, algorithm=algorithm)
    with pytest.raises(VerificationFailed):
        public.verify(b"massage", signature, algorithm=algorithm)
    for other in SPECS[name].algorithms[Usage.SIGN_VERIFY]:
        if other != algorithm:
            with pytest.raises(VerificationFailed):
                public.verify(b"message", signature, algorithm=other)


@pytest.mark.parametrize("name", SIGNING)
def test_the_default_algorithm_is_the_first(name: str, material: Material) -> None:
    private = signer(name, material)
    default = SPECS[name].algorithms[Usage.SIGN_VERIFY][0]
    private.verify(b"message", private.sign(b"message"), algorithm=default)


@pytest.mark.parametrize(
    ("name", "algorithm"), [pair for pair in PAIRS if pair[1].rsplit("-", 1)[-1] in HASHES]
)
def test_signing_a_digest_is_signing_its_message(
    name: str, algorithm: str, material: Material
) -> None:
    private = signer(name, material)
    digest = HASHES[algorithm.rsplit("-", 1)[-1]](b"message").digest()
    signature = private.sign(digest, algorithm=algorithm, prehashed=True)
    private.verify(b"message", signature, algorithm=algorithm)
    private.verify(digest, signature, algorithm=algorithm, prehashed=True)
    for call in (private.sign, lambda m, **o: private.verify(m, signature, **o)):
        with pytest.raises(InvalidRequest):
            call(digest[:-1], algorithm=algorithm, prehashed=True)


@pytest.mark.parametrize("name", [name for name in SIGNING if name.startswith("ml-dsa")])
def test_ml_dsa_binds_its_context_and_takes_an_external_mu(name: str, material: Material) -> None:
    private = signer(name, material)
    der = public_der(SPECS[name], material(name))
    assert der is not None
    signature = private.sign(b"message", context=bytes(255))
    private.verify(b"message", signature, context=bytes(255))
    with pytest.raises(VerificationFailed):
        private.verify(b"message", signature, context=bytes(254))

    # FIPS 204, algorithm 7, line 6: mu = H(H(pk, 64) ‖ M', 64)
    public_bytes = der[-{"44": 1312, "65": 1952, "87": 2592}[name[-2:]] :]
    tr = hashlib.shake_256(public_bytes).digest(64)
    mu = hashlib.shake_256(tr + bytes([0, 255]) + bytes(255) + b"message").digest(64)
    private.verify(mu, signature, prehashed=True)
    private.verify(b"message", private.sign(mu, prehashed=True), context=bytes(255))

    for options in ({"context": bytes(256)}, {"prehashed": True}):
        with pytest.raises(InvalidRequest):
            private.sign(b"message", **options)
    with pytest.raises(InvalidRequest):
        private.sign(mu, prehashed=True, context=b"twice")


@pytest.mark.parametrize("name", [name for name in SIGNING if name.startswith("ec-")])
def test_raw_and_der_are_two_forms_of_one_signature(name: str, material: Material) -> None:
    private = signer(name, material)
    size = {"ec-p384": 96, "ec-p521": 132}.get(name, 64)
    raw = private.sign(b"message", signature_format="raw")
    assert len(raw) == size
    private.verify(b"message", raw, signature_format="raw")
    private.verify(b"message", private.sign(b"message", signature_format="der"))
    longer = raw[: size // 2] + b"\0" + raw[size // 2 :]
    for wrong in (raw[:-1], raw + b"\0", longer, b"", bytes(size)):
        with pytest.raises(VerificationFailed):
            private.verify(b"message", wrong, signature_format="raw")
    with pytest.raises(VerificationFailed):
        private.verify(b"message", raw)
    with pytest.raises(InvalidRequest):
        private.sign(b"message", signature_format="pem")


@pytest.mark.parametrize("name", SIGNING)
def test_options_that_do_not_fit_are_refused_by_both_halves(name: str, material: Material) -> None:
    private = signer(name, material)
    wrong: list[dict[str, Any]] = [{"algorithm": "none"}]
    if not name.startswith("ml-dsa"):
        wrong.append({"context": b"c"})
    if not name.startswith("ec-"):
        wrong.append({"signature_format": "raw"})
    if name == "ed25519":
        wrong.append({"prehashed": True})
    for options in wrong:
        with pytest.raises(InvalidRequest):
            private.sign(b"message", **options)
        with pytest.raises(InvalidRequest):
            private.verify(b"message", b"signature", **options)
    with pytest.raises(UnsupportedAlgorithm):
        private.sign(b"message", algorithm="none")


FAST = ("ec-p256", "ed25519")
FAST_KEYS = {name: generate(SPECS[name]) for name in FAST}


@pytest.mark.parametrize("name", FAST)
@settings(max_examples=60)
@given(position=st.integers(0, 2**16), message=st.binary(max_size=50))
def test_any_flipped_bit_of_a_signature_is_refused(
    name: str, position: int, message: bytes
) -> None:
    private = open_private(SPECS[name], Usage.SIGN_VERIFY, FAST_KEYS[name])
    signature = bytearray(private.sign(message))
    bit = position % (len(signature) * 8)
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VerificationFailed):
        private.verify(message, bytes(signature))


@pytest.mark.parametrize(("name", "algorithm"), PAIRS)
def test_random_signatures_fail_and_do_nothing_else(
    name: str, algorithm: str, material: Material
) -> None:
    private = signer(name, material)
    forms = ("der", "raw") if name.startswith("ec-") else (None,)
    sizes = (0, 1, 63, 64, 65, 128, 256, 512, 3309)
    for size, form, byte in product(sizes, forms, (0, 0x30, 255)):
        with pytest.raises(VerificationFailed):
            private.verify(b"m", bytes([byte]) * size, algorithm=algorithm, signature_format=form)


def test_a_secp256k1_key_only_signs(material: Material) -> None:
    with pytest.raises(KeyUsageForbids):
        open_private(SPECS["ec-secp256k1"], Usage.KEY_AGREEMENT, material("ec-secp256k1"))


def test_a_public_key_of_another_spec_is_refused() -> None:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for name in SIGNING:
        if name != "ec-p384":
            with pytest.raises(InvalidRequest):
                verifier(name, der)
