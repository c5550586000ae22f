"""Second factors at log-in, in one step and in two, at Keystead and OpenBao alike."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import struct
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

_COUNT = itertools.count()


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_api")


def code(url: str, periods: int = 0) -> str:
    """The code of a URL, so many periods from now."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    secret, period = given["secret"], int(given["period"])
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = struct.pack(">Q", int(time.time()) // period + periods)
    mac = hmac.new(key, counter, hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


@pytest.fixture
def person(api: Any) -> Iterator[Any]:
    """Somebody who must use a second factor at a mount of its own, and whose key is ``url``."""
    number = next(_COUNT)
    mount, method_name = f"mfa{number}", f"method{number}"
    api.write(f"sys/auth/{mount}", type="userpass")
    accessor = api.ask("GET", "sys/auth").data[f"{mount}/"]["accessor"]
    api.write(f"auth/{mount}/users/pat", password="pw", token_policies="mine")
    body = {"password": "pw"}
    entity = api.ask("POST", f"auth/{mount}/login/pat", body).body["auth"]["entity_id"]
    method = api.write(
        "identity/mfa/method/totp", issuer="Iss", method_name=method_name, period=3600
    )["method_id"]
    api.write(
        f"identity/mfa/login-enforcement/e{number}",
        mfa_method_ids=[method],
        auth_method_accessors=[accessor],
    )
    made = api.write("identity/mfa/method/totp/admin-generate", method_id=method, entity_id=entity)

    def login(*given: str) -> Any:
        headers = {"X-Vault-MFA": given[0]} if given else {}
        path = f"auth/{mount}/login/pat"
        return api.ask("POST", path, {"password": "pw"}, token="", headers=headers)

    def validate(request_id: str, payload: Any) -> Any:
        body = {"mfa_request_id": request_id, "mfa_payload": payload}
        return api.ask("POST", "sys/mfa/validate", body, token="")

    yield SimpleNamespace(
        entity=entity, method=method, method_name=method_name, url=made["url"], made=made,
        login=login, validate=validate, enforcement=f"e{number}", mount=mount,
    )  # fmt: skip
    api.ask("DELETE", f"identity/mfa/login-enforcement/e{number}")
    api.ask("DELETE", f"identity/mfa/method/totp/{method}")
    api.ask("DELETE", f"sys/auth/{mount}")


def waiting(reply: Any) -> str:
    """The identifier of a log-in that waits."""
    assert reply.status == 200, reply
    return reply.body["auth"]["mfa_requirement"]["mfa_request_id"]


def test_a_log_in_waits_for_its_second_factor(api: Any, person: Any) -> None:
    reply = person.login()
    auth = reply.body["auth"]
    assert (auth["client_token"], auth["accessor"], auth["policies"]) == ("", "", None)
    assert auth["mfa_requirement"]["mfa_constraints"] == {
        person.enforcement: {
            "any": [
                {"type": "totp", "id": person.method, "uses_passcode": True,
                 "name": person.method_name},
            ]
        }
    }  # fmt: skip
    request_id = waiting(reply)
    right = code(person.url)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for payload in ({person.method: [wrong]}, {"other": [right]}, {person.method: []}, {}):
        assert person.validate(request_id, payload).status == 403
    done = person.validate(request_id, {person.method: [right]})
    assert done.status == 200, done
    auth = done.body["auth"]
    assert auth["policies"] == ["default", "mine"]
    assert (auth["entity_id"], auth["mfa_requirement"]) == (person.entity, None)
    assert api.ask("GET", "auth/token/lookup-self", token=auth["client_token"]).status == 200
    again = person.validate(request_id, {person.method: [right]})
    assert (again.status, again.errors) == (400, ["invalid request ID"])


def test_a_code_is_good_once_whichever_way(person: Any) -> None:
    right = code(person.url)
    first, second = waiting(person.login()), waiting(person.login())
    assert person.validate(first, {person.method: [right]}).status == 200
    assert person.validate(second, {person.method: [right]}).status == 403
    assert person.login(f"{person.method}:{right}").status == 403


def test_a_log_in_with_the_factor_in_its_header_needs_one_step(person: Any) -> None:
    wrong = f"{(int(code(person.url)) + 1) % 10**6:06d}"
    refused = person.login(f"{person.method}:{wrong}")
    assert (refused.status, refused.errors) == (403, ["permission denied"])
    reply = person.login(f"{person.method}:{code(person.url)}")
    assert reply.status == 200, reply
    assert reply.body["auth"]["client_token"]
    assert person.login(f"{person.method_name}:{code(person.url, 1)}").status == 200


def test_nobody_without_a_key_gets_past(api: Any, person: Any) -> None:
    whose = {"method_id": person.method, "entity_id": person.entity}
    assert api.ask("POST", "identity/mfa/method/totp/admin-destroy", whose).status == 204
    request_id = waiting(person.login())
    assert person.validate(request_id, {person.method: [code(person.url)]}).status == 403
    fresh = api.write("identity/mfa/method/totp/admin-generate", **whose)
    assert fresh["url"] != person.url
    done = person.validate(request_id, {person.method: [code(fresh["url"])]})
    assert done.status == 200


def test_a_key_is_shown_once(api: Any, person: Any) -> None:
    assert base64.b64decode(person.made["barcode"]).startswith(b"\x89PNG")
    whose = {"method_id": person.method, "entity_id": person.entity}
    again = api.ask("POST", "identity/mfa/method/totp/admin-generate", whose)
    assert again.status == 200
    assert again.body["data"] is None
    assert len(again.body["warnings"]) == 1


def test_groups_and_entities_can_be_held_to_a_second_factor(api: Any, person: Any) -> None:
    path = f"identity/mfa/login-enforcement/{person.enforcement}"
    group = api.write("identity/group", name=f"held-{person.mount}",
                      member_entity_ids=[person.entity])["id"]  # fmt: skip
    nobody = {
        "auth_method_accessors": [], "auth_method_types": ["token"],
        "identity_group_ids": [], "identity_entity_ids": [],
    }  # fmt: skip
    for demand in ({"identity_group_ids": [group]}, {"identity_entity_ids": [person.entity]}):
        api.write(path, mfa_method_ids=[person.method], **(nobody | demand))
        assert waiting(person.login())
    api.write(path, mfa_method_ids=[person.method], **nobody)
    assert person.login().body["auth"]["client_token"]


def test_what_a_change_leaves_out_is_demanded_still(api: Any, person: Any) -> None:
    path = f"identity/mfa/login-enforcement/{person.enforcement}"
    api.write(path, mfa_method_ids=[person.method], auth_method_types=["token"])
    assert waiting(person.login())


def test_methods_and_enforcements_are_shown(api: Any, person: Any) -> None:
    method = api.ask("GET", f"identity/mfa/method/totp/{person.method}").data
    assert method == {
        "algorithm": "SHA1", "digits": 6, "id": person.method, "issuer": "Iss", "key_size": 20,
        "max_validation_attempts": 5, "name": person.method_name, "namespace_id": "root",
        "namespace_path": "", "period": 3600, "qr_size": 200, "skew": 1, "type": "totp",
    }  # fmt: skip
    listed = api.ask("LIST", "identity/mfa/method/totp").data
    assert listed["key_info"][person.method] == method
    shown = api.ask("GET", f"identity/mfa/login-enforcement/{person.enforcement}").data
    assert (shown["name"], shown["mfa_method_ids"]) == (person.enforcement, [person.method])
    listed = api.ask("LIST", "identity/mfa/login-enforcement").data
    assert listed["key_info"][person.enforcement] == shown
    assert api.ask("DELETE", f"identity/mfa/method/totp/{person.method}").status in (400, 500)


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        ("identity/mfa/method/totp", {}, ["issuer must be set"]),
        ("identity/mfa/login-enforcement/x", {"auth_method_types": ["userpass"]},
         ["missing method ids"]),
        ("identity/mfa/login-enforcement/x",
         {"mfa_method_ids": ["bad"], "auth_method_types": ["userpass"]},
         ["one of the provided method ids doesn't exist"]),
        ("sys/mfa/validate", {}, ["missing request ID"]),
        ("sys/mfa/validate", {"mfa_request_id": "x", "mfa_payload": {}}, ["invalid request ID"]),
    ],
)  # fmt: skip
def test_both_refuse_alike(api: Any, path: str, body: Any, errors: list[str]) -> None:
    reply = api.ask("POST", path, body)
    assert (reply.status, reply.errors) == (400, errors)
