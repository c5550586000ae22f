"""Whatever is sent to a store of secrets, it answers, and not with an internal error."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = st.text(max_size=12)
LEAVES = st.none() | st.booleans() | st.integers() | TEXT
LEAVES |= st.floats(allow_nan=False, allow_infinity=False) | st.just(10**400)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("data", "options", "versions", "max_versions", "cas_required", "delete_version_after"),
        *("custom_metadata", "token", "ttl", "lease"),
    ]
)
BODY = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(FIELDS, JSON | st.fixed_dictionaries({"cas": JSON}), max_size=4).map(
        lambda value: json.dumps(value).encode()
    ),
)
PATH = st.sampled_from(
    ["data", "metadata", "delete", "undelete", "destroy", "subkeys", "detailed-metadata", "config"]
).flatmap(lambda part: TEXT.map(lambda name: f"secret/{part}/hostile/{quote(name)}"))
PATH |= TEXT.map(lambda name: f"cubbyhole/{quote(name)}")
PATH |= st.sampled_from(["wrap", "unwrap", "rewrap", "lookup"]).map("sys/wrapping/{}".format)
PATH |= st.sampled_from(["secret/config", "secret/metadata", "secret", "secret/hostile"])
QUERY = st.dictionaries(st.sampled_from(["version", "depth", "limit", "after", "list"]), TEXT)
METHOD = st.sampled_from(["GET", "LIST", "POST", "PUT", "PATCH", "DELETE"])
TYPE = st.sampled_from(["application/merge-patch+json", "application/json"])
WRAP = st.sampled_from(["", "", "", "30s", "99999999999", "x"])


@pytest.fixture(scope="module")
def connection(server: Any) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)


def ask(
    server: Any,
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes,
    **more: str,
) -> tuple[int, bytes]:
    headers = {"X-Vault-Token": server.token, **more}
    connection.request(method, f"/v1/{path}", body=body, headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(method=METHOD, path=PATH, query=QUERY, body=BODY, kind=TYPE, wrap=WRAP)
def test_anything_is_answered(
    method: str,
    path: str,
    query: dict[str, str],
    body: bytes,
    kind: str,
    wrap: str,
    server: Any,
    connection: http.client.HTTPConnection,
) -> None:
    more = {"Content-Type": kind} | ({"X-Vault-Wrap-TTL": wrap} if wrap else {})
    where = f"{path}?{urlencode(query)}" if query else path
    status, content = ask(server, connection, method, where, body, **more)
    assert status < 500, content
    if content:
        json.loads(content)


@pytest.mark.parametrize("depth", [250, 300, 900, 1100, 100_000])
def test_a_body_of_any_depth_is_answered(
    depth: int, server: Any, connection: http.client.HTTPConnection
) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        nested = opening * depth + ("1" if closing == "}" else "") + closing * depth
        for path in ("secret/data/hostile/deep", "cubbyhole/deep", "sys/wrapping/wrap"):
            body = f'{{"data":{{"a":{nested}}}}}'.encode()
            more = {"X-Vault-Wrap-TTL": "30s"} if "wrap" in path else {}
            status, content = ask(server, connection, "POST", path, body, **more)
            assert status in (200, 204, 400), content
            assert status != 200 or depth < 260 or "wrap" in path
            if "wrap" not in path:
                assert ask(server, connection, "GET", path, b"")[0] in (200, 404)
    ask(server, connection, "DELETE", "cubbyhole/deep", b"")
