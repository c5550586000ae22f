"""Policies and capabilities by Vault's API, and the same answers as a real OpenBao's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

TEXT = 'path "secret/data/app/*" {\n  capabilities = ["create", "read"] # as written\n}\n'
PATHS = [
    "k", "k/", "k/l", "k/l/", "k/l/m", "k/l/m/", "k//m", "k/x/m", "k/lm/n", "k/l/m/n", "z/l/m",
    "k/+b", "k/+bc", "kk", "/k/l/m", "*",
]  # fmt: skip
"""What each policy below is asked about."""


def rule(path: str, *capabilities: str) -> str:
    listed = ", ".join(f'"{capability}"' for capability in capabilities)
    return f'path "{path}" {{ capabilities = [{listed}] }}\n'


POLICIES = [
    rule("k", "read"),
    rule("k/", "read", "list"),
    rule("/k/l/m", "read", "sudo"),
    rule("k*", "read") + rule("k/l*", "list"),
    rule("*", "list"),
    rule("+", "list"),
    rule("k/+", "read") + rule("k/*", "list"),
    rule("k/+/", "read"),
    rule("k/+/m", "read"),
    rule("k/+/m/", "read"),
    rule("k/+/+", "patch"),
    rule("k/+/*", "list"),
    rule("k/+b*", "read"),
    rule("k/*/m", "read"),
    rule("k/*", "read") + rule("k/+/m", "list"),
    rule("k/+/*", "read") + rule("k/+/m", "list"),
    rule("k/l/*", "read") + rule("k/+/m", "list") + rule("k/l/m", "deny"),
    rule("+/l/*", "read") + rule("k/+/m", "list") + rule("k/l/+", "update"),
    rule("+/l/m", "read") + rule("k/+/m", "list") + rule("k/l/m*", "delete"),
    rule("+/+/m", "read") + rule("+/l/m", "list"),
    rule("k/+/m*", "read") + rule("k/+/*", "list"),
    rule("k/l/m", "read") + rule("k/l/m", "create", "update"),
    rule("k/l/m", "read") + rule("k/l/m", "deny"),
    rule("k/*", "deny") + rule("k/l/*", "read"),
    'path "k/l/m" { policy = "write" }',
    'path "k/*" { policy = "sudo" }\npath "k/l/m" { policy = "read" }',
    'path "k/l/m" { policy = "deny" }',
    'path "k" {}',
    'path "k/l/m" { capabilities = ["read"] policy = "write" }',
    'path "k/l/m" { capabilities = ["read"] capabilities = ["list"] }',
    'path k { capabilities = ["read",] } // c',
    '"path" "k" { "capabilities" = ["read"] }',
    '{"path": {"k": {"capabilities": ["read"]}, "k/*": {"policy": "read"}}}',
    '{"path": [{"k": {"capabilities": ["read"]}}, {"k": {"capabilities": ["list"]}}]}',
    'path "k/{{identity.entity.name}}" { capabilities = ["read"] }',
]
REFUSED = [
    "", 'path "k" {', 'path "k" { capabilities = ["raed"] }', 'path "k" { policy = "x" }',
    'path "k" { foo = 1 }', 'paht "k" {}', 'path "k/+*" {}', 'path "{{k" {}',
    'path "k" { capabilities = "read" }', 'path "k" { capabilities = [read] }',
    'path "k" { allowed_parameters = { "x" = "y" } }', 'path "k" { capabilities = ["read" "x"] }',
    'path "k" { min_wrapping_ttl = "2h" max_wrapping_ttl = "1h" }', "path 'k' {}", 'key "k" {}',
    'path "k" { min_wrapping_ttl = "x" }', 'path = "k"', 'path "k" { required_parameters = "x" }',
]  # fmt: skip
PASSWORD_POLICIES = [
    ('length = 20 rule "charset" { charset = "abc" min-chars = 1 }', 204),
    ('{"length": 20, "rule": {"charset": {"charset": "abc"}}}', 204),
    ('length = 20 foo = 1 rule "charset" { charset = "abc" bar = 1 }', 204),
    ('length = 20 rule "charset" { charset = "aé" }', 204),
    ("length = 20", 400),
    ('rule "charset" { charset = "abc" }', 400),
    ('length = 3 rule "charset" { charset = "abc" }', 400),
    ('length = 101 rule "charset" { charset = "abc" }', 400),
    ('length = 20 rule "foo" { charset = "abc" }', 400),
    ('length = 20 rule "charset" { charset = "abc" min-chars = 21 }', 400),
    ('length = 20 rule "charset" { }', 400),
    ("{", 400),
    ("", 400),
]


@pytest.fixture
def api(keystead_api: Any) -> Any:
    return keystead_api


@pytest.fixture
def token_with(api: Any) -> Callable[..., str]:
    """Make a token with a policy of its own."""

    def make(text: str, name: str = "own") -> str:
        api.write(f"sys/policies/acl/{name}", policy=text)
        return _token(api, name)

    return make


def _token(api: Any, *policies: str, **more: Any) -> str:
    made = api.ask("POST", "auth/token/create", {"policies": list(policies), **more})
    assert made.status == 200, made
    return str(made.body["auth"]["client_token"])


def test_a_policy_is_shown_as_it_was_written(api: Any) -> None:
    api.write("sys/policies/acl/App", policy=TEXT)
    shown = api.ask("GET", "sys/policies/acl/app")
    assert (shown.status, shown.data) == (200, {"name": "app", "policy": TEXT})
    old = api.ask("GET", "sys/policy/APP").body
    assert old["data"] == {"name": "app", "rules": TEXT}
    assert (old["name"], old["rules"]) == ("app", TEXT)


def test_a_policy_may_come_in_base64_or_by_its_old_name(api: Any) -> None:
    api.write("sys/policies/acl/b64", policy=base64.b64encode(TEXT.encode()).decode())
    assert api.ask("GET", "sys/policies/acl/b64").data["policy"] == TEXT
    old = api.ask("PUT", "sys/policy/old", {"rules": TEXT})
    assert (old.status, len(old.body["warnings"])) == (200, 1)
    assert api.ask("GET", "sys/policy/old").data["rules"] == TEXT
    assert api.ask("PUT", "sys/policies/acl/old", {"rules": TEXT}).status == 400


def test_policies_are_listed_with_those_that_every_server_has(api: Any) -> None:
    api.write("sys/policies/acl/zz", policy=TEXT)
    names = api.ask("LIST", "sys/policies/acl").data["keys"]
    assert names[-1] == "root"
    assert {"default", "zz"} <= set(names)
    assert names[:-1] == sorted(names[:-1])
    for method in ("GET", "LIST"):
        old = api.ask(method, "sys/policy").body
        assert old["policies"] == old["keys"] == old["data"]["policies"] == names


def test_what_every_server_has_cannot_be_taken_away(api: Any) -> None:
    refused = [
        ("PUT", "root", 'cannot update "root" policy'),
        ("PUT", "response-wrapping", 'cannot update "response-wrapping" policy'),
        ("DELETE", "root", 'cannot delete "root" policy'),
        ("DELETE", "default", "cannot delete default policy"),
    ]
    for method, name, words in refused:
        reply = api.ask(method, f"sys/policies/acl/{name}", {"policy": TEXT})
        assert (reply.status, reply.errors) == (400, [words])
    assert api.ask("GET", "sys/policies/acl/root").data == {"name": "root", "policy": ""}


def test_a_policy_that_is_not_there_is_not_found_and_need_not_be_deleted(api: Any) -> None:
    assert api.ask("GET", "sys/policies/acl/none")[:2] == (404, {"errors": []})
    assert api.ask("DELETE", "sys/policies/acl/none").status == 204
    api.write("sys/policies/acl/once", policy=TEXT)
    assert api.ask("DELETE", "sys/policy/once").status == 204
    assert api.ask("GET", "sys/policy/once").status == 404


def test_a_refused_policy_leaves_the_one_before_in_force(api: Any) -> None:
    api.write("sys/policies/acl/kept", policy=TEXT)
    refused = api.ask("PUT", "sys/policies/acl/kept", {"policy": 'path "x" {\n nonsense = 1\n}'})
    assert refused.status == 400
    assert "line 2, column 2" in refused.errors[0]
    assert api.ask("GET", "sys/policies/acl/kept").data["policy"] == TEXT


def test_a_policy_is_in_force_when_it_is_written_and_gone_when_it_is_deleted(
    api: Any, token_with: Callable[..., str]
) -> None:
    token = token_with(rule("secret/data/force", "create", "read"), "force")
    body = {"data": {"a": 1}}
    assert api.ask("POST", "secret/data/force", body, token=token).status == 200
    assert api.ask("POST", "secret/data/force", body, token=token).status == 403  # an update
    assert api.ask("GET", "secret/data/force", token=token).status == 200
    assert api.ask("GET", "secret/data/other", token=token).status == 403
    api.write("sys/policies/acl/force", policy=rule("secret/data/force", "update"))
    assert api.ask("POST", "secret/data/force", body, token=token).status == 200
    assert api.ask("GET", "secret/data/force", token=token).status == 403
    api.ask("DELETE", "sys/policies/acl/force")
    assert api.ask("POST", "secret/data/force", body, token=token).status == 403


def test_a_policy_says_which_policies_may_be_written(
    api: Any, token_with: Callable[..., str]
) -> None:
    token = token_with(rule("sys/policies/acl/mine-*", "create", "read", "delete"), "writer")
    assert api.ask("PUT", "sys/policies/acl/mine-1", {"policy": TEXT}, token=token).status == 204
    assert api.ask("PUT", "sys/policies/acl/mine-1", {"policy": TEXT}, token=token).status == 403
    assert api.ask("PUT", "sys/policies/acl/other", {"policy": TEXT}, token=token).status == 403
    assert api.ask("PUT", "sys/policy/mine-2", {"policy": TEXT}, token=token).status == 403
    assert api.ask("GET", "sys/policies/acl/mine-1", token=token).status == 200
    assert api.ask("DELETE", "sys/policies/acl/mine-1", token=token).status == 204


def test_capabilities_are_told_to_the_token_itself_and_to_who_may_ask(
    api: Any, token_with: Callable[..., str]
) -> None:
    token = token_with(rule("a", "read", "list") + rule("b/*", "deny"), "caps")
    accessor = api.ask("GET", "auth/token/lookup-self", token=token).data["accessor"]
    wanted = {"a": ["list", "read"], "b/x": ["deny"], "c": ["deny"]}
    asked = {"paths": list(wanted)}
    replies = [
        api.ask("POST", "sys/capabilities-self", asked, token=token),
        api.ask("POST", "sys/capabilities", {**asked, "token": token}),
        api.ask("POST", "sys/capabilities-accessor", {**asked, "accessor": accessor}),
    ]
    for reply in replies:
        assert reply.data == wanted
        assert {path: reply.body[path] for path in wanted} == wanted
    one = api.ask("POST", "sys/capabilities-self", {"path": "a"}, token=token)
    assert one.data == {"a": ["list", "read"], "capabilities": ["list", "read"]}
    assert one.body["capabilities"] == ["list", "read"]
    assert api.ask("POST", "sys/capabilities", {**asked, "token": token}, token=token).status == 403


def test_capabilities_of_what_is_no_token_are_refused(api: Any) -> None:
    for path, body in (
        ("sys/capabilities", {"paths": ["a"], "token": "nope"}),
        ("sys/capabilities", {"paths": ["a"]}),
        ("sys/capabilities-accessor", {"paths": ["a"], "accessor": "nope"}),
        ("sys/capabilities-accessor", {"paths": ["a"]}),
        ("sys/capabilities-self", {}),
    ):
        assert api.ask("POST", path, body).status == 400, (path, body)


def test_a_token_sees_all_its_rights(api: Any, token_with: Callable[..., str]) -> None:
    more = 'path "p" { capabilities = ["update"] required_parameters = ["x"] max_wrapping_ttl = 9 }'
    token = token_with(rule("a", "read") + rule("b/*", "deny") + more, "rights")
    rights = api.ask("GET", "sys/internal/ui/resultant-acl", token=token).data
    assert rights["root"] is False
    assert rights["exact_paths"]["a"] == {"capabilities": ["read"]}
    assert rights["exact_paths"]["p"] == {
        "capabilities": ["update"],
        "required_parameters": ["x"],
        "max_wrapping_ttl": 9,
    }
    assert rights["exact_paths"]["auth/token/lookup-self"] == {"capabilities": ["read"]}
    assert rights["glob_paths"]["b/"] == {"capabilities": ["deny"]}
    assert api.ask("GET", "sys/internal/ui/resultant-acl").data == {"root": True}


def test_passwords_are_made_by_a_policy(api: Any) -> None:
    text = 'length = 12\nrule "charset" { charset = "abc" min-chars = 2 }\n'
    text += 'rule "charset" { charset = "0123456789" min-chars = 3 }\n'
    api.write("sys/policies/password/db", policy=text)
    assert api.ask("GET", "sys/policies/password/db").data == {"policy": text}
    assert "db" in api.ask("LIST", "sys/policies/password").data["keys"]
    made = {api.ask("GET", "sys/policies/password/db/generate").data["password"] for _ in range(20)}
    assert len(made) == 20
    for password in made:
        assert len(password) == 12
        assert set(password) <= set("abc0123456789")
        assert sum(c in "abc" for c in password) >= 2
        assert sum(c.isdigit() for c in password) >= 3
    assert api.ask("DELETE", "sys/policies/password/db").status == 204
    assert api.ask("GET", "sys/policies/password/db/generate").status == 404
    assert api.ask("GET", "sys/policies/password/db").status == 404


# --- beside a real OpenBao ----------------------------------------------------------------


@pytest.mark.parametrize("text", POLICIES)
def test_a_policy_gives_what_it_gives_at_openbao(api: Any, openbao_api: Any, text: str) -> None:
    def capabilities(server: Any) -> dict[str, list[str]]:
        server.write("sys/policies/acl/compared", policy=text)
        token = _token(server, "compared", no_default_policy=True)
        asked = {"paths": PATHS, "token": token}
        found = server.ask("POST", "sys/capabilities", asked).data
        return {path: found[path] for path in PATHS}

    assert capabilities(api) == capabilities(openbao_api)


def test_policies_together_give_what_they_give_at_openbao(api: Any, openbao_api: Any) -> None:
    texts = [text for text in POLICIES if "identity" not in text]

    def capabilities(server: Any) -> list[dict[str, list[str]]]:
        for number, text in enumerate(texts):
            server.write(f"sys/policies/acl/together-{number}", policy=text)
        found = []
        for number in range(len(texts)):
            names = [
                f"together-{n % len(texts)}" for n in (number, number * 7 + 3, number * 11 + 5)
            ]
            token = _token(server, *names, no_default_policy=True)
            reply = server.ask("POST", "sys/capabilities", {"paths": PATHS, "token": token})
            found.append({path: reply.data[path] for path in PATHS})
        return found

    assert capabilities(api) == capabilities(openbao_api)


@pytest.mark.parametrize("text", REFUSED)
def test_what_openbao_refuses_is_refused(api: Any, openbao_api: Any, text: str) -> None:
    for server in (api, openbao_api):
        assert server.ask("PUT", "sys/policies/acl/refused", {"policy": text}).status == 400


@pytest.mark.parametrize(("text", "status"), PASSWORD_POLICIES)
def test_password_policies_are_taken_as_at_openbao(
    api: Any, openbao_api: Any, text: str, status: int
) -> None:
    for server in (api, openbao_api):
        body = {"policy": text}
        assert server.ask("PUT", "sys/policies/password/compared", body).status == status


PARAMETERS = [
    ('allowed_parameters = { "a" = ["x*", "y"] }', [{"a": "x1"}, {"a": "z"}, {"b": "y"}]),
    ('allowed_parameters = { "A" = ["y"] }', [{"a": "y"}, {"A": "y"}, {"a": ["y"]}]),
    ('allowed_parameters = { "a" = ["x"] "*" = [] }', [{"a": "y"}, {"a": "x", "b": 1}, {"b": 2}]),
    ('allowed_parameters = { "a" = [true, ["x"]] }', [{"a": True}, {"a": "true"}, {"a": ["x"]}]),
    ('denied_parameters = { "a" = ["x"] }', [{"a": "x"}, {"A": "x"}, {"a": "y"}]),
    ('denied_parameters = { "*" = [] }', [{"a": "x"}]),
    ('required_parameters = ["B"]', [{"b": 1}, {"B": 1}, {"a": 1}]),
]


@pytest.mark.parametrize(("more", "bodies"), PARAMETERS)
def test_parameters_are_judged_as_at_openbao(
    api: Any, openbao_api: Any, more: str, bodies: list[dict[str, Any]]
) -> None:
    text = f'path "params/a" {{ capabilities = ["create", "update"] {more} }}'

    def statuses(server: Any) -> list[int]:
        server.ask("POST", "sys/mounts/params", {"type": "kv"})
        server.write("sys/policies/acl/params", policy=text)
        token = _token(server, "params", no_default_policy=True)
        return [server.ask("POST", "params/a", body, token=token).status for body in bodies]

    assert statuses(api) == statuses(openbao_api)


def test_the_query_of_a_read_is_judged_as_at_openbao(api: Any, openbao_api: Any) -> None:
    more = 'denied_parameters = { "version" = ["1"] }'
    text = f'path "secret/data/q" {{ capabilities = ["create", "update", "read"] {more} }}'

    def statuses(server: Any) -> list[int]:
        server.write("sys/policies/acl/query", policy=text)
        token = _token(server, "query", no_default_policy=True)
        server.write("secret/data/q", data={"a": 1})
        asked = ("secret/data/q", "secret/data/q?version=1", "secret/data/q?version=0")
        return [server.ask("GET", path, token=token).status for path in asked]

    assert statuses(api) == statuses(openbao_api) == [200, 403, 200]


@pytest.mark.parametrize("ttl", ["", "30", "60", "2m", "121"])
def test_wrapping_is_asked_for_as_at_openbao(api: Any, openbao_api: Any, ttl: str) -> None:
    more = 'min_wrapping_ttl = "1m" max_wrapping_ttl = "2m"'
    text = f'path "secret/data/w" {{ capabilities = ["read"] {more} }}'

    def status(server: Any) -> int:
        server.write("sys/policies/acl/wrapped", policy=text)
        server.write("secret/data/w", data={"a": 1})
        token = _token(server, "wrapped", no_default_policy=True)
        headers = {"X-Vault-Wrap-TTL": ttl} if ttl else {}
        return int(server.ask("GET", "secret/data/w", token=token, headers=headers).status)

    assert status(api) == status(openbao_api)
