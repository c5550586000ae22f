"""The Vault door: from HTTP to the routes of the mount that a path leads to, and back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from keystead.call import Call, PathRequest, new_request_id
from keystead.doors.asgi import (
    CLIENT_CERTIFICATE,
    DEFAULT_BODY_LIMIT,
    ClientLeft,
    Header,
    Receive,
    Scope,
    Send,
    read_body,
    respond,
)
from keystead.doors.rest.credentials import parse_traceparent
from keystead.doors.vault import errors
from keystead.doors.vault.engine import (
    DELETE,
    LIST,
    PATCH,
    READ,
    WRITE,
    Answer,
    Engine,
    Match,
    Route,
)
from keystead.doors.vault.request import Gate, Mounts, VaultRequest, seconds
from keystead.errors import InvalidRequest, KeysteadError, PayloadTooLarge, Unauthenticated
from keystead.operations.mounts import AskUnknownPath, MountView
from keystead.operations.wrapping import WrapReply
from keystead.telemetry.logs import REQUEST_ID, outline

PREFIX: Final = "/v1/"
_METHODS: Final = {
    "GET": READ, "HEAD": READ, "LIST": LIST, "POST": WRITE, "PUT": WRITE,
    "DELETE": DELETE, "PATCH": PATCH,
}  # fmt: skip
_TRUE: Final = ("true", "True", "TRUE", "t", "T", "1")
_JSON: Final = b"application/json"
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_CLOSE: Final[Header] = (b"connection", b"close")
_NOTHING_TO_SAY: Final = 204
_KNOWN_PATHS: Final = 4096

_LOG = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode

Response = tuple[int, bytes, bytes]


class _Found(NamedTuple):
    """Where a path leads, from which mount on, and to which route if any.

    ``method_alone``: something answers there, but not this method.
    """

    namespace: str
    mount: MountView | None
    below: str
    match: Match | None = None
    method_alone: bool = False


class VaultDoor:
    """An ASGI application for everything under ``/v1/``.

    ``engines`` are the route tables by what they are for (``MountView.engine``); ``mounts``
    says which mount a path leads to. Bodies over ``body_limit`` bytes are refused.
    """

    def __init__(
        self,
        gate: Gate,
        mounts: Mounts,
        engines: Mapping[str, Engine],
        *,
        body_limit: int = DEFAULT_BODY_LIMIT,
    ) -> None:
        self._gate = gate
        self._mounts = mounts
        self._engines = engines
        self._body_limit = body_limit
        self._found: dict[tuple[str, str, bytes], _Found] = {}
        self._found_in = mounts.generation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request_id = new_request_id()
        REQUEST_ID.set(request_id)
        more: list[Header] = []
        try:
            status, content_type, body = await self._answer(scope, receive, request_id)
        except ClientLeft:
            return
        except KeysteadError as error:
            status, content_type, body = errors.status_of(type(error)), _JSON, errors.body(error)
            if isinstance(error, PayloadTooLarge):
                more.append(_CLOSE)
            if "retry_after" in error.details:
                more.append((b"retry-after", str(error.details["retry_after"]).encode()))
        except Exception as error:
            _LOG.error("internal error\n%s", outline(error))
            status, content_type, body = 500, _JSON, errors.INTERNAL
        headers: list[Header] = [_NO_STORE, *more]
        if status != _NOTHING_TO_SAY:
            headers.append((b"content-type", content_type))
            headers.append((b"content-length", b"%d" % len(body)))
        if scope["method"] == "HEAD":
            body = b""
        await respond(send, status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> Response:
        headers = dict(scope["headers"])
        call = make_call(scope, headers, request_id)
        raw = await read_body(receive, headers.get(b"content-length"), self._body_limit)
        call.size = len(raw)
        method = _METHODS.get(scope["method"])
        query = _query(scope["query_string"])
        if method is READ and query.get("list") in _TRUE:
            method = LIST
        if self._mounts.outdated():
            await self._mounts.catch_up()
        found = self._find(scope, call.namespace, method)
        call.namespace, mount, below = found.namespace, found.mount, found.below
        match = found.match
        if method is None or mount is None or match is None:
            known = found.method_alone
            return await self._unknown(call, mount, below, method, method_alone=known)
        request = VaultRequest(
            gate=self._gate,
            call=call,
            method=method,
            mount=mount,
            mounts=self._mounts,
            path=below,
            query=query,
            headers=headers,
            raw=raw,
        )
        call.path = _path_request(request, match.route, headers)
        reply = await match.route.handler(request, **match.arguments)
        if reply is None:
            return _NOTHING_TO_SAY, _JSON, b""
        answer = reply if isinstance(reply, Answer) else Answer(data=reply)
        if call.path.wrap_ttl and answer.raw is None and answer.wrap_info is None:
            answer = await self._wrap(request, answer, call.path)
        return _response(answer, request_id, mount)

    def _find(self, scope: Scope, namespace: str, method: str | None) -> _Found:
        """Where a path leads. What is asked for often is found by one look-up."""
        raw = scope.get("raw_path")
        if self._found_in != self._mounts.generation or len(self._found) >= _KNOWN_PATHS:
            self._found.clear()
            self._found_in = self._mounts.generation
        if raw is None or method is None:
            return self._look_up(_path(scope), namespace, method)
        key = (namespace, method, raw)
        found = self._found.get(key)
        if found is None:
            found = self._look_up(_path(scope), namespace, method)
            if found.match is not None:
                self._found[key] = found
        return found

    def _look_up(self, path: str, namespace: str, method: str | None) -> _Found:
        place = self._mounts.find(namespace, path)
        if place.mount is None or method is None:
            return _Found(place.namespace, place.mount, place.rest)
        below = place.rest.strip("/")
        engine = self._engines.get(place.mount.engine)
        match = engine.match(method, below) if engine is not None else None
        known = match is None and engine is not None and engine.knows(below)
        return _Found(place.namespace, place.mount, below, match, known)

    async def _unknown(
        self,
        call: Call,
        mount: MountView | None,
        path: str,
        method: str | None,
        *,
        method_alone: bool = False,
    ) -> Response:
        """Refuse a path where nothing answers, once the gate has seen who asks."""
        full = mount.path + path if mount is not None else path
        if mount is None:
            reason = f'no handler for route "{full}". route entry not found.'
        else:
            reason = "1 error occurred:\n\t* unsupported path\n\n"
        call.path = PathRequest(full, method or READ)
        known = AskUnknownPath(path=full, reason=reason, method_alone=method_alone)
        await self._gate.perform(known, call)
        raise AssertionError("the gate refuses unknown paths")

    async def _wrap(self, request: VaultRequest, answer: Answer, path: PathRequest) -> Answer:
        """Keep the reply under a token of one use, and answer with that."""
        request_id = request.call.request_id
        payload = _encode(_envelope(answer, request_id, request.mount))
        wrapped = await request.perform(
            WrapReply(payload=payload, ttl_seconds=path.wrap_ttl or 0, creation_path=path.path)
        )
        accessor = (answer.auth or {}).get("accessor", "")
        info = {
            "token": wrapped.token,
            "accessor": wrapped.accessor,
            "ttl": path.wrap_ttl,
            "creation_time": wrapped.creation_time,
            "creation_path": path.path,
        }
        if accessor:
            info["wrapped_accessor"] = accessor
        return Answer(wrap_info=info)


def make_call(scope: Scope, headers: Mapping[bytes, bytes], request_id: str) -> Call:
    """The call that a request makes; raises Unauthenticated for what can be no token."""
    client = scope.get("client")
    token = headers.get(b"x-vault-token")
    if token is None:
        authorization = headers.get(b"authorization", b"")
        token = authorization[7:].strip() if authorization[:7].lower() == b"bearer " else b""
    text = token.decode("latin-1")
    if text and not (text.isascii() and text.isprintable()):
        raise Unauthenticated
    call = Call(
        "vault",
        client[0] if client else "",
        token=text,
        client_certificate=scope.get(CLIENT_CERTIFICATE),
        request_id=request_id,
    )
    if namespace := headers.get(b"x-vault-namespace"):
        call.namespace = namespace.decode("utf-8", "replace").strip("/")
        if call.namespace == "root":
            call.namespace = ""
    if b"x-vault-mfa" in headers:
        call.mfa = _second_factors(scope["headers"])
    if parent := headers.get(b"traceparent"):
        call.trace_id, call.parent_span_id = parse_traceparent(parent)
    return call


def _second_factors(headers: Iterable[Header]) -> dict[str, list[str]]:
    """Codes by method, from headers such as ``method:code``."""
    codes: dict[str, list[str]] = {}
    for name, value in headers:
        if name == b"x-vault-mfa":
            method, _, code = value.decode("latin-1").partition(":")
            codes.setdefault(method.strip(), []).append(code.strip())
    return codes


def _path(scope: Scope) -> str:
    """The path below ``/v1/``, percent-decoded once; raises InvalidRequest unless UTF-8."""
    raw = scope.get("raw_path")
    if raw is None:
        path: str = scope["path"]
    elif b"%" in raw:
        try:
            path = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise InvalidRequest("The path is not UTF-8.") from None
    else:
        path = raw.decode("latin-1")
    if "\0" in path:
        raise InvalidRequest("A path holds no zero character.")
    return path[len(PREFIX) :].lstrip("/")


def _query(text: bytes) -> dict[str, str]:
    return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}


def _path_request(
    request: VaultRequest, route: Route, headers: Mapping[bytes, bytes]
) -> PathRequest:
    full = request.mount.path + request.path
    if route.capability == LIST and not full.endswith("/"):
        full += "/"
    wrap = headers.get(b"x-vault-wrap-ttl")
    return PathRequest(
        full,
        route.capability,
        route.sudo,
        route.grants,
        lambda: _parameters(request),
        seconds(wrap.decode("latin-1"), "X-Vault-Wrap-TTL") if wrap else None,
    )


def _parameters(request: VaultRequest) -> Mapping[str, Any]:
    """What policies may say something about: the body, and what a read asks for in its query."""
    if request.method is READ and request.query:
        return {**request.body, **request.query}
    return request.body


def _response(answer: Answer, request_id: str, mount: MountView) -> Response:
    if answer.raw is not None:
        return answer.raw.status, answer.raw.content_type, answer.raw.body
    return answer.status or 200, _JSON, _encode(_envelope(answer, request_id, mount)) + b"\n"


def _envelope(answer: Answer, request_id: str, mount: MountView) -> dict[str, Any]:
    lease = answer.lease
    envelope = {
        "request_id": _uuid(request_id),
        "lease_id": lease.id if lease else "",
        "renewable": lease.renewable if lease else False,
        "lease_duration": lease.seconds if lease else 0,
        "data": answer.data,
        "wrap_info": answer.wrap_info,
        "warnings": answer.warnings,
        "auth": answer.auth,
        "mount_type": mount.type,
    }
    return {**envelope, **answer.top} if answer.top else envelope


def _uuid(request_id: str) -> str:
    """A request id in the form that clients know."""
    i = request_id
    return f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}"
