"""Response wrapping as clients of Vault use it."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hvac
import pytest
from hvac.exceptions import InvalidRequest

NOT_VALID = "wrapping token is not valid or does not exist"


@pytest.fixture
def client(server: Any) -> hvac.Client:
    return hvac.Client(url=server.address, token=server.token, timeout=20)


class Ask:
    """Sends requests with or without a token; answers status and body."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str = "",
        wrap: str = "",
        **headers: str,
    ) -> tuple[int, Any]:
        given = {"X-Vault-Token": token, "X-Vault-Wrap-TTL": wrap, **headers}
        request = urllib.request.Request(
            f"{self._address}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={name: value for name, value in given.items() if value},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                status, content = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        return status, json.loads(content) if content else None


@pytest.fixture
def ask(server: Any) -> Ask:
    return Ask(server.address)


def test_hvac_wraps_and_unwraps(client: hvac.Client, server: Any) -> None:
    wrapped = client.sys.wrap({"a": {"b": 1}}, ttl=90)
    info = wrapped["wrap_info"]
    assert info["ttl"] == 90
    assert info["creation_path"] == "sys/wrapping/wrap"
    assert client.sys.unwrap(info["token"])["data"] == {"a": {"b": 1}}
    with pytest.raises(InvalidRequest, match=NOT_VALID):
        client.sys.unwrap(info["token"])
    token = client.sys.wrap({"n": 2})["wrap_info"]["token"]
    alone = hvac.Client(url=server.address, token=token, timeout=20)
    assert alone.sys.unwrap()["data"] == {"n": 2}
    with pytest.raises(InvalidRequest, match=NOT_VALID):
        alone.sys.unwrap()


def test_any_reply_is_wrapped_and_comes_out_as_it_was(ask: Ask, server: Any) -> None:
    root = server.token
    ask("POST", "secret/data/wrap/a", {"data": {"x": 1}}, root)
    _, plain = ask("GET", "secret/data/wrap/a", token=root)
    status, wrapped = ask("GET", "secret/data/wrap/a", token=root, wrap="2m")
    assert status == 200
    assert wrapped["data"] is None
    info = wrapped["wrap_info"]
    assert info.keys() == {"token", "accessor", "ttl", "creation_time", "creation_path"}
    assert (info["ttl"], info["creation_path"]) == (120, "secret/data/wrap/a")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", info["creation_time"])
    status, opened = ask("POST", "sys/wrapping/unwrap", {"token": info["token"]}, root)
    assert status == 200
    assert {**opened, "request_id": ""} == {**plain, "request_id": ""}
    assert ask("POST", "sys/wrapping/unwrap", {"token": info["token"]}, root) == (
        400,
        {"errors": [NOT_VALID]},
    )


def test_what_fails_or_says_nothing_is_not_wrapped(ask: Ask, server: Any) -> None:
    root = server.token
    assert ask("GET", "secret/data/wrap/none", token=root, wrap="60") == (404, {"errors": []})
    assert ask("DELETE", "secret/data/wrap/none", token=root, wrap="60") == (204, None)
    assert ask("GET", "secret/data/wrap/none", token="zz", wrap="60")[0] == 403
    for lifetime in ("x", "-5"):
        assert ask("GET", "secret/data/wrap/a", token=root, wrap=lifetime)[0] == 400
    status, reply = ask("GET", "secret/config", token=root, wrap="0")
    assert (status, reply["wrap_info"]) == (200, None)


def test_looking_up_spends_nothing_and_rewrapping_keeps_the_origin(ask: Ask, server: Any) -> None:
    root = server.token
    _, wrapped = ask("LIST", "secret/metadata", token=root, wrap="60")
    if wrapped.get("errors") == []:
        ask("POST", "secret/data/wrap/a", {"data": {"x": 1}}, root)
        _, wrapped = ask("LIST", "secret/metadata", token=root, wrap="60")
    first = wrapped["wrap_info"]["token"]
    for asked in (
        ask("POST", "sys/wrapping/lookup", {"token": first}),
        ask("POST", "sys/wrapping/lookup", {"token": first}, root),
        ask("GET", "sys/wrapping/lookup", token=first),
        ask("POST", "sys/wrapping/lookup", {}, first),
    ):
        assert asked[0] == 200
        assert asked[1]["data"] == {
            "creation_path": "secret/metadata/",
            "creation_time": wrapped["wrap_info"]["creation_time"],
            "creation_ttl": 60,
        }
    status, rewrapped = ask("PUT", "sys/wrapping/rewrap", {"token": first}, root)
    assert status == 200
    assert rewrapped["wrap_info"]["creation_path"] == "secret/metadata/"
    assert ask("POST", "sys/wrapping/unwrap", {"token": first}, root)[0] == 400
    second = rewrapped["wrap_info"]["token"]
    assert ask("POST", "sys/wrapping/unwrap", token=second)[1]["data"]["keys"]


def test_refusals_are_those_of_vault(ask: Ask, server: Any) -> None:
    root = server.token
    for path in ("unwrap", "rewrap", "lookup"):
        for body in ({"token": "zz"}, {"token": root}, {}):
            refused = ask("POST", f"sys/wrapping/{path}", body, root)
            assert refused == (400, {"errors": [NOT_VALID]})
        assert ask("POST", f"sys/wrapping/{path}", {})[0] == 403
    needs = ["endpoint requires response wrapping to be used"]
    assert ask("POST", "sys/wrapping/wrap", {"a": 1}, root) == (400, {"errors": needs})
    assert ask("POST", "sys/wrapping/wrap", {"a": 1}, wrap="60")[0] == 403
    assert ask("POST", "sys/wrapping/wrap", [1], root, wrap="60")[0] == 400


def test_a_wrapping_token_is_good_for_nothing_else(ask: Ask, server: Any) -> None:
    _, wrapped = ask("GET", "secret/config", token=server.token, wrap="60")
    token = wrapped["wrap_info"]["token"]
    assert ask("GET", "secret/config", token=token)[0] == 403
    assert ask("GET", "sys/mounts", token=token)[0] == 403
    assert ask("POST", "sys/wrapping/unwrap", token=token)[0] == 200


def test_of_many_who_come_with_one_token_one_is_served(ask: Ask, server: Any) -> None:
    _, wrapped = ask("GET", "secret/config", token=server.token, wrap="60")
    token = wrapped["wrap_info"]["token"]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, "POST", "sys/wrapping/unwrap", None, token) for _ in range(16)]
        statuses = sorted(reply.result()[0] for reply in asked)
    assert statuses == [200, *[400] * 15]


def test_a_new_token_is_handed_over_wrapped(ask: Ask, server: Any) -> None:
    asked = {"policies": ["default"]}
    status, wrapped = ask("POST", "auth/token/create", asked, server.token, wrap="60")
    assert status == 200
    assert wrapped["auth"] is None
    token = wrapped["wrap_info"]["token"]
    status, opened = ask("POST", "sys/wrapping/unwrap", token=token)
    assert status == 200
    assert opened["auth"]["accessor"] == wrapped["wrap_info"]["wrapped_accessor"]
    assert ask("GET", "auth/token/lookup-self", token=opened["auth"]["client_token"])[0] == 200
