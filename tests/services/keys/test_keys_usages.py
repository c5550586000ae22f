"""Every spec in every usage, through the gate; wrong usages; batches; foreign ciphertexts."""

from __future__ import annotations

import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from keystead.crypto import SPECS, KeyMaterial, Usage, spec
from keystead.crypto.byok import wrap_import
from keystead.errors import (
    AlreadyExists,
    Conflict,
    ContextRequired,
    DecryptionFailed,
    ExportForbidden,
    KeysteadError,
    KeyUsageForbids,
    NotFound,
    PermissionDenied,
    VerificationFailed,
)
from keystead.operations.cryptography import (
    Agree,
    AgreeBatch,
    AgreeItem,
    Decapsulate,
    DecapsulateBatch,
    DecapsulateItem,
    Decrypt,
    DecryptBatch,
    DecryptItem,
    Derive,
    DeriveBatch,
    DeriveItem,
    Encapsulate,
    EncapsulateBatch,
    EncapsulateItem,
    Encrypt,
    EncryptBatch,
    EncryptItem,
    GenerateDataKey,
    GenerateDataKeyPair,
    GenerateMac,
    GenerateMacBatch,
    MacItem,
    Reencrypt,
    ReencryptBatch,
    ReencryptItem,
    Sign,
    SignBatch,
    SignItem,
    Unwrap,
    UnwrapBatch,
    UnwrapItem,
    Verify,
    VerifyBatch,
    VerifyItem,
    VerifyMac,
    VerifyMacBatch,
    VerifyMacItem,
    Wrap,
    WrapBatch,
    WrapItem,
)
from keystead.operations.keys import (
    AddAlias,
    AttestPublicKey,
    CreateWrappingKey,
    ExportKey,
    ImportKey,
    RemoveAlias,
    RotateKey,
    ShowKey,
    UpdateKey,
)
from keystead.operations.policies import WritePolicy

M = b"a message"
PAIRS = [(s.name, usage) for s in SPECS.values() for usage in s.usages]
USES = {
    Usage.ENCRYPT_DECRYPT: Encrypt(key="k", plaintext=M),
    Usage.WRAP_UNWRAP: Unwrap(key="k", wrapped=bytes(40), format="aes-kwp"),
    Usage.SIGN_VERIFY: Sign(key="k", message=M),
    Usage.GENERATE_VERIFY_MAC: GenerateMac(key="k", message=M),
    Usage.DERIVE: Derive(key="k"),
    Usage.KEY_AGREEMENT: Agree(key="k", public_key=bytes(32)),
    Usage.ENCAPSULATE_DECAPSULATE: Encapsulate(key="k"),
}
_count = iter(range(10_000))


def fresh(office: Any, spec_name: str = "xaes-256-gcm", **given: Any) -> str:
    """A new key's name."""
    return str(office.key(f"k{next(_count)}", spec_name, **given).name)


def renamed(operation: Any, name: str) -> Any:
    fields = {f: getattr(operation, f) for f in operation.__struct_fields__}
    return type(operation)(**{**fields, "key": name})


def works(office: Any, name: str, usage: Usage) -> None:
    """Do the whole round of a usage, and see that what is altered does not pass."""
    perform = office.perform
    match usage:
        case Usage.ENCRYPT_DECRYPT:
            given = {"context": {"a": "b"}, "aad": b"aad"}
            sealed = perform(Encrypt(key=name, plaintext=M, **given)).ciphertext
            assert perform(Decrypt(ciphertext=sealed, **given)).plaintext == M
            with pytest.raises(DecryptionFailed):
                perform(Decrypt(ciphertext=sealed, context={"a": "c"}, aad=b"aad"))
        case Usage.WRAP_UNWRAP:
            for form in ("", "aes-kwp", "aes-kw"):
                wrapped = perform(Wrap(key=name, key_material=bytes(32), format=form)).wrapped
                back = perform(Unwrap(key=name, wrapped=wrapped, format=form))
                assert back.key_material == bytes(32)
        case Usage.SIGN_VERIFY:
            for algorithm in spec(perform(ShowKey(key=name)).spec).algorithms[usage]:
                signed = perform(Sign(key=name, message=M, algorithm=algorithm))
                assert signed.algorithm == algorithm
                check = {"signature": signed.signature, "algorithm": algorithm}
                assert perform(Verify(key=name, message=M, **check)).version == 1
                with pytest.raises(VerificationFailed):
                    perform(Verify(key=name, message=b"other", **check))
        case Usage.GENERATE_VERIFY_MAC:
            mac = perform(GenerateMac(key=name, message=M)).mac
            assert perform(VerifyMac(key=name, message=M, mac=mac)).version == 1
            with pytest.raises(VerificationFailed):
                perform(VerifyMac(key=name, message=b"other", mac=mac))
        case Usage.DERIVE:
            one = perform(Derive(key=name, info=b"i", context={"a": "b"})).derived_key
            assert one == perform(Derive(key=name, info=b"i", context={"a": "b"})).derived_key
            assert one != perform(Derive(key=name, info=b"i", context={"a": "c"})).derived_key
        case Usage.KEY_AGREEMENT:
            _agrees(office, name)
        case Usage.ENCAPSULATE_DECAPSULATE:
            made = perform(Encapsulate(key=name))
            opened = perform(Decapsulate(key=name, ciphertext=made.ciphertext))
            assert opened.shared_secret == made.shared_secret


def _agrees(office: Any, name: str) -> None:
    public = serialization.load_pem_public_key(
        office.perform(ShowKey(key=name)).versions[0].public_key.encode()
    )
    if isinstance(public, x25519.X25519PublicKey):
        mine = x25519.X25519PrivateKey.generate()
        expected = mine.exchange(public)
    else:
        mine = ec.generate_private_key(public.curve)
        expected = mine.exchange(ec.ECDH(), public)
    peer = mine.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert office.perform(Agree(key=name, public_key=peer)).shared_secret == expected


@pytest.mark.parametrize(("spec_name", "usage"), PAIRS)
def test_every_spec_works_in_each_of_its_usages_and_in_no_other(
    shared_office: Any, spec_name: str, usage: Usage
) -> None:
    name = fresh(shared_office, spec_name, usage=usage)
    works(shared_office, name, usage)
    for other, operation in USES.items():
        if other is not usage and (usage, other) != (Usage.ENCRYPT_DECRYPT, Usage.WRAP_UNWRAP):
            with pytest.raises(KeyUsageForbids):
                shared_office.perform(renamed(operation, name))


def test_a_digest_is_signed_as_its_message_is(shared_office: Any) -> None:
    name = fresh(shared_office, "ec-p256")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(M)
    for form in ("der", "raw"):
        given = {"prehashed": True, "signature_format": form}
        signed = shared_office.perform(Sign(key=name, message=digest.copy().finalize(), **given))
        shared_office.perform(
            Verify(key=name, message=M, signature=signed.signature, signature_format=form)
        )


# --- batches ----------------------------------------------------------------------------


def outcomes(office: Any, operation: Any) -> list[str]:
    results = office.perform(operation).results
    return ["ok" if r.value is not None else r.error.code for r in results]


def test_batches_report_item_by_item(shared_office: Any) -> None:
    office, perform = shared_office, shared_office.perform
    k = fresh(office, required_context=["t"])
    good = perform(Encrypt(key=k, plaintext=M, context={"t": "1"})).ciphertext
    bad, fine = DecryptionFailed.code, {"t": "1"}
    items = [EncryptItem(plaintext=M, context=fine), EncryptItem(plaintext=M)]
    assert outcomes(office, EncryptBatch(key=k, items=items)) == ["ok", ContextRequired.code]
    opened = [DecryptItem(ciphertext=c, context=fine) for c in (good, good[:-1], b"", good)]
    assert outcomes(office, DecryptBatch(key=k, items=opened)) == ["ok", bad, bad, "ok"]
    again = [ReencryptItem(ciphertext=c, source_context=fine) for c in (b"x", good)]
    assert outcomes(office, ReencryptBatch(key=k, items=again)) == [bad, "ok"]

    k = fresh(office, "aes-256-kwp")
    wrapped = perform(Wrap(key=k, key_material=bytes(16))).wrapped
    wraps = [WrapItem(key_material=bytes(16)), WrapItem(key_material=M, format="nonsense")]
    assert outcomes(office, WrapBatch(key=k, items=wraps))[0] == "ok"
    assert outcomes(office, WrapBatch(key=k, items=wraps))[1] != "ok"
    unwraps = [UnwrapItem(wrapped=w) for w in (wrapped[:-8], wrapped)]
    assert outcomes(office, UnwrapBatch(key=k, items=unwraps)) == [bad, "ok"]

    k = fresh(office, "ed25519")
    signature = perform(Sign(key=k, message=M)).signature
    signs = [SignItem(message=M), SignItem(message=M, algorithm="nonsense")]
    assert outcomes(office, SignBatch(key=k, items=signs))[0] == "ok"
    assert outcomes(office, SignBatch(key=k, items=signs))[1] != "ok"
    verifies = [VerifyItem(message=m, signature=signature) for m in (M, b"other")]
    failed = VerificationFailed.code
    assert outcomes(office, VerifyBatch(key=k, items=verifies)) == ["ok", failed]

    k = fresh(office, "hmac-sha256")
    mac = perform(GenerateMac(key=k, message=M)).mac
    assert outcomes(office, GenerateMacBatch(key=k, items=[MacItem(message=M)])) == ["ok"]
    macs = [VerifyMacItem(message=M, mac=m) for m in (mac, mac[:-1], b"")]
    assert outcomes(office, VerifyMacBatch(key=k, items=macs)) == ["ok", failed, failed]

    k = fresh(office, "hmac-sha256", usage="derive")
    derives = [DeriveItem(), DeriveItem(version=9)]
    assert outcomes(office, DeriveBatch(key=k, items=derives)) == ["ok", NotFound.code]
    k = fresh(office, "x25519")
    peer = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    agrees = [AgreeItem(public_key=p) for p in (peer, b"", bytes(32))]
    assert [o == "ok" for o in outcomes(office, AgreeBatch(key=k, items=agrees))] == [
        True,
        False,
        False,
    ]
    k = fresh(office, "ml-kem-768")
    made = perform(EncapsulateBatch(key=k, items=[EncapsulateItem()])).results[0].value
    opens = [DecapsulateItem(ciphertext=c) for c in (made.ciphertext, b"")]
    assert [o == "ok" for o in outcomes(office, DecapsulateBatch(key=k, items=opens))] == [
        True,
        False,
    ]


# --- ciphertexts ------------------------------------------------------------------------


def test_whatever_does_not_fit_a_decryption_fails_with_the_same_words(shared_office: Any) -> None:
    office = shared_office
    k, other = fresh(office), fresh(office)
    context = {"a": "b"}
    sealed = office.perform(Encrypt(key=k, plaintext=M, context=context, aad=b"d")).ciphertext
    wrapped = office.perform(Wrap(key=k, key_material=M, context=context)).wrapped
    flips = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    wrong = [
        Decrypt(ciphertext=sealed, context={}, aad=b"d"),
        Decrypt(ciphertext=sealed, context=context),
        Decrypt(ciphertext=sealed, key=other, context=context, aad=b"d"),
        Decrypt(ciphertext=wrapped, context=context),
        Decrypt(ciphertext=b""),
        Decrypt(ciphertext=bytes(100)),
        *(Decrypt(ciphertext=sealed[:n], key=k, context=context, aad=b"d") for n in (5, 30, 60)),
        *(Decrypt(ciphertext=flip, key=k, context=context, aad=b"d") for flip in flips),
    ]
    seen = set()
    for operation in wrong:
        with pytest.raises(KeysteadError) as refused:
            office.perform(operation)
        error = refused.value
        seen.add((type(error), error.message, error.hint, tuple(error.details)))
    assert seen == {(DecryptionFailed, "Decryption failed", "", ())}


def test_what_old_versions_made_still_opens_and_verifies(shared_office: Any) -> None:
    office = shared_office
    k, s = fresh(office), fresh(office, "ed25519")
    old = office.perform(Encrypt(key=k, plaintext=M, context={"a": "b"})).ciphertext
    signature = office.perform(Sign(key=s, message=M)).signature
    office.perform(RotateKey(key=k))
    office.perform(RotateKey(key=s))
    assert office.perform(Decrypt(ciphertext=old, context={"a": "b"})).version == 1
    assert office.perform(Verify(key=s, message=M, signature=signature)).version == 1
    moved = office.perform(Reencrypt(key=k, ciphertext=old, source_context={"a": "b"}))
    assert moved.version == 2
    assert office.perform(Decrypt(ciphertext=moved.ciphertext, context={"a": "b"})).plaintext == M
    office.perform(UpdateKey(key=k, primary_version=1))
    assert office.perform(Encrypt(key=k, plaintext=M)).version == 1
    with pytest.raises(NotFound):
        office.perform(UpdateKey(key=k, primary_version=3))


def test_re_encryption_under_another_key_asks_policy_of_both(shared_office: Any) -> None:
    office = shared_office
    a, b = fresh(office), fresh(office)
    sealed = office.perform(Encrypt(key=a, plaintext=M)).ciphertext
    user = office.token(name="mover")

    def permit(*names: str) -> None:
        one = 'permit (principal == Principal::"token/mover", action == Action::"key:reencrypt",'
        text = "\n".join(f"{one} resource) when {{ resource.name == {n!r} }};" for n in names)
        office.perform(WritePolicy(name="mover", text=text.replace("'", '"')))

    for names in ((a,), (b,)):
        permit(*names)
        with pytest.raises(PermissionDenied):
            office.perform(Reencrypt(key=b, ciphertext=sealed), token=user)
    permit(a, b)
    moved = office.perform(Reencrypt(key=b, ciphertext=sealed), token=user).ciphertext
    assert office.perform(Decrypt(ciphertext=moved, key=b)).plaintext == M


def test_data_keys_come_with_their_plaintext_or_without(shared_office: Any) -> None:
    office, k = shared_office, fresh(shared_office)
    made = office.perform(GenerateDataKey(key=k, length=48))
    assert len(made.plaintext) == 48
    assert office.perform(Decrypt(ciphertext=made.ciphertext)).plaintext == made.plaintext
    assert office.perform(GenerateDataKey(key=k, with_plaintext=False)).plaintext is None
    pair = office.perform(GenerateDataKeyPair(key=k, spec="ed25519"))
    private = ed25519.Ed25519PrivateKey.from_private_bytes(pair.private_key)
    opened = office.perform(Decrypt(ciphertext=pair.private_key_ciphertext)).plaintext
    assert opened == pair.private_key
    assert pair.public_key.endswith(private.public_key().public_bytes_raw())


# --- names ------------------------------------------------------------------------------


def test_aliases_are_added_moved_and_removed_and_collide_with_names(shared_office: Any) -> None:
    office = shared_office
    a, b = office.key("alias-a"), office.key("alias-b")
    office.perform(AddAlias(key="alias-a", alias="alias"))
    assert office.perform(Encrypt(key="alias", plaintext=M)).key_id == a.id
    with pytest.raises(AlreadyExists):
        office.perform(AddAlias(key="alias-b", alias="alias"))
    moved = office.perform(AddAlias(key="alias-b", alias="alias", move=True))
    assert moved.aliases == ["alias"]
    assert office.perform(Encrypt(key="alias", plaintext=M)).key_id == b.id
    assert office.perform(ShowKey(key="alias-a")).aliases == []
    for collision in (
        lambda: office.key("alias"),
        lambda: office.key("alias-a"),
        lambda: office.perform(AddAlias(key="alias-b", alias="alias-a")),
    ):
        with pytest.raises(AlreadyExists):
            collision()
    office.perform(RemoveAlias(key="alias-b", alias="alias"))
    with pytest.raises(NotFound):
        office.perform(Encrypt(key="alias", plaintext=M))


# --- in and out -------------------------------------------------------------------------


def test_exportable_can_be_closed_and_never_opened(shared_office: Any) -> None:
    office, k = shared_office, fresh(shared_office, exportable=True)
    assert len(office.perform(ExportKey(key=k)).material) == 32
    office.perform(UpdateKey(key=k, exportable=False))
    with pytest.raises(ExportForbidden):
        office.perform(ExportKey(key=k))
    with pytest.raises(Conflict):
        office.perform(UpdateKey(key=k, exportable=True))


@pytest.mark.parametrize("wrapping_spec", ["rsa-3072", "x25519", "x25519-ml-kem-768"])
def test_material_is_brought_under_a_wrapping_key_that_serves_once(
    office: Any, wrapping_spec: str
) -> None:
    def asked(material: bytes, **given: Any) -> ImportKey:
        made = office.perform(CreateWrappingKey(spec=wrapping_spec))
        wrapped = wrap_import(
            spec(wrapping_spec), made.public_key, made.algorithm, KeyMaterial(material)
        )
        return ImportKey(name="k", wrapped=wrapped, wrapping_key=made.id, exportable=True, **given)

    first = asked(b"1" * 32)
    assert office.perform(first).origin == "imported"
    assert office.perform(ExportKey(key="k")).material == b"1" * 32
    with pytest.raises(NotFound):
        office.perform(first)
    sealed = office.perform(Encrypt(key="k", plaintext=M)).ciphertext
    assert office.perform(asked(b"2" * 32, new_version=True)).primary_version == 2
    assert office.perform(ExportKey(key="k")).material == b"2" * 32
    assert office.perform(Decrypt(ciphertext=sealed)).version == 1
    with pytest.raises(Conflict):
        office.perform(RotateKey(key="k"))
    late = asked(b"3" * 32, new_version=True)
    office.now = office.clock() + 86_401
    with pytest.raises(NotFound):
        office.perform(late)


def test_an_attestation_verifies_as_a_signed_note(shared_office: Any) -> None:
    """C2SP signed-note, checked here with nothing of Keystead's."""
    office, k = shared_office, fresh(shared_office, "ec-p256")
    made = office.perform(AttestPublicKey(key=k))
    name, key_hash, encoded = office.house.audit.vkey.split("+", 2)
    algorithm, public = b64decode(encoded)[0], b64decode(encoded)[1:]
    digest = hashes.Hash(hashes.SHA256())
    digest.update(name.encode() + b"\n" + b64decode(encoded))
    assert (algorithm, digest.finalize()[:4].hex()) == (1, key_hash)
    text, _, signatures = made.note.rpartition("\n\n")
    marker, signer, signature = signatures.strip().split(" ")
    raw = b64decode(signature)
    assert (marker, signer, raw[:4].hex(), text) == ("—", name, key_hash, made.statement)
    verifier = ed25519.Ed25519PublicKey.from_public_bytes(public)
    verifier.verify(raw[4:], text.encode() + b"\n")
    with pytest.raises(InvalidSignature):
        verifier.verify(raw[4:], text.encode() + b" \n")
    assert made.public_key in office.perform(ShowKey(key=k)).versions[0].public_key


# --- OpenSSL ----------------------------------------------------------------------------


@pytest.fixture
def openssl(require_peer: Callable[[str, str], str], tmp_path: Path) -> Callable[..., bytes]:
    path = require_peer("openssl", "openssl")

    def run(*arguments: str, **files: bytes) -> bytes:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return subprocess.run(
            [path, *arguments], cwd=tmp_path, capture_output=True, check=True
        ).stdout

    return run


def test_what_openssl_encrypts_to_a_public_key_is_decrypted(
    shared_office: Any, openssl: Callable[..., bytes]
) -> None:
    office = shared_office
    k = fresh(office, "rsa-2048", usage="encrypt-decrypt")
    pem = office.perform(ShowKey(key=k)).versions[0].public_key.encode()
    office.perform(RotateKey(key=k))
    options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"]
    made = openssl(
        *["pkeyutl", "-encrypt", "-pubin", "-inkey", "key.pem", "-in", "data"],
        *options,
        **{"key.pem": pem, "data": M},
    )
    opened = office.perform(Decrypt(key=k, ciphertext=made, algorithm="rsa-oaep-sha256"))
    assert (opened.plaintext, opened.version) == (M, 1)
    with pytest.raises(DecryptionFailed):
        office.perform(Decrypt(key=k, ciphertext=made[:-1], algorithm="rsa-oaep-sha256"))


@pytest.mark.parametrize(
    ("spec_name", "algorithm", "command"),
    [
        (
            "rsa-2048",
            "rsa-pss-sha256",
            "dgst -sha256 -sigopt rsa_padding_mode:pss -verify key.pem -signature sig data",
        ),
        ("rsa-2048", "rsa-pkcs1-sha256", "dgst -sha256 -verify key.pem -signature sig data"),
        ("ec-p256", "", "dgst -sha256 -verify key.pem -signature sig data"),
        ("ec-secp256k1", "", "dgst -sha256 -verify key.pem -signature sig data"),
        ("ed25519", "", "pkeyutl -verify -pubin -inkey key.pem -rawin -in data -sigfile sig"),
    ],
)
def test_openssl_verifies_signatures(
    shared_office: Any, openssl: Callable[..., bytes], spec_name: str, algorithm: str, command: str
) -> None:
    k = fresh(shared_office, spec_name, usage="sign-verify")
    signature = shared_office.perform(Sign(key=k, message=M, algorithm=algorithm)).signature
    pem = shared_office.perform(ShowKey(key=k)).versions[0].public_key.encode()
    openssl(*command.split(), **{"key.pem": pem, "sig": signature, "data": M})
