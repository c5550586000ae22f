"""``keystead server`` with a configuration file, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Node:
    """A node with a static seal whose files are in ``folder``.

    ``listener`` is added to the listener's settings; ``storage``, ``audit`` and
    ``seal_key`` stand in for what is in the folder.
    """

    folder: Path
    listener: str = ""
    storage: str = ""
    audit: str = ""
    workers: int = 1
    seal_key: bytes = bytes(range(32))
    port: int = field(default_factory=_free_port)
    command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "keystead"])
    process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start without waiting for anything."""
        key = self.folder / "seal.key"
        key.touch(0o600)
        key.write_bytes(self.seal_key)
        path = self.folder / "keystead.toml"
        path.write_text(
            f"workers = {self.workers}\n"
            f'[storage]\nurl = "{self.storage or f"sqlite:///{self.folder}/keystead.sqlite"}"\n'
            f'[audit]\npath = "{self.audit or self.folder / "audit"}"\n'
            f'[seal]\ntype = "static"\nkey_file = "{key}"\n'
            f'[[listeners]]\naddress = "127.0.0.1:{self.port}"\n{self.listener}\n'
        )
        command = [*self.command, "server", "--config", str(path)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # whoever asks for a passphrase waits for ever
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        return self.process

    def start(self) -> None:
        """Start, and return when the listener accepts connections."""
        process = self.spawn()
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                time.sleep(0.02)

    def fail(self) -> tuple[int, str]:
        """Start, and return exit code and log of a start that comes to nothing."""
        return self.spawn().wait(20), self.log()

    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise


@pytest.fixture(scope="session")
def make_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Node]]:
    """Make nodes, not yet started; they are stopped at the end."""
    made: list[Node] = []

    def make(**given: object) -> Node:
        folder = given.pop("folder", None) or tmp_path_factory.mktemp("node")
        made.append(Node(folder, **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for node in made:
        node.stop()
