"""Entries to the host's own syslog (RFC 3164 as its socket expects it)."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from keystead.audit.entry import decode
from keystead.errors import ConfigurationError, UpstreamUnavailable

FACILITIES = {
    "KERN": 0, "USER": 1, "MAIL": 2, "DAEMON": 3, "AUTH": 4, "SYSLOG": 5, "LPR": 6, "NEWS": 7,
    "UUCP": 8, "CRON": 9, "AUTHPRIV": 10, "FTP": 11, "LOCAL0": 16, "LOCAL1": 17, "LOCAL2": 18,
    "LOCAL3": 19, "LOCAL4": 20, "LOCAL5": 21, "LOCAL6": 22, "LOCAL7": 23,
}  # fmt: skip

_NOTICE, _WARNING, _ERROR = 5, 4, 3
_SEVERITY = {"denied": _WARNING, "failed": _ERROR, "unknown": _ERROR}


class LocalSyslogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``facility`` is a name of RFC 3164, such as AUTH or LOCAL0. ``path`` is the socket's."""

    facility: str = "AUTH"
    tag: str = "keystead"
    path: Path = Path("/dev/log")

    def open(self) -> LocalSyslogSink:
        """Raises ConfigurationError for an unknown facility."""
        return LocalSyslogSink(self)


class LocalSyslogSink:
    """Sends each entry as a datagram."""

    def __init__(self, config: LocalSyslogConfig) -> None:
        facility = FACILITIES.get(config.facility.upper())
        if facility is None:
            raise ConfigurationError("Unknown syslog facility", facility=config.facility)
        self._facility = facility
        self._head = f"{config.tag}[{os.getpid()}]: ".encode()
        self._path = config.path
        self._connection: socket.socket | None = None

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``. Without lines it connects."""
        try:
            if self._connection is None:
                self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._connection.settimeout(2.0)
                self._connection.connect(str(self._path))
            for line in lines:
                severity = _SEVERITY.get(decode(line).entry.outcome, _NOTICE)
                self._connection.send(b"<%d>" % (self._facility * 8 + severity) + self._head + line)
        except OSError as error:
            self.close()
            reason = error.strerror or type(error).__name__
            raise UpstreamUnavailable(f"The host's syslog: {reason}") from error

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
