"""A TLS listener with client certificates, through real handshakes."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import keystead
from keystead.errors import PermissionDenied, Unauthenticated, UpstreamUnavailable
from keystead.node.config import parse
from keystead.node.start import _warn_of_plain_listeners


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = self._sign(
            self._subject,
            self._key,
            10,
            (x509.BasicConstraints(True, None), True),
            (usage, True),
        )
        self.pem = certificate.public_bytes(Encoding.PEM).decode()
        self.file = folder / f"{name}.pem"
        self.file.write_text(self.pem)

    def issue(self, name: str, *, server: bool = False, days: int = 1) -> tuple[str, str]:
        """Certificate and key file. With ``days`` below zero it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.ExtendedKeyUsage([purpose]), False)
        ]
        if server:
            names = [x509.IPAddress(ip_address("127.0.0.1"))]
            extensions.append((x509.SubjectAlternativeName(names), False))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, days, *extensions)
        files = (self._folder / f"{self._name}-{name}.pem", self._folder / f"{name}.key")
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files[1].write_bytes(private)
        return str(files[0]), str(files[1])

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: int,
        *extensions: tuple[x509.ExtensionType, bool],
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256())


@dataclass
class Site:
    """A running node with TLS, its authorities, and its root token."""

    node: Any
    servers: Authority
    clients: Authority
    foreign: Authority
    token: str = ""

    def client(self, token: str = "", **given: Any) -> keystead.Client:
        return keystead.Client(
            f"https://127.0.0.1:{self.node.port}",
            token,
            ca_file=str(self.servers.file),
            retries=0,
            **given,
        )


@pytest.fixture(scope="module")
def site(make_node: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("certificates")
    servers, clients, foreign = (Authority(folder, n) for n in ("servers", "clients", "foreign"))
    certificate, key = servers.issue("localhost", server=True)
    node = make_node(
        listener=f'tls_cert_file = "{certificate}"\ntls_key_file = "{key}"\n'
        f'client_ca_file = "{clients.file}"'
    )
    node.start()
    made = Site(node, servers, clients, foreign)
    with made.client() as client:
        made.token = client.system.initialize(shares=1, threshold=1).root_token
    with made.client(made.token) as root:
        root.keys.create("orders")
        root.certificate_roles.write(
            "web", clients.pem, roles=["key-user"], allowed_common_names=["web-*"]
        )
        root.certificate_roles.write("other", foreign.pem, roles=["key-user"])
    yield made
    node.stop()


def test_a_client_certificate_logs_in_and_works(site: Site) -> None:
    with site.client(client_certificate=site.clients.issue("web-1")) as client:
        issued = client.certificate_roles.login()
        assert issued.info.principal == "cert/web"
        client.use_token(issued.token)
        sealed = client.keys.encrypt("orders", b"over TLS")
        assert client.decrypt(sealed.ciphertext).plaintext == b"over TLS"
        with pytest.raises(PermissionDenied):
            client.keys.create("more")


def test_a_client_without_a_certificate_works_with_a_token(site: Site) -> None:
    with site.client(site.token) as client:
        assert client.keys.show("orders").name == "orders"
        with pytest.raises(Unauthenticated):
            client.certificate_roles.login()


def test_a_certificate_alone_gives_no_rights(site: Site) -> None:
    with (
        site.client(client_certificate=site.clients.issue("web-2")) as client,
        pytest.raises(Unauthenticated),
    ):
        client.keys.show("orders")


@pytest.mark.parametrize(
    ("common_name", "role"), [("db-1", None), ("db-1", "web"), ("web-1", "other")]
)
def test_a_certificate_that_a_role_does_not_accept_is_refused_at_log_in(
    site: Site, common_name: str, role: str | None
) -> None:
    with (
        site.client(client_certificate=site.clients.issue(common_name)) as client,
        pytest.raises(Unauthenticated),
    ):
        client.certificate_roles.login(name=role)


@pytest.mark.parametrize("wrong", ["foreign", "expired", "for servers"])
def test_a_certificate_that_the_listener_does_not_trust_is_refused_in_the_handshake(
    site: Site, wrong: str
) -> None:
    files = {
        "foreign": site.foreign.issue("web-1"),
        "expired": site.clients.issue("web-old", days=-1),
        "for servers": site.clients.issue("web-server", server=True),
    }[wrong]
    # The role `other` takes the foreign authority: it is the listener that refuses.
    with (
        site.client(client_certificate=files) as client,
        pytest.raises(UpstreamUnavailable),
    ):
        client.certificate_roles.login()
    with site.client(site.token) as client:
        assert not client.system.status().sealed


def _handshake(site: Site, newest: ssl.TLSVersion) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(site.servers.file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = newest
    with (
        socket.create_connection(("127.0.0.1", site.node.port), 5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_below_1_2_is_refused_by_the_server(site: Site) -> None:
    assert _handshake(site, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert _handshake(site, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises(ssl.SSLZeroReturnError):  # the server hangs up at the client's hello
        _handshake(site, ssl.TLSVersion.TLSv1_1)


@pytest.mark.parametrize(
    "hello",
    [b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(9), b""],
)
def test_what_is_not_tls_is_dropped_without_a_traceback(site: Site, hello: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.node.port), 5) as plain:
        plain.sendall(hello)
        if hello[:3] == b"GET":
            assert not plain.recv(100).startswith(b"HTTP")
    time.sleep(0.1)
    with site.client(site.token) as client:
        assert not client.system.status().sealed
    assert "Traceback" not in site.node.log()
    assert '"level":"error"' not in site.node.log()


@pytest.mark.parametrize(
    ("address", "tls", "warned"),
    [
        ("0.0.0.0:8200", False, True),
        ("[::]:8200", False, True),
        ("kms.example:8200", False, True),
        ("0.0.0.0:8200", True, False),
        ("127.0.0.1:8200", False, False),
        ("[::1]:8200", False, False),
        ("localhost:8200", False, False),
    ],
)
def test_a_plain_listener_on_the_network_is_warned_of(
    address: str, tls: bool, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    files = 'tls_cert_file = "c"\ntls_key_file = "k"' if tls else ""
    config = parse(
        '[storage]\nurl = "sqlite:///k"\n[audit]\npath = "a"\n'
        f'[[listeners]]\naddress = "{address}"\n{files}',
        "k.toml",
    )
    with caplog.at_level(logging.WARNING):
        _warn_of_plain_listeners(config)
    assert ("in clear" in caplog.text) is warned
