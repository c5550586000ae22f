"""The REST door: plain ASGI, because everything that is asked often comes through here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from keystead.call import Call, new_request_id
from keystead.doors.asgi import (
    DEFAULT_BODY_LIMIT,
    ClientLeft,
    Header,
    Receive,
    Scope,
    Send,
    read_body,
    respond,
)
from keystead.doors.rest import problems
from keystead.doors.rest.credentials import make_call, read_headers
from keystead.doors.rest.pages import PAGES
from keystead.doors.rest.paths import Paths
from keystead.doors.rest.plan import plans
from keystead.errors import InvalidRequest, KeysteadError, NotFound, PayloadTooLarge
from keystead.operations import Operation
from keystead.operations.base import ReplyT
from keystead.telemetry.logs import REQUEST_ID, outline

JSON: Final = b"application/json"
_CONTENT_TYPE: Final[Header] = (b"content-type", JSON)
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_NO_SNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
_PROBLEM: Final[Header] = (b"content-type", problems.MEDIA_TYPE)
_CLOSE: Final[Header] = (b"connection", b"close")

_LOG = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Gate(Protocol):
    """Carries out operations; raises a KeysteadError."""

    def perform(self, operation: Operation[ReplyT], call: Call) -> Awaitable[ReplyT]: ...


class Refused(Exception):
    """An error with an HTTP status of its own, for what only HTTP knows of."""

    def __init__(self, error: KeysteadError, status: int, *headers: Header) -> None:
        super().__init__(error.message)
        self.error = error
        self.status = status
        self.headers = headers


class RestDoor:
    """An ASGI application for everything under ``/api/v1/``.

    Bodies over ``body_limit`` bytes are refused. Every answer is JSON, a problem document
    (RFC 9457), the API's description or empty.
    """

    def __init__(self, gate: Gate, *, body_limit: int = DEFAULT_BODY_LIMIT) -> None:
        self._perform = gate.perform
        self._body_limit = body_limit
        self._find = Paths(plans()).find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request_id = new_request_id()
        REQUEST_ID.set(request_id)
        try:
            status, headers, body = await self._answer(scope, receive, request_id)
        except ClientLeft:
            return
        except KeysteadError as error:
            status = problems.status_of(type(error))
            headers, body = _problem(error, status, request_id)
        except Refused as refused:
            status = refused.status
            headers, body = _problem(refused.error, status, request_id, *refused.headers)
        except Exception as error:
            _LOG.error("internal error\n%s", outline(error))
            status, body = 500, problems.internal_document(request_id)
            headers = [_PROBLEM, _NO_STORE]
        headers.append((b"x-request-id", request_id.encode()))
        if status != 204:
            headers.append((b"content-length", b"%d" % len(body)))
        if scope["method"] == "HEAD":
            body = b""
        await respond(send, status, headers, body)

    async def _answer(
        self, scope: Scope, receive: Receive, request_id: str
    ) -> tuple[int, list[Header], bytes]:
        method: str = scope["method"]
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        found = self._find(path)
        if found is None:
            page = PAGES.get(path)
            if page is None:
                raise NotFound("There is nothing at this path.", hint="See /api/v1/docs.")
            if method not in ("GET", "HEAD"):
                raise _not_allowed(b"GET, HEAD")
            return page()
        plan = found.place.methods.get(method)
        if plan is None:
            if method == "OPTIONS":
                return 204, [(b"allow", found.place.allow()), _NO_STORE], b""
            plan = found.place.methods.get("GET") if method == "HEAD" else None
            if plan is None:
                raise _not_allowed(found.place.allow())
        headers = read_headers(scope)
        call = make_call(scope, headers, request_id)
        body = await read_body(receive, headers.get(b"content-length"), self._body_limit)
        if body:
            call.size = len(body)
            content_type = headers.get(b"content-type")
            if content_type != JSON:
                _require_json(content_type)
        operation = plan.read(found.segments, scope["query_string"], body)
        reply = await self._perform(operation, call)
        if plan.status == 204:
            return 204, [_NO_STORE], b""
        return plan.status, [_CONTENT_TYPE, _NO_STORE, _NO_SNIFF], _encode(reply)


def _problem(
    error: KeysteadError, status: int, request_id: str, *more: Header
) -> tuple[list[Header], bytes]:
    headers = [_PROBLEM, _NO_STORE, *problems.headers_of(error), *more]
    if isinstance(error, PayloadTooLarge):
        headers.append(_CLOSE)  # the rest of the body is not read
    return headers, problems.document(error, status, request_id)


def _not_allowed(allow: bytes) -> Refused:
    error = InvalidRequest("This resource does not take this method.", allow=allow.decode())
    return Refused(error, 405, (b"allow", allow))


def _require_json(content_type: bytes | None) -> None:
    """Refuse a body that does not say it is JSON (RFC 8259) in UTF-8."""
    kind, _, parameters = (content_type or b"").lower().partition(b";")
    kind = kind.strip()
    is_json = kind == JSON or (kind.startswith(b"application/") and kind.endswith(b"+json"))
    charset = parameters.replace(b'"', b"").strip()
    if not is_json or charset not in (b"", b"charset=utf-8"):
        error = InvalidRequest("The body must be JSON.", hint="Send Content-Type: application/json")
        raise Refused(error, 415, (b"accept", JSON))
