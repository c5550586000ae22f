"""The one ASGI application of a worker: each path goes to its door."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from keystead.call import new_request_id
from keystead.doors.asgi import Application, Header, Receive, Scope, Send, respond
from keystead.doors.rest import problems
from keystead.errors import InvalidRequest, NotFound
from keystead.telemetry.logs import outline

_BANNER: Final = b"Keystead. The API is under /api/v1/, its documentation at /api/v1/docs.\n"
_TEXT: Final = b"text/plain; charset=utf-8"
_METRICS: Final = b"text/plain; version=0.0.4; charset=utf-8"
_LOG = logging.getLogger(__name__)

Lifespan = Callable[[], AbstractAsyncContextManager[object]]


class Readiness(msgspec.Struct, frozen=True):
    """Whether this node can serve, and which part keeps it from that."""

    initialized: bool
    sealed: bool
    audit: bool
    store: bool

    @property
    def ready(self) -> bool:
        return self.initialized and not self.sealed and self.audit and self.store


class HttpApplication:
    """Dispatches by path: doors by prefix, and the endpoints that belong to no protocol.

    ``/health/live`` answers while the process runs; ``/health/ready`` 200 or 503 with what
    ``readiness`` says; ``/metrics`` what ``metrics`` renders, off the event loop. All three
    and the banner at ``/`` need no credential and tell no name of anything.
    """

    def __init__(
        self,
        *,
        readiness: Callable[[], Readiness],
        metrics: Callable[[], bytes],
        lifespan: Lifespan = contextlib.nullcontext,
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._lifespan = lifespan
        self._prefixes: list[tuple[str, Application]] = []
        self._root: Application | None = None
        self._endpoints = {
            "/": self._banner,
            "/metrics": self._scrape,
            "/health/live": self._live,
            "/health/ready": self._ready,
        }

    def register(self, prefix: str, door: Application) -> None:
        """Send every path that begins with ``prefix`` to ``door``; the first match counts."""
        self._prefixes.append((prefix, door))

    def register_root(self, door: Application) -> None:
        """Send ``POST /`` to ``door`` (protocols that name the operation in a header)."""
        self._root = door

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection scope: an HTTP request, or the life of the application."""
        if scope["type"] == "http":
            path: str = scope["path"]
            for prefix, door in self._prefixes:
                if path.startswith(prefix):
                    return door(scope, receive, send)
            return self._serve(scope, receive, send)
        if scope["type"] == "lifespan":
            return self._live_through(receive, send)
        return _refuse_websocket(receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        path: str = scope["path"]
        if path == "/" and method == "POST" and self._root is not None:
            return await self._root(scope, receive, send)
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            status, media, body = 404, problems.MEDIA_TYPE, _document(NotFound(), 404)
        elif method not in ("GET", "HEAD"):
            error = InvalidRequest("This resource does not take this method.")
            status, media, body = 405, problems.MEDIA_TYPE, _document(error, 405)
        else:
            try:
                status, media, body = await endpoint()
            except Exception as error:
                _LOG.error("internal error at %s\n%s", path, outline(error))
                body = problems.internal_document(new_request_id())
                status, media = 500, problems.MEDIA_TYPE
        headers: list[Header] = [
            (b"content-type", media),
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
        ]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        await respond(send, status, headers, b"" if method == "HEAD" else body)
        return None

    async def _banner(self) -> tuple[int, bytes, bytes]:
        return 200, _TEXT, _BANNER

    async def _live(self) -> tuple[int, bytes, bytes]:
        return 200, b"application/json", b'{"live":true}'

    async def _ready(self) -> tuple[int, bytes, bytes]:
        now = self._readiness()
        body = {"ready": now.ready} | msgspec.structs.asdict(now)
        return 200 if now.ready else 503, b"application/json", msgspec.json.encode(body)

    async def _scrape(self) -> tuple[int, bytes, bytes]:
        return 200, _METRICS, await asyncio.to_thread(self._metrics)

    async def _live_through(self, receive: Receive, send: Send) -> None:
        """Run the lifespan protocol (ASGI lifespan 2.0) around ``lifespan``."""
        await receive()
        started = False
        try:
            async with self._lifespan():
                started = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            _LOG.error("the application could not %s\n%s", "stop" if started else "start",
                       outline(error))  # fmt: skip
            phase = "shutdown" if started else "startup"
            await send({"type": f"lifespan.{phase}.failed", "message": type(error).__name__})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _document(error: InvalidRequest | NotFound, status: int) -> bytes:
    return problems.document(error, status, new_request_id())


async def _refuse_websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1000})
