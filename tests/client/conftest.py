"""A server that answers by script, and a keeper of data keys without a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import urandom

import pytest

from keystead.crypto.xaes import NONCE_BYTES, Xaes256Gcm
from keystead.errors import DecryptionFailed
from keystead.operations.cryptography import DataKey, Decrypt, Decrypted, GenerateDataKey


@dataclass
class Answer:
    """A status of 0 closes the connection without a word."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Script:
    """Answers requests one by one; the last answer stands for the rest."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.address = ""

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def scripted() -> Iterator[Callable[..., Script]]:
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: Answer) -> Script:
        script = Script(*answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                headers = {name.lower(): value for name, value in self.headers.items()}
                script.asked.append(Asked(self.command, self.path, headers, body))
                answer = script.next()
                if not answer.status:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        script.address = f"http://127.0.0.1:{server.server_address[1]}"
        return script

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def answer() -> type[Answer]:
    return Answer


class Keeper:
    """Makes and opens data keys as a server does, for formats to be tested without one."""

    def __init__(self) -> None:
        self.keys = self
        self.asked = 0
        self._key = Xaes256Gcm(urandom(32))

    def generate_data_key(
        self,
        key: str,
        *,
        length: int = 32,
        context: Mapping[str, str],
        aad: bytes,
        with_plaintext: bool = True,
    ) -> DataKey:
        self.asked += 1
        plaintext, nonce = urandom(length), urandom(NONCE_BYTES)
        sealed = nonce + self._key.encrypt(nonce, plaintext, self._aad(context, aad))
        return DataKey(ciphertext=sealed, key_id=key, version=1, plaintext=plaintext)

    def decrypt(
        self, ciphertext: bytes, *, key: str = "", context: Mapping[str, str], aad: bytes
    ) -> Decrypted:
        self.asked += 1
        nonce, sealed = ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:]
        try:
            plaintext = self._key.decrypt(nonce, sealed, self._aad(context, aad))
        except Exception:
            raise DecryptionFailed from None
        return Decrypted(plaintext=plaintext, key_id=key, version=1)

    def __call__(self, operation: GenerateDataKey | Decrypt) -> DataKey | Decrypted:
        if isinstance(operation, GenerateDataKey):
            return self.generate_data_key(
                operation.key, context=operation.context, aad=operation.aad
            )
        return self.decrypt(operation.ciphertext, context=operation.context, aad=operation.aad)

    @staticmethod
    def _aad(context: Mapping[str, str], aad: bytes) -> bytes:
        return repr((sorted(context.items()), aad)).encode()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture(scope="session")
def make_keeper() -> Callable[[], Keeper]:
    return Keeper
