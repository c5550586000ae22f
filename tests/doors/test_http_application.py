"""The application that dispatches by path, raw and behind a real server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from keystead.doors.asgi import respond
from keystead.doors.http import HttpApplication, Readiness
from keystead.doors.rest.door import RestDoor

READY = {"initialized": True, "sealed": False, "audit": True, "store": True}


def application(state: dict[str, bool] | None = None, **options: Any) -> HttpApplication:
    return HttpApplication(
        readiness=lambda: Readiness(**(state or READY)),
        metrics=lambda: b"# HELP a b\n",
        **options,
    )


@pytest.fixture
def visit(gate: Any, client_of: Any) -> Any:
    app = application()
    app.register("/api/v1/", RestDoor(gate))
    return client_of(app)


def test_the_endpoints_that_belong_to_no_protocol_answer(visit: Any) -> None:
    assert visit("GET", "/health/live").json() == {"live": True}
    assert visit("GET", "/health/ready").json() == {"ready": True, **READY}
    metrics = visit("GET", "/metrics")
    assert metrics.body == b"# HELP a b\n"
    assert metrics.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert visit("GET", "/").body.startswith(b"Keystead.")
    head = visit("HEAD", "/health/live")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", "13")


@pytest.mark.parametrize(
    "part", [{"initialized": False}, {"sealed": True}, {"audit": False}, {"store": False}]
)
def test_a_node_that_cannot_serve_says_what_keeps_it(client_of: Any, part: dict[str, bool]) -> None:
    answer = client_of(application({**READY, **part}))("GET", "/health/ready")
    assert answer.status == 503
    assert answer.json() == {"ready": False, **READY, **part}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/sys/health", 404), ("POST", "/metrics", 405),
     ("POST", "/", 405), ("DELETE", "/health/live", 405), ("GET", "/apiv1/keys", 404)],
)  # fmt: skip
def test_what_is_not_there_is_a_problem_document(
    visit: Any, method: str, target: str, status: int
) -> None:
    answer = visit(method, target)
    assert answer.status == answer.json()["status"] == status
    assert answer.header("content-type") == "application/problem+json"
    assert (answer.header("allow") == "GET, HEAD") == (status == 405)


def test_an_endpoint_that_fails_is_a_bare_500(client_of: Any) -> None:
    def fail() -> bytes:
        raise RuntimeError("kst_secret")

    app = HttpApplication(readiness=lambda: Readiness(**READY), metrics=fail)
    answer = client_of(app)("GET", "/metrics")
    assert answer.status == 500
    assert b"kst_secret" not in answer.body


def test_doors_plug_in_by_prefix_and_at_the_root(visit: Any) -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 200, [(b"content-length", b"5")], b"other")

    visit.application.register("/v1/", other)
    visit.application.register_root(other)
    assert visit("GET", "/v1/sys/health").body == b"other"
    assert visit("POST", "/").body == b"other"
    assert visit("GET", "/").body.startswith(b"Keystead.")
    assert visit("OPTIONS", "/api/v1/keys").status == 204


def test_a_websocket_is_closed(visit: Any) -> None:
    sent = visit.exchange({"type": "websocket", "path": "/"}, [])
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    ("fails_at", "expected"),
    [
        ("", ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
        ("start", ["lifespan.startup.failed"]),
        ("stop", ["lifespan.startup.complete", "lifespan.shutdown.failed"]),
    ],
)
def test_the_lifespan_runs_around_the_service(
    client_of: Any, fails_at: str, expected: list[str]
) -> None:
    ran = []

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[None]:
        if fails_at == "start":
            raise RuntimeError
        ran.append("started")
        yield
        if fails_at == "stop":
            raise RuntimeError
        ran.append("stopped")

    sent = client_of(application(lifespan=life)).exchange({"type": "lifespan"}, [b""])
    assert [message["type"] for message in sent] == expected
    assert ran == {"": ["started", "stopped"], "start": [], "stop": ["started"]}[fails_at]


def test_a_connection_that_is_gone_raises_nothing(gate: Any) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        raise ConnectionResetError

    scope = {"type": "http", "method": "GET", "path": "/api/v1/keys", "query_string": b"",
             "raw_path": b"/api/v1/keys", "headers": []}  # fmt: skip
    asyncio.run(RestDoor(gate)(scope, receive, send))


def test_clients_that_vanish_do_not_disturb_the_others_behind_uvicorn(gate: Any) -> None:
    started = asyncio.Event()

    async def perform(operation: Any, call: Any) -> Any:
        if operation.key == "slow":
            started.set()
            await asyncio.sleep(0.2)
        return {"key": operation.key}

    gate.perform = perform
    app = application()
    app.register("/api/v1/", RestDoor(gate))

    async def vanish(port: int, request: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async def run() -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(app, interface="asgi3", log_level="error", lifespan="on")
        )
        serving = asyncio.create_task(server.serve([listener]))
        head = b"POST /api/v1/keys/slow/encrypt HTTP/1.1\r\nHost: x\r\n"
        json = b"Content-Type: application/json\r\n"
        body = b'{"plaintext":""}'
        whole = head + json + b"Content-Length: 16\r\n\r\n" + body
        half = head + json + b"Content-Length: 1000\r\n\r\n" + body
        chunk = head + json + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{ "
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            leaving = [
                asyncio.create_task(vanish(port, request))
                for request in (whole, half, chunk, whole + whole, b"GET / HT", b"\xff\r\n\r\n")
            ]
            await started.wait()
            replies = await asyncio.gather(
                *(client.post(f"/api/v1/keys/k%2F{n}/encrypt", json={"plaintext": ""})
                  for n in range(50))
            )  # fmt: skip
            assert [reply.json()["key"] for reply in replies] == [f"k/{n}" for n in range(50)]
            await asyncio.gather(*leaving)
            await asyncio.sleep(0.3)
            assert (await client.get("/health/live")).status_code == 200
        server.should_exit = True
        await serving

    asyncio.run(run())
