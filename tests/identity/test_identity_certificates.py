"""Log-in with TLS client certificates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import InvalidRequest, NotFound, Unauthenticated, VerificationFailed
from keystead.identity.client_certificate import authorities, parse_der, require_names, verify
from keystead.operations.identity import (
    CreateToken,
    DeleteCertificateRole,
    ListCertificateRoles,
    LoginCertificate,
    ShowCertificateRole,
    TokenLimits,
    WriteCertificateRole,
)
from keystead.services.registry import BEFORE

START = 1_700_000_000
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


@dataclass
class Authority:
    """A certificate authority."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(
        cls, name: str, above: Authority | None = None, path_length: int | None = None
    ) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, above.certificate.subject if above else None, key, 0, 10_000)
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        certificate = builder.sign(above.key if above else key, hashes.SHA256())
        return cls(key, certificate)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        name: str = "web",
        *,
        dns: tuple[str, ...] = (),
        uris: tuple[str, ...] = (),
        eku: x509.ObjectIdentifier | None = CLIENT,
        usage: x509.KeyUsage | None = None,
        ca: bool | None = None,
        begin: int = 0,
        end: int = 1_000,
    ) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.certificate.subject, key, begin, end)
        names = [x509.DNSName(n) for n in dns]
        names += [x509.UniformResourceIdentifier(u) for u in uris]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if eku:
            builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=False)
        if usage:
            builder = builder.add_extension(usage, critical=True)
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _builder(
    name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey, begin: int, end: int
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(begin))
        .not_valid_after(at(end))
    )


def _usage(*, signs_certificates: bool = False, signs: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        signs, False, not signs_certificates, False, False, signs_certificates, False, False, False
    )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make("our CA")


@pytest.fixture
def role(desk: Any, authority: Authority) -> Callable[..., Any]:
    def write(name: str = "web", **given: Any) -> Any:
        fields = {"ca_pem": authority.pem, "roles": ["r"], **given}
        return desk.ask(WriteCertificateRole(name=name, **fields))

    return write


def log_in(desk: Any, der: bytes | None, name: str | None = None, **given: Any) -> Any:
    return desk.ask(LoginCertificate(name=name), client_certificate=der, **given)


def fails(desk: Any, der: bytes | None, name: str | None = None, **given: Any) -> bool:
    try:
        log_in(desk, der, name, **given)
    except Unauthenticated as refusal:
        return str(refusal) == "The log-in failed." and not refusal.details
    return False


def test_a_certificate_of_the_roles_ca_logs_in(desk: Any, authority: Authority, role: Any) -> None:
    role(limits=TokenLimits(ttl_seconds=60))
    issued = log_in(desk, authority.issue())
    principal = desk.who(issued.token)
    assert principal.name == "cert/web"
    assert principal.roles == {"r"}
    assert issued.info.expires_at == desk.now + 60


GOOD: dict[str, dict[str, Any]] = {
    "no extension at all": {"eku": None},
    "for digital signatures": {"usage": _usage(signs=True)},
    "said to be no CA": {"ca": False},
    "with other names": {"dns": ("a.example",), "uris": ("spiffe://a/b",)},
}
BAD: dict[str, dict[str, Any]] = {
    "for servers": {"eku": ExtendedKeyUsageOID.SERVER_AUTH},
    "for code signing": {"eku": ExtendedKeyUsageOID.CODE_SIGNING},
    "for encipherment": {"usage": _usage()},
    "a CA itself": {"ca": True, "usage": _usage(signs_certificates=True)},
    "a CA of no said usage": {"ca": True},
    "expired": {"end": 9},
    "not yet valid": {"begin": 11},
}


@pytest.mark.parametrize("which", GOOD)
def test_a_clients_certificate_is_good(
    desk: Any, authority: Authority, role: Any, which: str
) -> None:
    role()
    desk.now += 10
    assert not fails(desk, authority.issue(**GOOD[which]))


@pytest.mark.parametrize("which", BAD)
def test_a_certificate_is_no_good(desk: Any, authority: Authority, role: Any, which: str) -> None:
    role()
    desk.now += 10
    assert fails(desk, authority.issue(**BAD[which]))


def test_a_certificate_of_another_ca_of_the_same_name_is_no_good(
    desk: Any, authority: Authority, role: Any
) -> None:
    role()
    assert fails(desk, Authority.make("our CA").issue())
    assert fails(desk, Authority.make("theirs").issue())
    assert fails(desk, Authority.make("theirs").certificate.public_bytes(Encoding.DER))
    assert fails(desk, authority.certificate.public_bytes(Encoding.DER))
    assert fails(desk, None)


def test_a_ca_below_the_roles_may_be_named_beside_it(
    desk: Any, authority: Authority, role: Any
) -> None:
    below = Authority.make("below", authority)
    role()
    assert fails(desk, below.issue())
    role(ca_pem=authority.pem + below.pem)
    assert not fails(desk, below.issue())
    assert not fails(desk, authority.issue())


@pytest.mark.parametrize(
    ("demands", "good"),
    [
        ({"allowed_common_names": ["web"]}, True),
        ({"allowed_common_names": ["w*"]}, True),
        ({"allowed_common_names": ["x", "we?"]}, True),
        ({"allowed_common_names": ["WEB"]}, False),
        ({"allowed_common_names": ["eb"]}, False),
        ({"allowed_dns_names": ["*.example"]}, True),
        ({"allowed_dns_names": ["A.EXAMPLE"]}, True),
        ({"allowed_dns_names": ["*.example.com"]}, False),
        ({"allowed_uris": ["spiffe://prod/*"]}, True),
        ({"allowed_uris": ["spiffe://test/*"]}, False),
        ({"allowed_common_names": ["web"], "allowed_uris": ["spiffe://prod/*"]}, True),
        ({"allowed_common_names": ["web"], "allowed_uris": ["spiffe://test/*"]}, False),
        ({"allowed_common_names": ["no"], "allowed_uris": ["spiffe://prod/*"]}, False),
    ],
)
def test_names_must_fit_each_list_that_is_not_empty(
    desk: Any, authority: Authority, role: Any, demands: Any, good: bool
) -> None:
    role(**demands)
    der = authority.issue(dns=("a.example",), uris=("spiffe://prod/web",))
    assert fails(desk, der) is not good


def test_a_certificate_without_names_does_not_fit_a_demand_for_them(
    desk: Any, authority: Authority, role: Any
) -> None:
    role(allowed_dns_names=["*"])
    assert fails(desk, authority.issue())
    role(allowed_uris=["*"])
    assert fails(desk, authority.issue())


def test_the_named_role_is_taken_or_else_the_first_that_fits(
    desk: Any, authority: Authority, role: Any
) -> None:
    role("a", ca_pem=Authority.make("theirs").pem)
    role("b", allowed_common_names=["nobody"])
    role("c", roles=["c"])
    role("d", roles=["d"])
    der = authority.issue()
    assert desk.who(log_in(desk, der).token).name == "cert/c"
    assert desk.who(log_in(desk, der, "d").token).name == "cert/d"
    for name in ("a", "b", "nobody"):
        assert fails(desk, der, name)


def test_another_ca_or_other_names_end_the_tokens_but_other_roles_do_not(
    desk: Any, authority: Authority, role: Any
) -> None:
    role()
    token = log_in(desk, authority.issue()).token
    child = desk.ask(CreateToken(), token).token
    desk.who(child)
    role(roles=["s"])
    assert desk.who(child).roles == {"s"}
    role(allowed_common_names=["web"])
    for each in (token, child):
        with pytest.raises(Unauthenticated):
            desk.who(each)


def test_a_role_that_changes_while_it_is_checked_does_not_log_in(
    desk: Any, authority: Authority, role: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    role()
    check = BEFORE[LoginCertificate]

    def overtaken(operation: Any, scope: Any, reader: Any) -> Any:
        found = check(operation, scope, reader)
        role(allowed_common_names=["nobody"])
        return found

    monkeypatch.setitem(BEFORE, LoginCertificate, overtaken)
    assert fails(desk, authority.issue())


def test_deleting_a_role_ends_its_tokens(desk: Any, authority: Authority, role: Any) -> None:
    role()
    token = log_in(desk, authority.issue()).token
    desk.who(token)
    desk.ask(DeleteCertificateRole(name="web"))
    role()
    with pytest.raises(Unauthenticated):
        desk.who(token)
    assert desk.token_count() == 1


def test_a_log_in_from_outside_of_the_tokens_networks_fails(
    desk: Any, authority: Authority, role: Any
) -> None:
    role(limits=TokenLimits(bound_cidrs=["10.0.0.0/8"]))
    assert fails(desk, authority.issue(), source_ip="192.0.2.1")
    assert not fails(desk, authority.issue())


def test_writing_a_role_with_roles_beyond_ones_own_needs_role_grant(
    desk: Any, authority: Authority
) -> None:
    alice = desk.user("alice", ["a"])
    write = WriteCertificateRole(name="x", ca_pem=authority.pem, roles=["b"])
    assert desk.refused(write, alice).details["role"] == "b"
    desk.permitted = {("role:grant", "role", "b")}
    desk.ask(write, alice)


def test_roles_are_shown_and_listed(desk: Any, role: Any) -> None:
    written = role(allowed_uris=["spiffe://*"])
    role("other")
    assert desk.ask(ShowCertificateRole(name="web")) == written
    assert desk.ask(ListCertificateRoles(limit=1)).names == ["other"]
    for operation in (ShowCertificateRole, DeleteCertificateRole):
        with pytest.raises(NotFound):
            desk.ask(operation(name="x"))


@pytest.mark.parametrize(
    "pem", ["", "x", "é", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_ca_is_refused(role: Any, pem: str) -> None:
    with pytest.raises(InvalidRequest):
        role(ca_pem=pem)


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, 2_000), cut=st.integers(0, 5), put=st.binary(max_size=5))
def test_hostile_certificates_raise_nothing_but_a_refusal(
    authority: Authority, at: int, cut: int, put: bytes
) -> None:
    good = authority.issue(dns=("a.example",), uris=("spiffe://a/b",))
    at %= len(good)
    with contextlib.suppress(VerificationFailed):
        certificate = parse_der(good[:at] + put + good[at + cut :])
        with contextlib.suppress(VerificationFailed):
            verify(certificate, authority.pem, START + 10)
        require_names(certificate, common_names=["x"], dns_names=["*"], uris=["*"])


def test_an_oversize_certificate_is_refused() -> None:
    with pytest.raises(VerificationFailed):
        parse_der(bytes(65_537))


def test_authorities_are_parsed_once(authority: Authority) -> None:
    assert authorities(authority.pem) is authorities(authority.pem)
