"""Syslog messages (RFC 5424) over TLS (RFC 5425), or over plain TCP on loopback.

Syslog has no acknowledgement: what a receiver had not read when it went away is lost to
it, though the log here has it. A connection that the receiver has closed is noticed
before the next batch is sent.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import msgspec

from keystead.audit.entry import Record, decode, render_time
from keystead.errors import ConfigurationError, UpstreamUnavailable

STRUCTURED_DATA_ID = "keystead@32473"
"""32473 is the enterprise number set aside for such use (RFC 5612)."""

_BOM = b"\xef\xbb\xbf"
_NOTICE, _WARNING, _ERROR = 5, 4, 3
_SEVERITY = {"denied": _WARNING, "failed": _ERROR, "unknown": _ERROR}
_PARAMETER_LIMIT = 1024


class SyslogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send. Without ``tls`` only loopback addresses are allowed.

    ``ca_file`` is a PEM file of the authorities to trust, instead of the system's;
    ``cert_file`` and ``key_file`` are this node's own, for mutual TLS. ``facility`` is a
    number (RFC 5424, 6.2.1): 13 is log audit.
    """

    host: str
    port: int = 6514
    tls: bool = True
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    hostname: str = ""
    facility: int = 13
    timeout_seconds: float = 10.0

    def open(self) -> SyslogSink:
        """Raises ConfigurationError if the files or the address are not usable."""
        return SyslogSink(self)


class SyslogSink:
    """Sends each entry as one message."""

    def __init__(self, config: SyslogConfig) -> None:
        if not 0 <= config.facility <= 23:
            raise ConfigurationError("The syslog facility is not 0 to 23", facility=config.facility)
        self._config = config
        self._context = _tls_context(config) if config.tls else None
        if not config.tls and not _is_loopback(config.host):
            raise ConfigurationError("Syslog without TLS is for loopback addresses only")
        self._host = config.hostname or socket.gethostname()
        self._connection: socket.socket | None = None

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``."""
        framed = []
        for line in lines:
            message = format_message(decode(line), self._host, self._config.facility)
            framed.append(b"%d %b" % (len(message), message))  # octet counting (RFC 5425, 4.3)
        try:
            self._connected().sendall(b"".join(framed))
        except OSError as error:
            self.close()
            reason = error.strerror or type(error).__name__
            raise UpstreamUnavailable(f"The syslog receiver: {reason}") from error

    def close(self) -> None:
        """Send close_notify (RFC 5425, 4.4) and disconnect."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if isinstance(connection, ssl.SSLSocket):
                connection.settimeout(1.0)
                connection = connection.unwrap()
        except OSError:
            pass  # the receiver is gone
        finally:
            connection.close()

    def _connected(self) -> socket.socket:
        if self._connection is not None and _is_closed(self._connection):
            self.close()
        if self._connection is None:
            config = self._config
            plain = socket.create_connection((config.host, config.port), config.timeout_seconds)
            if self._context is None:
                self._connection = plain
            else:
                try:
                    self._connection = self._context.wrap_socket(plain, server_hostname=config.host)
                except OSError:
                    plain.close()
                    raise
        return self._connection


def format_message(record: Record, hostname: str, facility: int) -> bytes:
    """One RFC 5424 message: the fields to filter by as structured data, the line as text."""
    entry = record.entry
    priority = facility * 8 + _SEVERITY.get(entry.outcome, _NOTICE)
    header = " ".join(
        (
            f"<{priority}>1",
            render_time(entry.time).decode(),
            _name(hostname, 255),
            "keystead",
            str(os.getpid()),
            _name(entry.phase, 32),
        )
    )
    parameters = {
        "index": str(record.index),
        "action": entry.action,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "namespace": entry.namespace,
        "principal": entry.principal,
        "resource": entry.resource.name or entry.resource.id,
        "requestId": entry.request_id,
        "sourceIp": entry.source_ip,
    }
    data = "".join(f' {name}="{_escape(text)}"' for name, text in parameters.items() if text)
    return f"{header} [{STRUCTURED_DATA_ID}{data}] ".encode() + _BOM + record.line


def _escape(text: str) -> str:
    """A parameter's value (RFC 5424, 6.3.3), with control characters made visible."""
    shown = "".join(c if c >= " " and c != "\x7f" else f"\\x{ord(c):02x}" for c in text)
    shown = shown[:_PARAMETER_LIMIT]
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _name(text: str, limit: int) -> str:
    """A header field: printable US-ASCII without spaces, or the nil value."""
    return "".join(c for c in text if "!" <= c <= "~")[:limit] or "-"


def _is_closed(connection: socket.socket) -> bool:
    """Whether the receiver has closed: it sends nothing, so readable means the end."""
    readable, _, _ = select.select([connection], [], [], 0)
    if not readable:
        return False
    timeout = connection.gettimeout()
    try:
        connection.settimeout(0)
        return connection.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False  # TLS session tickets, not an end
    except OSError:
        return True
    finally:
        connection.settimeout(timeout)


def _tls_context(config: SyslogConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.cert_file is not None:
            context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"The syslog TLS files: {error.strerror or error}") from error
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
