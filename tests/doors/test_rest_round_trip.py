"""What the SDK writes, the door reads; what the door writes, the SDK reads."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import inspect as shape

from keystead.client.wire import reply_from, request_for
from keystead.doors.rest.routes import ROUTES, Route
from keystead.operations import reply_type


def values(kind: shape.Type, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return a strategy for every value that a type admits (floats: whole numbers)."""
    match kind:
        case shape.Metadata():
            return values(kind.type, depth)
        case shape.StrType(pattern=str(pattern)):
            return st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True)
        case shape.StrType():
            text = st.characters(exclude_categories=["Cs", "Cc"])
            return st.text(text, min_size=kind.min_length or 0, max_size=kind.max_length)
        case shape.BytesType():
            return st.binary(min_size=kind.min_length or 0, max_size=kind.max_length or 64)
        case shape.IntType():
            return st.integers(kind.ge or 0, kind.le or 2**53)
        case shape.FloatType():
            least = kind.ge if kind.gt is None else kind.gt + 1
            return st.integers(math.ceil(least or 0), int(kind.le or 2**32)).map(float)
        case shape.BoolType():
            return st.booleans()
        case shape.NoneType():
            return st.none()
        case shape.AnyType():
            return st.none() | st.booleans() | st.text(max_size=5)
        case shape.LiteralType():
            return st.sampled_from(kind.values)
        case shape.UnionType():
            return st.one_of([values(each, depth) for each in kind.types])
        case shape.ListType():
            most = min(kind.max_length or 3, 3)
            return st.lists(values(kind.item_type, depth + 1), min_size=kind.min_length or 0,
                            max_size=most)  # fmt: skip
        case shape.DictType():
            keys = values(kind.key_type, depth + 1)
            return st.dictionaries(keys, values(kind.value_type, depth + 1), max_size=3)
        case shape.StructType():
            fields = {f.name: values(f.type, depth + 1) for f in kind.fields}
            return st.builds(kind.cls, **fields)
    raise AssertionError(kind)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation.__name__)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(data=st.data())
def test_any_operation_and_any_reply_cross_the_wire_unchanged(
    gate: Any, ask: Any, route: Route, data: st.DataObject
) -> None:
    operation = data.draw(values(shape.type_info(route.operation)))
    named = [getattr(operation, name) for name in re.findall(r"\{(\w+)\}", route.path)]
    assume("" not in named and "self" not in named)  # no name is empty; self is the caller's
    reply = data.draw(values(shape.type_info(reply_type(route.operation))))
    gate.reply = lambda _: reply
    request = request_for(operation)
    answer = ask(request.method, request.path, request.body, request.headers)
    assert answer.status == route.status, answer.body
    assert gate.asked.pop()[0] == operation
    headers = {n.decode(): v.decode() for n, v in answer.headers}
    assert reply_from(operation, answer.status, headers, answer.body) == reply


def test_no_default_of_one_request_is_shared_with_the_next(gate: Any, ask: Any) -> None:
    for _ in range(2):
        gate.reply = lambda _: {}
        ask("POST", "/api/v1/keys/a/encrypt", b'{"plaintext":""}')
    first, second = (operation for operation, _ in gate.asked)
    assert first.context == second.context == {}
    assert first.context is not second.context
