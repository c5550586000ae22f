"""A worker's memory stays bounded, however many keys and requests pass through it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

KEYS = 8_000
REQUESTS = 4_000
CONNECTIONS = 32
LIMIT_MIB = 200


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def _load(port: int, token: str) -> None:
    """A client of a few lines: a whole one would take minutes over this."""
    chance = random.Random(3)
    head = f"Host: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    numbers = iter(range(KEYS + REQUESTS))

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def post(path: str, body: str, status: bytes) -> None:
            request = f"POST /api/v1{path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
            writer.write((request + body).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.split()[1] == status, answer
            length = answer.lower().partition(b"content-length:")[2].split()[0]
            await reader.readexactly(int(length))

        for number in numbers:
            name = f"k{number if number < KEYS else chance.randrange(KEYS)}"
            if number < KEYS:
                await post("/keys", f'{{"name":"{name}"}}', b"201")
            await post(f"/keys/{name}/encrypt", '{"plaintext":"aGVsbG8="}', b"200")
        writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def test_memory_is_bounded_after_many_keys_and_requests(
    make_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = make_server()
    server.start()
    before = _resident_mib(server.process.pid)
    asyncio.run(_load(server.port, server.token))
    after = _resident_mib(server.process.pid)
    with capsys.disabled():
        print(
            f"\n  {KEYS} keys, {KEYS + REQUESTS} uses: {before:.0f} MiB before, {after:.0f} after"
        )
    assert after < LIMIT_MIB
