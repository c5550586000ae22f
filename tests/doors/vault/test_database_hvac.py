"""hvac's client for databases, every method, at a running server and a real PostgreSQL."""

from __future__ import annotations

import importlib.util
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
    """A client of a mount ``database``, with the database ``db`` and the role ``app``."""
    made = hvac.Client(url=server.address, token=server.token)
    headers = {"Authorization": f"Bearer {server.token}"}
    mounts = f"{server.address}/api/v1/mounts"
    httpx.post(mounts, json={"path": "database", "type": "database"}, headers=headers)
    database = made.secrets.database
    database.configure(
        name="db",
        plugin_name="postgresql-database-plugin",
        allowed_roles=["app", "report"],
        connection_url=postgres.url,
        username=postgres.admin_name,
        password=postgres.admin_password,
    )
    database.create_role("app", "db", [postgres.create], default_ttl="1h", max_ttl="24h")
    yield made
    httpx.delete(f"{mounts}/database", headers=headers)


def test_connections(client: hvac.Client, postgres: Any) -> None:
    database = client.secrets.database
    shown = database.read_connection(name="db")["data"]
    assert shown["plugin_name"] == "postgresql-database-plugin"
    assert shown["allowed_roles"] == ["app", "report"]
    details = {"connection_url": postgres.url, "username": postgres.admin_name}
    assert shown["connection_details"] == details
    assert postgres.admin_password not in str(shown)
    assert database.list_connections()["data"]["keys"] == ["db"]
    assert database.reset_connection(name="db").status_code == 204
    database.delete_connection(name="db")
    with pytest.raises(InvalidPath):
        database.read_connection(name="db")
    with pytest.raises(InvalidPath):
        database.list_connections()


def test_roles(client: hvac.Client, postgres: Any) -> None:
    database = client.secrets.database
    assert database.read_role("app")["data"] == {
        "creation_statements": [postgres.create],
        "credential_type": "password",
        "db_name": "db",
        "default_ttl": 3600,
        "max_ttl": 86400,
        "renew_statements": [],
        "revocation_statements": [],
        "rollback_statements": [],
    }
    assert database.list_roles()["data"]["keys"] == ["app"]
    database.delete_role("app")
    with pytest.raises(InvalidPath):
        database.read_role("app")
    with pytest.raises(InvalidRequest, match="unknown role: app"):
        database.generate_credentials("app")


def test_credentials(client: hvac.Client, postgres: Any) -> None:
    made = client.secrets.database.generate_credentials("app")
    assert made["lease_id"].startswith("database/creds/app/")
    assert made["lease_duration"] == 3600
    assert made["renewable"] is True
    postgres.login(made["data"]["username"], made["data"]["password"]).close()


def test_static_roles(client: hvac.Client, postgres: Any) -> None:
    database = client.secrets.database
    postgres.admin("CREATE ROLE \"v-report\" LOGIN PASSWORD 'old'")
    database.create_static_role(
        name="report",
        db_name="db",
        username="v-report",
        rotation_statements=["ALTER USER \"{{name}}\" WITH PASSWORD '{{password}}'"],
        rotation_period="86400s",
    )
    shown = database.read_static_role("report")["data"]
    assert shown["username"] == "v-report"
    assert shown["rotation_period"] == 86400
    assert database.list_static_roles()["data"]["keys"] == ["report"]
    first = database.get_static_credentials("report")["data"]
    assert first["username"] == "v-report"
    assert 86390 <= first["ttl"] <= 86400
    postgres.login("v-report", first["password"]).close()
    database.rotate_static_role_credentials("report")
    second = database.get_static_credentials("report")["data"]
    assert second["password"] != first["password"]
    with pytest.raises(psycopg.OperationalError):
        postgres.login("v-report", first["password"])
    database.delete_static_role("report")
    with pytest.raises(InvalidPath):
        database.read_static_role("report")


def test_rotating_its_own_password(client: hvac.Client, postgres: Any) -> None:
    database = client.secrets.database
    postgres.admin("CREATE ROLE \"v-root\" LOGIN SUPERUSER PASSWORD 'root-1'")
    database.configure(
        name="db",
        plugin_name="postgresql-database-plugin",
        allowed_roles="*",
        connection_url=postgres.url,
        username="v-root",
        password="root-1",
    )
    assert database.rotate_root_credentials("db").status_code == 204
    with pytest.raises(psycopg.OperationalError):
        postgres.login("v-root", "root-1")
    assert database.generate_credentials("app")["data"]["username"]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda d: d.configure(name="y", plugin_name="nope", connection_url="a"), "not found in"),
        (lambda d: d.create_role("r", "", []), "database name is required"),
        (lambda d: d.generate_credentials("zz"), "unknown role: zz"),
        (lambda d: d.get_static_credentials("zz"), "unknown role: zz"),
        (lambda d: d.rotate_static_role_credentials("zz"), "no static role found"),
    ],
)
def test_refusals_are_worded_as_vaults(
    client: hvac.Client, ask: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        ask(client.secrets.database)
