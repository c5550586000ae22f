"""Operations to HTTP requests, HTTP replies to replies: pure, shared by both clients.

The REST door's own table says which method and path an operation has.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from keystead.client.problems import error_from
from keystead.doors.rest.routes import ROUTES
from keystead.errors import InvalidRequest, UpstreamUnavailable
from keystead.operations import Done, Effect, Operation, reply_type
from keystead.operations.base import ReplyT

_ROUTES = {route.operation: route for route in ROUTES}


class Request(NamedTuple):
    """One HTTP request. ``repeatable``: sending it twice does what sending it once does."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    repeatable: bool
    wait_seconds: int


class _Plan(NamedTuple):
    """How operations of one type are written; made once a type."""

    method: str
    path: str
    path_fields: tuple[str, ...]
    other_fields: tuple[str, ...]
    defaults: Mapping[str, Any]


@functools.cache
def _plan(operation: type[Operation[Any]]) -> _Plan:
    route = _ROUTES.get(operation)
    if route is None:
        raise InvalidRequest("No door takes this operation.", operation=operation.__name__)
    fields = msgspec.structs.fields(operation)
    in_path = tuple(f.name for f in fields if f"{{{f.name}}}" in route.path)
    defaults = {
        f.name: f.default_factory() if callable(f.default_factory) else f.default
        for f in fields
        if not f.required
    }
    others = tuple(f.name for f in fields if f.name not in in_path)
    return _Plan(route.method, route.path, in_path, others, defaults)


def request_for(operation: Operation[Any]) -> Request:
    """Write an operation as a request; what is at its default is left out.

    A change carries an idempotency key of its own, so that sending it again after a lost
    reply does not do it again. Raises InvalidRequest for text that is not Unicode.
    """
    try:
        return _request_for(operation)
    except UnicodeEncodeError:
        raise InvalidRequest("What is asked for is not valid Unicode text.") from None


def _request_for(operation: Operation[Any]) -> Request:
    cls = type(operation)
    plan = _plan(cls)
    path = plan.path
    if plan.path_fields:
        path = path.format(**{f: _segment(getattr(operation, f)) for f in plan.path_fields})
    absent = object()
    values = {
        name: value
        for name in plan.other_fields
        if (value := getattr(operation, name)) != plan.defaults.get(name, absent)
    }
    headers: dict[str, str] = {}
    body = b""
    if plan.method in ("GET", "DELETE"):
        query = urlencode([(name, _query_text(value)) for name, value in values.items()])
        path = f"{path}?{query}" if query else path
    elif values:
        headers["Content-Type"] = "application/json"
        body = msgspec.json.encode(values)
    if cls.effect is Effect.CHANGE:
        headers["Idempotency-Key"] = uuid.uuid4().hex
    repeatable = plan.method == "GET" or cls.effect is not Effect.CONTROL
    return Request(
        plan.method, path, headers, body, repeatable, getattr(operation, "wait_seconds", 0)
    )


def _segment(name: str) -> str:
    """Write a name as one path segment; ``..`` too, which httpx would take for a step up."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


def _query_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def reply_from(
    operation: Operation[ReplyT], status: int, headers: Mapping[str, str], body: bytes
) -> ReplyT:
    """Read a reply; raises the error that the server tells of.

    Raises UpstreamUnavailable if what answers is not Keystead. Fields that this client
    does not know are passed over: the server may be newer.
    """
    if not 200 <= status < 300:
        raise error_from(status, headers, body)
    kind = reply_type(type(operation))
    if kind is Done:
        return kind()  # type: ignore[no-any-return]
    try:
        return msgspec.json.decode(body, type=kind)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, ValueError):
        raise UpstreamUnavailable(
            "What answers at this address is not Keystead, or not this version.",
            hint="Check KEYSTEAD_ADDR.",
            sent=True,
            status=status,
        ) from None
