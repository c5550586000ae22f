"""MariaDB keeps the keys of its encrypted tables in Keystead, through its plugin for Vault."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hvac
import pymysql
import pytest

from keystead.client.sync import Client

PLUGIN = "hashicorp_key_management"
NEEDLE = "needle-in-the-table-"
POLICY = """
permit(principal in Role::"mariadb", action == Action::"secret:get", resource)
when { resource.name like "team/mariadb/*" };
permit(principal in Role::"mariadb", action == Action::"mount:show", resource)
when { resource.name like "team/mariadb*" };
"""


class MariaDB:
    """A server with the plugin, in a folder of its own."""

    def __init__(self, program: str, installer: str, address: str, token: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ks-mariadb-", dir="/tmp"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "mysql", "mysql")
            self._as_user = ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups"]
        self._program = program
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        common = f"datadir={self.folder}/data\n"
        (self.folder / "plain.cnf").write_text(f"[mariadbd]\n{common}")
        (self.folder / "my.cnf").write_text(
            f"[mariadbd]\n{common}"
            f"socket={self.folder}/socket\npid-file={self.folder}/pid\n"
            f"bind-address=127.0.0.1\nport={self.port}\nlog-error={self.folder}/log\n"
            f"plugin-load-add={PLUGIN}.so\n"
            f"hashicorp-key-management-vault-url={address}/v1/team/mariadb\n"
            f"hashicorp-key-management-token={token}\n"
            "hashicorp-key-management-timeout=3\nhashicorp-key-management-max-retries=1\n"
            "hashicorp-key-management-cache-version-timeout=500\n"
            "innodb-encrypt-tables=ON\ninnodb-encrypt-log=ON\n"
            "innodb-encryption-threads=2\ninnodb-encryption-rotate-key-age=1\n"
            "innodb-buffer-pool-size=16M\n"
        )
        subprocess.run(
            [
                *self._as_user,
                installer,
                f"--defaults-file={self.folder}/plain.cnf",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> bool:
        """Whether it came up."""
        self.process = subprocess.Popen(
            [*self._as_user, self._program, f"--defaults-file={self.folder}/my.cnf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                self.ask("SELECT 1")
            except pymysql.err.OperationalError:
                time.sleep(0.1)
            else:
                return True
        raise AssertionError(self.log())

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def ask(self, statement: str) -> tuple[tuple[Any, ...], ...]:
        with (
            pymysql.connect(
                host="127.0.0.1", port=self.port, user="root", autocommit=True, read_timeout=30
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return cursor.fetchall()

    def key_version(self, table: str) -> int:
        """The newest version of its key that the table is encrypted with."""
        ((version,),) = self.ask(
            "SELECT current_key_version FROM information_schema.innodb_tablespaces_encryption"
            f" WHERE name = 'shop/{table}'"
        )
        return int(version)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def bytes_on_disk(self) -> bytes:
        content = b""
        for path in (self.folder / "data").rglob("*"):
            if path.is_file():
                content += path.read_bytes()
        return content


@pytest.fixture
def keystead(make_server: Callable[..., Any]) -> Any:
    server = make_server()
    server.start()
    return server


@pytest.fixture
def keys(keystead: Any) -> Any:
    """hvac's kv client for the store of MariaDB's keys; two keys are there."""
    Client(keystead.address, keystead.token).mounts.create("team/mariadb", "kv-v2")
    kv = hvac.Client(url=keystead.address, token=keystead.token).secrets.kv.v2

    class Keys:
        @staticmethod
        def write(number: int) -> int:
            value = {"data": secrets.token_hex(32)}
            written = kv.create_or_update_secret(str(number), value, mount_point="team/mariadb")
            return int(written["data"]["version"])

    for number in (1, 2):
        assert Keys.write(number) == 1
    return Keys


@pytest.fixture
def token(keystead: Any) -> str:
    """A token that may read these keys and nothing else."""
    client = Client(keystead.address, keystead.token)
    client.policies.write("mariadb", POLICY)
    return str(client.tokens.create(name="mariadb", roles=["mariadb"], orphan=True).token)


@pytest.fixture
def database(
    keystead: Any, keys: Any, token: str, require_peer: Callable[[str, str], str]
) -> Iterator[MariaDB]:
    program = require_peer("mariadbd", "mariadb-server")
    installer = require_peer("mariadb-install-db", "mariadb-server")
    folders = ("/usr/lib/mysql/plugin", "/usr/lib64/mysql/plugin")
    if not any(Path(folder, f"{PLUGIN}.so").exists() for folder in folders):
        require_peer(f"{PLUGIN}.so", "mariadb-plugin-hashicorp-key-management")
    made = MariaDB(program, installer, keystead.address, token)
    yield made
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)


def wait_for(what: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_tables_are_encrypted_with_keys_that_keystead_keeps(
    database: MariaDB, keystead: Any, keys: Any
) -> None:
    assert database.start(), database.log()
    database.ask("CREATE DATABASE shop")
    database.ask(
        "CREATE TABLE shop.orders (id INT PRIMARY KEY, what VARCHAR(200)) ENGINE=InnoDB"
        " ENCRYPTED=YES ENCRYPTION_KEY_ID=2"
    )
    for number in range(50):
        database.ask(f"INSERT INTO shop.orders VALUES ({number}, '{NEEDLE}{number}')")
    rows = database.ask("SELECT count(*) FROM shop.orders")
    assert rows == ((50,),)

    # Nothing of it is on the disk in clear.
    database.stop()
    assert NEEDLE.encode() not in database.bytes_on_disk()
    assert database.start(), database.log()
    assert database.ask("SELECT what FROM shop.orders WHERE id = 7") == ((f"{NEEDLE}7",),)

    # A key that is not there makes no table.
    with pytest.raises(pymysql.err.MySQLError):
        database.ask("CREATE TABLE shop.lost (id INT) ENCRYPTED=YES ENCRYPTION_KEY_ID=9")

    # A new version of the key: the table moves to it by itself, and is read with both.
    assert keys.write(2) == 2
    wait_for(lambda: database.key_version("orders") == 2)
    database.stop()
    assert database.start(), database.log()
    assert database.ask("SELECT count(*) FROM shop.orders") == ((50,),)

    # While the key server is gone, what is at hand goes on; a start does not.
    keystead.stop()
    database.ask(f"INSERT INTO shop.orders VALUES (50, '{NEEDLE}50')")
    assert database.ask("SELECT count(*) FROM shop.orders") == ((51,),)
    database.stop()
    assert not database.start()
    keystead.start()
    assert database.start(), database.log()
    assert database.ask("SELECT count(*) FROM shop.orders") == ((51,),)
