"""Errors come back as what the server raised."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.client.problems import BY_CODE, error_from
from keystead.doors.rest.problems import document, status_of
from keystead.errors import KeysteadError, Overloaded, PermissionDenied, UpstreamUnavailable


@pytest.mark.parametrize("cls", BY_CODE.values(), ids=lambda c: c.__name__)
def test_every_error_survives_the_wire_with_its_details(cls: type[KeysteadError]) -> None:
    raised = cls("What happened.", hint="Do that.", key="orders", version=3)
    status = status_of(cls)
    back = error_from(status, {"x-request-id": "r1"}, document(raised, status, "r1"))
    assert type(back) is cls
    assert (back.message, back.hint) == ("What happened.", "Do that.")
    expected = {"key": "orders", "version": 3, "status": status, "request_id": "r1"}
    assert back.details == expected


def test_a_proxys_page_becomes_an_error_by_its_status() -> None:
    assert type(error_from(403, {}, b"<html>no</html>")) is PermissionDenied
    assert type(error_from(429, {"retry-after": "7"}, b"")) is Overloaded
    assert error_from(429, {"retry-after": "7"}, b"").details["retry_after_seconds"] == 7
    assert type(error_from(502, {}, b"\xff")) is UpstreamUnavailable
    assert type(error_from(418, {}, b"{}")) is KeysteadError


@given(st.integers(300, 599), st.text(max_size=20), st.binary(max_size=200))
def test_no_reply_makes_any_other_error(status: int, wait: str, body: bytes) -> None:
    assert isinstance(error_from(status, {"retry-after": wait}, body), KeysteadError)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["code", "detail", "hint", "title", "message", "status", "self", "x"]),
        json_values,
    )
)
def test_no_problem_document_makes_any_other_error(problem: dict[str, object]) -> None:
    assert isinstance(error_from(400, {}, msgspec.json.encode(problem)), KeysteadError)
