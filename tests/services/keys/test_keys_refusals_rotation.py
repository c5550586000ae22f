"""Every spec in every usage: what is altered is refused, and rotation loses nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from keystead.crypto import Usage, generate, public_der
from keystead.crypto.specs import SPECS, KeySpec
from keystead.errors import (
    ContextRequired,
    DecryptionFailed,
    InvalidRequest,
    KeysteadError,
    NotFound,
    UnsupportedAlgorithm,
    VerificationFailed,
)
from keystead.operations import cryptography as use
from keystead.operations.keys import RotateKey, UpdateKey

MESSAGE = b"attack at dawn"
CASES = [(spec, usage) for spec in SPECS.values() for usage in spec.usages]

each_case = pytest.mark.parametrize(
    ("spec", "usage"), CASES, ids=[f"{spec.name}-{usage}" for spec, usage in CASES]
)


@pytest.fixture(scope="module")
def made(shared_office: Any) -> Callable[[KeySpec, Usage], str]:
    """The name of a key of that spec and usage, made at first need."""
    names: dict[tuple[str, Usage], str] = {}

    def name_of(spec: KeySpec, usage: Usage) -> str:
        place = (spec.name, usage)
        if place not in names:
            names[place] = f"{spec.name}/{usage}"
            shared_office.key(names[place], spec.name, usage=usage)
        return names[place]

    return name_of


def peer_public(spec: KeySpec) -> bytes:
    public = public_der(spec, generate(spec))
    assert public is not None
    return public


def uses_of(key: str, spec: KeySpec) -> dict[Usage, list[Any]]:
    """What makes something new, by usage."""
    return {
        Usage.ENCRYPT_DECRYPT: [
            use.Encrypt(key=key, plaintext=MESSAGE),
            use.GenerateDataKey(key=key),
            use.GenerateDataKeyPair(key=key, spec="ed25519"),
        ],
        Usage.WRAP_UNWRAP: [use.Wrap(key=key, key_material=bytes(32))],
        Usage.SIGN_VERIFY: [use.Sign(key=key, message=MESSAGE)],
        Usage.GENERATE_VERIFY_MAC: [use.GenerateMac(key=key, message=MESSAGE)],
        Usage.DERIVE: [use.Derive(key=key)],
        Usage.KEY_AGREEMENT: [use.Agree(key=key, public_key=peer_public(SPECS["x25519"]))],
        Usage.ENCAPSULATE_DECAPSULATE: [use.Encapsulate(key=key)],
    }


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


# --- what each usage refuses ------------------------------------------------------------


def encrypts(office: Any, key: str, spec: KeySpec) -> None:
    given = {"context": {"tenant": "acme"}, "aad": b"bound"}
    sealed = office.perform(use.Encrypt(key=key, plaintext=MESSAGE, **given))
    for named in ("", key, sealed.key_id):
        asked = use.Decrypt(ciphertext=sealed.ciphertext, key=named, **given)
        opened = office.perform(asked)
        assert (opened.plaintext, opened.key_id, opened.version) == (MESSAGE, sealed.key_id, 1)
    for wrong in (
        {"context": {"tenant": "globex"}},
        {"context": {}},
        {"context": {"tenant": "acme", "more": ""}},
        {"aad": b""},
        {"ciphertext": flipped(sealed.ciphertext)},
        {"ciphertext": flipped(sealed.ciphertext, 26)},
        {"ciphertext": sealed.ciphertext[:-1]},
        {"ciphertext": sealed.ciphertext[:24]},
        {"ciphertext": sealed.ciphertext[:10]},
        {"ciphertext": b""},
        {"ciphertext": flipped(sealed.ciphertext, 0)},  # not Keystead's
        {"ciphertext": flipped(sealed.ciphertext, 3)},  # another spec
        {"ciphertext": flipped(sealed.ciphertext, 4)},  # another key
        {"ciphertext": flipped(sealed.ciphertext, 23)},  # another version
        {"ciphertext": flipped(sealed.ciphertext, 20)},  # a version far away
    ):
        asked = use.Decrypt(**({"ciphertext": sealed.ciphertext} | given | wrong))
        with pytest.raises(DecryptionFailed) as refused:
            office.perform(asked)
        assert (refused.value.message, refused.value.details) == ("Decryption failed", {})
        assert refused.value.hint == ""
    again = office.perform(use.Encrypt(key=key, plaintext=MESSAGE, **given)).ciphertext
    assert (again == sealed.ciphertext) is (spec.name == "aes-256-siv")


def wraps(office: Any, key: str, spec: KeySpec) -> None:
    for format_, material in (("", b"17 bytes, say so"[:15]), ("aes-kwp", bytes(32)),
                              ("aes-kw", bytes(24))):  # fmt: skip
        wrapped = office.perform(use.Wrap(key=key, key_material=material, format=format_)).wrapped
        asked = use.Unwrap(key=key, wrapped=wrapped, format=format_)
        assert office.perform(asked).key_material == material
        for bad in (flipped(wrapped), wrapped[:-8], b""):
            with pytest.raises(DecryptionFailed):
                office.perform(msgspec.structs.replace(asked, wrapped=bad))
    with pytest.raises(InvalidRequest):
        office.perform(use.Wrap(key=key, key_material=bytes(32), context={"a": "b"}))


_DIGESTS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def signs(office: Any, key: str, spec: KeySpec) -> None:
    for algorithm in ("", *spec.algorithms[Usage.SIGN_VERIFY]):
        given: dict[str, Any] = {"key": key, "message": MESSAGE, "algorithm": algorithm}
        signed = office.perform(use.Sign(**given))
        assert signed.algorithm == algorithm or not algorithm
        assert office.perform(use.Verify(signature=signed.signature, **given)).version == 1
        for wrong in (
            {"message": MESSAGE + b"."},
            {"signature": flipped(signed.signature)},
            {"signature": signed.signature[:-1]},
            {"signature": b""},
        ):
            with pytest.raises(VerificationFailed):
                office.perform(use.Verify(**({"signature": signed.signature} | given | wrong)))
        digest = _DIGESTS.get(algorithm[-6:])
        if digest is not None:
            hashed = given | {"message": digest(MESSAGE).digest(), "prehashed": True}
            office.perform(use.Verify(signature=signed.signature, **hashed))
            also = office.perform(use.Sign(**hashed)).signature
            office.perform(use.Verify(signature=also, **given))
            with pytest.raises(InvalidRequest):
                office.perform(use.Sign(**(hashed | {"message": b"not a digest"})))
    if spec.name.startswith("ec-"):
        raw = office.perform(use.Sign(key=key, message=MESSAGE, signature_format="raw")).signature
        assert len(raw) == {"ec-p384": 96, "ec-p521": 132}.get(spec.name, 64)
        asked = use.Verify(key=key, message=MESSAGE, signature=raw, signature_format="raw")
        office.perform(asked)
        with pytest.raises(VerificationFailed):
            office.perform(msgspec.structs.replace(asked, signature_format="der"))
    if spec.name.startswith("ml-dsa"):
        bound = {"key": key, "message": MESSAGE, "context_string": b"release"}
        signature = office.perform(use.Sign(**bound)).signature
        office.perform(use.Verify(signature=signature, **bound))
        with pytest.raises(VerificationFailed):
            office.perform(use.Verify(key=key, message=MESSAGE, signature=signature))
    else:
        with pytest.raises(InvalidRequest):
            office.perform(use.Sign(key=key, message=MESSAGE, context_string=b"release"))
    with pytest.raises(UnsupportedAlgorithm):
        office.perform(use.Sign(key=key, message=MESSAGE, algorithm="md5-with-rsa"))


def macs(office: Any, key: str, spec: KeySpec) -> None:
    mac = office.perform(use.GenerateMac(key=key, message=MESSAGE)).mac
    assert len(mac) == (32 if spec.name == "hmac" else int(spec.name[-3:]) // 8)
    asked = use.VerifyMac(key=key, message=MESSAGE, mac=mac)
    assert office.perform(asked).version == 1
    for wrong in ({"mac": flipped(mac)}, {"mac": mac[:-1]}, {"mac": b""}, {"message": b""}):
        with pytest.raises(VerificationFailed):
            office.perform(msgspec.structs.replace(asked, **wrong))


def derives(office: Any, key: str, spec: KeySpec) -> None:
    asked = use.Derive(key=key, length=48, info=b"i", salt=b"s", context={"tenant": "acme"})
    derived = office.perform(asked).derived_key
    assert len(derived) == 48
    assert office.perform(asked).derived_key == derived
    others = [
        office.perform(msgspec.structs.replace(asked, **change)).derived_key
        for change in ({"info": b"j"}, {"salt": b""}, {"context": {}}, {"context": {"tenant": ""}})
    ]
    assert len({derived, *others}) == 5


def agrees(office: Any, key: str, spec: KeySpec) -> None:
    other = f"{key}/peer"
    view = office.key(other, spec.name, usage="key-agreement")
    mine = office.loaded(key).versions[1].public
    theirs = office.loaded(view.id).versions[1].public
    one = office.perform(use.Agree(key=key, public_key=theirs)).shared_secret
    two = office.perform(use.Agree(key=other, public_key=mine)).shared_secret
    assert one == two
    assert one != office.perform(use.Agree(key=key, public_key=mine)).shared_secret
    for bad in (b"", bytes(32), flipped(theirs, 5), theirs[:-1]):
        with pytest.raises(InvalidRequest):
            office.perform(use.Agree(key=key, public_key=bad))


def encapsulates(office: Any, key: str, spec: KeySpec) -> None:
    made = office.perform(use.Encapsulate(key=key))
    asked = use.Decapsulate(key=key, ciphertext=made.ciphertext)
    assert office.perform(asked).shared_secret == made.shared_secret
    other = office.perform(msgspec.structs.replace(asked, ciphertext=flipped(made.ciphertext)))
    assert other.shared_secret != made.shared_secret  # implicit rejection (FIPS 203, 6.3)
    with pytest.raises(KeysteadError):
        office.perform(msgspec.structs.replace(asked, ciphertext=made.ciphertext[:-1]))


DOES = {
    Usage.ENCRYPT_DECRYPT: encrypts,
    Usage.WRAP_UNWRAP: wraps,
    Usage.SIGN_VERIFY: signs,
    Usage.GENERATE_VERIFY_MAC: macs,
    Usage.DERIVE: derives,
    Usage.KEY_AGREEMENT: agrees,
    Usage.ENCAPSULATE_DECAPSULATE: encapsulates,
}


@each_case
def test_what_is_altered_or_does_not_fit_is_refused(
    shared_office: Any, made: Callable[..., str], spec: KeySpec, usage: Usage
) -> None:
    DOES[usage](shared_office, made(spec, usage), spec)


# --- batches ----------------------------------------------------------------------------


def batch(office: Any, operation: Any) -> list[Any]:
    """Values, and the codes of the errors in their places."""
    results = office.perform(operation).results
    return [r.value if r.error is None else r.error.code for r in results]


def test_batches_of_what_is_made_here_report_item_by_item(office: Any) -> None:
    office.key()
    keys = [use.DataKeyItem(), use.DataKeyItem(with_plaintext=False, length=64)]
    with_, without = batch(office, use.GenerateDataKeyBatch(key="k", items=keys))
    assert office.perform(use.Decrypt(ciphertext=with_.ciphertext)).plaintext == with_.plaintext
    assert without.plaintext is None
    assert len(office.perform(use.Decrypt(ciphertext=without.ciphertext)).plaintext) == 64
    pairs = [use.DataKeyPairItem(spec=s) for s in ("ed25519", "aes-256-gcm", "nonsense")]
    pair, *refused = batch(office, use.GenerateDataKeyPairBatch(key="k", items=pairs))
    assert pair.private_key
    assert refused == ["unsupported-algorithm"] * 2
    entry = office.entries("key:generate-data-key-pair")[-1]
    assert entry["details"] == {"items": 3, "failed_items": 2}
    lengths = [use.RandomItem(length=1), use.RandomItem(length=100)]
    randoms = batch(office, use.GenerateRandomBatch(items=lengths))
    assert [len(r.random) for r in randoms] == [1, 100]


# --- required contexts, and versions ----------------------------------------------------


def test_a_required_context_is_asked_of_everything_that_protects(office: Any) -> None:
    office.key(required_context=["tenant", "purpose"])
    full = {"tenant": "acme", "purpose": "test", "more": "is fine"}
    for operation in (
        use.Encrypt(key="k", plaintext=b""),
        use.GenerateDataKey(key="k"),
        use.GenerateDataKeyPair(key="k", spec="x25519"),
        use.Wrap(key="k", key_material=b"x"),
    ):
        for context in ({}, {"tenant": "acme"}):
            with pytest.raises(ContextRequired) as refused:
                office.perform(msgspec.structs.replace(operation, context=context))
            assert "purpose" in str(refused.value.details["missing"])
        office.perform(msgspec.structs.replace(operation, context=full))
    office.key("mac", "hmac-sha256", usage="derive", required_context=["tenant"])
    with pytest.raises(ContextRequired):
        office.perform(use.Derive(key="mac"))
    office.perform(use.Derive(key="mac", context={"tenant": "acme"}))
    sealed = office.perform(use.Encrypt(key="k", plaintext=b"", context=full)).ciphertext
    with pytest.raises(ContextRequired):
        office.perform(use.Reencrypt(key="k", ciphertext=sealed, source_context=full, context={}))


@each_case
def test_what_an_old_version_made_holds_after_a_rotation(
    shared_office: Any, spec: KeySpec, usage: Usage
) -> None:
    office, key = shared_office, f"rotated/{spec.name}/{usage}"
    office.key(key, spec.name, usage=usage)
    old = [office.perform(op) for op in uses_of(key, spec)[usage][:1]
           if usage is not Usage.KEY_AGREEMENT]  # fmt: skip
    office.perform(RotateKey(key=key))
    if usage is Usage.ENCRYPT_DECRYPT:
        assert office.perform(use.Decrypt(ciphertext=old[0].ciphertext)).version == 1
        moved = office.perform(use.Reencrypt(key=key, ciphertext=old[0].ciphertext))
        assert moved.version == 2
        assert office.perform(use.Decrypt(ciphertext=moved.ciphertext)).plaintext == MESSAGE
    elif usage is Usage.WRAP_UNWRAP:
        assert office.perform(use.Unwrap(key=key, wrapped=old[0].wrapped)).version == 1
    elif usage is Usage.SIGN_VERIFY:
        asked = use.Verify(key=key, message=MESSAGE, signature=old[0].signature)
        assert office.perform(asked).version == 1
        with pytest.raises(VerificationFailed):
            office.perform(msgspec.structs.replace(asked, version=2))
        with pytest.raises(NotFound):
            office.perform(msgspec.structs.replace(asked, version=3))
    elif usage is Usage.GENERATE_VERIFY_MAC:
        assert office.perform(use.VerifyMac(key=key, message=MESSAGE, mac=old[0].mac)).version == 1
    elif usage is Usage.DERIVE:
        again = office.perform(use.Derive(key=key, version=1)).derived_key
        assert again == old[0].derived_key != office.perform(use.Derive(key=key)).derived_key
    elif usage is Usage.ENCAPSULATE_DECAPSULATE:
        asked = use.Decapsulate(key=key, ciphertext=old[0].ciphertext, version=1)
        assert office.perform(asked).shared_secret == old[0].shared_secret
    for operation in uses_of(key, spec)[usage]:
        if usage is not Usage.KEY_AGREEMENT:
            assert office.perform(operation).version == 2
    office.perform(UpdateKey(key=key, primary_version=1))
    for operation in uses_of(key, spec)[usage]:
        if usage is not Usage.KEY_AGREEMENT:
            assert office.perform(operation).version == 1


def test_reencryption_moves_between_keys(office: Any) -> None:
    office.key("old", "aes-256-gcm")
    office.key("new", "xaes-256-gcm")
    was = {"source_context": {"a": "b"}, "source_aad": b"aad"}
    sealed = office.perform(
        use.Encrypt(key="old", plaintext=MESSAGE, context={"a": "b"}, aad=b"aad")
    ).ciphertext
    kept = office.perform(use.Reencrypt(key="new", ciphertext=sealed, **was))
    opened = use.Decrypt(ciphertext=kept.ciphertext, key="new", context={"a": "b"}, aad=b"aad")
    assert office.perform(opened).plaintext == MESSAGE
    changed = use.Reencrypt(key="new", ciphertext=sealed, context={"c": "d"}, aad=b"", **was)
    opened = use.Decrypt(ciphertext=office.perform(changed).ciphertext, context={"c": "d"})
    assert office.perform(opened).plaintext == MESSAGE
