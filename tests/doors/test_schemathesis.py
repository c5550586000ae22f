"""schemathesis asks a running server everything its own description allows, and more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Sealing the server, or revoking the token the test runs with, would end the test early.
LEFT_OUT = r"system/(seal|initialize|unseal)|tokens/self"


@pytest.mark.timeout(240)
def test_no_request_that_the_description_leads_to_is_answered_with_a_server_error(
    make_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = make_server()
    server.start()
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            f"{server.address}/api/v1/openapi.json",
            "--header",
            f"Authorization: Bearer {server.token}",
            "--phases",
            "examples,coverage,fuzzing",
            "--checks",
            "not_a_server_error",
            "--max-examples",
            "8",
            "--exclude-path-regex",
            LEFT_OUT,
            "--suppress-health-check",
            "all",
            "--continue-on-failure",
            "--generation-deterministic",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
