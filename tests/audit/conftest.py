"""Entries, logs and keys for the audit tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.audit.checkpoint import Signer
from keystead.audit.entry import Entry, Resource, encode
from keystead.audit.log import LogWriter

VECTORS = Path(__file__).parent.parent / "vectors" / "audit"
START_NS = 1_764_567_890_000_000_000


@pytest.fixture(scope="session")
def load_vectors() -> Callable[[str], Any]:
    def load(name: str) -> Any:
        data = json.loads((VECTORS / name).read_text(encoding="utf-8"))
        assert data["source"]
        return data

    return load


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., Entry]:
    """Entry number ``n``, one second after the one before, with fields replaced."""

    def make(n: int = 0, **fields: Any) -> Entry:
        given: dict[str, Any] = {
            "action": "key:encrypt",
            "context": {"tenant": "acme"},
            "door": "rest",
            "key_version": 3,
            "namespace": "root",
            "node": "n1",
            "outcome": "ok",
            "phase": "event",
            "principal": f"p-{n % 3}",
            "principal_name": f"svc-{n % 3}",
            "request_id": f"r-{n}",
            "resource": Resource("key", f"k-{n % 5}", f"orders-{n % 5}"),
            "source_ip": "10.1.2.3",
            "time": START_NS + n * 1_000_000_000,
            "token_accessor": "acc-1",
            "trace_id": f"t-{n}",
        }
        return Entry(**(given | fields))

    return make


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer("keystead.example/n1", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


@pytest.fixture
def open_log(tmp_path: Path) -> Callable[..., LogWriter]:
    """Opens the log in the test's folder, with a small reserve."""

    def open_(directory: Path = tmp_path / "log", **options: Any) -> LogWriter:
        return LogWriter(directory, **({"reserve_bytes": 4096} | options))

    return open_


@pytest.fixture
def make_log(
    open_log: Callable[..., LogWriter], make_entry: Callable[..., Entry], signer: Signer
) -> Callable[..., Path]:
    """A closed, signed log of ``size`` entries; a checkpoint after each ``every``."""

    def make(size: int, *, every: int = 1000, **options: Any) -> Path:
        writer = open_log(**options)
        writer.sign_with(signer)
        for n in range(size):
            writer.commit([encode(make_entry(n))])
            if n % every == every - 1:
                writer.checkpoint()
        writer.close()
        return writer._directory

    return make
