"""The Python SDK: clients, envelope encryption with data keys, encryption of files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keystead.client.asynchronous import AsyncClient
    from keystead.client.envelope import AsyncEnvelope, Envelope
    from keystead.client.sync import Client

__all__ = ["AsyncClient", "AsyncEnvelope", "Client", "Envelope"]

_HOMES = {
    "AsyncClient": "keystead.client.asynchronous",
    "AsyncEnvelope": "keystead.client.envelope",
    "Client": "keystead.client.sync",
    "Envelope": "keystead.client.envelope",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
