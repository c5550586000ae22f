"""Who may do what, as a user types it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

POLICY = 'permit(principal in Role::"{role}", action == Action::"key:encrypt", resource);\n'


def test_no_token_or_a_wrong_one_exits_3(keystead: Any) -> None:
    keystead("key", "list", code=3, KEYSTEAD_TOKEN="")
    refused = keystead("key", "list", code=3, KEYSTEAD_TOKEN="kst_nonsense")
    assert "kst_nonsense" not in refused.err
    assert "request_id" in refused.err


def test_a_token_can_do_what_its_roles_policies_permit(keystead: Any, name: str) -> None:
    from functools import partial

    reason = keystead("policy", "why", f"token/{name}", "key:encrypt", name).text
    assert "nothing permits it" in reason
    keystead("key", "create", name)
    keystead("role", "write", name, "--description", "d")
    keystead("policy", "write", name, given=POLICY.format(role=name))
    token = keystead(
        "token", "create", "--name", name, "--role", name, "--ttl", "1h", "-q"
    ).text.strip()
    as_other = partial(keystead, KEYSTEAD_TOKEN=token)
    as_other("encrypt", name, given="x")
    assert "may not key:rotate" in as_other("key", "rotate", name, code=3).err
    why = keystead(
        "policy", "why", f"token/{name}", "key:encrypt", name, "--role", name, "-o", "json"
    ).json
    assert why["allowed"] is True
    assert why["policies"][0].startswith(name)
    keystead("policy", "delete", name)
    as_other("encrypt", name, given="x", code=3)
    keystead("policy", "show", name, code=4)


def test_a_policy_is_validated_written_shown_and_listed(keystead: Any, name: str) -> None:
    text = POLICY.format(role=name)
    keystead("policy", "validate", given=text)
    wrong = keystead("policy", "validate", given="permit(principal, actoin, resource);", code=1)
    assert wrong.err
    keystead("policy", "write", name, given="nonsense", code=1)
    keystead("policy", "write", name, given=text)
    assert keystead("policy", "show", name).text.strip() == text.strip()
    assert name in keystead("policy", "list").text.split()
    assert keystead("policy", "schema").json


def test_a_user_logs_in_and_out(keystead: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery\n")
    keystead("user", "write", name, "--role", "shop", "--password-file", "password")
    keystead.environment.pop("KEYSTEAD_TOKEN")
    login = ("login", "--user", name, "--password-file", "password")
    told = keystead(*login)
    assert "kst_" not in told.text + told.err
    kept = tmp_path / ".keystead-token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    looked = keystead("token", "lookup", "-o", "json").json
    assert looked["principal"] == f"user/{name}"
    assert looked["roles"] == ["shop"]
    keystead("key", "list", code=3)
    keystead("logout")
    assert not kept.exists()
    keystead("token", "lookup", code=3)
    (tmp_path / "password").write_text("wrong password 123")
    keystead(*login, code=3)
    assert not kept.exists()


def test_login_writes_where_keystead_token_file_says(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    keystead("user", "write", name, given="correct horse battery")
    keystead.environment.pop("KEYSTEAD_TOKEN")
    keystead.environment["KEYSTEAD_TOKEN_FILE"] = str(tmp_path / "other")
    keystead("login", "--user", name, given="correct horse battery")
    assert (tmp_path / "other").exists()
    assert keystead("token", "lookup", "-q").text.strip()


def test_users_are_shown_listed_changed_and_deleted(keystead: Any, name: str) -> None:
    keystead("user", "write", name, given="short", code=1)
    keystead("user", "write", name, "--ttl", "8h", given="correct horse battery")
    shown = keystead("user", "show", name, "-o", "json").json
    assert shown["limits"]["ttl_seconds"] == 28_800
    keystead("user", "write", name, "--role", "a", "--keep-password")
    keystead("user", "password", name, given="another horse battery")
    assert name in keystead("user", "list").text.split()
    keystead("user", "delete", name)
    keystead("user", "show", name, code=4)


def test_an_application_logs_in_with_its_identifiers(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    role_id = keystead("approle", "write", name, "--role", "ci", "--ttl", "15m", "-q").text.strip()
    assert keystead("approle", "show", name, "-q").text.strip() == role_id
    assert name in keystead("approle", "list").text.split()
    secret = keystead("approle", "secret-id", "create", name, "--max-uses", "5", "-o", "json").json
    (tmp_path / "secret").write_text(secret["secret_id"])
    listed = keystead("approle", "secret-id", "list", name, "-q").text.split()
    assert listed == [secret["accessor"]]
    root = keystead.environment.pop("KEYSTEAD_TOKEN")
    login = ("login", "--method", "approle", "--role-id", role_id, "--secret-file", "secret")
    keystead(*login)
    assert keystead("token", "lookup", "-o", "json").json["principal"] == f"approle/{name}"
    keystead.environment["KEYSTEAD_TOKEN"] = root
    keystead("approle", "secret-id", "destroy", name, secret["accessor"])
    keystead(*login, code=3)
    keystead("approle", "delete", name)


def test_tokens_are_listed_looked_up_renewed_and_revoked(keystead: Any, name: str) -> None:
    made = keystead("token", "create", "--name", name, "--ttl", "1h", "-o", "json").json
    accessor = made["info"]["accessor"]
    assert accessor in keystead("token", "list", "-q").text.split()
    assert keystead("token", "lookup", accessor, "-o", "json").json["principal"] == f"token/{name}"
    keystead("token", "renew", accessor, "--increment", "2h")
    assert keystead("token", "renew", "-q", KEYSTEAD_TOKEN=made["token"]).text.strip()
    keystead("token", "revoke", accessor)
    keystead("token", "lookup", code=3, KEYSTEAD_TOKEN=made["token"])
    other = keystead("token", "create", "--name", name, "-q").text.strip()
    keystead("token", "revoke", "--self", KEYSTEAD_TOKEN=other)
    keystead("token", "lookup", code=3, KEYSTEAD_TOKEN=other)


def test_a_certificate_role_is_written_shown_listed_and_deleted(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    import subprocess

    command = "openssl req -x509 -newkey ed25519 -nodes -keyout k -out ca.pem -subj /CN=ca"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    keystead("certificate-role", "write", name, "--ca", "ca.pem", "--dns", "*.x", "--role", "web")
    shown = keystead("certificate-role", "show", name, "-o", "json").json
    assert shown["allowed_dns_names"] == ["*.x"]
    assert name in keystead("certificate-role", "list").text.split()
    keystead("certificate-role", "delete", name)
    keystead("login", "--method", "cert", "--role", name, code=3, KEYSTEAD_TOKEN="")


def test_roles_and_groups_are_written_listed_and_deleted(keystead: Any, name: str) -> None:
    keystead("role", "write", name, "--include", "shop")
    assert name in keystead("role", "list", "-q").text.split()
    keystead("group", "write", name, "--member", "user/alice", "--role", name)
    assert keystead("group", "show", name, "-o", "json").json["members"] == ["user/alice"]
    assert name in keystead("group", "list", "-q").text.split()
    keystead("group", "delete", name)
    keystead("role", "delete", name)
    keystead("group", "show", name, code=4)


def test_a_namespace_holds_its_own_keys(keystead: Any, name: str) -> None:
    keystead("namespace", "create", name)
    keystead("key", "create", "orders", "--namespace", name)
    sealed = keystead("--namespace", name, "encrypt", "orders", given="x").text
    assert keystead("decrypt", given=sealed, KEYSTEAD_NAMESPACE=name).out == b"x"
    assert "orders" in keystead("key", "list", "-q", "--namespace", name).text
    keystead("namespace", "seal", name)
    keystead("decrypt", "--namespace", name, given=sealed, code=7)
    keystead("namespace", "unseal", name)
    keystead("namespace", "rotate-kek", name)
    assert keystead("namespace", "show", name, "-o", "json").json["kek_version"] == 2
    assert name in keystead("namespace", "list", "-q").text.split()
    keystead("namespace", "delete", name, "--confirm", "other", code=1)
    keystead("namespace", "delete", name, "--confirm", name)
    keystead("namespace", "show", name, code=4)


def test_the_program_is_installed_as_keystead(keystead: Any) -> None:
    import subprocess
    import sys

    program = Path(sys.executable).parent / "keystead"
    run = subprocess.run(
        [program, "status", "-q"], env=keystead.environment, check=True, capture_output=True
    )
    assert run.stdout == b""
    assert os.access(program, os.X_OK)


PATH_POLICY = 'path "secret/data/{role}" {{ capabilities = ["read"] }}\n'


def test_a_policy_by_paths_is_validated_written_shown_listed_and_deleted(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "policy.hcl"
    text = PATH_POLICY.format(role=name)
    file.write_text(text)
    keystead("policy", "validate", "--in", str(file))
    wrong = keystead("policy", "validate", "--language", "vault", given='path "a" {', code=1)
    assert "line 1, column 11" in wrong.err
    keystead("policy", "write", name, "--in", str(file))
    assert keystead("policy", "show", name).text.strip() == text.strip()
    keystead("policy", "write", name, given=POLICY.format(role=name))
    assert "permit" in keystead("policy", "show", name).text
    assert "path" in keystead("policy", "show", name, "--language", "vault").text
    listed = keystead("policy", "list", "-o", "json").json["policies"]
    assert [p["language"] for p in listed if p["name"] == name] == ["cedar", "vault"]
    keystead("policy", "delete", name, "--language", "vault")
    keystead("policy", "show", name, "--language", "vault", code=4)
    keystead("policy", "delete", name)
    keystead("policy", "delete", name, code=4)
    keystead("policy", "write", name, "--in", str(file), "--description", "d", code=1)
