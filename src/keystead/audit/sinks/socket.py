"""Entries as lines to a socket: TCP, UDP or a Unix socket."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Literal

import msgspec

from keystead.errors import ConfigurationError, UpstreamUnavailable

Network = Literal["tcp", "udp", "unix"]


class SocketConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``address`` is ``host:port``, or a path for ``unix``."""

    address: str
    network: Network = "tcp"
    timeout_seconds: float = 2.0

    def open(self) -> SocketSink:
        """Raises ConfigurationError for what is no address."""
        return SocketSink(self)


class SocketSink:
    """Sends each entry as a line; over UDP, as a datagram.

    A socket acknowledges nothing: what a receiver had not read when it went away is lost to
    it, though the log here has it.
    """

    def __init__(self, config: SocketConfig) -> None:
        self._config = config
        self._target = config.address if config.network == "unix" else _host_port(config.address)
        self._connection: socket.socket | None = None

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``. Without lines it connects."""
        try:
            connection = self._connected()
            if self._config.network == "udp":
                for line in lines:
                    connection.send(line + b"\n")
            elif lines:
                connection.sendall(b"\n".join(lines) + b"\n")
        except OSError as error:
            self.close()
            reason = error.strerror or type(error).__name__
            raise UpstreamUnavailable(f"The audit socket: {reason}") from error

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> socket.socket:
        if self._connection is not None and not _ended(self._connection, self._config.network):
            return self._connection
        self.close()
        config = self._config
        if isinstance(self._target, str):
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            _connect(made, self._target, config.timeout_seconds)
        elif config.network == "tcp":
            made = socket.create_connection(self._target, config.timeout_seconds)
        else:
            family, kind, protocol, _, address = socket.getaddrinfo(
                *self._target, type=socket.SOCK_DGRAM
            )[0]
            made = socket.socket(family, kind, protocol)
            _connect(made, address, config.timeout_seconds)
        self._connection = made
        return made


def _connect(made: socket.socket, address: object, timeout_seconds: float) -> None:
    try:
        made.settimeout(timeout_seconds)
        made.connect(address)  # type: ignore[arg-type]
    except OSError:
        made.close()
        raise


def _ended(connection: socket.socket, network: Network) -> bool:
    """Whether the receiver has closed. It is not expected to say anything."""
    if network == "udp":
        return False
    timeout = connection.gettimeout()
    try:
        connection.settimeout(0)
        return connection.recv(4096) == b""
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(timeout)


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65_536:
        raise ConfigurationError("A socket's address is host:port", address=address)
    return host.strip("[]"), int(port)
