"""Keys go from OpenBao to Keystead and back, and what either protected the other opens."""

from __future__ import annotations

import base64
import os
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

CONTEXT = base64.b64encode(b"a context").decode()
PLAIN = base64.b64encode(b"attack at dawn").decode()
DIGEST = base64.b64encode(bytes(range(32))).decode()
AAD = base64.b64encode(b"bound").decode()


class Kind(NamedTuple):
    """A key type and how keys are made of it."""

    type: str
    options: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return "-".join([self.type, *sorted(set(self.options) - {"key_size"})])

    @property
    def context(self) -> dict[str, str]:
        return {"context": CONTEXT} if "derived" in self.options else {}

    @property
    def encrypts(self) -> bool:
        return "gcm" in self.type or "chacha" in self.type or "rsa" in self.type

    @property
    def signs(self) -> bool:
        return self.type[:3] in ("ecd", "ed2", "rsa", "mld")

    @property
    def aead(self) -> bool:
        return self.encrypts and "rsa" not in self.type


SYMMETRIC = ("aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305")
DERIVED = {"derived": True}
CONVERGENT = {"derived": True, "convergent_encryption": True}
KINDS = [
    *(Kind(type_, options) for type_ in SYMMETRIC for options in ({}, DERIVED, CONVERGENT)),
    Kind("ed25519"),
    Kind("ed25519", DERIVED),
    *(Kind(f"ecdsa-p{bits}") for bits in (256, 384, 521)),
    *(Kind(f"rsa-{bits}") for bits in (2048, 3072, 4096)),
    *(Kind(f"mldsa-{level}") for level in (44, 65, 87)),
    Kind("hmac", {"key_size": 45}),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture(scope="module", autouse=True)
def mounts(keystead_api: Any, openbao_api: Any) -> None:
    for api in (keystead_api, openbao_api):
        api.write("sys/mounts/inter", type="transit")


SIGNING = (
    {},
    {"hash_algorithm": "sha2-512"},
    {"hash_algorithm": "sha3-256"},
    {"hash_algorithm": "sha1"},
    {"marshaling_algorithm": "jws"},
)
RSA_SIGNING = (
    {"signature_algorithm": "pkcs1v15"},
    {"salt_length": "hash"},
    {"salt_length": 20},
    {"signature_algorithm": "pkcs1v15", "prehashed": True, "hash_algorithm": "none"},
    {"prehashed": True, "hash_algorithm": "sha2-256", "input": DIGEST},
)


def forms_of(kind: Kind) -> list[dict[str, Any]]:
    return [*SIGNING, *(RSA_SIGNING if "rsa" in kind.type else ())]


def protect(api: Any, kind: Kind, name: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """What a server makes with a key: (path, question, expected answer) to be asked of another."""
    questions: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    if kind.encrypts:
        for aad in ({"associated_data": AAD}, {}) if kind.aead else ({},):
            given = {**kind.context, **aad}
            made = api.write(f"inter/encrypt/{name}", plaintext=PLAIN, **given)
            asked = {"ciphertext": made["ciphertext"], **given}
            questions.append((f"decrypt/{name}", asked, {"plaintext": PLAIN}))
    if kind.signs:
        for form in forms_of(kind):
            asked = {"input": PLAIN, **kind.context, **form}
            made = api.write(f"inter/sign/{name}", **asked)
            asked["signature"] = made["signature"]
            questions.append((f"verify/{name}", asked, {"valid": True}))
    for algorithm in ("sha2-256", "sha2-512", "sha3-384"):
        made = api.write(f"inter/hmac/{name}", input=PLAIN, algorithm=algorithm)
        asked = {"input": PLAIN, "hmac": made["hmac"], "algorithm": algorithm}
        questions.append((f"verify/{name}", asked, {"valid": True}))
    return questions


def check(api: Any, questions: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    for path, asked, expected in questions:
        assert api.write(f"inter/{path}", **asked) == expected, (path, asked)


def carry_over(source: Any, target: Any, kind: Kind, name: str) -> None:
    source.write(
        f"inter/keys/{name}", type=kind.type, exportable=True, allow_plaintext_backup=True,
        **kind.options,
    )  # fmt: skip
    made = protect(source, kind, name)
    source.write(f"inter/keys/{name}/rotate")
    made += protect(source, kind, name)
    backup = source.ask("GET", f"inter/backup/{name}").data["backup"]
    target.write(f"inter/restore/{name}", backup=backup)
    check(target, made)
    check(source, protect(target, kind, name))
    if "convergent_encryption" in kind.options:
        both = [
            api.write(f"inter/encrypt/{name}", plaintext=PLAIN, context=CONTEXT)
            for api in (source, target)
        ]
        assert both[0] == both[1]
    shown = [api.ask("GET", f"inter/keys/{name}").data for api in (source, target)]
    assert shown[0]["latest_version"] == shown[1]["latest_version"] == 2
    if kind.signs and not kind.context:
        publics = [{n: v["public_key"] for n, v in one["keys"].items()} for one in shown]
        assert publics[0] == publics[1]


@every_kind
def test_what_openbao_backs_up_works_here(kind: Kind, keystead_api: Any, openbao_api: Any) -> None:
    carry_over(openbao_api, keystead_api, kind, f"bao-{kind.name}")


# OpenBao 2.7.2 crashes on ML-DSA keys that it has restored, its own too.
@pytest.mark.parametrize("kind", [k for k in KINDS if "mldsa" not in k.type], ids=lambda k: k.name)
def test_what_we_back_up_works_in_openbao(kind: Kind, keystead_api: Any, openbao_api: Any) -> None:
    carry_over(keystead_api, openbao_api, kind, f"own-{kind.name}")


# --- export and import ------------------------------------------------------------------


def wrapped_for(api: Any, key: bytes, digest: hashes.HashAlgorithm) -> str:
    pem = api.ask("GET", "inter/wrapping_key").data["public_key"]
    public = load_pem_public_key(pem.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 4096
    kek = os.urandom(32)
    wrapped_kek = public.encrypt(kek, padding.OAEP(padding.MGF1(digest), digest, None))
    return base64.b64encode(wrapped_kek + keywrap.aes_key_wrap_with_padding(kek, key)).decode()


def exported(api: Any, kind: Kind, name: str) -> bytes:
    """A key's newest version as it is wrapped for an import."""
    what = "signing-key" if kind.signs else "encryption-key" if kind.encrypts else "hmac-key"
    (text,) = api.ask("GET", f"inter/export/{what}/{name}/latest").data["keys"].values()
    if text.startswith("-----"):
        private = load_pem_private_key(text.encode(), None)
        return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    raw = base64.b64decode(text)
    if kind.type == "ed25519":
        private = Ed25519PrivateKey.from_private_bytes(raw[:32])
        return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return raw


def import_into(target: Any, source: Any, kind: Kind, name: str, digest: Any) -> None:
    options = {k: v for k, v in kind.options.items() if k == "derived"}
    source.write(f"inter/keys/{name}", type=kind.type, exportable=True, **kind.options)
    made = protect(source, kind, name)
    key = exported(source, kind, name)
    target.write(
        f"inter/keys/{name}/import", type=kind.type, allow_rotation=True,
        ciphertext=wrapped_for(target, key, digest), hash_function=digest.name.upper(), **options,
    )  # fmt: skip
    # The HMAC key of a key that is no HMAC key stays where it was made.
    questions = [q for q in made if kind.type == "hmac" or "hmac" not in q[1]]
    check(target, questions)
    back = [q for q in protect(target, kind, name) if kind.type == "hmac" or "hmac" not in q[1]]
    check(source, back)
    target.write(f"inter/keys/{name}/rotate")
    check(target, questions)


IMPORTED = [k for k in KINDS if "convergent_encryption" not in k.options and k.type[:3] != "mld"]


@pytest.mark.parametrize("kind", IMPORTED, ids=lambda kind: kind.name)
def test_what_openbao_exports_is_imported_here(
    kind: Kind, keystead_api: Any, openbao_api: Any
) -> None:
    import_into(keystead_api, openbao_api, kind, f"b2k-{kind.name}", hashes.SHA256())


# OpenBao derives from imported keys in the counter mode of old, we by HKDF as from all others.
@pytest.mark.parametrize("kind", [k for k in IMPORTED if not k.context], ids=lambda k: k.name)
def test_what_we_export_is_imported_by_openbao(
    kind: Kind, keystead_api: Any, openbao_api: Any
) -> None:
    import_into(openbao_api, keystead_api, kind, f"k2b-{kind.name}", hashes.SHA384())


@pytest.mark.parametrize("type_", ["aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"])
def test_keys_are_derived_in_counter_mode_where_they_were(
    type_: str, keystead_api: Any, openbao_api: Any
) -> None:
    kind, name, key = Kind(type_, DERIVED), f"counter-{type_}", os.urandom(32)
    openbao_api.write(
        f"inter/keys/{name}/import", type=type_, exportable=True, allow_plaintext_backup=True,
        ciphertext=wrapped_for(openbao_api, key, hashes.SHA256()), **DERIVED,
    )  # fmt: skip
    shown = openbao_api.ask("GET", f"inter/keys/{name}").data
    backup = openbao_api.ask("GET", f"inter/backup/{name}").data["backup"]
    keystead_api.write(f"inter/restore/{name}", backup=backup)
    here = keystead_api.ask("GET", f"inter/keys/{name}").data
    assert [here["kdf"], here["kdf_mode"]] == [shown["kdf"], shown["kdf_mode"]]
    check(keystead_api, protect(openbao_api, kind, name))
    check(openbao_api, protect(keystead_api, kind, name))


def test_keys_travel_wrapped_between_servers(keystead_api: Any, openbao_api: Any) -> None:
    for n, (source, target) in enumerate(
        [(keystead_api, openbao_api), (openbao_api, keystead_api)]
    ):
        name = f"byok{n}"
        pem = target.ask("GET", "inter/wrapping_key").data["public_key"]
        source.write(f"inter/keys/{name}-to/import", type="rsa-4096", public_key=pem)
        for kind in (Kind("aes256-gcm96"), Kind("ecdsa-p384"), Kind("ed25519")):
            key = f"{name}-{kind.type}"
            source.write(f"inter/keys/{key}", type=kind.type, exportable=True)
            reply = source.ask("GET", f"inter/byok-export/{name}-to/{key}")
            (wrapped,) = reply.data["keys"].values()
            target.write(f"inter/keys/{key}/import", type=kind.type, ciphertext=wrapped)
            made = [q for q in protect(source, kind, key) if "hmac" not in q[1]]
            check(target, made)


def test_both_agree_on_a_key_with_a_peer(keystead_api: Any, openbao_api: Any) -> None:
    apis = (keystead_api, openbao_api)
    for api in apis:
        api.write("inter/keys/agreeing", type="ecdsa-p256")
    publics = [
        api.ask("GET", "inter/keys/agreeing").data["keys"]["1"]["public_key"] for api in apis
    ]
    for api, peer in zip(apis, reversed(publics), strict=True):
        api.write("inter/derive-key/agreed", base_key_name="agreeing", peer_public_key=peer)
    made = keystead_api.write("inter/encrypt/agreed", plaintext=PLAIN)
    opened = openbao_api.write("inter/decrypt/agreed", ciphertext=made["ciphertext"])
    assert opened == {"plaintext": PLAIN}
