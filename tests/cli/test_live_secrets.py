"""Secrets as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_values_come_from_files_standard_input_and_json(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    place = f"secret/{name}/db"
    (tmp_path / "user").write_text("alice\n")
    wrote = keystead("secret", "put", place, "user=@user", "password=-", "-q", given="pass word\n")
    assert wrote.text.strip() == "1"
    assert keystead("secret", "get", place, "-f", "password").out == b"pass word\n"
    assert keystead("secret", "get", place, "-q").json == {
        "user": "alice",
        "password": "pass word",
    }
    given = json.dumps({"user": "bob", "ports": [1, 2]})
    keystead("secret", "put", place, "--cas", "1", given=given)
    keystead("secret", "put", place, "--cas", "1", given=given, code=1)
    assert keystead("secret", "get", place, "-f", "ports").text == "[1,2]\n"
    read = keystead("secret", "get", place, "--version", "1", "-o", "json").json
    assert read["data"]["user"] == "alice"
    assert read["version"]["version"] == 1
    assert "alice" in keystead("secret", "get", place, "--version", "1").text
    keystead("secret", "patch", place, given='{"ports":null,"host":"h"}')
    assert keystead("secret", "get", place, "-q").json == {"user": "bob", "host": "h"}
    assert keystead("secret", "keys", place).json == {"user": None, "host": None}
    keystead("secret", "get", place, "-f", "none", code=4)


def test_a_value_on_the_command_line_is_refused_and_not_repeated(keystead: Any, name: str) -> None:
    place = f"secret/{name}"
    refused = keystead("secret", "put", place, "password=needle-9d", code=2)
    assert "needle-9d" not in refused.err
    assert "--insecure-arguments" in refused.err
    keystead("secret", "get", place, code=4)
    keystead("secret", "put", place, "password=needle-9d", "--insecure-arguments")
    assert keystead("secret", "get", place, "-f", "password").text == "needle-9d\n"
    assert "needle" not in keystead("secret", "put", place, given="needle", code=1).err


def test_versions_are_deleted_undeleted_destroyed_and_purged(keystead: Any, name: str) -> None:
    place = f"secret/{name}/v"
    for number in (1, 2):
        keystead("secret", "put", place, given=json.dumps({"n": number}))
    keystead("secret", "delete", place)
    refused = keystead("secret", "get", place, code=4).err
    assert f"keystead secret undelete {place} --version 2" in refused
    keystead("secret", "undelete", place, code=2)
    keystead("secret", "undelete", place, "--version", "2")
    assert keystead("secret", "get", place, "-q").json == {"n": 2}
    keystead("secret", "destroy", place, "--version", "1", "--yes")
    assert "destroyed" in keystead("secret", "get", place, "--version", "1", code=4).err
    assert keystead("secret", "history", place, "-q").text.split() == ["1", "2"]
    assert "yes" in keystead("secret", "history", place).text
    assert keystead("secret", "history", place, "-o", "json").json["current_version"] == 2
    assert keystead("secret", "list", f"secret/{name}").text.split() == ["v"]
    assert "v" in keystead("secret", "list", f"secret/{name}", "--details").text
    (info,) = keystead("secret", "list", f"secret/{name}", "--details", "-o", "json").json
    assert info["secret"]["current_version"] == 2
    keystead("secret", "purge", place, given="n\n", code=130)
    keystead("secret", "purge", place, "--yes")
    assert keystead("secret", "list", f"secret/{name}").text == ""


def test_settings_of_a_secret_and_of_its_store(keystead: Any, name: str) -> None:
    place = f"secret/{name}"
    keystead("secret", "metadata", place, code=4)
    keystead("secret", "metadata", place, "--max-versions", "3", "--delete-after", "1h")
    shown = keystead(
        "secret", "metadata", place, "--set", "owner=me", "--set", "a=b", "-o", "json"
    ).json
    assert shown["custom_metadata"] == {"owner": "me", "a": "b"}
    shown = keystead("secret", "metadata", place, "--unset", "a", "--cas-required", "-o", "json")
    assert shown.json["custom_metadata"] == {"owner": "me"}
    assert shown.json["max_versions"] == 3
    assert shown.json["delete_version_after_seconds"] == 3600
    assert "owner=me" in keystead("secret", "metadata", place).text
    keystead("secret", "put", place, given='{"a":1}', code=1)
    keystead("mount", "create", name, "kv-v2")
    keystead("secret", "store", name, "--max-versions", "2")
    assert keystead("secret", "store", name, "-o", "json").json["max_versions"] == 2


@pytest.mark.parametrize("text", ["[1]", "", '"x"', "{", "\udcff"])
def test_what_is_no_json_object_is_refused(keystead: Any, text: str) -> None:
    given = text.encode("utf-8", "surrogateescape")
    assert "not a JSON object" in keystead("secret", "put", "secret/x", given=given, code=1).err
