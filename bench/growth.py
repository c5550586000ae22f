"""Encrypt while more and more keys are there, so that growth shows as a curve."""

from __future__ import annotations

import asyncio
import base64
import time
from urllib.parse import urlsplit

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
    """Ask by hand-written requests: a client library would take longer than the server."""
    waiting = iter(numbers)
    address = urlsplit(server.address)

    async def work() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for number in waiting:
            body = b'{"name":"grow-%06d","spec":"xaes-256-gcm"}' % number
            writer.write(
                b"POST /api/v1/keys HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
                + f"{server.token_header}: {server.root_token}\r\n".encode()
                + b"content-length: %d\r\n\r\n" % len(body)
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length: ")
            text = await reader.readexactly(int(length.partition(b"\r\n")[0]))
            if b" 201 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(text.decode())
        writer.close()

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def encrypt_over(count: int) -> Request:
    """Encrypt with up to a thousand of the keys in turn, spread over all that are there."""
    step = max(1, count // USED_KEYS)
    names = [f"grow-{number:06d}" for number in range(0, count, step)][:USED_KEYS]
    text = base64.b64encode(b"x" * 32).decode()
    return Request(tuple(f"/api/v1/keys/{name}/encrypt" for name in names), {"plaintext": text})
