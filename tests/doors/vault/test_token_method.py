"""The token method, at Keystead and at a real OpenBao alike."""

from __future__ import annotations

import time
from typing import Any

import hvac
import pytest

MAKER = """
path "auth/token/create" { capabilities = ["create", "update"] }
path "auth/token/create/*" { capabilities = ["create", "update"] }
path "auth/token/lookup" { capabilities = ["update"] }
path "auth/token/renew" { capabilities = ["update"] }
path "auth/token/revoke" { capabilities = ["update"] }
"""


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Any:
    """A server with the policies ``maker`` (makes tokens), ``p`` and ``q``."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/policy/maker", policy=MAKER)
    for name in ("p", "q"):
        made.write(
            f"sys/policy/{name}", policy=f'path "secret/{name}" {{ capabilities = ["read"] }}'
        )
    return made


@pytest.fixture(scope="module")
def tokens(api: Any) -> Any:
    """hvac's client of the token method, for root."""
    return hvac.Client(api.address, api.token).auth.token


def create(api: Any, token: str | None = None, path: str = "create", **body: Any) -> Any:
    """The ``auth`` member of what must succeed."""
    reply = api.ask("POST", f"auth/token/{path}", body, token=token)
    assert reply.status == 200, reply
    return reply.body["auth"]


def seen(api: Any, token: str) -> Any:
    """What a token sees of itself; None if it has ended."""
    reply = api.ask("GET", "auth/token/lookup-self", token=token)
    return reply.data if reply.status == 200 else None


# --- creation ---------------------------------------------------------------------------


def test_a_token_is_made_as_asked(api: Any, tokens: Any) -> None:
    auth = tokens.create(
        policies=["p", "q"], meta={"user": "armon"}, ttl="1h", display_name="mine", num_uses=9,
        explicit_max_ttl="2h", renewable=True,
    )["auth"]  # fmt: skip
    assert auth["policies"] == auth["token_policies"] == ["default", "p", "q"]
    assert auth["metadata"] == {"user": "armon"}
    assert (auth["lease_duration"], auth["renewable"], auth["num_uses"]) == (3600, True, 9)
    assert (auth["orphan"], auth["token_type"], auth["entity_id"]) == (False, "service", "")
    told = tokens.lookup(auth["client_token"])["data"]
    assert told["display_name"] == "token-mine"
    assert told["path"] == "auth/token/create"
    assert (told["creation_ttl"], told["explicit_max_ttl"]) == (3600, 7200)
    assert (told["orphan"], told["type"], told["num_uses"]) == (False, "service", 9)
    assert told["accessor"] == auth["accessor"]
    assert 3590 <= told["ttl"] <= 3600
    assert told["id"] == auth["client_token"]


def test_a_lookup_has_the_same_members(api: Any) -> None:
    bare = seen(api, create(api, policies=["p"])["client_token"])
    rich = seen(api, create(api, policies=["p"], period="1h", path="create-orphan")["client_token"])
    root = seen(api, api.token)
    common = {
        "accessor", "creation_time", "creation_ttl", "display_name", "entity_id", "expire_time",
        "explicit_max_ttl", "id", "meta", "num_uses", "orphan", "path", "policies", "ttl", "type",
    }  # fmt: skip
    assert set(root) >= common
    assert set(bare) == common | {"issue_time", "renewable"}
    assert set(rich) == common | {"issue_time", "renewable", "period"}
    assert (root["policies"], root["ttl"], root["expire_time"]) == (["root"], 0, None)
    assert root["orphan"] is True
    assert rich["orphan"] is True


def test_default_is_added_unless_it_is_not_wanted(api: Any) -> None:
    assert create(api, policies=["p"])["policies"] == ["default", "p"]
    assert create(api, policies=["p"], no_default_policy=True)["policies"] == ["p"]
    assert create(api, policies=["default"])["policies"] == ["default"]


def test_root_makes_root_unless_it_asks_for_less(api: Any) -> None:
    auth = create(api)
    assert (auth["policies"], auth["lease_duration"], auth["renewable"]) == (["root"], 0, False)
    assert create(api, ttl="1h")["lease_duration"] == 3600
    assert create(api, policies=["root"])["policies"] == ["root"]


def test_root_chooses_the_text_of_a_token(api: Any, tokens: Any) -> None:
    text = f"chosen-{time.time_ns()}"
    assert tokens.create(id=text, policies=["p"])["auth"]["client_token"] == text
    assert seen(api, text)["policies"] == ["default", "p"]
    assert api.ask("POST", "auth/token/create", {"id": text, "policies": ["p"]}).status == 400
    maker = create(api, policies=["maker"])["client_token"]
    body = {"id": "chosen-by-others"}
    assert api.ask("POST", "auth/token/create", body, token=maker).status == 400


def test_a_child_has_no_policy_that_its_parent_lacks(api: Any) -> None:
    maker = create(api, policies=["maker", "p"])["client_token"]
    assert create(api, maker)["policies"] == ["default", "maker", "p"]
    assert create(api, maker, policies=["p"])["policies"] == ["default", "p"]
    reply = api.ask("POST", "auth/token/create", {"policies": ["q"]}, token=maker)
    assert (reply.status, reply.errors) == (400, ["child policies must be subset of parent"])
    reply = api.ask("POST", "auth/token/create", {"policies": ["root"]}, token=maker)
    assert reply.status == 400


def test_an_orphan_needs_more_than_the_right_to_create(api: Any) -> None:
    maker = create(api, policies=["maker"])["client_token"]
    assert api.ask("POST", "auth/token/create-orphan", {}, token=maker).status == 403
    reply = api.ask("POST", "auth/token/create", {"no_parent": True}, token=maker)
    assert reply.status in (400, 403)
    assert create(api, path="create-orphan", policies=["p"])["orphan"] is True
    assert create(api, no_parent=True, policies=["p"])["orphan"] is True


def test_a_batch_token_is_not_kept(api: Any) -> None:
    auth = create(api, type="batch", policies=["p"], ttl="1h")
    assert (auth["token_type"], auth["renewable"], auth["accessor"]) == ("batch", False, "")
    told = seen(api, auth["client_token"])
    assert (told["type"], told["accessor"], told["policies"]) == ("batch", "", ["default", "p"])
    token = auth["client_token"]
    assert api.ask("POST", "auth/token/renew-self", {}, token=token).status == 400
    assert api.ask("POST", "auth/token/revoke", {"token": token}).status == 400


def test_hvac_makes_a_batch_token(tokens: Any) -> None:
    auth = tokens.create(type="batch", policies=["p"], ttl="1h")["auth"]  # it says num_uses 0
    assert auth["token_type"] == "batch"


REFUSED: list[dict[str, Any]] = [
    {"type": "bogus"},
    {"type": "batch", "period": "1h", "policies": ["p"]},
    {"type": "batch", "num_uses": 2, "policies": ["p"]},
    {"type": "batch", "policies": ["root"]},
    {"num_uses": -1, "policies": ["p"]},
    {"ttl": "bogus", "policies": ["p"]},
    {"entity_alias": "someone", "policies": ["p"]},
]


@pytest.mark.parametrize("body", REFUSED, ids=str)
def test_both_servers_refuse_alike(api: Any, body: dict[str, Any]) -> None:
    assert api.ask("POST", "auth/token/create", body).status == 400


# --- uses and lifetimes -----------------------------------------------------------------


def test_a_token_ends_with_its_last_use(api: Any) -> None:
    token = create(api, policies=["p"], num_uses=2)["client_token"]
    assert [seen(api, token) is not None for _ in range(3)] == [True, True, False]


def test_a_token_is_renewed_by_an_increment_up_to_its_maximum(api: Any, tokens: Any) -> None:
    auth = create(api, policies=["p"], ttl="1h", explicit_max_ttl="2h")
    token, accessor = auth["client_token"], auth["accessor"]
    assert tokens.renew(token)["auth"]["lease_duration"] == 3600
    assert tokens.renew(token, increment="90m")["auth"]["lease_duration"] == 5400
    assert 7190 <= tokens.renew(token, increment="9h")["auth"]["lease_duration"] <= 7200
    by_accessor = tokens.renew_accessor(accessor, increment=1800)["auth"]
    assert (by_accessor["lease_duration"], by_accessor["client_token"]) == (1800, "")
    own = hvac.Client(api.address, token).auth.token
    assert own.renew_self(increment=600)["auth"]["lease_duration"] == 600
    told = own.lookup_self()["data"]
    assert 590 <= told["ttl"] <= 600
    assert told["last_renewal_time"] >= told["creation_time"]
    assert told["last_renewal"].startswith("20")


def test_a_periodic_token_is_renewed_for_its_period(api: Any, tokens: Any) -> None:
    auth = create(api, policies=["p"], period="30m")
    assert auth["lease_duration"] == 1800
    assert tokens.renew(auth["client_token"], increment="9h")["auth"]["lease_duration"] == 1800
    assert tokens.lookup(auth["client_token"])["data"]["period"] == 1800


def test_what_is_not_renewable_is_not_renewed(api: Any) -> None:
    auth = create(api, policies=["p"], renewable=False)
    assert auth["renewable"] is False
    reply = api.ask("POST", "auth/token/renew", {"token": auth["client_token"]})
    assert (reply.status, reply.errors) == (400, ["lease is not renewable"])


# --- looking up -------------------------------------------------------------------------


def test_a_token_is_looked_up_by_itself_by_text_and_by_accessor(api: Any, tokens: Any) -> None:
    auth = create(api, policies=["p"])
    token, accessor = auth["client_token"], auth["accessor"]
    by_text = tokens.lookup(token)["data"]
    own = hvac.Client(api.address, token).auth.token.lookup_self()["data"]
    by_accessor = tokens.lookup_accessor(accessor)["data"]
    assert by_text | {"ttl": 0} == own | {"ttl": 0}
    assert by_accessor == by_text | {"id": "", "ttl": by_accessor["ttl"]}
    assert accessor in tokens.list_accessors()["data"]["keys"]


def test_accessors_are_listed_only_for_who_has_sudo(api: Any) -> None:
    rule = 'path "auth/token/accessors/" {{ capabilities = [{}] }}'
    api.write("sys/policy/lister", policy=rule.format('"list"'))
    api.write("sys/policy/sudoer", policy=rule.format('"list", "sudo"'))
    for policy, status in (("lister", 403), ("sudoer", 200)):
        token = create(api, policies=[policy])["client_token"]
        assert api.ask("LIST", "auth/token/accessors/", token=token).status == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("lookup", {"token": "none"}, 403),
        ("lookup-accessor", {"accessor": "none"}, 400),
        ("lookup-accessor", {}, 400),
        ("renew", {"token": "none"}, 400),
        ("renew-accessor", {"accessor": "none"}, 400),
        ("renew-accessor", {}, 400),
        ("revoke", {"token": "none"}, 204),
        ("revoke", {}, 400),
        ("revoke-accessor", {"accessor": "none"}, 200),
        ("revoke-accessor", {}, 400),
        ("revoke-orphan", {"token": "none"}, 400),
        ("revoke-orphan", {}, 400),
        ("tidy", {}, 202),
        ("create/none", {}, 400),
    ],
)
def test_what_is_not_there_is_answered_alike(
    api: Any, path: str, body: dict[str, Any], status: int
) -> None:
    reply = api.ask("POST", f"auth/token/{path}", body)
    assert reply.status == status or (status >= 400 and reply.status == 500), reply


# --- revocation -------------------------------------------------------------------------


@pytest.fixture
def family(api: Any) -> list[str]:
    """A token, its child and its grandchild."""
    line = [create(api, policies=["maker"])["client_token"]]
    line.append(create(api, line[0])["client_token"])
    line.append(create(api, line[1])["client_token"])
    return line


def test_with_a_token_end_its_children(api: Any, tokens: Any, family: list[str]) -> None:
    tokens.revoke(family[1])
    assert [seen(api, token) is not None for token in family] == [True, False, False]


def test_an_orphaned_child_lives_on(api: Any, tokens: Any, family: list[str]) -> None:
    tokens.revoke_and_orphan_children(family[0])
    assert [seen(api, token) is not None for token in family] == [False, True, True]
    child, grandchild = (seen(api, token) for token in family[1:])
    assert (child["orphan"], grandchild["orphan"]) == (True, False)
    assert child["policies"] == ["default", "maker"]


def test_a_token_revokes_itself_and_by_accessor(api: Any, tokens: Any, family: list[str]) -> None:
    hvac.Client(api.address, family[2]).auth.token.revoke_self()
    assert seen(api, family[2]) is None
    tokens.revoke_accessor(seen(api, family[0])["accessor"])
    assert [seen(api, token) is not None for token in family] == [False, False, False]


# --- token roles ------------------------------------------------------------------------


def test_every_method_of_the_client_for_roles_works(tokens: Any) -> None:
    tokens.create_or_update_role(
        "crud", allowed_policies="p,q", disallowed_policies="q", orphan=True, renewable=False,
        path_suffix="v10", token_period="1h", token_explicit_max_ttl="2h",
    )  # fmt: skip
    role = tokens.read_role("crud")["data"]
    role.pop("token_strictly_bind_ip", None)  # OpenBao has it besides
    assert role == {
        "allowed_entity_aliases": None, "allowed_policies": ["p", "q"],
        "allowed_policies_glob": [], "disallowed_policies": ["q"],
        "disallowed_policies_glob": [], "explicit_max_ttl": 0, "name": "crud", "orphan": True,
        "path_suffix": "v10", "period": 0, "renewable": False, "token_explicit_max_ttl": 7200,
        "token_no_default_policy": False, "token_period": 3600, "token_type": "default-service",
    }  # fmt: skip
    assert "crud" in tokens.list_roles()["data"]["keys"]
    tokens.delete_role("crud")
    with pytest.raises(hvac.exceptions.InvalidPath):
        tokens.read_role("crud")


def test_a_role_decides_what_its_tokens_are(api: Any) -> None:
    api.write(
        "auth/token/roles/ci", allowed_policies="p", orphan=True, token_period="1h",
        path_suffix="v10", token_num_uses=5, token_no_default_policy=True, renewable=True,
    )  # fmt: skip
    maker = create(api, policies=["maker"])["client_token"]
    auth = create(api, maker, path="create/ci")
    assert auth["policies"] == ["p"]
    assert (auth["orphan"], auth["lease_duration"], auth["num_uses"]) == (True, 3600, 5)
    told = api.ask("POST", "auth/token/lookup", {"token": auth["client_token"]}).data
    assert (told["path"], told["role"]) == ("auth/token/create/ci/v10", "ci")


ROLES: list[tuple[dict[str, Any], list[str] | None, list[str] | None]] = [
    ({"allowed_policies": "p,q"}, ["p"], ["default", "p"]),
    ({"allowed_policies": "p,q"}, None, ["default", "p", "q"]),
    ({"allowed_policies": "p"}, ["q"], None),
    ({"allowed_policies_glob": "te*"}, ["team"], ["default", "team"]),
    ({"allowed_policies_glob": "te*"}, ["other"], None),
    ({"disallowed_policies": "p"}, ["p"], None),
    ({"disallowed_policies_glob": "ma*"}, ["maker"], None),
    ({"disallowed_policies_glob": "ma*"}, ["p"], ["default", "p"]),
    ({"disallowed_policies": "x"}, ["q"], ["default", "q"]),
    ({"allowed_policies": "p", "disallowed_policies": "p"}, ["p"], None),
    ({}, None, ["default", "maker", "p"]),
    ({}, ["p"], ["default", "p"]),
    ({}, ["q"], None),
]


@pytest.mark.parametrize(("role", "asked", "given"), ROLES, ids=str)
def test_both_servers_give_the_same_policies_under_a_role(
    api: Any, role: dict[str, Any], asked: list[str] | None, given: list[str] | None
) -> None:
    api.ask("DELETE", "auth/token/roles/t")
    api.write("auth/token/roles/t", **role)
    maker = create(api, policies=["maker", "p"])["client_token"]
    body = {} if asked is None else {"policies": asked}
    reply = api.ask("POST", "auth/token/create/t", body, token=maker)
    if given is None:
        assert reply.status == 400, reply
    else:
        assert reply.status == 200, reply
        assert reply.body["auth"]["policies"] == given


@pytest.mark.parametrize(
    ("kind", "asked", "made"),
    [
        ("service", "batch", "service"),
        ("batch", "service", "batch"),
        ("default-service", "", "service"),
        ("default-service", "batch", "batch"),
        ("default-batch", "", "batch"),
        ("default-batch", "service", "service"),
    ],
)
def test_a_role_decides_the_kind_of_a_token(api: Any, kind: str, asked: str, made: str) -> None:
    api.ask("DELETE", "auth/token/roles/k")
    api.write(
        "auth/token/roles/k", token_type=kind, orphan=True, renewable=False, allowed_policies="p"
    )
    body = {"policies": ["p"], **({"type": asked} if asked else {})}
    reply = api.ask("POST", "auth/token/create/k", body)
    if kind in ("service", "batch") and asked not in ("", kind):
        assert reply.status in (200, 400)
        if reply.status == 400:
            return
    assert reply.body["auth"]["token_type"] == made


@pytest.mark.parametrize(
    "body",
    [
        {"token_type": "bogus"},
        {"path_suffix": "a//b"},
        {"token_type": "batch", "token_period": "1h"},
        {"token_type": "batch", "orphan": True, "token_num_uses": 3},
        {"token_bound_cidrs": "bogus"},
    ],
    ids=str,
)
def test_a_role_that_makes_no_sense_is_refused(api: Any, body: dict[str, Any]) -> None:
    assert api.ask("POST", "auth/token/roles/bad", body).status == 400


def test_a_token_is_bound_to_the_networks_of_its_role(api: Any) -> None:
    api.write("auth/token/roles/far", token_bound_cidrs="10.0.0.0/8", allowed_policies="p")
    token = create(api, path="create/far")["client_token"]
    assert api.ask("GET", "auth/token/lookup-self", token=token).status == 403
    told = api.ask("POST", "auth/token/lookup", {"token": token}).data
    assert told["bound_cidrs"] == ["10.0.0.0/8"]
