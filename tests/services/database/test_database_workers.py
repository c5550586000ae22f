"""Several workers: one makes the connections, all answer."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from keystead.services.feed import LOOK_SECONDS

_PATH = Path(__file__).parents[2] / "node" / "conftest.py"
_spec = importlib.util.spec_from_file_location("keystead_node_fixtures", _PATH)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _fixtures
_spec.loader.exec_module(_fixtures)

make_node = _fixtures.make_node


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_worker_answers_and_the_limit_holds_for_all(make_node: Any, postgres: Any) -> None:
    node = make_node(workers=3)
    node.start()
    address = f"http://127.0.0.1:{node.port}"
    wait_until(lambda: httpx.get(f"{address}/health/live", timeout=30).is_success)
    body = {"secret_shares": 1, "secret_threshold": 1}
    made = httpx.put(f"{address}/v1/sys/init", json=body, timeout=30)
    token = made.json()["root_token"]
    # Each asked more often than there are workers: all have been told of the root key.
    for _ in range(12):
        wait_until(lambda: httpx.get(f"{address}/health/ready", timeout=30).is_success)

    def ask(method: str, path: str, body: Any = None) -> Any:
        # A connection each: the kernel gives them to the workers in no order.
        headers = {"X-Vault-Token": token}
        answer = httpx.request(
            method, f"{address}/v1/{path}", json=body, headers=headers, timeout=30
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    ask("POST", "sys/mounts/database", {"type": "database"})
    time.sleep(LOOK_SECONDS + 0.5)  # until every worker has heard of the mount
    config = {"plugin_name": postgres.plugin, "allowed_roles": "*", "max_open_connections": 1}
    config |= {"username": postgres.admin_name, "password": postgres.admin_password}
    url = f"{postgres.url}?application_name=workers"
    ask("POST", "database/config/db", config | {"connection_url": url})
    role = {"db_name": "db", "creation_statements": postgres.create, "default_ttl": "1h"}
    ask("POST", "database/roles/app", role)
    leases = [ask("GET", "database/creds/app")["lease_id"] for _ in range(24)]
    assert len(postgres.accounts()) == 24
    connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'workers'"
    assert postgres.admin(connected) == [(1,)]
    for lease_id in leases:
        ask("POST", "sys/leases/renew", {"lease_id": lease_id})
        ask("POST", "sys/leases/revoke", {"lease_id": lease_id, "sync": True})
    assert postgres.accounts() == []
