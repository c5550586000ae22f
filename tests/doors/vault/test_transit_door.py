"""The transit engine over HTTP: rights on its paths, batches, certificates, bad input."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

PLAIN = base64.b64encode(b"plaintext").decode()


@pytest.fixture(scope="module")
def api(keystead_api: Any) -> Any:
    keystead_api.write("sys/mounts/tdoor", type="transit")
    return keystead_api


def token_with(api: Any, name: str, rules: str) -> str:
    api.write(f"sys/policies/acl/{name}", policy=rules)
    made = api.ask("POST", "auth/token/create", {"policies": [name], "no_default_policy": True})
    return str(made.body["auth"]["client_token"])


def test_update_encrypts_and_create_makes_the_key(api: Any) -> None:
    rules = 'path "tdoor/encrypt/*" {{ capabilities = [{}] }}'
    updates = token_with(api, "t-update", rules.format('"update"'))
    creates = token_with(api, "t-create", rules.format('"create"'))
    both = token_with(api, "t-both", rules.format('"create", "update"'))

    def encrypt(key: str, token: str) -> int:
        path = f"tdoor/encrypt/{key}"
        return int(api.ask("POST", path, {"plaintext": PLAIN}, token=token).status)

    assert encrypt("r1", updates) == 403
    assert api.ask("GET", "tdoor/keys/r1").status == 404
    assert encrypt("r1", creates) == 200
    assert encrypt("r1", creates) == 403
    assert encrypt("r1", updates) == 200
    assert encrypt("r2", both) == 200
    assert encrypt("r2", both) == 200
    assert encrypt("r3", "") == 403
    assert api.ask("POST", "tdoor/decrypt/r1", {"ciphertext": "x"}, token=both).status == 403


def test_a_path_gives_the_right_to_what_is_asked_there_alone(api: Any) -> None:
    api.write("tdoor/keys/alone", exportable=True, allow_plaintext_backup=True)
    token = token_with(api, "t-read", 'path "tdoor/keys/alone" { capabilities = ["read"] }')
    assert api.ask("GET", "tdoor/keys/alone", token=token).status == 200
    for method, path in (
        ("GET", "tdoor/export/encryption-key/alone"),
        ("GET", "tdoor/backup/alone"),
        ("GET", "tdoor/byok-export/alone/alone"),
        ("POST", "tdoor/keys/alone"),
        ("POST", "tdoor/keys/alone/rotate"),
        ("POST", "tdoor/keys/alone/config"),
        ("DELETE", "tdoor/keys/alone"),
        ("DELETE", "tdoor/keys/alone/soft-delete"),
        ("LIST", "tdoor/keys"),
    ):
        body = {} if method == "POST" else None
        assert api.ask(method, path, body, token=token).status == 403, path


def test_a_batch_answers_item_by_item(api: Any) -> None:
    api.write("tdoor/keys/batch")
    items = [{"plaintext": PLAIN, "reference": "a"}, {"plaintext": "!", "reference": "b"}]
    mixed = api.ask("POST", "tdoor/encrypt/batch", {"batch_input": items})
    assert mixed.status == 400
    good, bad = mixed.data["batch_results"]
    assert (good["reference"], bad["reference"]) == ("a", "b")
    assert good["ciphertext"].startswith("vault:v1:")
    assert bad["error"] == "illegal base64 data at input byte 0"
    asked = {"batch_input": items, "partial_failure_response_code": 207}
    assert api.ask("POST", "tdoor/encrypt/batch", asked).status == 207
    asked = {"batch_input": items[1:], "partial_failure_response_code": 207}
    assert api.ask("POST", "tdoor/encrypt/batch", asked).status == 400
    opened = api.ask(
        "POST",
        "tdoor/decrypt/batch",
        {"batch_input": [{"ciphertext": good["ciphertext"]}, {"ciphertext": "x"}]},
    )
    assert opened.status == 400
    assert opened.data["batch_results"] == [
        {"plaintext": PLAIN, "reference": ""},
        {"plaintext": "", "error": "invalid ciphertext: no prefix", "reference": ""},
    ]


def test_base64_in_lines_is_taken(api: Any) -> None:
    api.write("tdoor/keys/lines")
    text = base64.encodebytes(bytes(200)).decode()
    assert "\n" in text
    made = api.write("tdoor/encrypt/lines", plaintext=text)["ciphertext"]
    opened = api.write("tdoor/decrypt/lines", ciphertext=made)["plaintext"]
    assert base64.b64decode(opened) == bytes(200)


@pytest.mark.parametrize(
    "body",
    [
        {"plaintext": 7},
        {"plaintext": None},
        {"plaintext": PLAIN, "context": 7},
        {"plaintext": PLAIN, "key_version": "x"},
        {"plaintext": PLAIN, "key_version": 10**30},
        {"batch_input": "text"},
        {"batch_input": [7]},
        {"batch_input": [{"plaintext": {}}]},
        [],
        b"{",
        b"\xff",
    ],
)
def test_what_cannot_be_understood_is_the_requests_fault(body: Any, api: Any) -> None:
    api.write("tdoor/keys/bad")
    for path in ("encrypt", "decrypt", "rewrap", "sign", "verify", "hmac", "datakey/wrapped"):
        reply = api.ask("POST", f"tdoor/{path}/bad", body)
        assert reply.status in (200, 400), (path, reply)
        assert reply.status == 400 or path.startswith(("datakey", "hmac")), (path, reply)


def test_a_certificate_is_requested_for_a_key_and_kept_with_it(api: Any) -> None:
    api.write("tdoor/keys/cert", type="ecdsa-p384")
    pem = api.write("tdoor/keys/cert/csr")["csr"]
    request = x509.load_pem_x509_csr(pem.encode())
    assert request.is_signature_valid
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service")])
    names = x509.SubjectAlternativeName([x509.DNSName("service.example")])
    template = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(names, critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
    made = api.write("tdoor/keys/cert/csr", csr=template)["csr"]
    filled = x509.load_pem_x509_csr(made.encode())
    assert filled.is_signature_valid
    assert filled.public_key() == request.public_key()
    assert filled.subject == subject
    assert filled.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names
    now = datetime.datetime.now(datetime.UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(filled.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    right = builder.public_key(filled.public_key()).sign(authority, hashes.SHA256())
    wrong = builder.public_key(authority.public_key()).sign(authority, hashes.SHA256())
    chain = right.public_bytes(Encoding.PEM).decode()
    api.write("tdoor/keys/cert/set-certificate", certificate_chain=chain)
    kept = api.ask("GET", "tdoor/keys/cert").data["keys"]["1"]["certificate_chain"]
    assert kept == chain
    exported = api.ask("GET", "tdoor/export/certificate-chain/cert").data["keys"]["1"]
    assert exported == chain.strip()
    reply = api.ask(
        "POST",
        "tdoor/keys/cert/set-certificate",
        {"certificate_chain": wrong.public_bytes(Encoding.PEM).decode()},
    )
    assert reply.status == 400
    assert "does not match the selected key version" in reply.errors[0]


@pytest.mark.parametrize("type_", ["ed25519", "rsa-2048", "mldsa-44", "ecdsa-p521"])
def test_signing_requests_hold_for_every_key_that_signs(type_: str, api: Any) -> None:
    api.write(f"tdoor/keys/csr-{type_}", type=type_)
    pem = api.write(f"tdoor/keys/csr-{type_}/csr")["csr"]
    assert x509.load_pem_x509_csr(pem.encode()).is_signature_valid
    api.write("tdoor/keys/csr-derived", type="ed25519", derived=True)
    assert api.ask("POST", "tdoor/keys/csr-derived/csr", {}).status == 400


def test_public_keys_of_derived_keys_are_shown_for_a_context(api: Any) -> None:
    api.write("tdoor/keys/derived", type="ed25519", derived=True)
    context = base64.b64encode(b"tenant").decode()
    signed = api.write("tdoor/sign/derived", input=PLAIN, context=context)
    shown = api.ask("GET", f"tdoor/keys/derived?context={context}").data["keys"]["1"]
    assert shown["public_key"] == signed["public_key"]
    assert api.ask("GET", "tdoor/keys/derived").data["keys"]["1"]["public_key"] == ""
