"""Keystead, a self-hosted key-management system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keystead.client import AsyncClient, AsyncEnvelope, Client, Envelope

__version__ = "0.1.0"
__all__ = ["AsyncClient", "AsyncEnvelope", "Client", "Envelope", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the SDK when it is asked for: ``import keystead`` itself costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keystead import client

    return getattr(client, name)
