"""Starts that come to nothing say why, and a development server keeps what it has."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

import keystead

ERROR, NOT_GENUINE, UNAVAILABLE = 1, 5, 6


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def _refused(node: Any, code: int, *told: str) -> None:
    """The start ends with an exit code and a message of a few lines, not with a traceback."""
    ended, log = node.fail()
    assert ended == code, log
    for text in told:
        assert text in log
    assert "Traceback" not in log
    assert len(log.splitlines()) < 8, log


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_is_told(make_node: Callable[..., Any], taken: int, workers: int) -> None:
    node = make_node(port=taken, workers=workers)
    _refused(node, ERROR, f"keystead: Cannot listen on 127.0.0.1:{taken}: Address already in use")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_audit_folder_that_cannot_be_made_is_told(
    make_node: Callable[..., Any], tmp_path: Path, workers: int
) -> None:
    (tmp_path / "file").touch()
    node = make_node(audit=f"{tmp_path}/file/audit", workers=workers)
    _refused(node, ERROR, f"keystead: Not a directory: {tmp_path}/file/audit")


def test_a_storage_folder_that_is_not_there_is_told(
    make_node: Callable[..., Any], tmp_path: Path
) -> None:
    node = make_node(storage=f"sqlite:///{tmp_path}/none/keystead.sqlite")
    _refused(node, ERROR, f"keystead: There is no folder {tmp_path}/none.")


def test_a_file_that_is_no_database_is_told(make_node: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "keystead.sqlite"
    path.write_bytes(b"not a database" * 1000)
    _refused(make_node(storage=f"sqlite:///{path}"), NOT_GENUINE, "The database file is damaged.")
    assert path.read_bytes() == b"not a database" * 1000


def test_a_database_that_does_not_answer_is_worth_another_try(
    make_node: Callable[..., Any],
) -> None:
    pytest.importorskip("psycopg")
    node = make_node(storage="postgresql://keystead@127.0.0.1:1/keystead")
    _refused(node, UNAVAILABLE, "keystead: Storage is unavailable")


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere"
)
@pytest.mark.parametrize("what", ["storage", "audit"])
def test_a_folder_that_is_not_writable_is_told(
    make_node: Callable[..., Any], tmp_path: Path, what: str
) -> None:
    node = make_node()
    folder = tmp_path / "closed"
    folder.mkdir(0o500)
    if what == "storage":
        node.storage = f"sqlite:///{folder}/keystead.sqlite"
    else:
        node.audit = f"{folder}/audit"
    # Root without capabilities is held to file modes like anybody.
    bound = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    node.command = [*bound, *node.command]
    _refused(node, ERROR, f"keystead: Permission denied: {folder}/")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_audit_folder_that_another_process_writes_is_told(
    make_node: Callable[..., Any], workers: int
) -> None:
    node = make_node(workers=workers)
    (node.folder / "audit").mkdir()
    with (node.folder / "audit" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = "keystead: Another process is writing this audit log"
        _refused(node, UNAVAILABLE if workers == 1 else ERROR, told)


@pytest.mark.parametrize("key", [b"", bytes(31), b"x" * 1000])
def test_a_seal_key_that_is_none_is_told(make_node: Callable[..., Any], key: bytes) -> None:
    _refused(make_node(seal_key=key), ERROR, "does not hold a key of 32 bytes")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_wrong_seal_key_is_told_and_the_right_one_still_opens(
    make_node: Callable[..., Any], workers: int
) -> None:
    node = make_node(workers=workers)
    node.start()
    with keystead.Client(f"http://127.0.0.1:{node.port}", "") as client:
        client.system.initialize(shares=1, threshold=1)
    node.stop()
    right, node.seal_key = node.seal_key, os.urandom(32)
    (node.folder / "server.log").unlink()
    ended, log = node.fail()
    assert ended == ERROR, log
    assert "keystead: The seal key does not open the root key." in log
    assert "Traceback" not in log
    node.seal_key = right
    node.start()
    with keystead.Client(f"http://127.0.0.1:{node.port}", "") as client:
        assert not client.system.status().sealed


@pytest.mark.parametrize("workers", [1, 2])
def test_tls_files_that_are_not_there_are_told_once(
    make_node: Callable[..., Any], tmp_path: Path, workers: int
) -> None:
    files = f'tls_cert_file = "{tmp_path}/c"\ntls_key_file = "{tmp_path}/k"'
    node = make_node(listener=files, workers=workers)
    _refused(node, ERROR, f"  hint: Check {tmp_path}/c, {tmp_path}/k.")
    assert node.log().count("keystead: ") == 1


def test_an_encrypted_tls_key_is_refused_without_a_prompt(
    make_node: Callable[..., Any], tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    (tmp_path / "tls.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    encrypted = BestAvailableEncryption(b"secret")
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted)
    )
    files = f'tls_cert_file = "{tmp_path}/tls.pem"\ntls_key_file = "{tmp_path}/tls.key"'
    node = make_node(listener=files)
    told = "The TLS files of a listener cannot be used"
    _refused(node, ERROR, told, f"Check {tmp_path}/tls.pem, {tmp_path}/tls.key.")


@pytest.mark.parametrize("address", ["8200", "127.0.0.1:70000", ":8200"])
def test_dev_refuses_what_is_not_an_address(address: str) -> None:
    done = _keystead("dev", "--listen", address)
    assert done.returncode == ERROR
    assert done.stderr.startswith(f"keystead: {address} is not an address.")


def test_dev_tells_of_a_port_in_use_and_of_a_folder_that_is_none(
    taken: int, tmp_path: Path
) -> None:
    done = _keystead("dev", "--listen", f"127.0.0.1:{taken}")
    assert done.returncode == ERROR
    assert done.stderr.startswith(f"keystead: Cannot listen on 127.0.0.1:{taken}: Address already")
    (tmp_path / "file").touch()
    done = _keystead("dev", "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == ERROR
    assert done.stderr.startswith("keystead: Not a directory: ")


def _keystead(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keystead", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


# --- the development server ---------------------------------------------------------------


def test_dev_with_data_keeps_its_keys_and_its_token(make_server: Callable[..., Any]) -> None:
    server = make_server(token="chosen")
    times = [server.start()]
    with keystead.Client(server.address, "chosen") as client:
        client.keys.create("orders")
        sealed = client.keys.encrypt("orders", b"kept").ciphertext
    server.stop()
    times.append(server.start())
    with keystead.Client(server.address, "chosen") as client:
        assert client.decrypt(sealed).plaintext == b"kept"
    print("ready after", *(f"{seconds:.2f} s" for seconds in times))
    assert max(times) < 15


def test_help_is_quick() -> None:
    started = time.monotonic()
    assert _keystead("--help").returncode == 0
    seconds = time.monotonic() - started
    print(f"--help took {seconds:.2f} s")
    assert seconds < 5
