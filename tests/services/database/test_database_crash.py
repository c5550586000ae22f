"""A server that is killed while it makes an account leaves none behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest


def _wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_account_made_before_the_kill_but_not_confirmed_is_revoked_after_it(
    make_server: Callable[..., Any], target: Any
) -> None:
    server = make_server()
    server.start()

    def ask(method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return httpx.request(
            method,
            f"{server.address}/api/v1/{path}",
            json=body if method != "GET" else None,
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=30,
        )

    assert ask("POST", "mounts", {"path": "database", "type": "database"}).status_code == 201
    config = {"plugin": target.plugin, "connection_url": target.url, "allowed_roles": ["*"]}
    config |= {"username": target.admin_name, "password": target.admin_password}
    assert ask("PATCH", "databases/database%2Fdb", config).status_code == 200
    # The account is there for good, and then its making takes some seconds more.
    rest = "COMMIT; SELECT pg_sleep(8)" if target.user == "postgres" else "SELECT SLEEP(8)"
    role = {"database": "db", "creation_statements": [f"{target.create}; {rest}"]}
    assert ask("PATCH", "database-roles/database%2Fapp", role).status_code == 204

    def issue() -> None:
        with pytest.raises(httpx.HTTPError):
            ask("POST", "database-roles/database%2Fapp/credentials", {})

    caller = threading.Thread(target=issue)
    caller.start()
    _wait_until(lambda: len(target.accounts()) == 1, 15)
    server.kill()
    caller.join()
    assert len(target.accounts()) == 1
    server.start()
    _wait_until(lambda: target.accounts() == [], 20)
    leases = ask("GET", "lease-count", {}).json()
    assert (leases["live"], leases["revoking"], leases["failed"]) == (0, 0, 0)
    entries = ask("GET", "audit/entries?audit_action=database-role:issue", {}).json()["entries"]
    assert [entry["outcome"] for entry in entries if entry["phase"] == "outcome"] == ["unknown"]
