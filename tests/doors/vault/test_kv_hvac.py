"""hvac, a client of Vault that others wrote, keeps secrets in Keystead: every method of kv."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import hvac
import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest

from keystead.client.sync import Client


@pytest.fixture
def client(server: Any) -> hvac.Client:
    return hvac.Client(url=server.address, token=server.token, timeout=20)


@pytest.fixture
def kv2(client: hvac.Client) -> Any:
    return client.secrets.kv.v2


@pytest.fixture(scope="module")
def old(server: Any) -> str:
    """The path of a store of version 1."""
    Client(server.address, server.token).mounts.create("hvac-old", "kv")
    return "hvac-old"


def test_a_secret_is_written_read_patched_and_listed(kv2: Any) -> None:
    assert kv2.create_or_update_secret("h/app/db", {"user": "u"})["data"]["version"] == 1
    second = kv2.create_or_update_secret("h/app/db", {"user": "u", "n": [1]}, cas=1)
    assert second["data"]["version"] == 2
    with pytest.raises(InvalidRequest, match="did not match the current version"):
        kv2.create_or_update_secret("h/app/db", {}, cas=1)
    kv2.patch("h/app/db", {"password": "p"})
    read = kv2.read_secret_version("h/app/db", raise_on_deleted_version=True)["data"]
    assert read["data"] == {"user": "u", "n": [1], "password": "p"}
    assert read["metadata"]["version"] == 3
    first = kv2.read_secret_version("h/app/db", version=1, raise_on_deleted_version=True)
    assert first["data"]["data"] == {"user": "u"}
    assert kv2.list_secrets("h")["data"]["keys"] == ["app/"]
    assert kv2.list_secrets("h/app")["data"]["keys"] == ["db"]
    with pytest.raises(InvalidPath):
        kv2.list_secrets("h/none")
    with pytest.raises(InvalidPath):
        kv2.read_secret_version("h/none", raise_on_deleted_version=True)
    with pytest.raises(InvalidPath):
        kv2.patch("h/none", {"a": 1})


def test_versions_are_deleted_undeleted_and_destroyed(kv2: Any) -> None:
    for number in (1, 2, 3):
        kv2.create_or_update_secret("h/v", {"n": number})
    assert kv2.delete_latest_version_of_secret("h/v").status_code == 204
    with pytest.raises(InvalidPath):
        kv2.read_secret_version("h/v", raise_on_deleted_version=True)
    deleted = kv2.read_secret_version("h/v", raise_on_deleted_version=False)["data"]
    assert deleted["data"] is None
    assert deleted["metadata"]["deletion_time"]
    assert deleted["metadata"]["version"] == 3
    assert kv2.undelete_secret_versions("h/v", [3]).status_code == 204
    assert kv2.delete_secret_versions("h/v", [1, 2]).status_code == 204
    assert kv2.destroy_secret_versions("h/v", [1]).status_code == 204
    versions = kv2.read_secret_metadata("h/v")["data"]["versions"]
    assert [versions[v]["destroyed"] for v in "123"] == [True, False, False]
    assert [bool(versions[v]["deletion_time"]) for v in "123"] == [True, True, False]
    assert kv2.delete_metadata_and_all_versions("h/v").status_code == 204
    with pytest.raises(InvalidPath):
        kv2.read_secret_metadata("h/v")


def test_metadata_and_configuration(client: hvac.Client, kv2: Any, server: Any) -> None:
    kv2.update_metadata("h/m", max_versions=3, cas_required=True, custom_metadata={"owner": "me"})
    with pytest.raises(InvalidRequest, match="check-and-set parameter required"):
        kv2.create_or_update_secret("h/m", {"a": 1})
    kv2.create_or_update_secret("h/m", {"a": 1}, cas=0)
    shown = kv2.read_secret_metadata("h/m")["data"]
    assert (shown["max_versions"], shown["cas_required"]) == (3, True)
    assert shown["custom_metadata"] == {"owner": "me"}
    assert shown["delete_version_after"] == "0s"
    Client(server.address, server.token).mounts.create("hvac-new", "kv-v2")
    kv2.configure(max_versions=4, delete_version_after="1h30m", mount_point="hvac-new")
    configured = kv2.read_configuration(mount_point="hvac-new")["data"]
    assert configured == {
        "max_versions": 4,
        "cas_required": False,
        "delete_version_after": "1h30m0s",
    }


def test_what_is_deleted_by_itself_is_gone_in_time(kv2: Any) -> None:
    kv2.update_metadata("h/brief", delete_version_after="1s")
    kv2.create_or_update_secret("h/brief", {"a": 1})
    assert kv2.read_secret_version("h/brief", raise_on_deleted_version=True)["data"]["data"]
    time.sleep(1.1)
    with pytest.raises(InvalidPath):
        kv2.read_secret_version("h/brief", raise_on_deleted_version=True)


def test_a_store_without_versions(client: hvac.Client, old: str) -> None:
    kv1 = client.secrets.kv.v1
    kv1.create_or_update_secret("a", {"n": 1}, mount_point=old)
    kv1.create_or_update_secret("a", {"n": 2}, method="PUT", mount_point=old)
    kv1.create_or_update_secret("b/c", {"n": 3}, method="POST", mount_point=old)
    read = kv1.read_secret("a", mount_point=old)
    assert read["data"] == {"n": 2}
    assert read["lease_duration"] == 2_764_800
    assert kv1.list_secrets("", mount_point=old)["data"]["keys"] == ["a", "b/"]
    assert kv1.delete_secret("a", mount_point=old).status_code == 204
    with pytest.raises(InvalidPath):
        kv1.read_secret("a", mount_point=old)


def test_plain_paths_and_cubbyhole(client: hvac.Client) -> None:
    client.write_data("secret/data/h/plain", data={"data": {"a": 1}})
    assert client.read("secret/data/h/plain")["data"]["data"] == {"a": 1}
    assert client.list("secret/metadata/h/none") is None
    client.write_data("cubbyhole/h", data={"mine": True})
    assert client.read("cubbyhole/h")["data"] == {"mine": True}
    assert "h" in client.list("cubbyhole")["data"]["keys"]
    client.delete("cubbyhole/h")
    assert client.read("cubbyhole/h") is None


def test_a_token_that_is_no_good_is_forbidden(server: Any) -> None:
    for token in ("zz", "kst_" + "A" * 48, ""):
        stranger = hvac.Client(url=server.address, token=token, timeout=20)
        with pytest.raises(Forbidden):
            stranger.secrets.kv.v2.read_secret_version("h/plain", raise_on_deleted_version=True)


def test_what_is_written_over_one_door_is_read_over_the_other(
    kv2: Any, server: Any, rest: Callable[..., Any]
) -> None:
    kv2.create_or_update_secret("h/both", {"from": "vault"})
    assert rest("GET", "/secrets/secret%2Fh%2Fboth")["data"] == {"from": "vault"}
    rest("PUT", "/secrets/secret%2Fh%2Fboth", {"data": {"from": "rest"}, "cas": 1})
    read = kv2.read_secret_version("h/both", raise_on_deleted_version=True)
    assert read["data"]["data"] == {"from": "rest"}


@pytest.fixture
def rest(server: Any) -> Callable[..., Any]:
    """Ask Keystead's own API."""
    import json
    import urllib.request

    def ask(method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{server.address}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            content = reply.read()
            return json.loads(content) if content else None

    return ask


def test_the_whole_life_of_a_secret_over_rest(rest: Callable[..., Any]) -> None:
    place = "/secrets/secret%2Frest%2Fa"
    assert rest("PUT", place, {"data": {"a": {"b": 1}}})["version"] == 1
    assert rest("PATCH", place, {"data": {"a": {"c": 2}}})["version"] == 2
    assert rest("GET", place)["data"] == {"a": {"b": 1, "c": 2}}
    assert rest("GET", f"{place}?version=1")["data"] == {"a": {"b": 1}}
    assert rest("GET", f"{place}/subkeys")["subkeys"] == {"a": {"b": None, "c": None}}
    rest("POST", f"{place}/delete", {})
    assert "data" not in rest("GET", place)
    rest("POST", f"{place}/undelete", {"versions": [2]})
    rest("POST", f"{place}/destroy", {"versions": [1]})
    assert rest("PUT", f"{place}/metadata", {"max_versions": 4})["max_versions"] == 4
    patch = {"patch": {"custom_metadata": {"k": "v"}, "max_versions": None}}
    assert rest("PATCH", f"{place}/metadata", patch)["custom_metadata"] == {"k": "v"}
    shown = rest("GET", f"{place}/metadata")
    assert [v.get("destroyed", False) for v in shown["versions"]] == [True, False]
    assert rest("GET", "/secret-folders/secret%2Frest")["names"] == ["a"]
    assert rest("GET", "/secret-folders/secret%2Frest/metadata")["secrets"][0]["name"] == "a"
    assert rest("PATCH", "/secret-stores/secret", {"max_versions": 0}) == {}
    assert rest("GET", "/secret-stores/secret") == {}
    rest("DELETE", place)
    assert rest("GET", "/secret-folders/secret%2Frest")["names"] == []
