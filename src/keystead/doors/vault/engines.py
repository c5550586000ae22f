"""Which route table answers for which kind of mount."""

from __future__ import annotations

from keystead.doors.vault import (
    approle,
    cert,
    cubbyhole,
    database,
    identity,
    jwt,
    kubernetes,
    kv1,
    kv2,
    sys,
    token,
    totp,
    transit,
    userpass,
)
from keystead.doors.vault.engine import Engine


def engines() -> dict[str, Engine]:
    """All route tables, by ``MountView.engine``."""
    return {engine.name: engine for engine in _ALL}


_ALL: tuple[Engine, ...] = (
    approle.ENGINE,
    cert.ENGINE,
    cubbyhole.ENGINE,
    database.ENGINE,
    identity.ENGINE,
    jwt.ENGINE,
    kubernetes.ENGINE,
    kv1.ENGINE,
    kv2.ENGINE,
    sys.ENGINE,
    token.ENGINE,
    totp.ENGINE,
    transit.ENGINE,
    userpass.ENGINE,
)
