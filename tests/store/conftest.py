"""Real databases: a SQLite file, and a PostgreSQL server of our own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.store import schema
from keystead.store.engines import open_engine
from keystead.store.kinds import Kind
from keystead.store.store import Store


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    parent: str = "p"
    state: str = "active"
    expires_at: float | None = None
    number: int = 0


class OneKeySealer:
    """A real sealer with a single key for all namespaces."""

    def __init__(self, key: bytes = bytes(32)) -> None:
        self._key = RecordKey(KeyMaterial(key))

    def seal(self, namespace: str, aad: bytes, plaintext: bytes) -> bytes:
        return self._key.seal(plaintext, aad)

    def open(self, namespace: str, aad: bytes, blob: bytes) -> bytes:
        return self._key.open(blob, aad)


def _missing(what: str) -> None:
    message = f"{what} is not installed: apt-get install postgresql"
    if os.environ.get("KEYSTEAD_REQUIRE_PEERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _postgres_folder() -> Path | None:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path).parent)
    if pg_config := shutil.which("pg_config"):
        asked = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        candidates.append(Path(asked.stdout.strip()))
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[str], str]]:
    """A running server; call it with a database's name for the URL of a new database."""
    binaries = _postgres_folder()
    if binaries is None:
        _missing("PostgreSQL")
        return
    folder = Path(tempfile.mkdtemp(prefix="ks-pg-", dir="/tmp"))
    as_user = _unprivileged()
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o755)

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd="/")

    data = str(folder / "data")
    run(str(binaries / "initdb"), "-D", data, "-U", "keystead", "-A", "trust", "-E", "UTF8")
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [*as_user, str(binaries / "postgres"), "-D", data, "-k", str(folder), "-h", ""],
        stdout=log,
        stderr=log,
        cwd="/",
    )
    try:
        host = quote(str(folder), safe="")
        deadline = time.monotonic() + 30
        ready = [str(binaries / "pg_isready"), "-q", "-h", str(folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)

        def create(name: str) -> str:
            run(str(binaries / "createdb"), "-h", str(folder), "-U", "keystead", name)
            return f"postgresql://keystead@/{name}?host={host}"

        yield create
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: the data is thrown away
        server.wait(30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Callable[[str], str]) -> str:
    """A database to share; make your own kinds or namespaces in it."""
    return postgres_server("shared")


@pytest.fixture(scope="session")
def _reused_url(postgres_server: Callable[[str], str]) -> str:
    return postgres_server("reused")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each sort."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keystead.db"
    url: str = request.getfixturevalue("_reused_url")
    engine = open_engine(url)
    with engine.begin() as connection:
        schema.metadata.drop_all(connection)
    engine.dispose()
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A prepared store with one key for everything."""
    store = Store(store_url)
    store.sealer = OneKeySealer()
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def make_sealer() -> Callable[[bytes], OneKeySealer]:
    return OneKeySealer


@pytest.fixture(scope="session")
def thing() -> type[Thing]:
    return Thing


@pytest.fixture(scope="session")
def things() -> Kind[Thing]:
    """A kind that fills every column."""
    return Kind(
        "thing",
        Thing,
        name_of=lambda thing: thing.name,
        parent_of=lambda thing: thing.parent,
        state_of=lambda thing: thing.state,
        expires_of=lambda thing: thing.expires_at,
    )
