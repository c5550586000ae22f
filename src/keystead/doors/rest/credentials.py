"""The headers of a request: who asks, from where, in which trace and namespace."""

from __future__ import annotations

import re
from typing import Final

from keystead.call import Call
from keystead.doors.asgi import CLIENT_CERTIFICATE, Scope
from keystead.errors import InvalidRequest, Unauthenticated

SINGLE: Final = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"idempotency-key",
        b"x-keystead-namespace",
        b"x-keystead-token",
    }
)
"""Headers that may stand only once: two would let a proxy and Keystead read different ones."""

MAX_IDEMPOTENCY_KEY = 255
_BEARER: Final = b"Bearer "
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def read_headers(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by lower-case name; raises InvalidRequest for a repeated single one."""
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        for name in SINGLE:
            if sum(name == other for other, _ in pairs) > 1:
                raise InvalidRequest(f"The header {name.decode()} is given twice.")
    return headers


def make_call(scope: Scope, headers: dict[bytes, bytes], request_id: str) -> Call:
    """Return the call that a request makes.

    Raises InvalidRequest for malformed headers; Unauthenticated for what can be no token, and
    for two of them.
    """
    client = scope.get("client")
    get = headers.get
    call = Call(
        "rest",
        client[0] if client else "",
        token=_token(get(b"authorization"), get(b"x-keystead-token")),
        client_certificate=scope.get(CLIENT_CERTIFICATE),
        request_id=request_id,
    )
    if namespace := get(b"x-keystead-namespace"):
        call.namespace = _ascii(namespace, "X-Keystead-Namespace")
    if (key := get(b"idempotency-key")) is not None:
        if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
            raise InvalidRequest("Idempotency-Key is of no fit length.", limit=MAX_IDEMPOTENCY_KEY)
        call.idempotency_key = _ascii(key, "Idempotency-Key")
    if parent := get(b"traceparent"):
        call.trace_id, call.parent_span_id = parse_traceparent(parent)
    return call


def parse_traceparent(value: bytes) -> tuple[str, str]:
    """Return trace id and parent span id (W3C Trace Context, 3.2), or two empty strings.

    What does not parse is passed over, as 4.3 asks. A newer version may carry more.
    """
    match = _TRACEPARENT.fullmatch(value)
    if match is None:
        return "", ""
    version, trace_id, span_id, more = match.groups()
    if version == b"ff" or (version == b"00" and more):
        return "", ""
    if not trace_id.strip(b"0") or not span_id.strip(b"0"):
        return "", ""
    return trace_id.decode(), span_id.decode()


def _token(authorization: bytes | None, own: bytes | None) -> str:
    """Return the bearer token (RFC 6750, 2.1); another scheme of authorization is none."""
    if authorization is None:
        return _token_text(own) if own is not None else ""
    if own is not None:
        raise Unauthenticated("Send Authorization or X-Keystead-Token, not both.")
    if authorization[:7] != _BEARER and authorization[:7].lower() != b"bearer ":
        return ""
    return _token_text(authorization[7:].strip())


def _token_text(raw: bytes) -> str:
    text = raw.decode("latin-1")
    if not text or not text.isascii() or not text.isprintable():
        raise Unauthenticated("This is not a token.")
    return text


def _ascii(value: bytes, name: str) -> str:
    text = value.decode("latin-1")
    if not text.isascii() or not text.isprintable():
        raise InvalidRequest(f"{name} holds characters that it cannot.")
    return text
