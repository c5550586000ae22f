"""Whatever is wrong with a request, it ends in a 4xx problem document and never at the gate."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keystead.doors.rest.door import RestDoor

ENCRYPT = "/api/v1/keys/app/encrypt"
OK = b'{"plaintext":"aGk="}'
JSON = {"content-type": "application/json"}
LIMIT = 1024 * 1024


def check_problem(answer: Any, status: int) -> Any:
    assert answer.status == status, answer.body
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-length") == str(len(answer.body))
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:keystead:error:{problem['code']}"
    assert problem["request_id"] == answer.header("x-request-id")
    assert problem["title"]
    assert problem["detail"]
    return problem


BODIES = {
    "nothing": b"",
    "cut off": b'{"plaintext":"aG',
    "not JSON": b"plaintext=aGk",
    "not an object": b"[1]",
    "null": b"null",
    "trailing bytes": OK + b"{",
    "NaN": b'{"plaintext":NaN}',
    "byte order mark": b"\xef\xbb\xbf" + OK,
    "UTF-16": OK.decode().encode("utf-16"),
    "wrong base64": b'{"plaintext":"a*k="}',
    "base64 without padding": b'{"plaintext":"aGk"}',
    "base64url": b'{"plaintext":"-_-_"}',
    "number for bytes": b'{"plaintext":7}',
    "null for bytes": b'{"plaintext":null}',
    "unknown field": b'{"plaintext":"aGk=","colour":"red"}',
    "a field of the path": b'{"plaintext":"aGk=","key":"other"}',
    "a class variable": b'{"plaintext":"aGk=","action":"key:list"}',
    "a missing field": b'{"context":{}}',
    "context of numbers": b'{"plaintext":"","context":{"a":1}}',
    "an empty context name": b'{"plaintext":"","context":{"":"a"}}',
    "a context name too long": b'{"plaintext":"","context":{"' + b"n" * 257 + b'":"a"}}',
    "too many context entries": b'{"plaintext":"","context":{%s}}'
    % b",".join(b'"%d":""' % n for n in range(33)),
    "invalid UTF-8": b'{"plaintext":"","context":{"a":"\xff"}}',
    "overlong UTF-8": b'{"plaintext":"","context":{"a":"\xc0\x80"}}',
    "lone surrogate": b'{"plaintext":"","context":{"a":"\\ud800"}}',
    "control character": b'{"plaintext":"","context":{"a":"\x00"}}',
    "100,000 arrays": b'{"context":' + b"[" * 100_000,
    "80,000 objects": b'{"context":' * 80_000,
    "100,000 arrays, closed": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_malformed_body_is_a_400(gate: Any, ask: Any, body: bytes) -> None:
    check_problem(ask("POST", ENCRYPT, body), 400)
    assert gate.asked == []


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'[{"a":'])
def test_deep_nesting_is_a_400_where_any_json_is_taken(ask: Any, unit: bytes) -> None:
    body = b'{"principal":"a","asked_action":"b","context":' + unit * 100_000
    check_problem(ask("POST", "/api/v1/policy/why", body), 400)


TARGETS = {
    "/api/v1/keys/%zz": 400,
    "/api/v1/keys/%": 400,
    "/api/v1/keys/%4": 400,
    "/api/v1/keys/%ff": 400,
    "/api/v1/keys/%c0%af": 400,
    "/api/v1/keys/%ed%a0%80": 400,
    "/api/v1/keys/a%00b": 400,
    "/api/v1/keys/a%0d%0aX-Evil:1": 400,
    "/api/v1/keys/" + "a" * 256: 400,
    "/api/v1/keys?limit=0": 400,
    "/api/v1/keys?limit=1001": 400,
    "/api/v1/keys?limit=ten": 400,
    "/api/v1/keys?limit=1.5": 400,
    "/api/v1/keys?limit=": 400,
    "/api/v1/keys?limit": 400,
    "/api/v1/keys?limit=" + "9" * 5000: 400,
    "/api/v1/keys?limit=1&limit=2": 400,
    "/api/v1/keys?colour=red": 400,
    "/api/v1/keys?&": 400,
    "/api/v1/keys?tag=%zz": 400,
    "/api/v1/keys?tag=%ff": 400,
    "/api/v1/keys?" + "&".join(f"a{n}=1" for n in range(65)): 400,
    "/api/v1/keys/app?x=1": 400,
    "/api/v1/audit/entries?newest_first=perhaps": 400,
    "/api/v1/keys/": 404,
    "/api/v1/keys//": 404,
    "/api/v1/keys//usage": 404,
    "/api/v1/keys/a/b/c": 404,
    "/api/v1/keys/../keys": 404,
    "/api/v1/": 404,
    "/api/v1": 404,
    "/api/v1/nothing": 404,
    "/api/v2/keys": 404,
    "//api/v1/keys": 404,
}


@pytest.mark.parametrize(("target", "status"), TARGETS.items(), ids=[t[:50] for t in TARGETS])
def test_a_malformed_or_unknown_url_is_refused(
    gate: Any, ask: Any, target: str, status: int
) -> None:
    check_problem(ask("GET", target), status)
    assert gate.asked == []


def test_a_query_where_a_body_is_expected_and_a_body_where_a_query_is_are_refused(
    gate: Any, ask: Any
) -> None:
    check_problem(ask("POST", ENCRYPT + "?aad=aGk%3D", OK), 400)
    check_problem(ask("GET", "/api/v1/keys", b"{}"), 400)
    check_problem(ask("DELETE", "/api/v1/users/alice", b"{}"), 400)
    assert gate.asked == []


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "\xff",
    ],
)
def test_a_body_that_does_not_say_it_is_json_is_a_415(
    gate: Any, ask: Any, content_type: str
) -> None:
    answer = ask("POST", ENCRYPT, OK, {"content-type": content_type})
    check_problem(answer, 415)
    assert answer.header("accept") == "application/json"
    assert gate.asked == []


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/api/v1/keys/app", "GET, HEAD, OPTIONS, PATCH"),
        ("GET", ENCRYPT, "OPTIONS, POST"),
        ("HEAD", ENCRYPT, "OPTIONS, POST"),
        ("TRACE", "/api/v1/keys", "GET, HEAD, OPTIONS, POST"),
        ("BREW", "/api/v1/users/a", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("POST", "/api/v1/docs", "GET, HEAD"),
    ],
)
def test_another_method_is_a_405_that_says_which_are_allowed(
    ask: Any, method: str, target: str, allow: str
) -> None:
    answer = ask(method, target)
    assert answer.status == 405
    assert answer.header("allow") == allow
    if method != "HEAD":
        check_problem(answer, 405)


def test_a_body_over_the_limit_is_a_413_whatever_length_was_declared(gate: Any, ask: Any) -> None:
    big = b'{"plaintext":"%s"}' % (b"A" * LIMIT)
    piece = b"A" * 65_536
    for answer in (
        ask("POST", ENCRYPT, big),
        ask("POST", ENCRYPT, OK, {"content-length": str(LIMIT + 1)}),
        ask("POST", ENCRYPT, OK, {"content-length": "9" * 5000}),
        ask("POST", ENCRYPT, chunks=[piece] * 17),
        ask("POST", ENCRYPT, chunks=[piece] * 17, headers={"content-length": "5"}),
        ask("POST", ENCRYPT, chunks=[b"{}", big]),
    ):
        problem = check_problem(answer, 413)
        assert problem["code"] == "payload-too-large"
        assert problem["limit_bytes"] == LIMIT
        assert answer.header("connection") == "close"
    assert gate.asked == []


def test_reading_stops_at_the_limit_and_not_at_the_end_of_an_endless_body(
    gate: Any,
) -> None:
    taken, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 65_536
        return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": ENCRYPT,
        "raw_path": ENCRYPT.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(RestDoor(gate, body_limit=LIMIT)(scope, receive, send))
    assert sent[0]["status"] == 413
    assert taken <= LIMIT + 2 * 65_536


def test_a_body_of_exactly_the_limit_is_taken_whole_or_in_chunks(gate: Any, ask: Any) -> None:
    frame = len(b'{"plaintext":""}')
    body = b'{"plaintext":"%s"}' % (b"A" * ((LIMIT - frame) // 4 * 4))
    body += b" " * (LIMIT - len(body))
    gate.reply = lambda _: {}
    assert ask("POST", ENCRYPT, body).status == 200
    assert ask("POST", ENCRYPT, chunks=[body[:7], b"", body[7:]]).status == 200
    assert gate.asked[0][0] == gate.asked[1][0]
    assert gate.asked[0][1].size == LIMIT


HEADERS = {
    "a namespace of other bytes": {"x-keystead-namespace": "caf\xe9"},
    "a namespace with a control character": {"x-keystead-namespace": "a\x01"},
    "an empty idempotency key": {"idempotency-key": ""},
    "an idempotency key too long": {"idempotency-key": "k" * 256},
    "an idempotency key of other bytes": {"idempotency-key": "\xff"},
    "a content length that is none": {"content-length": "-1"},
    "a content length in words": {"content-length": "ten"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_a_malformed_header_is_a_400(gate: Any, ask: Any, headers: dict[str, str]) -> None:
    check_problem(ask("POST", ENCRYPT, OK, headers), 400)
    assert gate.asked == []


@pytest.mark.parametrize("token", ["", "kst_\xff", "kst_a\tb", "kst_a\x00"])
@pytest.mark.parametrize("name", ["authorization", "x-keystead-token"])
def test_what_can_be_no_token_is_a_401(gate: Any, ask: Any, name: str, token: str) -> None:
    value = ("Bearer " if name == "authorization" else "").encode() + token.encode("latin-1")
    answer = ask.raw("GET", b"/api/v1/keys", [(name.encode(), value)], [b""])
    check_problem(answer, 401)
    assert gate.asked == []


def test_two_tokens_are_a_401_though_they_be_the_same(gate: Any, ask: Any) -> None:
    headers = {"authorization": "Bearer a", "x-keystead-token": "a"}
    check_problem(ask("GET", "/api/v1/keys", b"", headers), 401)
    assert gate.asked == []


@pytest.mark.parametrize(
    "name",
    ["authorization", "x-keystead-token", "x-keystead-namespace", "content-type",
     "content-length", "idempotency-key"],
)  # fmt: skip
def test_a_header_that_decides_something_may_not_stand_twice(
    gate: Any, ask: Any, name: str
) -> None:
    pairs = [(b"content-type", b"application/json"), (name.encode(), b"5"), (name.encode(), b"6")]
    check_problem(ask.raw("POST", ENCRYPT.encode(), pairs, [OK]), 400)
    assert gate.asked == []


def test_a_client_that_leaves_before_its_body_is_whole_asks_nothing_and_hears_nothing(
    gate: Any, ask: Any
) -> None:
    assert ask("POST", ENCRYPT, chunks=[]).status == 0
    scope = {"type": "http", "method": "POST", "path": ENCRYPT, "raw_path": ENCRYPT.encode(),
             "query_string": b"", "headers": []}  # fmt: skip
    messages = [{"type": "http.request", "body": b"{", "more_body": True},
                {"type": "http.disconnect"}]  # fmt: skip

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError(message)

    asyncio.run(ask.application(scope, receive, send))
    assert gate.asked == []


def test_an_unforeseen_error_is_a_bare_500_and_the_log_quotes_no_request(
    gate: Any, ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(operation: Any) -> Any:
        try:
            raise ValueError(f"cannot use {operation.plaintext!r}")
        except ValueError as error:
            raise RuntimeError("s3cr3t-words") from error

    gate.reply = fail
    with caplog.at_level(logging.ERROR):
        answer = ask("POST", ENCRYPT, b'{"plaintext":"czNjcjN0LXBsYWludGV4dA=="}')
    problem = check_problem(answer, 500)
    assert problem["code"] == "internal-error"
    assert "RuntimeError" in caplog.text
    assert "ValueError" in caplog.text
    assert "test_rest_refusals.py" in caplog.text
    for text in (caplog.text, answer.body.decode()):
        assert "s3cr3t-plaintext" not in text
        assert "s3cr3t-words:" not in text
    assert "ValueError" not in answer.body.decode()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=200), segment=st.binary(min_size=1, max_size=40))
def test_no_bytes_in_body_or_path_make_a_5xx(
    gate: Any, ask: Any, body: bytes, segment: bytes
) -> None:
    gate.reply = lambda _: {}
    pairs = [(b"content-type", b"application/json")]
    segment = segment.replace(b"/", b"").replace(b"?", b"") or b"a"
    answer = ask.raw("POST", b"/api/v1/keys/" + segment + b"/encrypt", pairs, [body])
    assert answer.status in (200, 400, 404)
    answer = ask.raw("GET", b"/api/v1/keys?" + body, [], [b""])
    assert answer.status in (200, 400)
