"""A gate that answers what it is told to, and raw ASGI requests to an application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from keystead.call import Call
from keystead.doors.rest.door import RestDoor
from keystead.operations import Operation, reply_type

BODY_LIMIT = 1024 * 1024


@dataclass
class ScriptedGate:
    """Answers ``reply`` (a function of the operation) and remembers what it was asked."""

    reply: Callable[[Operation[Any]], Any] = lambda operation: reply_type(type(operation))()
    asked: list[tuple[Operation[Any], Call]] = field(default_factory=list)

    async def perform(self, operation: Operation[Any], call: Call) -> Any:
        self.asked.append((operation, call))
        return self.reply(operation)


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str:
        (value,) = [v for n, v in self.headers if n == name.encode()] or [b""]
        return value.decode()

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class RawClient:
    """Sends requests to an ASGI application as a server would."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        chunks: Iterable[bytes] | None = None,
        **scope: Any,
    ) -> Answer:
        named = {"content-type": "application/json"} if body or chunks is not None else {}
        named |= {name.lower(): value for name, value in (headers or {}).items()}
        pairs = [(n.encode(), v.encode("latin-1")) for n, v in named.items()]
        return self.raw(method, target.encode(), pairs, chunks if chunks is not None else [body],
                        **scope)  # fmt: skip

    def raw(
        self,
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        chunks: Iterable[bytes],
        **scope: Any,
    ) -> Answer:
        path, _, query = target.partition(b"?")
        whole = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": headers,
            "client": ("192.0.2.7", 4711),
            **scope,
        }
        messages = self.exchange(whole, list(chunks))
        if not messages:
            return Answer(0, [], b"")
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        return Answer(start["status"], start["headers"], body)

    def exchange(self, scope: dict[str, Any], chunks: list[bytes]) -> list[dict[str, Any]]:
        """Give the application a body in chunks, then a disconnect; return what it sent."""
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
            for index, chunk in enumerate(chunks)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.application(scope, receive, send))
        return sent


@pytest.fixture
def gate() -> ScriptedGate:
    return ScriptedGate()


@pytest.fixture
def ask(gate: ScriptedGate) -> RawClient:
    """Ask the REST door, whose gate is ``gate`` and whose limit is 1 MiB."""
    return RawClient(RestDoor(gate, body_limit=BODY_LIMIT))


@pytest.fixture
def client_of() -> type[RawClient]:
    return RawClient
