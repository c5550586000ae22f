"""A server of one's own: initialized, unsealed by shares, rekeyed, recovered, over TLS."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
node = "ceremony"
[storage]
url = "sqlite:///{folder}/keystead.sqlite"
[seal]
type = "shamir"
[audit]
path = "{folder}/audit"
[[listeners]]
address = "127.0.0.1:{port}"
tls_cert_file = "{folder}/server.pem"
tls_key_file = "{folder}/server.key"
client_ca_file = "{folder}/ca.pem"
"""


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


def issue(folder: Path, name: str, extensions: str) -> None:
    (folder / f"{name}.ext").write_text(extensions)
    openssl(
        folder, f"req -newkey ed25519 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
    )
    openssl(
        folder,
        f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -out {name}.pem -days 2"
        f" -extfile {name}.ext",
    )


@pytest.fixture
def sealed(tmp_path: Path, keystead_on: Callable[[Any, Path], Any]) -> Iterator[Any]:
    """``keystead server`` with Shamir's seal and TLS, new."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    make_ca = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca"
    usage = "-addext keyUsage=critical,keyCertSign"
    openssl(tmp_path, f"{make_ca} {usage} -keyout ca.key -out ca.pem")
    issue(tmp_path, "server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    issue(tmp_path, "alice", "subjectAltName=DNS:alice.x\nextendedKeyUsage=clientAuth\n")
    (tmp_path / "keystead.toml").write_text(CONFIG.format(folder=tmp_path, port=port))
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "keystead", "server", "--config", "keystead.toml"],
        cwd=tmp_path,
        stdout=log,
        stderr=log,
    )
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.02)

    class Told:
        address = f"https://127.0.0.1:{port}"
        token = ""

    made = keystead_on(Told, tmp_path)
    made.environment["KEYSTEAD_CACERT"] = str(tmp_path / "ca.pem")
    yield made
    process.terminate()
    process.wait(20)
    log.close()


def test_a_server_goes_through_its_ceremonies(sealed: Any, tmp_path: Path) -> None:
    sealed("status", code=6)
    made = sealed("init", "--shares", "3", "--threshold", "2", "-o", "json").json
    assert len(made["shares"]) == 3
    sealed("init", code=7)
    sealed("key", "list", code=6, KEYSTEAD_TOKEN=made["root_token"])
    (tmp_path / "share").write_text(made["shares"][0] + "\n")
    assert sealed("unseal", "--share-file", "share", "-o", "json").json["progress"] == 1
    sealed("unseal", "--reset")
    sealed("unseal", given="nonsense", code=1)
    sealed("unseal", given=made["shares"][0])
    assert sealed("unseal", "-o", "json", given=made["shares"][2]).json["sealed"] is False
    sealed.environment["KEYSTEAD_TOKEN"] = made["root_token"]
    sealed("key", "create", "orders")

    nonce = sealed("operator", "rekey", "start", "--shares", "2", "--threshold", "2", "-q").text
    share = ("operator", "rekey", "share", "--nonce", nonce.strip(), "-o", "json")
    sealed(*share, given=made["shares"][0])
    renewed = sealed(*share, given=made["shares"][1]).json
    assert len(renewed["shares"]) == 2

    sealed("seal")
    sealed("encrypt", "orders", given="x", code=6)
    sealed("unseal", given=renewed["shares"][0])
    sealed("unseal", given=renewed["shares"][1])
    sealed("encrypt", "orders", given="x")

    sealed("operator", "rekey", "start")
    sealed("operator", "rekey", "cancel")
    sealed("operator", "generate-root", "start")
    sealed("operator", "generate-root", "cancel")
    started = sealed("operator", "generate-root", "start", "-o", "json").json
    share = ("operator", "generate-root", "share", "--nonce", started["nonce"], "-o", "json")
    sealed(*share, given=renewed["shares"][0])
    encoded = sealed(*share, given=renewed["shares"][1]).json["encoded_token"]
    decode = ("operator", "generate-root", "decode", "--encoded-token", encoded)
    token = sealed(*decode, given=started["one_time_pad"]).text.strip()
    assert sealed("token", "lookup", "-o", "json", KEYSTEAD_TOKEN=token).json["root"] is True
    sealed("audit", "verify")


def test_a_tls_client_certificate_logs_in(sealed: Any, tmp_path: Path) -> None:
    made = sealed("init", "--shares", "1", "--threshold", "1", "-o", "json").json
    sealed("unseal", given=made["shares"][0])
    root = {"KEYSTEAD_TOKEN": made["root_token"]}
    sealed("certificate-role", "write", "web", "--ca", "ca.pem", "--dns", "*.x", **root)
    sealed.environment.pop("KEYSTEAD_TOKEN")
    login = ("login", "--method", "cert")
    sealed(*login, code=3)
    certificate = ("--client-certificate", "alice.pem", "--client-key", "alice.key")
    sealed(*login, *certificate)
    looked = sealed("token", "lookup", "-o", "json", *certificate).json
    assert looked["principal"] == "cert/web"


def test_a_server_whose_certificate_is_not_trusted_gets_no_token(sealed: Any) -> None:
    refused = sealed("key", "list", code=6, KEYSTEAD_CACERT="", KEYSTEAD_TOKEN="kst_secret")
    assert "certificate" in refused.err.lower()


def test_a_configuration_mistake_is_named_with_its_line(offline: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[storage]\nurl = 7\n")
    assert "bad.toml:2" in offline("server", "--config", "bad.toml", code=1).err


def test_a_development_server_starts_says_how_to_go_on_and_stops(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KEYSTEAD_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "keystead", "dev", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if "keystead encrypt" in line:
            break
    exported = next(line for line in told.splitlines() if "export KEYSTEAD_ADDR" in line)
    run = subprocess.run(
        ["bash", "-ec", told[told.index(exported) :]],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    assert run.stdout.endswith("hello\n")
    process.terminate()
    process.wait(20)
    process.stdout.close()
    assert json.dumps(process.returncode) in ("0", "130", "143", "-15")
