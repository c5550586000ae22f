"""The ASGI words that doors are written in (https://asgi.readthedocs.io, HTTP 2.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol

from keystead.errors import InvalidRequest, PayloadTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

CLIENT_CERTIFICATE: Final = "keystead.client_certificate"
"""Scope key under which a listener leaves the client certificate (DER) of a TLS handshake."""

DEFAULT_BODY_LIMIT: Final = 32 * 1024 * 1024


class Application(Protocol):
    """An ASGI application."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]: ...


class ClientLeft(Exception):
    """The client closed the connection before its request was whole."""


async def respond(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    """Send a whole response. A connection that is gone concerns nobody else: no error.

    ``headers`` is sent as it is; Content-Length must be in it. A server whose sender has a
    method ``send_whole`` (see ``node.http_server``) is given the response in one piece.
    """
    send_whole = getattr(getattr(send, "__self__", None), "send_whole", None)
    try:
        if send_whole is not None:
            await send_whole(status, headers, body)
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        return


async def read_body(receive: Receive, declared: bytes | None, limit: int) -> bytes:
    """Read a request body of at most ``limit`` bytes, whatever length was declared.

    Raises PayloadTooLarge as soon as it is over the limit, InvalidRequest for a declared
    length that is not a number, and ClientLeft.
    """
    if declared is not None:
        if not declared.isdigit():
            raise InvalidRequest("Content-Length is not a number.")
        if len(declared) > 18 or int(declared) > limit:
            raise _too_large(limit)
    message = await receive()
    if message["type"] != "http.request":
        raise ClientLeft
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts = bytearray(body)
    while message.get("more_body"):
        if len(parts) > limit:
            raise _too_large(limit)
        message = await receive()
        if message["type"] != "http.request":
            raise ClientLeft
        parts += message.get("body", b"")
    if len(parts) > limit:
        raise _too_large(limit)
    return bytes(parts)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is over {limit} bytes.", limit_bytes=limit)
