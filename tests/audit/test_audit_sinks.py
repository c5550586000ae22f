"""Sinks: delivery in order, nothing skipped, nothing blocked; a real rsyslogd over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.committer import ThreadCommitter
from keystead.audit.entry import Entry, decode, encode
from keystead.audit.log import LogWriter
from keystead.audit.segments import NO_PREV, frame, read_from
from keystead.audit.sinks.file import FileConfig
from keystead.audit.sinks.shipper import Shipper, Sink
from keystead.audit.sinks.syslog import SyslogConfig, format_message
from keystead.audit.sinks.webhook import SIGNATURE_HEADER, WebhookConfig
from keystead.errors import ConfigurationError, UpstreamUnavailable

Make = Callable[..., Entry]


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def lines_of(directory: Path) -> list[bytes]:
    return [line for _, line in read_from(directory, 0)]


@pytest.fixture
def ship(tmp_path: Path) -> Iterator[Callable[..., Shipper]]:
    """Starts shippers with a quick poll, and stops them after the test."""
    shippers: list[Shipper] = []

    def start(directory: Path, sink: Sink, cursor: str = "cursor") -> Shipper:
        shipper = Shipper(directory, sink, tmp_path / cursor, poll_seconds=0.01)
        shippers.append(shipper)
        shipper.start()
        return shipper

    yield start
    for shipper in shippers:
        shipper.stop(1.0)


class Recorder:
    """A sink in memory that refuses, or sticks, when told to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.refuse = False
        self.stuck = threading.Event()
        self.stuck.set()

    def send(self, lines: Sequence[bytes]) -> None:
        self.stuck.wait(30)
        if self.refuse:
            raise UpstreamUnavailable("refused")
        self.lines += lines

    def close(self) -> None:
        pass


def test_a_stuck_sink_blocks_no_append_and_only_lags(
    tmp_path: Path, make_entry: Make, ship: Callable[..., Shipper]
) -> None:
    sink = Recorder()
    sink.stuck.clear()

    async def run() -> None:
        committer = ThreadCommitter(tmp_path / "log")
        shipper = ship(tmp_path / "log", sink)
        for n in range(300):
            await asyncio.wait_for(committer.append(encode(make_entry(n))), 5)
        assert shipper.lag == 300
        assert sink.lines == []
        sink.stuck.set()
        await asyncio.to_thread(wait_for, lambda: shipper.lag == 0)
        await committer.close()

    asyncio.run(run())
    assert sink.lines == lines_of(tmp_path / "log")


def test_a_refusing_sink_gets_everything_in_order_once_it_accepts(
    make_log: Callable[..., Path], ship: Callable[..., Shipper]
) -> None:
    directory = make_log(1200, segment_bytes=100_000)
    sink = Recorder()
    sink.refuse = True
    shipper = ship(directory, sink)
    wait_for(lambda: shipper.last_error != "")
    assert shipper.lag == 1200
    sink.refuse = False
    wait_for(lambda: shipper.lag == 0)
    assert shipper.last_error == ""
    assert sink.lines == lines_of(directory)


def test_a_shipper_goes_on_where_the_last_one_stopped(
    open_log: Callable[..., LogWriter], make_entry: Make, ship: Callable[..., Shipper]
) -> None:
    writer = open_log()
    sink = Recorder()
    for n in range(3):
        writer.commit([encode(make_entry(n))])
        shipper = ship(writer._directory, sink)
        wait_for(lambda shipper=shipper: shipper.lag == 0)  # type: ignore[misc]
        shipper.stop()
    writer.close()
    assert [decode(line).index for line in sink.lines] == [0, 1, 2]


def test_a_file_copy_follows_log_rotation(
    tmp_path: Path,
    open_log: Callable[..., LogWriter],
    make_entry: Make,
    ship: Callable[..., Shipper],
) -> None:
    writer = open_log()
    copy = tmp_path / "copy.jsonl"
    shipper = ship(writer._directory, FileConfig(path=copy).open())
    writer.commit([encode(make_entry(n)) for n in range(5)])
    wait_for(lambda: shipper.lag == 0)
    copy.rename(tmp_path / "copy.1")
    writer.commit([encode(make_entry(5))])
    wait_for(lambda: shipper.lag == 0)
    both = (tmp_path / "copy.1").read_bytes() + copy.read_bytes()
    assert both.splitlines() == lines_of(writer._directory)
    writer.close()


class Receiver(http.server.BaseHTTPRequestHandler):
    server: ReceiverServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class ReceiverServer(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []


@pytest.fixture
def receiver() -> Iterator[ReceiverServer]:
    server = ReceiverServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_signed_batches_and_again_what_it_refused(
    tmp_path: Path,
    make_log: Callable[..., Path],
    receiver: ReceiverServer,
    ship: Callable[..., Shipper],
) -> None:
    directory = make_log(600)
    secret = b"s" * 32
    (tmp_path / "secret").write_bytes(secret + b"\n")
    receiver.statuses = [503, 302]
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    shipper = ship(directory, WebhookConfig(url=url, secret_file=tmp_path / "secret").open())
    wait_for(lambda: shipper.lag == 0)
    for headers, body in receiver.requests:
        expected = "sha256=" + hmac.digest(secret, body, "sha256").hex()
        assert headers[SIGNATURE_HEADER] == expected
        assert headers["Content-Type"] == "application/x-ndjson"
    first = receiver.requests[0][1]
    assert [body for _, body in receiver.requests[:3]] == [first] * 3
    delivered = b"".join(body for _, body in receiver.requests[2:])
    assert delivered.splitlines() == lines_of(directory)


def test_a_webhook_that_does_not_answer_is_left_after_the_timeout(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 32)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        config = WebhookConfig(url=url, secret_file=tmp_path / "secret", timeout_seconds=0.1)
        sink = config.open()
        with pytest.raises(UpstreamUnavailable):
            sink.send([b"{}"])
        sink.close()


def test_unusable_sink_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    for config in (
        WebhookConfig(url="ftp://a", secret_file=tmp_path / "short"),
        WebhookConfig(url="https://a", secret_file=tmp_path / "short"),
        WebhookConfig(url="https://a", secret_file=tmp_path / "missing"),
        SyslogConfig(host="192.0.2.1", tls=False),
        SyslogConfig(host="127.0.0.1", tls=False, facility=24),
        SyslogConfig(host="127.0.0.1", ca_file=tmp_path / "short"),
    ):
        with pytest.raises(ConfigurationError):
            config.open()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
MESSAGE = re.compile(
    r"<(\d{1,3})>1 (\S+) (\S+) keystead \d+ (\S+) "
    r'\[keystead@32473((?: [a-zA-Z]+="(?:\\.|[^\\"\]])*")*)\] \ufeff(.*)',
    re.DOTALL,
)
PARAMETER = re.compile(r' ([a-zA-Z]+)="((?:\\.|[^\\"\]])*)"', re.DOTALL)


@given(action=TEXT, principal=TEXT, host=TEXT)
def test_messages_keep_to_rfc_5424_whatever_the_entry_says(
    make_entry: Make, action: str, principal: str, host: str
) -> None:
    entry = make_entry(1, action=action, principal=principal, outcome="denied")
    line = frame(4, NO_PREV, encode(entry))
    match = MESSAGE.fullmatch(format_message(decode(line), host, 13).decode())
    assert match is not None
    assert match[1] == str(13 * 8 + 4)
    assert match[2] == "2025-12-01T05:44:51.000000Z"
    assert match[3].isascii()
    assert match[6].encode() == line
    unescaped = {
        n: re.sub(r"\\(.)", r"\1", v, flags=re.DOTALL) for n, v in PARAMETER.findall(match[5])
    }
    assert unescaped["index"] == "4"
    assert "\n" not in match[5]
    if principal and principal.isprintable():
        assert unescaped["principal"] == principal


def read_framed(stream: bytes) -> list[bytes]:
    """RFC 5425 octet counting."""
    messages = []
    while stream:
        length, _, rest = stream.partition(b" ")
        messages.append(rest[: int(length)])
        stream = rest[int(length) :]
    return messages


def test_a_receiver_that_went_away_is_noticed_and_reconnected_to(make_entry: Make) -> None:
    lines = [frame(n, NO_PREV, encode(make_entry(n))) for n in range(3)]
    received = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = SyslogConfig(host="127.0.0.1", port=server.getsockname()[1], tls=False).open()
        for line in lines:
            sink.send([line])
            connection, _ = server.accept()
            with connection:
                received += read_framed(connection.recv(65536))
            time.sleep(0.02)
        sink.close()
    assert [message.partition(b"\xef\xbb\xbf")[2] for message in received] == lines


class Authority:
    """A certificate authority of its own, and a certificate for localhost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keystead test CA")])
        self.ca = self._issue(self._name, self._key, ca=True)
        self._write("ca.pem", self.ca.public_bytes(serialization.Encoding.PEM))
        for who in ("server", "client"):
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
            certificate = self._issue(name, key, ca=False)
            self._write(f"{who}.pem", certificate.public_bytes(serialization.Encoding.PEM))
            self._write(
                f"{who}.key",
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            )

    def _write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def _issue(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if ca:
            usage = x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            alternative = x509.SubjectAlternativeName([x509.DNSName("localhost")])
            builder = builder.add_extension(alternative, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "tls"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def rsyslogd(tmp_path: Path, authority: Authority) -> Iterator[Callable[[], tuple[int, Path]]]:
    """Starts a real rsyslogd that demands client certificates; gives its port and output."""
    binary = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    modules = list(Path("/usr/lib").glob("**/rsyslog/lmnsd_gtls.so"))
    if binary is None or not modules:
        missing = "needs the Debian packages rsyslog and rsyslog-gnutls"
        if os.environ.get("KEYSTEAD_REQUIRE_PEERS") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    processes = []

    def start() -> tuple[int, Path]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        output, tls = tmp_path / "received", authority.folder
        config = tmp_path / "rsyslog.conf"
        config.write_text(f"""
global(workDirectory="{tmp_path}" maxMessageSize="64k"
       defaultNetstreamDriver="gtls"
       defaultNetstreamDriverCAFile="{tls}/ca.pem"
       defaultNetstreamDriverCertFile="{tls}/server.pem"
       defaultNetstreamDriverKeyFile="{tls}/server.key"
       parser.escapeControlCharactersOnReceive="off")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1"
       streamDriver.authMode="x509/certvalid")
template(name="parts" type="list") {{
  property(name="protocol-version") constant(value="|")
  property(name="pri") constant(value="|")
  property(name="timestamp" dateFormat="rfc3339") constant(value="|")
  property(name="hostname") constant(value="|")
  property(name="app-name") constant(value="|")
  property(name="msgid") constant(value="|")
  property(name="structured-data") constant(value="|")
  property(name="msg") constant(value="\\n")
}}
ruleset(name="all") {{ action(type="omfile" file="{output}" template="parts") }}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")
""")
        arguments = [binary, "-n", "-f", str(config), "-i", str(tmp_path / "rsyslogd.pid")]
        with (tmp_path / "rsyslogd.log").open("ab") as log:
            processes.append(subprocess.Popen(arguments, stdout=log, stderr=log))
        wait_for(lambda: listens(port))
        return port, output

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def test_rsyslogd_receives_every_entry_over_mutual_tls(
    rsyslogd: Callable[[], tuple[int, Path]],
    authority: Authority,
    open_log: Callable[..., LogWriter],
    make_entry: Make,
    ship: Callable[..., Shipper],
) -> None:
    port, output = rsyslogd()
    writer = open_log()
    hard = 'a"b]c\\d é€😀'
    writer.commit([encode(make_entry(n, principal=hard)) for n in range(700)])
    config = SyslogConfig(
        host="localhost",
        port=port,
        ca_file=authority.folder / "ca.pem",
        cert_file=authority.folder / "client.pem",
        key_file=authority.folder / "client.key",
        hostname="node-1.example",
    )
    shipper = ship(writer._directory, config.open())
    wait_for(lambda: shipper.lag == 0)
    wait_for(lambda: output.exists() and output.read_bytes().count(b"\n") == 700)
    for n, text in enumerate(output.read_text(encoding="utf-8").splitlines()):
        version, priority, stamp, host, app, msgid, rest = text.split("|", 6)
        assert (version, priority, host, app, msgid) == (
            "1",
            str(13 * 8 + 5),
            "node-1.example",
            "keystead",
            "event",
        )
        data, _, message = rest.partition("|")
        assert data.startswith(f'[keystead@32473 index="{n}" action="key:encrypt" outcome="ok"')
        assert 'principal="a\\"b\\]c\\\\d é€😀"' in data
        entry = decode(message.lstrip("\ufeff").encode()).entry
        assert entry.principal == hard
        assert json.loads(message.lstrip("\ufeff"))["time"] == stamp
    writer.close()


def test_an_untrusted_receiver_gets_nothing(
    authority: Authority, tmp_path: Path, make_entry: Make
) -> None:
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other = Authority(other_folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(other.folder / "server.pem", other.folder / "server.key")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, True) as tls:
                heard.append(tls.recv(1000))

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        sink = SyslogConfig(host="localhost", port=port, ca_file=authority.folder / "ca.pem").open()
        with pytest.raises(UpstreamUnavailable):
            sink.send([frame(0, NO_PREV, encode(make_entry(0)))])
        thread.join()
    assert not any(heard)


def test_the_connection_is_closed_with_close_notify(authority: Authority, make_entry: Make) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / "server.pem", authority.folder / "server.key")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            tls = context.wrap_socket(connection, True, suppress_ragged_eofs=False)
            while data := tls.recv(65536):  # without close_notify this raises SSLEOFError
                heard.append(data)
            heard.append(b"")
            tls.unwrap().close()

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        sink = SyslogConfig(host="localhost", port=port, ca_file=authority.folder / "ca.pem").open()
        line = frame(0, NO_PREV, encode(make_entry(0)))
        sink.send([line])
        sink.close()
        thread.join()
    assert heard[-1] == b""
    (message,) = read_framed(b"".join(heard))
    assert message.endswith(line)
