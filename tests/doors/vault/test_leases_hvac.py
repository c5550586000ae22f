"""Leases as hvac and older clients ask for them, at a running server and a real PostgreSQL."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hvac
import psycopg
import pytest
from hvac.exceptions import InvalidPath, InvalidRequest

_PATH = Path(__file__).parents[2] / "services" / "database" / "conftest.py"
_spec = importlib.util.spec_from_file_location("keystead_database_fixtures", _PATH)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

shared_postgres = _fixtures.shared_postgres
postgres = _fixtures.postgres


@pytest.fixture
def client(server: Any, postgres: Any) -> Iterator[hvac.Client]:
    """A client of a mount ``leased`` with the role ``app``: an hour first, two at most."""
    made = hvac.Client(url=server.address, token=server.token)
    made.sys.enable_secrets_engine("database", path="leased")
    made.secrets.database.configure(
        name="db",
        plugin_name="postgresql-database-plugin",
        allowed_roles=["*"],
        connection_url=postgres.url,
        username=postgres.admin_name,
        password=postgres.admin_password,
        mount_point="leased",
    )
    made.secrets.database.create_role(
        "app", "db", [postgres.create], default_ttl="1h", max_ttl="2h", mount_point="leased"
    )
    yield made
    made.sys.revoke_force("leased")
    made.sys.disable_secrets_engine("leased")


def issue(client: hvac.Client) -> Any:
    return client.secrets.database.generate_credentials("app", mount_point="leased")


def raw(client: hvac.Client, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"X-Vault-Token": client.token}
    return httpx.request(method, f"{client.url}/v1/{path}", json=body, headers=headers)


def works(postgres: Any, made: Any) -> bool:
    try:
        postgres.login(made["data"]["username"], made["data"]["password"]).close()
    except psycopg.OperationalError:
        return False
    return True


def gone(postgres: Any, made: Any) -> bool:
    deadline = time.monotonic() + 10
    while works(postgres, made):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_lease_is_looked_up_and_listed(client: hvac.Client) -> None:
    lease_id = issue(client)["lease_id"]
    shown = client.sys.read_lease(lease_id)["data"]
    assert set(shown) == {"expire_time", "id", "issue_time", "last_renewal", "renewable", "ttl"}
    assert shown["id"] == lease_id
    assert shown["last_renewal"] is None
    assert 3590 <= shown["ttl"] <= 3600
    listed = client.sys.list_leases("leased/creds/app")["data"]["keys"]
    assert listed == [lease_id.rpartition("/")[2]]
    assert "creds/" in raw(client, "LIST", "sys/leases/lookup/leased/").json()["data"]["keys"]
    assert "leased/" in raw(client, "GET", "sys/leases/lookup?list=true").json()["data"]["keys"]


def test_a_lease_is_renewed_within_its_longest_lifetime(client: hvac.Client) -> None:
    lease_id = issue(client)["lease_id"]
    renewed = client.sys.renew_lease(lease_id, increment=60)
    assert (renewed["lease_id"], renewed["lease_duration"]) == (lease_id, 60)
    assert renewed["renewable"] is True
    capped = client.sys.renew_lease(lease_id, increment=180_000)
    assert 7190 <= capped["lease_duration"] <= 7200
    assert "exceeded the effective max_ttl" in capped["warnings"][0]
    assert client.sys.read_lease(lease_id)["data"]["last_renewal"]


def test_a_revoked_lease_is_gone_with_its_account(client: hvac.Client, postgres: Any) -> None:
    made = issue(client)
    assert client.sys.revoke_lease(made["lease_id"]).status_code == 204
    assert gone(postgres, made)
    with pytest.raises(InvalidRequest, match="lease not found"):
        client.sys.renew_lease(made["lease_id"])


def test_revoking_in_step_is_done_when_it_answers(client: hvac.Client, postgres: Any) -> None:
    made = issue(client)
    body = {"lease_id": made["lease_id"], "sync": True}
    assert raw(client, "POST", "sys/leases/revoke", body).status_code == 204
    assert not works(postgres, made)
    with pytest.raises(InvalidRequest, match="invalid lease"):
        client.sys.read_lease(made["lease_id"])


def test_a_prefix_is_revoked(client: hvac.Client, postgres: Any) -> None:
    made = [issue(client) for _ in range(3)]
    client.sys.revoke_prefix("leased/creds/app")
    assert all(gone(postgres, each) for each in made)
    with pytest.raises(InvalidPath):
        client.sys.list_leases("leased/creds/app")


@pytest.mark.parametrize("path", ["sys/renew", "sys/leases/renew"])
def test_the_older_paths_renew_too(client: hvac.Client, path: str) -> None:
    lease_id = issue(client)["lease_id"]
    assert raw(client, "PUT", f"{path}/{lease_id}").json()["lease_duration"] == 3600
    assert raw(client, "PUT", path, {"lease_id": lease_id}).json()["lease_id"] == lease_id


@pytest.mark.parametrize("path", ["sys/revoke/{}", "sys/leases/revoke/{}", "sys/revoke-prefix/{}"])
def test_the_older_paths_revoke_too(client: hvac.Client, postgres: Any, path: str) -> None:
    made = issue(client)
    named = made["lease_id"] if "prefix" not in path else "leased"
    assert raw(client, "PUT", path.format(named)).status_code == 204
    assert gone(postgres, made)


def test_irrevocable_leases_are_counted_and_listed(client: hvac.Client) -> None:
    counted = raw(client, "GET", "sys/leases/count?type=irrevocable").json()["data"]
    assert counted == {"counts": {}, "lease_count": 0}
    listed = raw(client, "GET", "sys/leases?type=irrevocable").json()["data"]
    assert listed == {"lease_count": 0, "leases": []}
    assert raw(client, "GET", "sys/leases").status_code == 404


def test_tidying_is_started(client: hvac.Client) -> None:
    answer = raw(client, "POST", "sys/leases/tidy")
    assert answer.status_code == 202
    assert "Tidy operation successfully started" in answer.json()["warnings"][0]


def test_disabling_a_mount_revokes_what_is_leased_there(client: hvac.Client, postgres: Any) -> None:
    made = issue(client)
    client.sys.disable_secrets_engine("leased")
    assert gone(postgres, made)
    client.sys.enable_secrets_engine("database", path="leased")


def test_moving_a_mount_revokes_what_is_leased_there(client: hvac.Client, postgres: Any) -> None:
    made = issue(client)
    client.sys.move_backend("leased", "elsewhere")
    try:
        assert gone(postgres, made)
        again = client.secrets.database.generate_credentials("app", mount_point="elsewhere")
        assert again["lease_id"].startswith("elsewhere/creds/app/")
        client.sys.revoke_prefix("elsewhere")
        assert gone(postgres, again)
    finally:
        client.sys.move_backend("elsewhere", "leased")


def test_the_leases_of_a_token_end_with_it(client: hvac.Client, postgres: Any) -> None:
    child = client.auth.token.create(policies=["root"])["auth"]["client_token"]
    made = issue(hvac.Client(url=client.url, token=child))
    client.auth.token.revoke(child)
    assert gone(postgres, made)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: c.sys.read_lease("nope"), "invalid lease"),
        (lambda c: c.sys.renew_lease("x/y"), "lease not found"),
        (lambda c: c.adapter.post("/v1/sys/leases/lookup"), "lease_id must be specified"),
        (lambda c: c.adapter.post("/v1/sys/leases/revoke"), "lease_id must be specified"),
    ],
)
def test_refusals_are_worded_as_vaults(
    client: hvac.Client, ask: Callable[[hvac.Client], Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        ask(client)
