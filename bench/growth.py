"""Encrypt while more and more keys are there, so that growth shows as a curve."""

from __future__ import annotations

import asyncio
import base64
import time

import httpx

from bench.load import Request
from bench.servers import Keystead

KEY_COUNTS = (1, 1_000, 100_000)
USED_KEYS = 1_000
_AT_ONCE = 32


def add_keys(server: Keystead, present: int, wanted: int) -> None:
    """Create keys by the API until there are ``wanted``."""
    started = time.monotonic()
    asyncio.run(_create(server, range(present, wanted)))
    seconds = time.monotonic() - started
    if wanted - present > 1:
        print(f"created {wanted - present:,} keys in {seconds:.0f} s", flush=True)


async def _create(server: Keystead, numbers: range) -> None:
    waiting = iter(numbers)

    async def work(client: httpx.AsyncClient) -> None:
        for number in waiting:
            reply = await client.post(
                f"{server.address}/api/v1/keys",
                json={"name": f"grow-{number:06d}", "spec": "xaes-256-gcm"},
            )
            reply.raise_for_status()

    headers = {server.token_header: server.root_token}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        await asyncio.gather(*(work(client) for _ in range(_AT_ONCE)))


def encrypt_over(count: int) -> Request:
    """Encrypt with up to a thousand of the keys in turn, spread over all that are there."""
    step = max(1, count // USED_KEYS)
    names = [f"grow-{number:06d}" for number in range(0, count, step)][:USED_KEYS]
    text = base64.b64encode(b"x" * 32).decode()
    return Request(tuple(f"/api/v1/keys/{name}/encrypt" for name in names), {"plaintext": text})
