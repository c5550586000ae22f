"""``keystead migrate vault``: a live OpenBao is copied, compared, and left as it was."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

PLAIN = base64.b64encode(b"attack at dawn").decode()
CONTEXT = base64.b64encode(b"a context").decode()
POLICY = 'path "old/*" {\n  capabilities = ["read"] # as it was written\n}\n'
KEYS = {
    "aes": {"type": "aes256-gcm96"},
    "derived": {"type": "aes256-gcm96", "derived": True},
    "convergent": {
        "type": "chacha20-poly1305",
        "derived": True,
        "convergent_encryption": True,
        "allow_plaintext_backup": True,
    },
    "backed-up": {"type": "aes256-gcm96", "allow_plaintext_backup": True},
    "ed": {"type": "ed25519"},
    "ec": {"type": "ecdsa-p384"},
    "rsa": {"type": "rsa-2048"},
}


class Sealed(NamedTuple):
    """What a key of the source made before it was copied."""

    ciphertexts: list[str]
    signature: str


def context_of(name: str) -> dict[str, str]:
    return {"context": CONTEXT} if KEYS[name].get("derived") else {}


@pytest.fixture(scope="module")
def target(fresh_vaults: Any) -> Any:
    return fresh_vaults[0]


@pytest.fixture(scope="module")
def source(fresh_vaults: Any) -> Any:
    api = fresh_vaults[1]
    api.write("sys/mounts/old", type="kv", options={"version": "2"})
    api.write("sys/mounts/plain", type="kv", options={"version": "1"})
    api.write("sys/mounts/keys", type="transit", description="of the shop")
    api.write("sys/auth/robots", type="approle")
    api.write("sys/policies/acl/shop", policy=POLICY)
    role = {"token_policies": "shop", "token_ttl": "20m", "secret_id_num_uses": 7}
    api.write("auth/robots/role/ci", **role)
    api.write("auth/token/roles/ops", allowed_policies="shop", orphan=True)
    api.write("plain/a/b", user="u", n=1)
    for number in range(1, 5):
        api.write("old/data/app/db", data={"n": number, "deep": {"a": [1, None]}})
    api.write("old/delete/app/db", versions=[2])
    api.write("old/destroy/app/db", versions=[3])
    api.write("old/metadata/app/db", custom_metadata={"owner": "me"})
    for number in range(1, 14):
        api.write("old/data/many", data={"n": number})
    return api


@pytest.fixture(scope="module")
def sealed(source: Any) -> dict[str, Sealed]:
    made = {}
    for name, options in KEYS.items():
        source.write(f"keys/keys/{name}", exportable=True, **options)
        ciphertexts, signature = [], ""
        for _ in range(2):
            if name not in ("ed", "ec"):
                body = {"plaintext": PLAIN, **context_of(name)}
                answer = source.write(f"keys/encrypt/{name}", **body)
                ciphertexts.append(answer["ciphertext"])
            source.write(f"keys/keys/{name}/rotate")
        if name in ("ed", "ec", "rsa"):
            signature = source.write(f"keys/sign/{name}", input=PLAIN)["signature"]
        made[name] = Sealed(ciphertexts, signature)
    source.write("keys/keys/kept")
    return made


@pytest.fixture(scope="module")
def migrate(target: Any, source: Any, sealed: Any) -> Any:
    def run(*options: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]]]:
        done = subprocess.run(
            [
                sys.executable, "-m", "keystead", "-o", "json", "migrate", "vault",
                "--address", source.address, *options,
            ],
            env={
                **os.environ,
                "KEYSTEAD_ADDR": target.address,
                "KEYSTEAD_TOKEN": target.token,
                "VAULT_TOKEN": source.token,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )  # fmt: skip
        assert done.stdout, done.stderr
        steps = json.loads(done.stdout)["steps"]
        told = {(s["kind"], s["name"]): (s["outcome"], s["note"]) for s in steps}
        return done.returncode, told

    return run


def test_a_live_openbao_is_copied_and_both_sides_agree(
    migrate: Any, source: Any, sealed: dict[str, Sealed], target: Any
) -> None:
    code, planned = migrate("--dry-run")
    assert code == 0
    assert planned["mount", "keys/"][0] == "planned"
    assert target.ask("GET", "old/data/app/db").status == 404, "a dry run copies nothing"

    code, told = migrate()
    bad = {k: v for k, v in told.items() if v[0] in ("differs", "failed")}
    assert not bad
    assert {kind for (kind, _), (outcome, _) in told.items() if outcome == "copied"} == {
        "mount", "login", "policy", "role", "secret", "key",
    }  # fmt: skip
    assert told["key", "keys/kept"] == ("skipped", told["key", "keys/kept"][1])
    assert "not exportable" in told["key", "keys/kept"][1]
    assert "2" in told["secret", "old/app/db"][1], "a deleted version is named"

    code, again = migrate()
    assert code == 0, again
    outcomes = {outcome for outcome, _ in again.values()}
    assert outcomes <= {"present", "skipped"}, again

    _check_secrets(target)
    _check_rights(source, target)
    _check_keys(sealed, target, source)


def _check_secrets(api: Any) -> None:
    assert api.ask("GET", "plain/a/b").data == {"user": "u", "n": 1}
    newest = api.ask("GET", "old/data/app/db").data
    assert newest["data"] == {"n": 4, "deep": {"a": [1, None]}}
    assert newest["metadata"]["version"] == 4
    assert api.ask("GET", "old/data/app/db?version=1").data["data"]["n"] == 1
    versions = api.ask("GET", "old/metadata/app/db").data
    assert versions["custom_metadata"] == {"owner": "me"}
    assert [number for number, v in versions["versions"].items() if v["destroyed"]] == ["2", "3"]
    many = api.ask("GET", "old/metadata/many").data
    assert many["current_version"] == 13


def _check_rights(source: Any, api: Any) -> None:
    assert api.ask("GET", "sys/policies/acl/shop").data["policy"] == POLICY
    path = "auth/robots/role/ci/role-id"
    assert api.ask("GET", path).data == source.ask("GET", path).data
    role = api.ask("GET", "auth/robots/role/ci").data
    assert (role["token_policies"], role["token_ttl"]) == (["shop"], 1200)
    assert role["secret_id_num_uses"] == 7
    assert api.ask("GET", "auth/token/roles/ops").data["allowed_policies"] == ["shop"]


def _check_keys(sealed: dict[str, Sealed], api: Any, source: Any) -> None:
    """What the old server protected is opened here, and what is protected here, there."""
    for name, made in sealed.items():
        more = context_of(name)
        for ciphertext in made.ciphertexts:
            answer = api.write(f"keys/decrypt/{name}", ciphertext=ciphertext, **more)
            assert answer["plaintext"] == PLAIN, name
        if made.ciphertexts:
            made_here = api.write(f"keys/encrypt/{name}", plaintext=PLAIN, **more)["ciphertext"]
            opened = source.write(f"keys/decrypt/{name}", ciphertext=made_here, **more)
            assert opened["plaintext"] == PLAIN, name
        if made.signature:
            body = {"input": PLAIN, "signature": made.signature}
            assert api.write(f"keys/verify/{name}", **body)["valid"], name


def test_what_is_different_here_is_told_and_left_alone(migrate: Any, target: Any) -> None:
    migrate()
    other = 'path "x" { capabilities = ["list"] }'
    target.write("sys/policies/acl/shop", policy=other)
    target.write("old/data/app/db", data={"mine": True})
    code, told = migrate("--only", "policy", "--only", "secret")
    assert code == 1
    assert told["policy", "shop"][0] == "differs"
    assert told["secret", "old/app/db"][0] == "differs"
    assert target.ask("GET", "sys/policies/acl/shop").data["policy"] == other


def test_a_source_that_does_not_answer_is_named(server: Any) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "keystead", "migrate", "vault",
            "--address", "http://127.0.0.1:1", "--token", "x",
        ],
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
