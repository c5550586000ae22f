"""The API's description and its page."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from keystead.doors.rest.plan import plans
from keystead.doors.rest.routes import ROUTES


@pytest.fixture
def described(ask: Any) -> Any:
    answer = ask("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    return answer.json()


def test_the_description_is_valid_openapi_3_1(described: Any) -> None:
    assert described["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(described).validate()


def test_every_route_is_described_with_its_success_and_its_problems(described: Any) -> None:
    for route in ROUTES:
        operation = described["paths"][route.path][route.method.lower()]
        assert operation["operationId"] == route.operation.__name__
        assert operation["summary"].endswith(".")
        assert f"`{route.operation.action}`" in operation["description"]
        assert str(route.status) in operation["responses"]
        assert "503" in operation["responses"]
        placed = {p["name"] for p in operation["parameters"] if p.get("in") == "path"}
        assert placed == set(re.findall(r"\{(\w+)\}", route.path))
    count = sum(len(methods) for methods in described["paths"].values())
    assert count == len(ROUTES)


def test_every_schema_is_used_and_closed_where_requests_are_read(described: Any) -> None:
    text = str(described)
    for name, schema in described["components"]["schemas"].items():
        assert f"#/components/schemas/{name}'" in text, name
        if name.endswith("Request"):
            assert schema["additionalProperties"] is False


def test_every_example_is_a_request_that_the_door_reads(described: Any) -> None:
    by_name = {plan.operation.__name__: plan for plan in plans()}
    count = 0
    for methods in described["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content and "example" in content:
                body = msgspec.json.encode(content["example"])
                plan = by_name[operation["operationId"]]
                plan.read(tuple(b"a" for _ in plan.path_names), b"", body)
                count += 1
    assert count >= 5


PAGE = {
    "/api/v1/docs": "text/html; charset=utf-8",
    "/api/v1/docs/docs.js": "text/javascript; charset=utf-8",
    "/api/v1/docs/docs.css": "text/css; charset=utf-8",
}


@pytest.mark.parametrize(("path", "media_type"), PAGE.items())
def test_the_page_is_whole_without_any_other_host_and_may_run_nothing_inline(
    ask: Any, path: str, media_type: str
) -> None:
    answer = ask("GET", path)
    assert answer.status == 200
    assert answer.header("content-type") == media_type
    policy = answer.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    text = answer.body.decode()
    assert "://" not in text
    assert not re.search(r"innerHTML|outerHTML|document\.write|eval\(|localStorage", text)
    assert not re.search(r"<script>|<style>|\son\w+=|style=", text)


def test_every_file_that_the_page_names_is_served(ask: Any) -> None:
    page = ask("GET", "/api/v1/docs").body.decode()
    names = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "docs/docs.js" in names
    for name in names:
        assert ask("GET", f"/api/v1/{name}").status == 200
    static = resources.files("keystead.doors.rest") / "static"
    assert {f.name for f in static.iterdir()} == {"docs.html", "docs.js", "docs.css"}
