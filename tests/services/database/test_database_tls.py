"""TLS to a database: its certificate is checked, ours is shown, and nothing is put on disk."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keystead.errors import KeysteadError
from keystead.operations.database import IssueDatabaseCredentials, ShowDatabase


class Issued(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(
            serialization.Encoding.PEM, form, serialization.NoEncryption()
        ).decode()


def _issue(name: str, by: Issued | None = None) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


@pytest.fixture(scope="module")
def authority() -> Issued:
    return _issue("Test authority")


@pytest.fixture(scope="module")
def tls_postgres(shared_postgres: Any, authority: Issued) -> Iterator[Any]:
    """A server that takes TLS only, and only from who shows a certificate of the authority."""

    class TlsPostgres(type(shared_postgres)):  # type: ignore[misc]
        def install(self) -> None:
            super().install()
            own = _issue("server", authority)
            for name, pem in (("crt", own.pem), ("key", own.key_pem), ("ca", authority.pem)):
                path = self.folder / name
                path.write_text(pem)
                path.chmod(0o600)
                if os.geteuid() == 0:
                    shutil.chown(path, self.user, self.user)
            hba = self.folder / "data" / "pg_hba.conf"
            hba.write_text(
                "hostssl all plain 127.0.0.1/32 scram-sha-256\n"
                "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n"
            )

        def command(self) -> list[str]:
            files = {"ssl_cert_file": "crt", "ssl_key_file": "key", "ssl_ca_file": "ca"}
            given = [f"--{name}={self.folder}/{file}" for name, file in files.items()]
            return [*super().command(), "--ssl=on", *given]

        def login(self, user: str, password: str) -> Any:
            import psycopg

            own = _issue("client", authority)
            files = {}
            for name, pem in (("sslcert", own.pem), ("sslkey", own.key_pem)):
                path = self.folder / f"client-{name}"
                path.write_text(pem)
                path.chmod(0o600)
                files[name] = str(path)
            return psycopg.connect(
                host="127.0.0.1", port=self.port, dbname="postgres", user=user,
                password=password, autocommit=True, sslmode="require", **files,
            )  # fmt: skip

    made = TlsPostgres()
    yield made
    made.remove()


def test_both_certificates_are_checked(
    make_desk: Callable[[Any], Any], tls_postgres: Any, authority: Issued
) -> None:
    desk = make_desk(tls_postgres)
    ours = _issue("keystead", authority)
    shown = {"tls_certificate": ours.pem, "tls_private_key": ours.key_pem}
    desk.configure(tls_ca=authority.pem, **shown)
    desk.role()
    made = desk.ask(IssueDatabaseCredentials(name="database/app"))
    assert made.username
    assert ours.key_pem not in str(desk.ask(ShowDatabase(name="database/db")).tls_certificate)
    stranger = _issue("Stranger")
    with pytest.raises(KeysteadError, match="certificate verify failed"):
        desk.configure(tls_ca=stranger.pem, **shown)
    other = _issue("other", stranger)
    with pytest.raises(KeysteadError, match="failed to connect"):
        desk.configure(
            tls_ca=authority.pem, tls_certificate=other.pem, tls_private_key=other.key_pem
        )
