"""The servers that are measured: each started here, in its own folder, stopped by process id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from bench.load import Measured, Request, run

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running server and how to ask it things."""

    name: str
    token_header: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], **environment: str) -> None:
        log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **environment}
        )

    def prepare(self) -> None:
        """Initialize and unseal, once the server answers."""
        raise NotImplementedError

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def wait(self, path: str, *accepted: int) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self.address + path).status_code in accepted:
                    return
            time.sleep(0.05)
        raise RuntimeError(
            f"{self.name} did not start: {(self.folder / 'log').read_text()[-2000:]}"
        )

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        header: str = "",
    ) -> Any:
        held = self.token if token is None else token
        headers = {header or self.token_header: held} if held else {}
        reply = httpx.request(method, self.address + path, json=body, headers=headers, timeout=60)
        if reply.is_error:
            raise RuntimeError(f"{self.name} {method} {path}: {reply.status_code} {reply.text}")
        return reply.json() if reply.content else {}

    def _processes(self) -> Iterator[int]:
        """This server's process and all its descendants."""
        assert self._process is not None
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parent = (entry / "stat").read_text().rpartition(") ")[2].split()[1]
                    children.setdefault(int(parent), []).append(int(entry.name))
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            waiting += children.get(pid, [])

    def cpu_seconds(self) -> float:
        total = 0
        for pid in self._processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def memory_mb(self) -> float:
        """Proportional set size: what is shared between workers counts once."""
        total = 0
        for pid in self._processes():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024

    def measure(self, request: Request, *, connections: int, seconds: float) -> Measured:
        before = self.cpu_seconds()
        seen = run(
            self.address,
            self.token_header,
            self.token,
            request,
            connections=connections,
            seconds=seconds,
        )
        return Measured(
            requests=int(seen["requests"]),
            seconds=seen["seconds"],
            p50_ms=seen["p50_ms"],
            p99_ms=seen["p99_ms"],
            cpu_seconds=self.cpu_seconds() - before,
            memory_mb=self.memory_mb(),
        )


class Keystead(Server):
    """A Keystead node: workers on SQLite, one audit writer, a token with a starter role."""

    name = "Keystead"
    token_header = "X-Keystead-Token"

    def __init__(self, folder: Path, workers: int) -> None:
        super().__init__(folder)
        (folder / "root.key").write_bytes(os.urandom(32))
        (folder / "root.key").chmod(0o600)
        config = folder / "keystead.toml"
        config.write_text(
            f"workers = {workers}\n"
            f'[storage]\nurl = "sqlite:///{folder}/keystead.sqlite"\n'
            f'[audit]\npath = "{folder}/audit"\n'
            f'[seal]\ntype = "static"\nkey_file = "{folder}/root.key"\n'
            f'[[listeners]]\naddress = "127.0.0.1:{self.port}"\n'
        )
        self.start([sys.executable, "-m", "keystead", "server", "--config", str(config)])

    def prepare(self) -> None:
        self.wait("/health/live", 200)
        made = self.ask("POST", "/api/v1/system/initialize", {"shares": 1, "threshold": 1})
        self.root_token = self.token = made["root_token"]
        self.wait("/health/ready", 200)
        time.sleep(0.5)

    def narrow_token(self) -> None:
        """Go on with a token that may use keys and nothing else."""
        body = {"name": "bench", "roles": ["key-user"], "orphan": True}
        self.token = self.ask("POST", "/api/v1/tokens", body)["token"]

    def create_key(self, name: str, spec: str) -> None:
        self.ask("POST", "/api/v1/keys", {"name": name, "spec": spec}, token=self.root_token)


class OpenBao(Server):
    """OpenBao as its manual sets it up: raft storage, file audit, a token with ``default``."""

    name = "OpenBao"
    token_header = "X-Vault-Token"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "raft").mkdir()
        config = folder / "bao.hcl"
        config.write_text(
            f'storage "raft" {{\n  path = "{folder}/raft"\n  node_id = "bench"\n}}\n'
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  tls_disable = true\n'
            f'  cluster_address = "127.0.0.1:{free_port()}"\n}}\n'
            f'api_addr = "{self.address}"\ncluster_addr = "http://127.0.0.1:{free_port()}"\n'
            'disable_mlock = true\nlog_level = "error"\n'
            f'audit "file" "file" {{\n  options = {{ file_path = "{folder}/audit.log" }}\n}}\n'
        )
        bao = Path(sys.executable).parent / "bao"
        self.start([str(bao), "server", f"-config={config}"])

    def prepare(self) -> None:
        self.wait("/v1/sys/health", 200, 429, 472, 473, 501, 503)
        made = self.ask("PUT", "/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.ask("PUT", "/v1/sys/unseal", {"key": made["keys"][0]})
        self.root_token = self.token = made["root_token"]
        self.wait("/v1/sys/health", 200)
        time.sleep(1)
        self.ask("POST", "/v1/sys/mounts/transit", {"type": "transit"})

    def narrow_token(self) -> None:
        policy = 'path "transit/*" { capabilities = ["update"] }'
        self.ask("PUT", "/v1/sys/policies/acl/bench", {"policy": policy})
        made = self.ask("POST", "/v1/auth/token/create", {"policies": ["bench", "default"]})
        self.token = made["auth"]["client_token"]

    def create_key(self, name: str, spec: str) -> None:
        self.ask("POST", f"/v1/transit/keys/{name}", {"type": spec}, token=self.root_token)
