"""The HTTP server: uvicorn with uvloop and httptools, behind this module only.

See docs/decisions/ for why not another. TLS client certificates are asked for where a
listener has a client CA; what a peer presented is handed to the application as DER in
``scope["keystead.client_certificate"]``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from keystead.doors.asgi import CLIENT_CERTIFICATE, Header
from keystead.errors import ConfigurationError

log = logging.getLogger("keystead.http")

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
DRAIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Tls:
    """A listener's certificate chain and key, and the CA that client certificates chain to."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises ConfigurationError if the files cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        files = (self.cert_file, self.key_file, self.client_ca_file)
        try:
            # The password keeps OpenSSL from asking for that of an encrypted key.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
            if self.client_ca_file is not None:
                context.load_verify_locations(self.client_ca_file)
                context.verify_mode = ssl.CERT_OPTIONAL
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The TLS files of a listener cannot be used: {error}",
                hint=f"Check {', '.join(str(file) for file in files if file)}.",
            ) from None
        return context


class _Cycle(RequestResponseCycle):
    """A request and its response, which may be sent whole."""

    async def send_whole(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Send a response whose headers are the application's own and hold Content-Length.

        What two ASGI messages say in two writes, with every header checked and searched for
        what it might mean, in one. Where that would differ (HEAD, a connection that is to be
        closed), it is left to ``send``.
        """
        if self.response_started or not self.keep_alive or self.scope["method"] == "HEAD":
            await self.send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send({"type": "http.response.body", "body": body})
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        content = [STATUS_LINE[status]]
        for name, value in headers:
            content += (name, b": ", value, b"\r\n")
        content += (b"\r\n", body)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join(content))
        self.message_event.set()
        self.on_response()


class _Protocol(HttpToolsProtocol):
    """Adds the peer's certificate to each request's scope, and ``send_whole`` to its sender.

    Clients of Vault ask with the method LIST, which the parser does not know: at the start of
    a request it is read as another method of four letters, which nobody uses.
    """

    certificate: bytes | None = None
    _between_requests = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.certificate = tls.getpeercert(binary_form=True)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = _Cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self._between_requests and data.startswith(b"LIST "):
            data = b"LINK" + data[4:]
        super().data_received(data)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.scope["method"] == "LINK":
            self.scope["method"] = "LIST"

    def on_message_complete(self) -> None:
        self._between_requests = True
        super().on_message_complete()

    def on_message_begin(self) -> None:
        self._between_requests = False
        super().on_message_begin()
        if self.certificate is not None:
            cast("dict[str, object]", self.scope)[CLIENT_CERTIFICATE] = self.certificate


class HttpServer:
    """One application on several listening sockets, in the running event loop."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._servers: list[uvicorn.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, listeners: Sequence[tuple[socket.socket, Tls | None]]) -> None:
        """Begin to serve; returns when every listener accepts connections."""
        for listener, tls in listeners:
            config = uvicorn.Config(
                self._app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                loop="none",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
            config.load()
            if tls is not None:
                config.ssl = tls.context()
            server = uvicorn.Server(config)
            self._servers.append(server)
            # ``_serve``: signals are the node's business, not each listener's.
            self._tasks.append(asyncio.create_task(server._serve([listener])))
        while not all(server.started for server in self._servers):
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.001)
        for listener, tls in listeners:
            host, port = listener.getsockname()[:2]
            log.info("listening on %s:%s%s", host, port, "" if tls is None else " with TLS")

    async def stop(self) -> None:
        """Stop accepting, let requests in progress end (at most ``DRAIN_SECONDS``), return."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A bound socket. ``shared`` lets each worker have its own on the same port.

    Raises ConfigurationError if the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except (OSError, UnicodeError) as error:  # UnicodeError: the host cannot be a name
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {reason}",
            hint="Is another server running there? Choose another address.",
        ) from None
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound
