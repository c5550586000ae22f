"""Nodes that are killed, starved and cut off; and what clients remember of them."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


class Answer:
    """Status, request identifier and JSON body of one reply."""

    def __init__(self, status: int, request_id: str, raw: bytes) -> None:
        self.status = status
        self.request_id = request_id
        self.body: dict[str, Any] = json.loads(raw) if raw else {}

    def __repr__(self) -> str:
        return f"{self.status} {self.body}"


class Api:
    """One client connection, made again when it breaks. Paths are below ``/api/v1``, or begin
    with ``/v1/``."""

    def __init__(self, port: int, token: str, *, timeout: float = 20.0) -> None:
        self.token = token
        self._port = port
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def __call__(self, method: str, path: str, /, **body: object) -> Answer:
        """Raises OSError or HTTPException if there is no whole answer."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=self._timeout
            )
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        text = json.dumps(body) if method not in ("GET", "DELETE") else None
        try:
            whole = path if path.startswith("/v1/") else f"/api/v1{path}"
            self._connection.request(method, whole, text, headers)
            reply = self._connection.getresponse()
            raw = reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        answer = Answer(reply.status, reply.headers.get("x-request-id", ""), raw)
        answer.request_id = answer.body.get("request_id", answer.request_id).replace("-", "")
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Memory:
    """What a server has acknowledged, to be held against it."""

    requests: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    ciphertexts: list[tuple[str, str]] = field(default_factory=list)
    secrets: dict[tuple[str, int], str] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    refused: int = 0
    broken: int = 0
    changes: int = 0
    checked: int = 0


class Client:
    """Changes and uses things of its own, and remembers what was acknowledged."""

    def __init__(self, name: str, port: int, token: str) -> None:
        self._name = name
        self._api = Api(port, token)
        self._random = random.Random(name)
        self._number = 0
        self._keys: list[str] = []
        self.memory = Memory()
        self.unexpected: list[str] = []

    def run(self, until: Callable[[], bool]) -> None:
        while not until():
            time.sleep(self._random.uniform(0, 0.004))
            try:
                self._one()
            except (OSError, http.client.HTTPException):
                self.memory.broken += 1
                time.sleep(0.005)
            except Exception as error:
                self.unexpected.append(repr(error))
        self._api.close()

    def _ask(self, method: str, path: str, /, *, change: bool, **body: object) -> Answer | None:
        answer = self._api(method, path, **body)
        if answer.status < 300:
            self.memory.requests.add(answer.request_id)
            self.memory.changes += change
            return answer
        if answer.status == 503:
            self.memory.refused += 1
            time.sleep(0.01)
        else:
            self.unexpected.append(f"{method} {path}: {answer}")
        return None

    def _one(self) -> None:
        chosen = self._random.random()
        if not self._keys or chosen < 0.15:
            self._number += 1
            name = f"{self._name}-{self._number}"
            if self._ask("POST", "/keys", change=True, name=name):
                self.memory.versions[name] = 1
                self._keys.append(name)
        elif chosen < 0.3:
            name = self._random.choice(self._keys)
            if answer := self._ask("POST", f"/keys/{name}/rotate", change=True):
                self.memory.versions[name] = answer.body["primary_version"]
        elif chosen < 0.4:
            self._write_policy()
        elif chosen < 0.5:
            if answer := self._ask("POST", "/tokens", change=True, name="somebody", roles=[]):
                self.memory.tokens.append(answer.body["info"]["accessor"])
        elif chosen < 0.65:
            self._put_secret()
        elif chosen < 0.7:
            made = self._ask("POST", "/v1/auth/token/create", change=True, policies=["default"])
            if made:
                self.memory.lookups.append(made.body["auth"]["client_token"])
        else:
            self._encrypt(self._random.choice(self._keys))

    def _put_secret(self) -> None:
        """A new version of one of a few secrets, through Vault's API."""
        name, value = f"{self._name}-{self._random.randrange(5)}", secrets.token_hex(8)
        path = f"/v1/secret/data/{name}"
        if answer := self._ask("POST", path, change=True, data={"value": value}):
            self.memory.secrets[name, answer.body["data"]["version"]] = value

    def _write_policy(self) -> None:
        self._number += 1
        name = f"{self._name}-{self._random.randrange(5)}"
        text = f'permit(principal == Principal::"p{self._number}", action, resource);'
        # Until it is acknowledged, either text may be there.
        before = self.memory.policies.pop(name, None)
        if self._ask("PUT", f"/policies/{name}", change=True, text=text):
            self.memory.policies[name] = text
        elif before is not None:
            self.memory.policies.pop(name, None)

    def _encrypt(self, name: str) -> None:
        plaintext = b64(secrets.token_bytes(16))
        path = f"/keys/{name}/encrypt"
        if answer := self._ask("POST", path, change=False, plaintext=plaintext):
            self.memory.ciphertexts.append((answer.body["ciphertext"], plaintext))


class Load:
    """Several clients at work, whose memories can be checked against the server."""

    def __init__(self, port: int, token: str, clients: int = 3) -> None:
        self._port, self._token = port, token
        self.clients = [Client(f"c{n}", port, token) for n in range(clients)]
        self._mounted = False
        self._checked_versions: dict[str, int] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        self._mount()
        done = threading.Event()
        threads = [threading.Thread(target=c.run, args=(done.is_set,)) for c in self.clients]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()

    def _mount(self) -> None:
        """A key-value store at ``secret/``, which a development server has by itself."""
        if not self._mounted:
            answer = Api(self._port, self._token)("POST", "/mounts", path="secret", type="kv-v2")
            self._mounted = answer.status in (201, 400)
            assert self._mounted, answer

    def total(self, what: str) -> int:
        return sum(getattr(client.memory, what) for client in self.clients)

    def check(self, *, everything: bool = False) -> None:
        """Everything acknowledged since the last check is there, and a sample of the rest."""
        api = Api(self._port, self._token)
        for client in self.clients:
            assert not client.unexpected, client.unexpected[:3]
            self._check(client.memory, api, everything)
        api.close()

    def _check(self, memory: Memory, api: Api, everything: bool) -> None:
        for name, version in memory.versions.items():
            if everything or self._checked_versions.get(name) != version:
                answer = api("GET", f"/keys/{name}")
                assert answer.status == 200, (name, answer)
                assert answer.body["primary_version"] >= version, (name, version, answer)
                self._checked_versions[name] = version
                memory.checked += 1
        for name, text in memory.policies.items():
            answer = api("GET", f"/policies/{name}")
            assert answer.body.get("text") == text, (name, answer)
        tokens = memory.tokens if everything else memory.tokens[-2:]
        for accessor in tokens:
            assert api("GET", f"/tokens/{accessor}").status == 200
        samples = memory.ciphertexts if everything else memory.ciphertexts[-5:]
        for ciphertext, plaintext in samples:
            answer = api("POST", "/decrypt", ciphertext=ciphertext)
            assert answer.body.get("plaintext") == plaintext, answer
        kept = list(memory.secrets.items())[-10 if not everything else -40 :]
        for (name, number), value in kept:
            answer = api("GET", f"/v1/secret/data/{name}?version={number}")
            newest = api("GET", f"/v1/secret/metadata/{name}").body["data"]["current_version"]
            # Of a secret the ten newest versions are kept.
            if number > newest - 10:
                assert answer.body["data"]["data"] == {"value": value}, (name, number, answer)
        for token in memory.lookups if everything else memory.lookups[-2:]:
            assert Api(self._port, token)("GET", "/v1/auth/token/lookup-self").status == 200
        memory.checked += len(memory.policies) + len(tokens) + len(samples) + len(kept)


@pytest.fixture
def make_load() -> type[Load]:
    return Load


@pytest.fixture
def make_api() -> type[Api]:
    return Api


@pytest.fixture
def audited() -> Callable[[Path], set[str]]:
    """The requests that a log, read from its files, says were carried out."""

    def read(folder: Path) -> set[str]:
        found: set[str] = set()
        for path in sorted(folder.glob("segment-*.jsonl")):
            for line in path.read_bytes().splitlines():
                with suppress(ValueError):
                    entry = json.loads(line)
                    if entry.get("outcome") == "ok":
                        found.add(entry["request_id"])
        return found

    return read


@dataclass
class Node:
    """``keystead server --config`` in processes of its own."""

    folder: Path
    workers: int = 1
    storage: str = ""
    seal: str = "static"
    name: str = "node-1"
    listener: str = ""
    port: int = 0
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def audit(self) -> Path:
        return self.folder / "audit"

    @property
    def database(self) -> Path:
        return self.folder / "keystead.sqlite"

    @property
    def seal_key(self) -> Path:
        return self.folder / "seal.key"

    def configure(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        if not self.seal_key.exists():
            self.seal_key.touch(0o600)
            self.seal_key.write_bytes(bytes(range(32)))
        seal = 'type = "shamir"'
        if self.seal == "static":
            seal = f'type = "static"\nkey_file = "{self.seal_key}"'
        path = self.folder / "keystead.toml"
        path.write_text(
            f'workers = {self.workers}\nnode = "{self.name}"\n'
            f'[storage]\nurl = "{self.storage or f"sqlite:///{self.database}"}"\n'
            f'[audit]\npath = "{self.audit}"\n'
            f"[seal]\n{seal}\n"
            f'[[listeners]]\naddress = "127.0.0.1:{self.port}"\n{self.listener}\n'
        )
        return path

    def spawn(self) -> None:
        config = self.configure()
        with (self.folder / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "keystead", "server", "--config", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def start(self) -> None:
        """Start; initialize at the first time; return when every worker serves."""
        self.spawn()
        if self.seal == "static" and not self.token:
            self.wait_for(lambda: self.get("/health/live") == 200)
            self.initialize()
        if self.seal == "static":
            self.wait_ready()
        else:
            self.wait_for(lambda: self.get("/health/live") == 200)

    def initialize(self, shares: int = 1, threshold: int = 1) -> list[str]:
        made: list[Answer] = []

        def ask() -> bool:
            answer = Api(self.port, "")(
                "POST", "/system/initialize", shares=shares, threshold=threshold
            )
            made.append(answer)
            return answer.status == 200

        self.wait_for(ask)
        self.token = made[-1].body["root_token"]
        shares_made: list[str] = made[-1].body["shares"]
        return shares_made

    def wait_ready(self) -> None:
        """Connections are spread over the workers: ten in a row must be served."""
        self.wait_for(lambda: all(self.get("/health/ready") == 200 for _ in range(10)))

    def wait_for(self, what: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(OSError, http.client.HTTPException):
                if what():
                    return
            assert time.monotonic() < deadline, self.log()
            assert self.process is None or self.process.poll() is None, self.log()
            time.sleep(0.02)

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status
        finally:
            connection.close()

    def api(self, **settings: Any) -> Api:
        return Api(self.port, self.token, **settings)

    def log(self) -> str:
        return (self.folder / "server.log").read_text()[-3000:]

    def children(self) -> dict[str, int]:
        """Process identifiers by name: ``writer``, ``0``, ``1`` and so on."""
        assert self.process is not None
        found: dict[str, int] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent != self.process.pid:
                    continue
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if b"keystead.audit.writer_process" in arguments:
                    found["writer"] = int(entry.name)
                elif b"--slot" in arguments:
                    slot = arguments[arguments.index(b"--slot") + 1].decode()
                    found[slot] = int(entry.name)
        return found

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """SIGTERM; the seconds until it has ended."""
        started = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return time.monotonic() - started


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs (one that is dead and not yet waited for does not)."""

    def look(pid: int) -> bool:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    return look


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Make nodes, not yet started; they are stopped when the test ends."""
    made: list[Node] = []

    def make(**settings: Any) -> Node:
        node = Node(settings.pop("folder", tmp_path / f"node-{len(made)}"), **settings)
        made.append(node)
        return node

    yield make
    for node in made:
        node.stop()


# --- disks that are full ------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mount a file system of so many MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    mounted: list[Path] = []

    def mount(name: str, mib: int) -> Path:
        path = tmp_path / name
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=False)


# --- PostgreSQL ---------------------------------------------------------------------------


class Postgres:
    """A PostgreSQL server of our own that can be stopped and started."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run("initdb", "-D", f"{folder}/data", "-U", "keystead", "-A", "trust", "-E", "UTF8")
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [*self._as_user, str(self._binaries / program), *arguments]
        return subprocess.run(command, check=check, capture_output=True, cwd="/").returncode

    def start(self) -> None:
        server = [str(self._binaries / "postgres"), "-D", f"{self._folder}/data"]
        server += ["-k", str(self._folder), "-h", "127.0.0.1", "-p", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, *server], stdout=log, stderr=log, cwd="/"
            )
        deadline = time.monotonic() + 30
        where = ["-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while self._run("pg_isready", *where, check=False):
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)

    def freeze(self, number: int = signal.SIGSTOP) -> None:
        """Stop every process of the server in its tracks: connections stay open, and silent."""
        assert self._process is not None
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                if self._process.pid in (int(entry.name), int(stat[1])):
                    os.kill(int(entry.name), number)

    def thaw(self) -> None:
        self.freeze(signal.SIGCONT)

    def create(self, name: str) -> str:
        """The URL of a new database."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "keystead"]
        self._run("createdb", *where, name)
        return f"postgresql://keystead@127.0.0.1:{self.port}/{name}"

    def terminate_connections(self, url: str) -> int:
        """Kill every connection of Keystead's to a database; how many there were."""
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'keystead' AND datname = current_database()"
            ).fetchall()
        return len(rows)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if not folders:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("KEYSTEAD_REQUIRE_PEERS") == "1":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="ks-pg-"))
    server = Postgres(folders[0].parent, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tls_client() -> Callable[..., ssl.SSLContext]:
    def make(ca_file: Path, cert_file: Path | None = None, key_file: Path | None = None) -> Any:
        context = ssl.create_default_context(cafile=str(ca_file))
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
        return context

    return make
