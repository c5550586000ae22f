"""The command line as users call it: the real program in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Result:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Keystead:
    """Runs ``keystead``; every run must end without a traceback."""

    environment: dict[str, str]
    folder: Path

    def __call__(
        self, *arguments: str, given: bytes | str = b"", code: int = 0, **environment: str
    ) -> Result:
        data = given.encode() if isinstance(given, str) else given
        run = subprocess.run(
            [sys.executable, "-m", "keystead", *arguments],
            input=data,
            capture_output=True,
            env=self.environment | environment,
            cwd=self.folder,
            timeout=60,
            check=False,
        )
        result = Result(run.returncode, run.stdout, run.stderr.decode())
        assert "Traceback" not in result.err, result.err
        assert result.code == code, f"{arguments} exits {result.code}: {result.err}{result.text}"
        return result


def _environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEYSTEAD_")}
    return clean | {"HOME": str(folder), "KEYSTEAD_ADDR": "http://127.0.0.1:1"}


@pytest.fixture
def offline(tmp_path: Path) -> Keystead:
    """Without a server."""
    return Keystead(_environment(tmp_path), tmp_path)


@pytest.fixture
def keystead(server: Any, tmp_path: Path) -> Keystead:
    """As root of the shared development server."""
    told = {"KEYSTEAD_ADDR": server.address, "KEYSTEAD_TOKEN": server.token}
    return Keystead(_environment(tmp_path) | told, tmp_path)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    import secrets

    return f"t-{secrets.token_hex(6)}"


@pytest.fixture
def keystead_on() -> Callable[[Any, Path], Keystead]:
    """As root of a server of the test's own."""

    def make(server: Any, folder: Path) -> Keystead:
        told = {"KEYSTEAD_ADDR": server.address, "KEYSTEAD_TOKEN": server.token}
        return Keystead(_environment(folder) | told, folder)

    return make
