"""A server that another Keystead unseals, both of them real."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import keystead
from keystead.errors import PermissionDenied, Sealed

CONTEXT = {"purpose": "keystead root key"}
POLICY = """
permit (
  principal == Principal::"token/unsealer",
  action in [Action::"key:encrypt", Action::"key:decrypt"],
  resource is Key
) when { resource.name == "keystead-root" };
"""


class Node:
    """``keystead server`` with a transit seal."""

    def __init__(self, folder: Path, other: str, token: str) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        (folder / "token").write_text(token + "\n")
        self._config = folder / "keystead.toml"
        self._config.write_text(
            f'[storage]\nurl = "sqlite:///{folder}/keystead.sqlite"\n'
            f'[audit]\npath = "{folder}/audit"\n'
            f'[[listeners]]\naddress = "127.0.0.1:{self.port}"\n'
            f'[seal]\ntype = "transit"\napi = "keystead"\naddress = "{other}"\n'
            f'key_name = "keystead-root"\ntoken_file = "{folder}/token"\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when the server answers at all."""
        command = [sys.executable, "-m", "keystead", "server", "--config", str(self._config)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait_until(lambda: self.get("/health/live")[0] == 200)

    def wait_until(self, what: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if what():
                    return
            except OSError:
                pass
            assert self._process is None or self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def get(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def client(self, token: str = "") -> keystead.Client:
        return keystead.Client(self.address, token, retries=0)

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)


@pytest.fixture
def other(make_server: Callable[..., Any]) -> Any:
    """The server that holds the key."""
    server = make_server()
    server.start()
    with keystead.Client(server.address, server.token) as root:
        root.keys.create("keystead-root")
        root.keys.create("another")
        root.policies.write("unsealer", POLICY)
    return server


@pytest.fixture
def token(other: Any) -> str:
    """A token that may encrypt and decrypt with one key."""
    with keystead.Client(other.address, other.token) as root:
        issued = root.tokens.create(name="unsealer", roles=[], orphan=True)
    return issued.token


@pytest.fixture
def node(other: Any, token: str, tmp_path: Path) -> Iterator[Node]:
    folder = tmp_path / "node"
    folder.mkdir()
    made = Node(folder, other.address, token)
    yield made
    made.stop()


def test_the_token_can_do_nothing_else(other: Any, token: str) -> None:
    with keystead.Client(other.address, token) as narrow:
        sealed = narrow.keys.encrypt("keystead-root", b"x", context=CONTEXT).ciphertext
        assert narrow.decrypt(sealed, context=CONTEXT).plaintext == b"x"
        for forbidden in (
            lambda: narrow.keys.encrypt("another", b"x"),
            lambda: narrow.keys.rotate("keystead-root"),
            lambda: narrow.keys.export("keystead-root"),
            lambda: narrow.policies.list(),
            lambda: narrow.tokens.create(name="other"),
        ):
            with pytest.raises(PermissionDenied):
                forbidden()


def test_a_server_unseals_by_itself_at_each_start_and_after_its_key_was_rotated(
    node: Node, other: Any
) -> None:
    node.start()
    with node.client() as client:
        made = client.system.initialize(shares=1, threshold=1)
        assert not client.system.status().sealed
        assert client.system.status().seal_type == "transit"
    with node.client(made.root_token) as root:
        root.keys.create("orders")
        sealed = root.keys.encrypt("orders", b"kept").ciphertext
    node.stop()

    with keystead.Client(other.address, other.token) as root:
        root.keys.rotate("keystead-root")
    node.start()
    with node.client(made.root_token) as root:
        assert root.decrypt(sealed).plaintext == b"kept"
        root.system.rewrap_root()  # under the newest version
        assert root.decrypt(sealed).plaintext == b"kept"
    node.stop()

    node.start()
    with node.client(made.root_token) as root:
        assert root.decrypt(sealed).plaintext == b"kept"


def test_while_the_other_server_is_down_it_stays_sealed_and_unseals_when_that_is_back(
    node: Node, other: Any
) -> None:
    node.start()
    with node.client() as client:
        root_token = client.system.initialize(shares=1, threshold=1).root_token
    with node.client(root_token) as root:
        root.keys.create("orders")
    node.stop()

    other.stop()
    node.start()
    with node.client(root_token) as root:
        status = root.system.status()
        assert (status.initialized, status.sealed) == (True, True)
        with pytest.raises(Sealed):
            root.keys.show("orders")
    ready, answer = node.get("/health/ready")
    assert (ready, json.loads(answer)["sealed"]) == (503, True)
    assert "not unsealed yet" in node.log()

    other.start()
    node.wait_until(lambda: node.get("/health/ready")[0] == 200)
    with node.client(root_token) as root:
        assert root.keys.show("orders").name == "orders"
    assert "Traceback" not in node.log()


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_ends_the_start_with_a_message(
    node: Node, other: Any, token: str, status: int
) -> None:
    node.start()
    with node.client() as client:
        client.system.initialize(shares=1, threshold=1)
    node.stop()
    if status == 401:
        with keystead.Client(other.address, token) as narrow:
            narrow.tokens.renew_self()
            narrow.tokens.revoke_self()
    else:
        with keystead.Client(other.address, other.token) as root:
            root.policies.delete("unsealer")
    with pytest.raises(AssertionError, match=f"refuses: HTTP {status}"):
        node.start()
    assert "Traceback" not in node.log()
