"""What the REST door makes of good requests: calls, statuses, headers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from keystead import errors
from keystead.doors.rest import problems
from keystead.doors.rest.credentials import parse_traceparent
from keystead.errors import KeysteadError
from keystead.operations.cryptography import Decrypt, Encrypt, Encrypted
from keystead.operations.identity import RevokeSelf, RevokeToken
from keystead.operations.keys import ListKeys, RotateKey, ShowKey

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def _any_reply(gate: Any) -> None:
    gate.reply = lambda _: {}


def test_a_request_becomes_its_operation_and_its_call(gate: Any, ask: Any) -> None:
    gate.reply = lambda _: Encrypted(ciphertext=b"\x00\xff", key_id="k1", version=2)
    answer = ask(
        "POST",
        "/api/v1/keys/app%2Fdb/encrypt",
        b'{"plaintext":"aGk=","context":{"tenant":"acme"}}',
        {
            "Authorization": "bearer kst_abc",
            "X-Keystead-Namespace": "team/a",
            "Idempotency-Key": "once",
            "X-Request-Id": "chosen-by-the-caller",
            "traceparent": f"00-{TRACE}-{SPAN}-01",
        },
        **{"keystead.client_certificate": b"DER"},
    )
    assert answer.status == 200
    assert answer.body == b'{"ciphertext":"AP8=","key_id":"k1","version":2}'
    ((operation, call),) = gate.asked
    assert operation == Encrypt(key="app/db", plaintext=b"hi", context={"tenant": "acme"})
    assert (call.door, call.source_ip, call.token) == ("rest", "192.0.2.7", "kst_abc")
    assert (call.namespace, call.idempotency_key) == ("team/a", "once")
    assert (call.trace_id, call.parent_span_id) == (TRACE, SPAN)
    assert call.client_certificate == b"DER"
    assert call.size == 48
    assert answer.header("x-request-id") == call.request_id != "chosen-by-the-caller"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))


@pytest.mark.parametrize(
    ("method", "target", "body", "operation", "status"),
    [
        ("GET", "/api/v1/keys", b"", ListKeys(), 200),
        ("HEAD", "/api/v1/keys", b"", ListKeys(), 200),
        ("GET", "/api/v1/keys?limit=5&prefix=a%2Fb+c&tag=x%3Dy", b"",
         ListKeys(limit=5, prefix="a/b c", tag="x=y"), 200),
        ("GET", "/api/v1/keys/%C3%A9", b"", ShowKey(key="é"), 200),
        ("POST", "/api/v1/keys/rotate/rotate", b"", RotateKey(key="rotate"), 200),
        ("POST", "/api/v1/keys/a/rotate", b"{}", RotateKey(key="a"), 200),
        ("POST", "/api/v1/decrypt", b'{"ciphertext":"AA=="}', Decrypt(ciphertext=b"\0"), 200),
        ("DELETE", "/api/v1/tokens/self", b"", RevokeSelf(), 204),
        ("DELETE", "/api/v1/tokens/abc?orphan_children=true", b"",
         RevokeToken(accessor="abc", orphan_children=True), 204),
        ("POST", "/api/v1/keys", b'{"name":"a"}', None, 201),
    ],
)  # fmt: skip
def test_method_and_path_choose_the_operation(
    gate: Any, ask: Any, method: str, target: str, body: bytes, operation: Any, status: int
) -> None:
    answer = ask(method, target, body)
    assert answer.status == status, answer.body
    if operation is not None:
        assert gate.asked[0][0] == operation
    if status == 204:
        assert answer.body == b""
        assert answer.header("content-length") == ""
    if method == "HEAD":
        assert answer.body == b""
        assert answer.header("content-length") == "2"


def test_options_says_which_methods_there_are_and_asks_nothing(gate: Any, ask: Any) -> None:
    answer = ask("OPTIONS", "/api/v1/users/alice")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("allow") == "DELETE, GET, HEAD, OPTIONS, PUT"
    assert gate.asked == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"',
     "application/merge-patch+json"],
)  # fmt: skip
def test_json_may_be_named_in_several_ways(ask: Any, content_type: str) -> None:
    body = b'{"plaintext":""}'
    assert ask("POST", "/api/v1/keys/a/encrypt", body, {"content-type": content_type}).status == 200


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({"authorization": "Bearer  kst_a "}, "kst_a"),
        ({"authorization": "BEARER kst_a"}, "kst_a"),
        ({"x-keystead-token": "kst_a"}, "kst_a"),
        ({"authorization": "Basic dTpw"}, ""),
        ({"authorization": "Bearerkst_a"}, ""),
    ],
)
def test_the_token_is_a_bearer_token_or_in_our_own_header(
    gate: Any, ask: Any, headers: dict[str, str], token: str
) -> None:
    ask("GET", "/api/v1/keys", b"", headers)
    assert gate.asked[0][1].token == token


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-00", (TRACE, SPAN)),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", (TRACE, SPAN)),
        (f"cc-{TRACE}-{SPAN}-01", (TRACE, SPAN)),
        (f"00-{TRACE}-{SPAN}-01-more", ("", "")),
        (f"ff-{TRACE}-{SPAN}-01", ("", "")),
        (f"00-{'0' * 32}-{SPAN}-01", ("", "")),
        (f"00-{TRACE}-{'0' * 16}-01", ("", "")),
        (f"00-{TRACE.upper()}-{SPAN}-01", ("", "")),
        (f"00-{TRACE[1:]}-{SPAN}-01", ("", "")),
        (f"00-{TRACE}-{SPAN}-1", ("", "")),
        (f"00-{TRACE}-{SPAN}-01\n", ("", "")),
        ("", ("", "")),
    ],
)
def test_traceparent_is_read_as_w3c_trace_context_says(
    value: str, expected: tuple[str, str]
) -> None:
    assert parse_traceparent(value.encode()) == expected


def classes(base: type[KeysteadError]) -> list[type[KeysteadError]]:
    return [base, *(cls for child in base.__subclasses__() for cls in classes(child))]


@pytest.mark.parametrize("error", classes(KeysteadError), ids=lambda cls: cls.__name__)
def test_every_error_has_a_status_that_fits_its_group(
    gate: Any, ask: Any, error: type[KeysteadError]
) -> None:
    status = problems.status_of(error)
    if issubclass(error, errors.FixRequest | errors.AskForRights):
        assert 400 <= status < 500
    if issubclass(error, errors.WaitAndRetry):
        assert status in (429, 503)

    def fail(_: Any) -> Any:
        raise error("What happened.", hint="What to do.", limit=7, status="a detail", type="x")

    gate.reply = fail
    answer = ask("GET", "/api/v1/keys")
    problem = answer.json()
    assert answer.status == problem["status"] == status
    assert problem["code"] == error.code
    assert problem["title"] == error.title
    assert problem["detail"] == "What happened."
    assert problem["hint"] == "What to do."
    assert problem["type"] == f"urn:keystead:error:{error.code}"
    assert problem["limit"] == 7
    waits = issubclass(error, errors.WaitAndRetry | errors.Sealed)
    assert (answer.header("retry-after") == "1") == waits
    assert bool(answer.header("www-authenticate")) == (status == 401)


def test_the_documents_table_of_problems_names_every_code_at_its_status() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    rows = dict(re.findall(r"^\| ([\d, ]+) \| (`.*?) \|", text, re.MULTILINE))
    for error in classes(KeysteadError):
        if "code" in vars(error) and error is not KeysteadError:
            row = rows[str(problems.status_of(error))]
            assert f"`{error.code}`" in row


def test_text_from_the_caller_cannot_add_headers_or_break_the_document(gate: Any, ask: Any) -> None:
    def fail(operation: Any) -> Any:
        raise errors.NotFound(f'There is no key {operation.key}."\r\nX-Evil: 1')

    gate.reply = fail
    answer = ask("GET", "/api/v1/keys/a%22%5C%3Cscript%3E")
    assert answer.status == 404
    assert '"\r\nX-Evil: 1' in answer.json()["detail"]
    assert all(b"\r" not in value and b"\n" not in value for _, value in answer.headers)
