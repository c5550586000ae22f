"""Real databases to make accounts at, and the same worker as the gate's tests have."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from keystead.operations import Operation
from keystead.operations.database import ConfigureDatabase, WriteDatabaseRole
from keystead.operations.mounts import CreateMount

_PATH = Path(__file__).parents[2] / "gate" / "conftest.py"
_spec = importlib.util.spec_from_file_location("keystead_gate_fixtures", _PATH)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

office = _fixtures.office
make_office = _fixtures.make_office

ADMIN, PASSWORD = "keystead", "admin-password-1"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _missing(what: str) -> None:
    message = f"{what} is not installed: scripts/install-peers"
    if os.environ.get("KEYSTEAD_REQUIRE_PEERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def _as(user: str) -> list[str]:
    """Neither server runs as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


class DatabaseServer:
    """A database server of our own, which can be stopped and started again."""

    plugin: str
    user: str
    admin_name, admin_password = ADMIN, PASSWORD

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ks-db-", dir="/tmp"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user, self.user)
        self.folder.chmod(0o755)
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.install()
        self.start()

    def install(self) -> None: ...

    def command(self) -> list[str]: ...

    def try_admin(self) -> Any: ...

    def run(self, *command: str) -> None:
        subprocess.run([*_as(self.user), *command], check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_as(self.user), *self.command()], stdout=log, stderr=log, cwd="/"
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.try_admin().close()
                return
            except (psycopg.Error, pymysql.err.MySQLError):
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(DatabaseServer):
    plugin = "postgresql-database-plugin"
    user = "postgres"
    create = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        if not found:
            _missing("PostgreSQL")
        self.binaries = found[0]
        super().__init__()

    @property
    def url(self) -> str:
        return f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.port}/postgres"

    def install(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = str(self.folder / "data")
        initdb = str(self.binaries / "initdb")
        self.run(
            initdb,
            "-D",
            data,
            "-U",
            ADMIN,
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "--no-sync",
        )

    def command(self) -> list[str]:
        postgres = str(self.binaries / "postgres")
        listen = ["-k", "", "-h", "127.0.0.1", "-p", str(self.port), "-F"]
        return [postgres, "-D", str(self.folder / "data"), *listen]

    def login(self, user: str, password: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="postgres", user=user, password=password,
            autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def try_admin(self) -> psycopg.Connection[Any]:
        return self.login(ADMIN, PASSWORD)

    def admin(self, statement: str) -> list[Any]:
        with self.try_admin() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def accounts(self) -> list[str]:
        found = self.admin("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
        return [name for (name,) in found]


class MariaDb(DatabaseServer):
    plugin = "mysql-database-plugin"
    user = "mysql"
    create = "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'"

    def __init__(self) -> None:
        if shutil.which("mariadbd", path="/usr/sbin:/usr/bin") is None:
            _missing("MariaDB")
        super().__init__()

    @property
    def url(self) -> str:
        return f"{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{self.port})/"

    def install(self) -> None:
        first = self.folder / "first.sql"
        first.write_text(
            f"CREATE USER IF NOT EXISTS '{ADMIN}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;"
        )
        first.chmod(0o644)
        self.run(
            "/usr/bin/mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip

    def command(self) -> list[str]:
        return [
            "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.folder}/data",
            f"--socket={self.folder}/sock", f"--pid-file={self.folder}/pid",
            "--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve",
            f"--init-file={self.folder}/first.sql",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
        ]  # fmt: skip

    def login(self, user: str, password: str) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, autocommit=True
        )

    def try_admin(self) -> pymysql.Connection[Any]:
        return self.login(ADMIN, PASSWORD)

    def admin(self, statement: str) -> list[Any]:
        with self.try_admin() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def accounts(self) -> list[str]:
        return [name for (name,) in self.admin("SELECT User FROM mysql.user WHERE User LIKE 'v-%'")]


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[Postgres]:
    made = Postgres()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def shared_mariadb() -> Iterator[MariaDb]:
    made = MariaDb()
    yield made
    made.remove()


def _cleared(server: Any) -> Any:
    if server.process is None:
        server.start()
    for name in server.accounts():
        server.admin(f'DROP ROLE "{name}"' if server.user == "postgres" else f"DROP USER '{name}'")
    return server


@pytest.fixture
def postgres(shared_postgres: Postgres) -> Postgres:
    """PostgreSQL without accounts of ours."""
    return _cleared(shared_postgres)


@pytest.fixture
def mariadb(shared_mariadb: MariaDb) -> MariaDb:
    """MariaDB without accounts of ours."""
    return _cleared(shared_mariadb)


@pytest.fixture(params=["postgresql", "mariadb"])
def target(request: pytest.FixtureRequest) -> Any:
    """Each sort of database, without accounts of ours."""
    name = {"postgresql": "postgres", "mariadb": "mariadb"}[request.param]
    return request.getfixturevalue(name)


class Desk:
    """An office with a database mount, and short ways to ask for what is at it."""

    def __init__(self, office: Any, target: Any) -> None:
        self.office, self.target = office, target
        self.perform: Callable[..., Any] = office.perform
        self.perform(CreateMount(path="database", type="database"))

    def configure(self, **given: Any) -> Any:
        fields = {
            "plugin": self.target.plugin,
            "connection_url": self.target.url,
            "username": ADMIN,
            "password": PASSWORD,
            "allowed_roles": ["*"],
        }
        return self.perform(ConfigureDatabase(name="database/db", **fields | given))

    def role(self, name: str = "app", **given: Any) -> None:
        fields = {"database": "db", "creation_statements": [self.target.create]}
        fields |= {"default_ttl_seconds": 60, "max_ttl_seconds": 600}
        self.perform(WriteDatabaseRole(name=f"database/{name}", **fields | given))

    def ask(self, operation: Operation[Any]) -> Any:
        return self.perform(operation)

    def start(self) -> None:
        """Start the database again, and forget that it was down a moment ago."""
        self.target.start()
        self.office.house.databases._pools.clear()

    def pass_time(self, seconds: float) -> None:
        """Move the clock, and let the background work be done."""
        self.office.now = self.office.clock() + seconds
        self.work()

    def work(self) -> None:
        scheduler = self.office.worker._scheduler

        async def once() -> None:
            await scheduler.end_leases()
            while running := list(scheduler._revoker._running.values()):
                await asyncio.wait(running)
            await scheduler.rotate_databases()

        self.office.run(once())


@pytest.fixture
def desk(office: Any, target: Any) -> Desk:
    """A mount with the database ``db`` and the role ``app``: an hour at most, a minute first."""
    made = Desk(office, target)
    made.configure()
    made.role()
    return made


@pytest.fixture
def make_desk(office: Any) -> Callable[[Any], Desk]:
    return lambda target: Desk(office, target)
