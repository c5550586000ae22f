"""The commands for databases and leases, at a running server and a real PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., str]


@pytest.fixture
def run(server: Any, tmp_path: Path) -> Run:
    def run(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "keystead", *arguments],
            input=given, capture_output=True, text=True, env=server.environment, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_an_account_is_made_shown_and_taken_back(run: Run, postgres: Any, tmp_path: Path) -> None:
    run("mount", "create", "cli-db", "database")
    (tmp_path / "create.sql").write_text(postgres.create)
    run(
        "database", "config", "write", "cli-db/db", "--plugin", postgres.plugin,
        "--url", postgres.url, "--username", postgres.admin_name, "--password-file", "-",
        "--allow", "*", given=postgres.admin_password + "\n",
    )  # fmt: skip
    assert postgres.admin_password not in run("database", "config", "show", "cli-db/db")
    assert run("database", "config", "list", "--mount", "cli-db", "-q") == "db"
    run(
        "database", "role", "write", "cli-db/app", "--database", "db", "--create", "@create.sql",
        "--ttl", "1h",
    )  # fmt: skip
    assert run("database", "role", "show", "cli-db/app", "-q") == "db"
    made = json.loads(run("database", "creds", "cli-db/app", "-o", "json"))
    postgres.login(made["username"], made["password"]).close()
    lease_id = made["lease_id"]
    assert run("lease", "list", "cli-db/", "-q") == lease_id
    assert run("lease", "show", lease_id, "-q") == "live"
    run("lease", "renew", lease_id, "--increment", "30m")
    run("lease", "revoke", lease_id, "--wait")
    assert postgres.accounts() == []
    run("lease", "revoke", "--prefix", "cli-db", "--forget")
    assert int(run("lease", "count", "-q")) >= 0


def test_a_static_role_is_written_read_and_rotated(run: Run, postgres: Any) -> None:
    postgres.admin("CREATE ROLE \"v-report\" LOGIN PASSWORD 'old'")
    run("mount", "create", "cli-static", "database")
    run(
        "database", "config", "write", "cli-static/db", "--plugin", postgres.plugin,
        "--url", postgres.url, "--username", postgres.admin_name, "--password-file", "-",
        "--allow", "report", given=postgres.admin_password,
    )  # fmt: skip
    run(
        "database", "static-role", "write", "cli-static/report", "--database", "db",
        "--username", "v-report", "--every", "24h",
    )  # fmt: skip
    first = run("database", "static-creds", "cli-static/report", "-q")
    postgres.login("v-report", first).close()
    run("database", "static-role", "rotate", "cli-static/report")
    second = run("database", "static-creds", "cli-static/report", "-q")
    assert second != first
    postgres.login("v-report", second).close()
    assert run("database", "static-role", "list", "--mount", "cli-static", "-q") == "report"
    run("database", "static-role", "delete", "cli-static/report")
