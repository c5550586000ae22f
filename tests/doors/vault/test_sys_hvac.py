"""hvac, a client of Vault that others wrote: every method of its system backend that a server
with a seal of its own can answer. Shares are given in ``test_sys_shares``."""

from __future__ import annotations

import io
import secrets
import socket
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import hvac
import pytest
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest


@pytest.fixture
def client(server: Any) -> hvac.Client:
    return hvac.Client(url=server.address, token=server.token, timeout=20)


@pytest.fixture
def name() -> str:
    return f"t{secrets.token_hex(4)}"


# --- the server ---------------------------------------------------------------------------


def test_it_says_that_it_is_initialized_unsealed_and_well(client: hvac.Client) -> None:
    assert client.sys.read_init_status() == {"initialized": True}
    assert client.sys.is_initialized()
    assert not client.sys.is_sealed()
    status = client.sys.read_seal_status()
    assert (status["type"], status["t"], status["n"], status["progress"]) == ("dev", 1, 1, 0)
    assert client.sys.read_health_status(method="HEAD").status_code == 200
    health = client.sys.read_health_status(method="GET")
    assert (health["initialized"], health["sealed"], health["standby"]) == (True, False, False)
    assert health["cluster_id"] == status["cluster_id"]
    assert raw(client, "HEAD", "sys/health?activecode=299").status_code == 299
    assert client.sys.read_leader_status()["ha_enabled"] is False
    assert client.sys.step_down().status_code == 204


@pytest.mark.parametrize("code", ["x", "99", "600", "-1", ""])
def test_a_health_code_that_is_none_is_refused(server: Any, code: str) -> None:
    answer = httpx.get(f"{server.address}/v1/sys/health", params={"activecode": code})
    assert answer.status_code == 400


def test_initializing_again_is_refused(client: hvac.Client) -> None:
    with pytest.raises(InvalidRequest, match="Vault is already initialized"):
        client.sys.initialize(1, 1)


def test_the_keyring_is_shown_and_rotated(client: hvac.Client) -> None:
    before = client.sys.get_encryption_key_status()
    assert before["term"] == before["data"]["term"]
    assert client.sys.rotate_encryption_key().status_code == 204
    assert client.sys.get_encryption_key_status()["data"]["term"] == before["term"] + 1


def test_keys_are_never_backed_up(client: hvac.Client) -> None:
    for recovery in (False, True):
        with pytest.raises(InvalidRequest, match="no backed-up keys found"):
            client.sys.read_backup_keys(recovery_key=recovery)


# --- mounts -------------------------------------------------------------------------------


def test_a_secrets_engine_is_enabled_tuned_moved_and_disabled(
    client: hvac.Client, name: str
) -> None:
    enabled = client.sys.enable_secrets_engine(
        "kv", path=name, description="d", options={"version": "1"}, config={"max_lease_ttl": "2h"}
    )
    assert enabled.status_code == 204
    mounts = client.sys.list_mounted_secrets_engines()
    assert mounts["data"] == {path: mounts[path] for path in mounts["data"]}
    shown = mounts["data"][f"{name}/"]
    assert (shown["type"], shown["description"]) == ("kv", "d")
    assert shown["config"]["max_lease_ttl"] == 7200
    assert client.sys.retrieve_mount_option(name, "version") == "1"
    client.sys.tune_mount_configuration(
        name,
        default_lease_ttl="30m",
        max_lease_ttl="1h",
        description="e",
        listing_visibility="unauth",
        audit_non_hmac_request_keys=["a", "b"],
        passthrough_request_headers=["X-A"],
        options={"version": "2"},
    )
    tuned = client.sys.read_mount_configuration(name)["data"]
    assert tuned == {
        "description": "e",
        "default_lease_ttl": 1800,
        "max_lease_ttl": 3600,
        "force_no_cache": False,
        "listing_visibility": "unauth",
        "audit_non_hmac_request_keys": ["a", "b"],
        "passthrough_request_headers": ["X-A"],
        "options": {"version": "2"},
    }
    client.secrets.kv.v2.create_or_update_secret("s", {"a": "b"}, mount_point=name)
    moved = client.sys.move_backend(name, f"{name}-new")
    status = client.adapter.get(f"/v1/sys/remount/status/{moved['data']['migration_id']}")
    assert status["data"]["migration_info"] == {
        "source_mount": f"{name}/",
        "target_mount": f"{name}-new/",
        "status": "success",
    }
    read = client.secrets.kv.v2.read_secret("s", mount_point=f"{name}-new")
    assert read["data"]["data"] == {"a": "b"}
    assert client.sys.disable_secrets_engine(f"{name}-new").status_code == 204
    assert client.sys.disable_secrets_engine(f"{name}-new").status_code == 204
    assert f"{name}-new/" not in client.sys.list_mounted_secrets_engines()["data"]


def test_a_log_in_method_is_enabled_tuned_and_disabled(client: hvac.Client, name: str) -> None:
    client.sys.enable_auth_method("approle", description="d", path=name)
    shown = client.sys.list_auth_methods()["data"][f"{name}/"]
    assert (shown["type"], shown["config"]["token_type"]) == ("approle", "default-service")
    client.sys.tune_auth_method(
        name, default_lease_ttl=600, max_lease_ttl=900, description="e", listing_visibility="unauth"
    )
    tuned = client.sys.read_auth_method_tuning(name)["data"]
    assert (tuned["default_lease_ttl"], tuned["description"]) == (600, "e")
    assert tuned["listing_visibility"] == "unauth"
    assert client.sys.disable_auth_method(name).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "wording"),
    [
        ("POST", "mounts/x", {"type": "nope"}, "plugin not found in the catalog: nope"),
        ("POST", "mounts/x", {}, "backend type must be specified as a string"),
        ("POST", "mounts/sys", {"type": "kv"}, 'cannot mount "sys/"'),
        ("POST", "mounts/secret/below", {"type": "kv"}, "path is already in use at secret/"),
        ("DELETE", "mounts/sys", None, 'cannot unmount "sys/"'),
        ("DELETE", "auth/token", None, "token credential backend cannot be disabled"),
        ("GET", "mounts/none", None, "No secret engine mount at none/"),
        ("GET", "auth/none", None, "No auth engine at none/"),
        ("GET", "mounts/none/tune", None, 'cannot fetch sysview for path "none/"'),
        (
            "POST",
            "mounts/secret/tune",
            {"default_lease_ttl": "9000h"},
            "backend max lease TTL of 2764800 would be less than backend default lease TTL"
            " of 32400000",
        ),
        (
            "POST",
            "mounts/secret/tune",
            {"token_type": "batch"},
            "'token_type' can only be modified on auth mounts",
        ),
        ("POST", "remount", {}, "both 'from' and 'to' path must be specified as a string"),
        ("POST", "remount", {"from": "no", "to": "x"}, 'no matching mount at "no/"'),
        (
            "POST",
            "remount",
            {"from": "secret", "to": "auth/x"},
            "cannot remount to destination auth/x/",
        ),
    ],
)
def test_what_cannot_be_mounted_is_refused_in_vaults_words(
    server: Any, method: str, path: str, body: Any, wording: str
) -> None:
    answer = httpx.request(
        method,
        f"{server.address}/v1/sys/{path}",
        json=body,
        headers={"X-Vault-Token": server.token},
    )
    assert (answer.status_code, answer.json()) == (400, {"errors": [wording]})


def test_without_a_token_only_mounts_that_are_shown_to_all_are_known(
    client: hvac.Client, server: Any, name: str
) -> None:
    client.sys.enable_secrets_engine("kv", path=name, config={"listing_visibility": "unauth"})
    shown = httpx.get(f"{server.address}/v1/sys/internal/ui/mounts").json()["data"]["secret"]
    assert set(shown[f"{name}/"]) == {"type", "description", "options"}
    assert "secret/" not in shown
    own = client.adapter.get("/v1/sys/internal/ui/mounts")["data"]["secret"]
    assert {"secret/", f"{name}/", "sys/"} <= set(own)
    assert (
        client.adapter.get(f"/v1/sys/internal/ui/mounts/{name}/a/b")["data"]["path"] == f"{name}/"
    )
    with pytest.raises(Forbidden, match="preflight capability check returned 403"):
        client.adapter.get("/v1/sys/internal/ui/mounts/none/a")


# --- namespaces ---------------------------------------------------------------------------


def test_namespaces_are_created_nested_described_and_deleted(
    client: hvac.Client, server: Any, name: str
) -> None:
    made = client.sys.create_namespace(name)["data"]
    assert made["path"] == f"{name}/"
    inner = hvac.Client(url=server.address, token=server.token, namespace=name)
    assert inner.sys.create_namespace("below")["data"]["path"] == f"{name}/below/"
    assert inner.sys.list_namespaces()["data"]["keys"] == ["below/"]
    assert f"{name}/" in client.sys.list_namespaces()["data"]["keys"]
    with pytest.raises(InvalidRequest, match="containing child namespaces"):
        client.sys.delete_namespace(name)
    inner.sys.enable_secrets_engine("kv", path="only-here")
    assert "only-here/" in inner.sys.list_mounted_secrets_engines()["data"]
    assert "only-here/" not in client.sys.list_mounted_secrets_engines()["data"]
    patched = httpx.patch(
        f"{server.address}/v1/sys/namespaces/{name}",
        json={"custom_metadata": {"team": "a"}},
        headers={
            "X-Vault-Token": server.token,
            "Content-Type": "application/merge-patch+json",
        },
    )
    assert patched.json()["data"]["custom_metadata"] == {"team": "a"}
    inner.sys.delete_namespace("below")
    assert client.sys.delete_namespace(name).status_code == 204
    with pytest.raises(InvalidPath):
        client.adapter.get(f"/v1/sys/namespaces/{name}")


# --- audit devices ------------------------------------------------------------------------


def test_a_file_device_gets_every_entry_from_its_making_on(
    client: hvac.Client, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "copy.jsonl"
    client.sys.enable_audit_device("file", options={"file_path": str(path)}, path=name)
    shown = client.sys.list_enabled_audit_devices()["data"][f"{name}/"]
    assert (shown["type"], shown["options"]) == ("file", {"file_path": str(path)})
    client.secrets.kv.v2.create_or_update_secret(f"seen-{name}", {"p": "needle-not-seen"})
    until(lambda: f"seen-{name}" in path.read_text())
    assert "needle-not-seen" not in path.read_text()
    first = client.sys.calculate_hash(name, "text")["data"]["hash"]
    assert first.startswith("hmac-sha256:")
    assert client.sys.calculate_hash(name, "text")["data"]["hash"] == first
    assert client.sys.disable_audit_device(name).status_code == 204
    assert f"{name}/" not in client.sys.list_enabled_audit_devices()["data"]
    with pytest.raises(InvalidRequest, match="unknown audit backend"):
        client.sys.calculate_hash(name, "text")
    length = path.stat().st_size
    client.secrets.kv.v2.create_or_update_secret(f"unseen-{name}", {"p": "q"})
    time.sleep(0.5)
    assert path.stat().st_size == length


@pytest.mark.parametrize("network", ["tcp", "udp", "unix"])
def test_a_socket_device_gets_lines(
    client: hvac.Client, name: str, network: str, tmp_path: Path
) -> None:
    got = bytearray()
    kind = socket.SOCK_DGRAM if network == "udp" else socket.SOCK_STREAM
    receiver = socket.socket(socket.AF_UNIX if network == "unix" else socket.AF_INET, kind)
    receiver.bind(str(tmp_path / "s") if network == "unix" else ("127.0.0.1", 0))

    def receive() -> None:
        if network == "udp":
            while data := receiver.recv(65_536):
                got.extend(data)
            return
        receiver.listen()
        while True:
            connection, _ = receiver.accept()
            while data := connection.recv(65_536):
                got.extend(data)

    threading.Thread(target=receive, daemon=True).start()
    time.sleep(0.05)
    at = receiver.getsockname()
    address = at if network == "unix" else f"{at[0]}:{at[1]}"
    options = {"address": address, "socket_type": network}
    client.sys.enable_audit_device("socket", options=options, path=name)
    client.secrets.kv.v2.create_or_update_secret(f"sent-{name}", {"p": "q"})
    until(lambda: f"sent-{name}".encode() in got)
    client.sys.disable_audit_device(name)


@pytest.mark.parametrize(
    ("kind", "options", "wording"),
    [
        ("file", {}, "file_path is required"),
        ("file", {"file_path": "relative"}, "must be absolute"),
        ("file", {"file_path": "/nowhere/at/all"}, "unable to open"),
        ("file", {"file_path": "/etc/hostname"}, "sanity check failed"),
        ("file", {"file_path": "/dev/null"}, "something else than entries"),
        ("file", {"file_path": "/tmp/x", "prefix": "p"}, "unsupported option"),
        ("file", {"file_path": "/tmp/x", "format": "jsonx"}, "JSON"),
        ("socket", {"address": "127.0.0.1:1"}, "sanity check failed"),
        ("socket", {"address": "nothing"}, "sanity check failed"),
        ("syslog", {"facility": "NONE"}, "Unknown syslog facility"),
        ("nope", {}, "unknown backend type"),
    ],
)
def test_a_device_that_cannot_be_written_to_is_refused(
    client: hvac.Client, kind: str, options: dict[str, str], wording: str
) -> None:
    with pytest.raises(InvalidRequest, match=wording):
        client.sys.enable_audit_device(kind, options=options, path="bad")


def test_a_device_does_not_write_to_what_holds_no_entries(
    client: hvac.Client, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("ssh-ed25519 AAAA\n")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for path in (precious, link, tmp_path):
        with pytest.raises(InvalidRequest, match="sanity check failed"):
            client.sys.enable_audit_device("file", options={"file_path": str(path)}, path="bad")
    assert precious.read_text() == "ssh-ed25519 AAAA\n"


# --- quotas -------------------------------------------------------------------------------


def test_a_rate_limit_is_made_kept_and_deleted(client: hvac.Client, name: str) -> None:
    client.sys.enable_secrets_engine("kv", path=name)
    client.sys.create_or_update_quota(name, path=f"{name}/", rate=2, interval="1m")
    shown = client.sys.read_quota(name)["data"]
    assert (shown["path"], shown["rate"], shown["interval"]) == (f"{name}/", 2, 60)
    assert name in client.sys.list_quotas()["data"]["keys"]
    statuses = [raw(client, "GET", f"{name}/a").status_code for _ in range(3)]
    assert statuses == [404, 404, 429]
    refused = raw(client, "GET", f"{name}/a")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.json()["errors"] == [f'request path "{name}/a": rate limit quota exceeded']
    assert raw(client, "GET", "secret/data/not-there").status_code == 404
    assert client.sys.delete_quota(name).status_code == 204
    assert raw(client, "GET", f"{name}/a").status_code == 404
    with pytest.raises(InvalidPath):
        client.sys.read_quota(name)


def test_a_rate_limit_needs_a_rate_and_a_path_that_leads_somewhere(client: hvac.Client) -> None:
    assert raw(client, "POST", "sys/quotas/rate-limit/q", {}).json()["errors"] == [
        "'rate' is invalid"
    ]
    refused = raw(client, "POST", "sys/quotas/rate-limit/q", {"rate": 1, "path": "none/"})
    assert refused.json()["errors"] == ['invalid mount path "none/"']


def test_a_lease_count_is_made_shown_and_deleted(client: hvac.Client, name: str) -> None:
    client.sys.enable_secrets_engine("kv", path=name)
    limit = {"path": f"{name}/", "max_leases": 7}
    assert raw(client, "POST", f"sys/quotas/lease-count/{name}", limit).status_code == 204
    shown = raw(client, "GET", f"sys/quotas/lease-count/{name}").json()["data"]
    assert (shown["max_leases"], shown["path"]) == (7, f"{name}/")
    assert raw(client, "LIST", "sys/quotas/lease-count").json()["data"]["keys"] == [name]
    assert raw(client, "DELETE", f"sys/quotas/lease-count/{name}").status_code == 204


def test_exempt_paths_are_not_limited(client: hvac.Client, name: str) -> None:
    client.sys.enable_secrets_engine("kv", path=name)
    before = raw(client, "GET", "sys/quotas/config").json()["data"]["rate_limit_exempt_paths"]
    assert "sys/health" in before
    exempt = {"rate_limit_exempt_paths": [*before, f"{name}/free/*"]}
    raw(client, "POST", "sys/quotas/config", exempt)
    client.sys.create_or_update_quota(name, path=f"{name}/", rate=1, interval="1m")
    free = [raw(client, "GET", f"{name}/free/a").status_code for _ in range(4)]
    bound = [raw(client, "GET", f"{name}/a").status_code for _ in range(2)]
    assert (free, bound) == ([404] * 4, [404, 429])
    raw(client, "POST", "sys/quotas/config", {"rate_limit_exempt_paths": before})
    client.sys.delete_quota(name)


# --- storage ------------------------------------------------------------------------------


def test_a_snapshot_is_taken_and_restored(client: hvac.Client, name: str) -> None:
    client.secrets.kv.v2.create_or_update_secret(name, {"at": "then"})
    answer = client.sys.take_raft_snapshot()
    assert answer.headers["content-type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        assert "SHA256SUMS.sealed" in tar.getnames()
    client.secrets.kv.v2.create_or_update_secret(name, {"at": "now"})
    for restore in (client.sys.restore_raft_snapshot, client.sys.force_restore_raft_snapshot):
        assert restore(answer.content).status_code == 204
        read = client.secrets.kv.v2.read_secret(name, raise_on_deleted_version=True)["data"]
        assert (read["data"], read["metadata"]["version"]) == ({"at": "then"}, 1)
    with pytest.raises(InvalidRequest, match="not a snapshot"):
        client.sys.restore_raft_snapshot(b"nonsense")


def test_a_transit_key_deleted_since_is_not_restored(client: hvac.Client, name: str) -> None:
    client.sys.enable_secrets_engine("transit", path=name)
    for key in ("gone", "kept"):
        client.secrets.transit.create_key(key, mount_point=name)
    archive = client.sys.take_raft_snapshot().content
    for key in ("gone", "kept"):
        client.secrets.transit.rotate_key(key, mount_point=name)
    client.secrets.transit.update_key_configuration("gone", deletion_allowed=True, mount_point=name)
    client.secrets.transit.delete_key("gone", mount_point=name)
    client.sys.restore_raft_snapshot(archive)
    assert client.secrets.transit.list_keys(mount_point=name)["data"]["keys"] == ["kept"]
    kept = client.secrets.transit.read_key("kept", mount_point=name)["data"]
    assert kept["latest_version"] == 1
    client.secrets.transit.create_key("gone", mount_point=name)


def test_there_is_no_raft(client: hvac.Client) -> None:
    for ask in (
        client.sys.read_raft_config,
        lambda: client.sys.remove_raft_node("a"),
        lambda: client.sys.join_raft_cluster("https://127.0.0.1:1"),
    ):
        with pytest.raises(InvalidRequest, match="raft storage is not in use"):
            ask()
    for ask in (
        client.sys.list_raft_auto_snapshot_configs,
        lambda: client.sys.read_raft_auto_snapshot_config("a"),
        lambda: client.sys.read_raft_auto_snapshot_status("a"),
        lambda: client.sys.delete_raft_auto_snapshot_config("a"),
        lambda: client.sys.create_or_update_raft_auto_snapshot_config("a", "1h", "local"),
    ):
        with pytest.raises(InvalidPath, match="unsupported path"):
            ask()


# --- tools, and what the server tells of itself -------------------------------------------


def test_bytes_are_hashed_and_made(client: hvac.Client) -> None:
    given = {"input": "YWJj"}
    sums = {
        "": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "/sha2-224": "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        "/sha3-256": "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
    }  # "abc": FIPS 180-4 and FIPS 202 example values
    for path, expected in sums.items():
        assert raw(client, "POST", f"sys/tools/hash{path}", given).json()["data"]["sum"] == expected
    made = raw(client, "POST", "sys/tools/random/platform/5", {"format": "hex"}).json()["data"]
    assert len(bytes.fromhex(made["random_bytes"])) == 5
    assert raw(client, "POST", "sys/tools/random/0").json()["errors"] == [
        "'bytes' cannot be less than 1"
    ]
    assert raw(client, "POST", "sys/tools/hash/no", given).json()["errors"] == [
        "unsupported algorithm no"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "sys/ha-status",
        "sys/host-info",
        "sys/replication/status",
        "sys/replication/dr/status",
        "sys/replication/performance/status",
        "sys/config/state/sanitized",
        "sys/config/cors",
        "sys/config/auditing/request-headers",
        "sys/version-history?list=true",
        "sys/plugins/catalog",
        "sys/plugins/catalog/secret?list=true",
        "sys/plugins/catalog/auth/approle",
        "sys/internal/counters/tokens",
        "sys/internal/counters/entities",
        "sys/internal/counters/config",
        "sys/internal/inspect/router/root",
        "sys/internal/ui/namespaces",
        "sys/rotate/config",
        "sys/metrics",
    ],
)
def test_it_tells_of_itself(client: hvac.Client, path: str) -> None:
    assert raw(client, "GET", path).status_code == 200


@pytest.mark.parametrize("path", ["sys/host-info", "sys/metrics", "sys/plugins/catalog"])
def test_it_tells_strangers_nothing(server: Any, path: str) -> None:
    assert httpx.get(f"{server.address}/v1/{path}").status_code == 403


def test_settings_that_are_not_set_by_requests_are_refused(client: hvac.Client) -> None:
    for path in ("sys/config/cors", "sys/rotate/config", "sys/plugins/catalog/secret/x"):
        assert raw(client, "POST", path, {"a": 1}).status_code == 405


def test_metrics_are_those_of_prometheus(client: hvac.Client) -> None:
    text = raw(client, "GET", "sys/metrics?format=prometheus").text
    assert "keystead_operation_duration_seconds_bucket" in text
    gauges = {g["Name"] for g in raw(client, "GET", "sys/metrics").json()["Gauges"]}
    assert "keystead_sealed" in gauges


def test_the_openapi_document_names_every_mount(client: hvac.Client, name: str) -> None:
    client.sys.enable_secrets_engine("kv", path=name, options={"version": "2"})
    document = raw(client, "GET", "sys/internal/specs/openapi").json()
    assert document["openapi"].startswith("3.0")
    assert {f"/{name}/data/{{path}}", "/sys/health", "/sys/mounts/{path}"} <= set(document["paths"])
    assert document["paths"]["/sys/health"]["x-vault-unauthenticated"] is True
    identifiers = [
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
    ]
    assert len(identifiers) == len(set(identifiers))


def raw(client: hvac.Client, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"X-Vault-Token": client.token}
    return httpx.request(method, f"{client.url}/v1/{path}", json=body, headers=headers)


def until(holds: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
