"""Leases by the hundred thousand: how fast they are made, what they weigh, how fast they end.

``python -m bench.leases [--count N] [--alone]`` asks Keystead, then OpenBao, for credentials of
a role whose statements do nothing at a real PostgreSQL, so that what is measured is the leases;
then revokes all of them together and waits until none is left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.servers import Keystead, OpenBao, Server, free_port

AT_ONCE = 32
PASSWORD = "bench-password-1"


class Seen(NamedTuple):
    """One server's figures; rates in leases a second, memory in MB."""

    name: str
    made: float
    ended: float
    memory_before: float
    memory_with: float
    memory_after: float


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL of our own; the URL to configure."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    run = user if os.geteuid() == 0 else []
    if run:
        subprocess.run(["chown", "postgres:postgres", str(folder)], check=True)
    folder.chmod(0o755)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    port, data = free_port(), str(folder / "data")
    command = [str(binaries / "initdb"), "-D", data, "-U", "bench", "-A", "scram-sha-256"]
    made = [*run, *command, f"--pwfile={secret}", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd="/")
    serve = [str(binaries / "postgres"), "-D", data, "-k", "", "-h", "127.0.0.1", "-F"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*run, *serve, "-p", str(port)], stdout=log, stderr=log, cwd="/")
    try:
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode != 0:
            time.sleep(0.1)
        yield f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)


def measure(server: Server, url: str, count: int) -> Seen:
    """Make ``count`` leases, then end them all."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        return server.ask(method, f"/v1/{path}", body, header="X-Vault-Token")

    ask("POST", "sys/mounts/bench", {"type": "database"})
    config = {"plugin_name": "postgresql-database-plugin", "connection_url": url}
    config |= {"username": "bench", "password": PASSWORD, "allowed_roles": "*"}
    ask("POST", "bench/config/db", config)
    nothing = {"creation_statements": "SELECT 1", "revocation_statements": "SELECT 1"}
    ask("POST", "bench/roles/r", {"db_name": "db", "default_ttl": "10h", **nothing})
    before = server.memory_mb()
    started = time.monotonic()
    asyncio.run(_issue(server, count))
    making = time.monotonic() - started
    memory = server.memory_mb()
    started = time.monotonic()
    ask("POST", "sys/leases/revoke-prefix/bench/creds")
    while _left(server):
        time.sleep(0.5)
    ending = time.monotonic() - started
    return Seen(server.name, count / making, count / ending, before, memory, server.memory_mb())


async def _issue(server: Server, count: int) -> None:
    waiting = iter(range(count))
    address = urlsplit(server.address)
    asked = (
        b"GET /v1/bench/creds/r HTTP/1.1\r\nhost: bench\r\n"
        + f"x-vault-token: {server.token}\r\n\r\n".encode()
    )

    async def work() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in waiting:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length: ")
            text = await reader.readexactly(int(length.partition(b"\r\n")[0]))
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(text.decode())
        writer.close()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _left(server: Server) -> bool:
    """Whether anything leased is left."""
    if isinstance(server, Keystead):
        counted = server.ask("GET", "/api/v1/lease-count")
        return any(counted[state] for state in ("live", "revoking", "failed"))
    try:
        listed = "/v1/sys/leases/lookup/bench/creds/r?list=true"
        return bool(server.ask("GET", listed)["data"]["keys"])
    except RuntimeError as error:
        if "404" in str(error):
            return False
        raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--alone", action="store_true", help="Keystead only.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("pg", "keystead", "openbao"):
            (folder / part).mkdir()
        with postgres(folder / "pg") as url:
            servers: list[Server] = [Keystead(folder / "keystead", 1)]
            if not given.alone:
                servers.append(OpenBao(folder / "openbao"))
            try:
                for server in servers:
                    server.prepare()
                    show(measure(server, url, given.count), given.count)
            finally:
                for server in servers:
                    server.stop()


def show(seen: Seen, count: int) -> None:
    print(
        f"{seen.name:<9} {count:>8,} leases: made {seen.made:>7,.0f}/s,"
        f" ended {seen.ended:>7,.0f}/s;"
        f" {seen.memory_before:.0f} MB before, {seen.memory_with:.0f} with them,"
        f" {seen.memory_after:.0f} after",
        flush=True,
    )


if __name__ == "__main__":
    main()
