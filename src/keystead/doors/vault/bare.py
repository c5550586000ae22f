"""Answers without Vault's envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from keystead.doors.vault.engine import Answer, Raw

_encode = msgspec.json.Encoder().encode


def bare(body: Mapping[str, Any], status: int = 200) -> Answer:
    """A JSON object as it is."""
    return Answer(raw=Raw(b"application/json", _encode(body) + b"\n", status))


def repeated(data: Mapping[str, Any]) -> Answer:
    """A reply whose data stands beside the envelope's members too."""
    return Answer(data=data, top=data)
