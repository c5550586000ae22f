"""Problem documents (RFC 9457) become the errors that the server raised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keystead.errors import (
    AskForRights,
    Detail,
    KeysteadError,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
    UpstreamUnavailable,
)

_STANDARD = {"type", "title", "status", "detail", "instance", "code", "hint", "message", "self"}


def _classes(base: type[KeysteadError]) -> Iterator[type[KeysteadError]]:
    yield base
    for child in base.__subclasses__():
        yield from _classes(child)


BY_CODE: Final[Mapping[str, type[KeysteadError]]] = {
    cls.code: cls for cls in _classes(KeysteadError) if "code" in cls.__dict__
}
_BY_STATUS: Final[Mapping[int, type[KeysteadError]]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    429: Overloaded,
    502: UpstreamUnavailable,
    503: UpstreamUnavailable,
    504: UpstreamUnavailable,
}


def error_from(status: int, headers: Mapping[str, str], body: bytes) -> KeysteadError:
    """Return the error that a reply of 300 or more tells of.

    ``details`` holds the server's details, ``status``, the ``request_id`` and, if the
    server says when to come back, ``retry_after_seconds``. What is not a problem document
    (a proxy's page, say) becomes an error by its status.
    """
    problem = _problem(body)
    details: dict[str, Detail] = {
        name: value
        for name, value in problem.items()
        if name not in _STANDARD and isinstance(value, str | int | bool | None)
    }
    details["status"] = status
    if request_id := headers.get("x-request-id"):
        details["request_id"] = request_id
    if (seconds := headers.get("retry-after", "")).isdecimal() and len(seconds) < 10:
        details["retry_after_seconds"] = int(seconds)
    cls = BY_CODE.get(_text(problem, "code")) or _BY_STATUS.get(status, KeysteadError)
    message = _text(problem, "detail") or _text(problem, "title")
    if not message and not issubclass(cls, AskForRights):
        message = f"The server answered with HTTP status {status}."
    return cls(message, hint=_text(problem, "hint"), **details)


def _problem(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}


def _text(problem: dict[str, Any], name: str) -> str:
    value = problem.get(name)
    return value if isinstance(value, str) else ""
