"""The table of routes."""

from __future__ import annotations

import collections
import re

import msgspec
import pytest

from keystead.doors.rest.routes import ELSEWHERE, PREFIX, ROUTES, Route
from keystead.operations import Done, Effect, catalogue, reply_type


def name(route: Route) -> str:
    return route.operation.__name__


def test_every_operation_but_the_schedulers_own_has_exactly_one_route() -> None:
    wanted = set(catalogue()) - ELSEWHERE
    counted = collections.Counter(route.operation for route in ROUTES)
    assert set(counted) == wanted
    assert set(counted.values()) == {1}


def test_no_two_routes_share_method_and_path() -> None:
    shapes = [(route.method, re.sub(r"\{\w+\}", "{}", route.path)) for route in ROUTES]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_a_route_keeps_to_the_rules_of_http_and_of_the_table(route: Route) -> None:
    operation = route.operation
    assert route.path.startswith(PREFIX + "/")
    assert (route.status == 204) == (reply_type(operation) is Done)
    if route.method == "GET":
        assert operation.effect in (Effect.READ, Effect.OBSERVE, Effect.USE)
        assert not operation.secret_reply or operation.action.endswith(":get")
    fields = {f.name: f for f in msgspec.structs.fields(operation)}
    in_path = re.findall(r"\{(\w+)\}", route.path)
    for place in in_path:
        assert fields[place].required
        assert msgspec.json.schema(fields[place].type)["type"] == "string"
    if route.method in ("GET", "DELETE"):
        for field in fields.values():
            schema = msgspec.json.schema(field.type)
            kinds = {each["type"] for each in schema.get("anyOf", [schema])}
            assert kinds <= {"string", "integer", "boolean", "null"}
