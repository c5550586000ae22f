"""Entities, groups and their aliases by hvac, at Keystead and at a real OpenBao alike."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import hvac
import pytest

PASSWORD = "pw"
READS = 'path "*" { capabilities = ["read"] }'


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server with users at ``auth/people``."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/people", type="userpass")
    yield made
    made.ask("DELETE", "sys/auth/people")


@pytest.fixture(scope="module")
def identity(api: Any) -> Any:
    """hvac's client of the identity engine."""
    return hvac.Client(api.address, api.token).secrets.identity


@pytest.fixture(scope="module")
def accessor(api: Any) -> str:
    """The accessor of ``auth/people``."""
    return api.ask("GET", "sys/auth").data["people/"]["accessor"]


@pytest.fixture
def user(api: Any, identity: Any, accessor: str, request: pytest.FixtureRequest) -> Any:
    """A user that is an alias of an entity: ``entity`` is its id, ``login()`` an auth block."""
    name = f"u{abs(hash(request.node.name)) % 10**8}"
    api.write(f"auth/people/users/{name}", password=PASSWORD, token_policies="mine")
    entity = identity.create_or_update_entity_by_name(name, policies=["of-entity"])["data"]["id"]
    alias = identity.create_or_update_entity_alias(name, entity, accessor)["data"]["id"]

    def login() -> Any:
        return api.ask("POST", f"auth/people/login/{name}", {"password": PASSWORD}, token="")

    yield SimpleNamespace(name=name, entity=entity, alias=alias, login=login)
    identity.delete_entity(entity)


def lookup(api: Any, auth: Any) -> Any:
    return api.ask("GET", "auth/token/lookup-self", token=auth["client_token"])


def test_every_method_for_entities_works(identity: Any) -> None:
    made = identity.create_or_update_entity("e-one", policies=["p"], metadata={"a": "b"})["data"]
    assert set(made) == {"aliases", "id", "name"}
    assert identity.create_or_update_entity("e-one", policies=["q"]).status_code == 204
    read = identity.read_entity(made["id"])["data"]
    assert read == identity.read_entity_by_name("E-one")["data"]
    assert (read["policies"], read["metadata"], read["disabled"]) == (["q"], {"a": "b"}, False)
    assert (read["aliases"], read["group_ids"], read["namespace_id"]) == ([], [], "root")
    assert identity.update_entity(made["id"], name="e-other").status_code == 204
    assert made["id"] in identity.list_entities()["data"]["keys"]
    assert "e-other" in identity.list_entities_by_name()["data"]["keys"]
    assert identity.lookup_entity(name="e-other")["data"]["id"] == made["id"]
    second = identity.create_or_update_entity("e-two", policies=["r"])["data"]["id"]
    identity.merge_entities([second], made["id"])
    merged = identity.read_entity(made["id"])["data"]
    assert merged["merged_entity_ids"] == [second]
    with pytest.raises(hvac.exceptions.InvalidPath):
        identity.read_entity(second)
    identity.delete_entity_by_name("e-other")
    identity.delete_entity(made["id"])
    assert identity.lookup_entity(entity_id=made["id"]).status_code == 204


def test_every_method_for_aliases_works(identity: Any, user: Any, accessor: str) -> None:
    read = identity.read_entity_alias(user.alias)["data"]
    assert (read["canonical_id"], read["mount_path"]) == (user.entity, "auth/people/")
    assert (read["mount_type"], read["name"], read["local"]) == ("userpass", user.name, False)
    assert user.alias in identity.list_entity_aliases()["data"]["keys"]
    assert identity.lookup_entity(alias_id=user.alias)["data"]["id"] == user.entity
    found = identity.lookup_entity(alias_name=user.name, alias_mount_accessor=accessor)
    assert found["data"]["aliases"][0]["id"] == user.alias
    identity.update_entity_alias(user.alias, f"{user.name}x", user.entity, accessor)
    assert identity.read_entity_alias(user.alias)["data"]["name"] == f"{user.name}x"
    identity.delete_entity_alias(user.alias)
    assert identity.read_entity(user.entity)["data"]["aliases"] == []


def test_every_method_for_groups_works(identity: Any, user: Any, accessor: str) -> None:
    made = identity.create_or_update_group(
        "g-one", policies=["p"], metadata={"m": "n"}, member_entity_ids=[user.entity]
    )["data"]
    group, name = made["id"], made["name"]
    assert name == "g-one"
    assert identity.create_or_update_group_by_name("g-one", policies=["q"]).status_code == 204
    read = identity.read_group(group)["data"]
    assert read == identity.read_group_by_name("g-one")["data"]
    assert (read["policies"], read["type"], read["alias"]) == (["q"], "internal", {})
    assert (read["member_entity_ids"], read["metadata"]) == ([user.entity], {"m": "n"})
    outer = identity.create_or_update_group("g-outer", member_group_ids=[group])["data"]["id"]
    assert identity.read_group(group)["data"]["parent_group_ids"] == [outer]
    entity = identity.read_entity(user.entity)["data"]
    assert (entity["direct_group_ids"], entity["inherited_group_ids"]) == ([group], [outer])
    assert {group, outer} <= set(identity.list_groups()["data"]["keys"])
    assert "g-one" in identity.list_groups_by_name()["data"]["keys"]
    assert identity.lookup_group(name="g-one")["data"]["id"] == group
    external = identity.create_or_update_group("g-ext", group_type="external")["data"]["id"]
    alias = identity.create_or_update_group_alias("theirs", mount_accessor=accessor,
                                                  canonical_id=external)["data"]["id"]  # fmt: skip
    assert identity.read_group_alias(alias)["data"]["canonical_id"] == external
    assert alias in identity.list_group_aliases()["data"]["keys"]
    assert identity.read_group(external)["data"]["alias"]["name"] == "theirs"
    identity.update_group_alias(alias, "other", mount_accessor=accessor, canonical_id=external)
    identity.delete_group_alias(alias)
    identity.delete_group(outer)
    identity.delete_group_by_name("g-one")
    identity.delete_group_by_name("g-ext")
    assert identity.lookup_group(name="g-one").status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        ("entity", {"id": "none"}, ["entity not found from id"]),
        ("entity-alias", {"name": "x"}, ["'id' or 'mount_accessor' and 'name' must be provided"]),
        ("entity-alias", {"name": "x", "mount_accessor": "bad"},
         ['invalid mount accessor "bad"']),
        ("entity-alias/id/bad", {"name": "x"}, ["invalid alias ID provided"]),
        ("entity/batch-delete", {}, ["missing entity ids to delete"]),
        ("entity/merge", {"from_entity_ids": "a", "to_entity_id": "b"},
         ["entity id to merge to is invalid"]),
        ("group", {"name": "x", "type": "odd"}, ['invalid group type "odd"']),
        ("group/id/bad", {"policies": []}, ["invalid group ID"]),
        ("lookup/entity", {}, ["query parameter not supplied"]),
        ("lookup/entity", {"alias_name": "x"},
         ["both 'alias_name' and 'alias_mount_accessor' needs to be set"]),
    ],
)  # fmt: skip
def test_both_refuse_alike(api: Any, path: str, body: Any, errors: list[str]) -> None:
    reply = api.ask("POST", f"identity/{path}", body)
    assert (reply.status, reply.errors) == (400, errors)


def test_circles_of_groups_are_refused(api: Any, identity: Any) -> None:
    inner = identity.create_or_update_group("c-inner")["data"]["id"]
    outer = identity.create_or_update_group("c-outer", member_group_ids=[inner])["data"]["id"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="cyclic relationship detected"):
        identity.update_group(inner, "c-inner", member_group_ids=[outer])


def test_a_log_in_has_its_entitys_policies_and_those_of_its_groups(
    api: Any, identity: Any, user: Any
) -> None:
    inner = identity.create_or_update_group(
        f"in-{user.name}", policies=["of-group"], member_entity_ids=[user.entity]
    )["data"]["id"]
    identity.create_or_update_group(
        f"out-{user.name}", policies=["of-outer"], member_group_ids=[inner]
    )
    auth = user.login().body["auth"]
    assert auth["entity_id"] == user.entity
    assert auth["token_policies"] == ["default", "mine"]
    assert auth["identity_policies"] == ["of-entity", "of-group", "of-outer"]
    assert auth["policies"] == ["default", "mine", "of-entity", "of-group", "of-outer"]
    told = lookup(api, auth).data
    assert told["entity_id"] == user.entity
    assert set(told["identity_policies"]) == {"of-entity", "of-group", "of-outer"}


def test_what_an_entity_is_given_or_loses_counts_for_its_tokens_at_once(
    api: Any, identity: Any, user: Any
) -> None:
    api.write("sys/policies/acl/of-entity-late", policy=READS)
    auth = user.login().body["auth"]

    def may() -> bool:
        return api.ask("GET", "sys/policies/acl/default", token=auth["client_token"]).status == 200

    assert not may()
    identity.update_entity(user.entity, policies=["of-entity-late"])
    assert may()
    identity.update_entity(user.entity, policies=[])
    assert not may()
    group = identity.create_or_update_group(
        f"late-{user.name}", policies=["of-entity-late"], member_entity_ids=[user.entity]
    )["data"]["id"]
    assert may()
    identity.delete_group(group)
    assert not may()


def test_a_disabled_entity_neither_logs_in_nor_is_served(
    api: Any, identity: Any, user: Any
) -> None:
    auth = user.login().body["auth"]
    identity.update_entity(user.entity, disabled=True)
    assert lookup(api, auth).status == 403
    refused = user.login()
    assert (refused.status, refused.errors) == (403, ["permission denied"])
    identity.update_entity(user.entity, disabled=False)
    assert lookup(api, auth).status == 200
    identity.delete_entity(user.entity)
    assert lookup(api, auth).status == 403


def test_a_user_without_an_alias_gets_an_entity_at_its_first_log_in(
    api: Any, identity: Any
) -> None:
    api.write("auth/people/users/fresh", password=PASSWORD)
    first, second = (
        api.ask("POST", "auth/people/login/fresh", {"password": PASSWORD}).body["auth"]
        for _ in range(2)
    )
    assert first["entity_id"] == second["entity_id"] != ""
    aliases = identity.read_entity(first["entity_id"])["data"]["aliases"]
    assert [alias["name"] for alias in aliases] == ["fresh"]
    child = api.ask("POST", "auth/token/create", {}, token=first["client_token"])
    if child.status == 200:
        assert child.body["auth"]["entity_id"] == first["entity_id"]


def test_tokens_of_a_merged_entity_are_its_new_ones(api: Any, identity: Any, user: Any) -> None:
    auth = user.login().body["auth"]
    into = identity.create_or_update_entity(f"into-{user.name}", policies=["of-into"])["data"]["id"]
    identity.merge_entities([user.entity], into)
    told = lookup(api, auth).data
    assert "of-into" in told["identity_policies"]
    assert user.login().body["auth"]["entity_id"] == into
    identity.delete_entity(into)


def test_templated_policies_follow_the_entity_and_its_aliases(
    api: Any, identity: Any, user: Any, accessor: str
) -> None:
    name = f"templated-{user.name}"
    policy = "\n".join(
        f'path "sys/policies/acl/{{{{{what}}}}}" {{ capabilities = ["read"] }}'
        for what in (
            "identity.entity.metadata.own",
            f"identity.entity.aliases.{accessor}.name",
        )
    )
    api.write(f"sys/policies/acl/{name}", policy=policy)
    for readable in ("own-policy", user.name, "other-policy"):
        api.write(f"sys/policies/acl/{readable}", policy=READS)
    identity.update_entity(user.entity, policies=[name], metadata={"own": "own-policy"})
    token = user.login().body["auth"]["client_token"]

    def may_read(policy: str) -> bool:
        return api.ask("GET", f"sys/policies/acl/{policy}", token=token).status == 200

    assert may_read("own-policy")
    assert may_read(user.name)
    assert not may_read("other-policy")
    identity.update_entity(user.entity, metadata={"own": "other-policy"})
    assert may_read("other-policy")
    assert not may_read("own-policy")
