"""JSON from a server that an operator configured: bounded in size and in time.

Redirects are not followed: what is asked is what was configured. Blocks; meant for ``ask``,
which runs it in threads of its own, so that a slow server holds up nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from keystead.errors import InvalidRequest, UpstreamUnavailable

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

_LARGEST = 1 << 20
_STEP_SECONDS = 5.0
_WHOLE_SECONDS = 10.0
_THREADS: Final = ThreadPoolExecutor(8, thread_name_prefix="asks")


class Answer(NamedTuple):
    """The HTTP status, and the body if it is JSON."""

    status: int
    body: Any


async def ask(function: Callable[..., T], *arguments: Any) -> T:
    """Run a function that waits for another server, off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)


def fetch(
    url: str,
    ca_pem: str = "",
    *,
    bearer: str = "",
    json: Mapping[str, Any] | None = None,
    form: Mapping[str, str] | None = None,
    basic: tuple[str, str] | None = None,
) -> Answer:
    """Ask ``url`` (GET, or POST if there is something to send) and read its JSON.

    ``ca_pem``: the authorities that count for this server, else the system's. Raises
    UpstreamUnavailable when it does not answer in 10 seconds or with too much, and
    InvalidRequest for an URL that is none.
    """
    import httpx

    until = time.monotonic() + _WHOLE_SECONDS
    headers = {"accept": "application/json"}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    require_url(url)
    try:
        with (
            httpx.Client(verify=_trust(ca_pem), timeout=_STEP_SECONDS, auth=basic) as client,
            client.stream(
                "GET" if json is None and form is None else "POST",
                url,
                headers=headers,
                json=json,
                data=form,
            ) as response,
        ):
            data = bytearray()
            for part in response.iter_bytes():
                data += part
                if len(data) > _LARGEST or time.monotonic() > until:
                    raise UpstreamUnavailable(f"{_host(url)} answers with too much, or too slowly.")
            return Answer(response.status_code, _json(bytes(data)))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        reason = type(error).__name__
        raise UpstreamUnavailable(f"{_host(url)} does not answer: {reason}.") from None


def require_url(url: str) -> None:
    """Check that it is an HTTP URL of a host, without credentials; raises InvalidRequest."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        raise InvalidRequest("This is no URL.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise InvalidRequest("This is no URL of an HTTP server.")


def require_ca(ca_pem: str) -> None:
    """Check that these are certificates in PEM; raises InvalidRequest."""
    _trust(ca_pem)


def _trust(ca_pem: str) -> ssl.SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cadata=ca_pem or None)
    except (ssl.SSLError, ValueError):
        raise InvalidRequest("could not parse CA PEM value successfully") from None


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _host(url: str) -> str:
    import httpx

    return httpx.URL(url).host
