"""The README's terminal session, run against a live server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_the_session_in_the_readme_prints_what_the_readme_shows(
    readme: Any, make_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = make_server()
    server.start()
    environment = server.environment | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "COLUMNS": "120",
    }
    examples = list(readme.examples())
    assert len(examples) > 10
    for example in examples:
        run = subprocess.run(
            ["bash", "-o", "pipefail", "-c", example.command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert example.pattern.fullmatch(run.stdout), f"{example.command}\n{run.stdout}"
        refused = any(line.startswith("keystead: ") for line in example.output)
        assert (run.returncode != 0) is refused, example.command
