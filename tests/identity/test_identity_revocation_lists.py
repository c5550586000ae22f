"""Revocation lists and certificate extensions, from bytes that anyone may have sent."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import InvalidRequest, VerificationFailed
from keystead.identity.certificate_extensions import require_extensions, text_of
from keystead.identity.revocation_lists import parse, require_unrevoked

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def crl(issuer: str, *serials: int) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder().issuer_name(name(issuer))
    builder = builder.last_update(START).next_update(START + timedelta(days=1))
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(START)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(KEY, hashes.SHA256())


def certificate(issuer: str, serial: int) -> Any:
    """What is looked at of a certificate."""
    return SimpleNamespace(issuer=name(issuer), serial_number=serial)


DER = crl("ours", 7, 300).public_bytes(Encoding.DER)


def test_a_list_is_read_from_pem_and_from_der_in_base64() -> None:
    pem = crl("ours", 300, 7).public_bytes(Encoding.PEM).decode()
    for text in (pem, b64encode(DER).decode(), f" {b64encode(DER).decode()}\n"):
        found = parse(text)
        assert found.serials == ["7", "300"]
        assert found.issuer == "CN=ours"
        assert found.issued_at == START.timestamp()
        assert found.next_update_at == (START + timedelta(days=1)).timestamp()


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", "-----BEGIN X509 CRL-----\nAAAA\n"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(text)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 2_000), cut=st.integers(0, 5), put=st.binary(max_size=5))
def test_damaged_lists_raise_nothing_but_a_refusal(at: int, cut: int, put: bytes) -> None:
    at %= len(DER)
    with contextlib.suppress(InvalidRequest):
        parse(b64encode(DER[:at] + put + DER[at + cut :]).decode())


@pytest.mark.parametrize(
    ("issuer", "serial", "revoked"),
    [("ours", 7, True), ("ours", 300, True), ("ours", 8, False), ("theirs", 7, False)],
)
def test_a_list_counts_for_the_certificates_of_its_issuer(
    issuer: str, serial: int, revoked: bool
) -> None:
    lists = [
        parse(crl("other", 1).public_bytes(Encoding.PEM).decode()),
        parse(b64encode(DER).decode()),
    ]
    chain = [certificate("root", 1), certificate(issuer, serial)]
    if not revoked:
        require_unrevoked(chain, lists)
        return
    with pytest.raises(VerificationFailed):
        require_unrevoked(chain, lists)


@pytest.mark.parametrize(
    ("der", "text"),
    [
        (b"\x0c\x05hello", "hello"),
        (b"\x13\x02ab", "ab"),
        (b"\x16\x02ab", "ab"),
        (b"\x1e\x04\x00a\x00b", "ab"),
        (b"\x0c\x81\x80" + b"x" * 128, "x" * 128),
        (b"\x0c\x00", ""),
        (b"\x0c\x05hell", ""),
        (b"\x0c\x02\xff\xff", ""),
        (b"\x0c\x88" + b"\xff" * 8, ""),
        (b"\x0c\x85", ""),
        (b"\x02\x01\x07", ""),
        (b"\x0c", ""),
        (b"", ""),
    ],
)
def test_the_text_in_an_extension_is_what_its_der_says(der: bytes, text: str) -> None:
    assert text_of(der) == text


@given(st.binary(max_size=40))
def test_no_der_is_too_strange_to_have_its_text_read(der: bytes) -> None:
    text_of(der)


OIDS = {"1.2.3.4": b"\x0c\x05hello", "1.2.3.5": b"\x02\x01\xaf"}


@pytest.mark.parametrize(
    ("demands", "good"),
    [
        ([], True),
        (["1.2.3.4:hello"], True),
        (["1.2.3.4:h*o", "1.2.3.5:*"], True),
        (["1.2.3.4:Hello"], False),
        (["hex:1.2.3.5:0201AF"], True),
        (["hex:1.2.3.5:0201*"], True),
        (["hex:1.2.3.5:af"], False),
        (["1.2.3.4"], False),
        (["hex:1.2.3.4"], False),
        (["1.2.3.6:*"], False),
        (["bogus:"], False),
    ],
)
def test_every_extension_demanded_must_be_there_as_demanded(demands: list[str], good: bool) -> None:
    builder = x509.CertificateBuilder().subject_name(name("web")).issuer_name(name("ours"))
    builder = builder.public_key(KEY.public_key()).serial_number(1)
    builder = builder.not_valid_before(START).not_valid_after(START + timedelta(days=1))
    for oid, der in OIDS.items():
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), der)
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(KEY, hashes.SHA256())
    if good:
        require_extensions(made, demands)
        return
    with pytest.raises(VerificationFailed):
        require_extensions(made, demands)
