"""What both clients ask of httpx, and its errors as ours."""

from __future__ import annotations

from typing import Any

import httpx

from keystead.client.settings import Settings
from keystead.errors import UpstreamUnavailable

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)


def http_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments for ``httpx.Client`` and ``httpx.AsyncClient``."""
    return {
        "verify": settings.tls(),
        "headers": settings.headers(),
        "trust_env": False,
        "follow_redirects": False,
    }


def unreachable(address: str, error: Exception) -> UpstreamUnavailable:
    """Return the error for a server that did not answer; ``sent`` says if it may have heard."""
    slow = isinstance(error, httpx.TimeoutException)
    return UpstreamUnavailable(
        "The server did not answer in time." if slow else "The server cannot be reached.",
        hint="Is it running, and is KEYSTEAD_ADDR right? `keystead status` asks it.",
        address=address,
        reason=str(error) or type(error).__name__,
        sent=not isinstance(error, _NEVER_SENT),
    )
