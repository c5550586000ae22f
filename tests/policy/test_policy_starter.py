"""What the starter roles may do, and above all what they may not."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.policy.engine import PolicyEngine
from keystead.policy.records import POLICY
from keystead.policy.schema import actions, groups
from keystead.policy.starter import starter_policies, write_starter_policies
from keystead.policy.statements import errors_in
from keystead.store.store import Store

KEY_USE = set(groups()["key:use"])
KEY_MANAGE = set(groups()["key:manage"])
EVERYONE = {"system:generate-random", "policy:schema", "policy:validate"}
ENCRYPT = {
    "key:encrypt",
    "key:wrap",
    "key:encapsulate",
    "key:generate-data-key",
    "key:generate-data-key-pair",
    "key:attest-public",
}
SIGN = {"key:sign", "key:verify", "key:generate-mac", "key:verify-mac", "key:attest-public"}
IDENTITY = {
    name
    for name, action in actions().items()
    if action.kind in {"user", "approle", "certificate-role", "group", "role", "token"}
}

ROLES = {
    "": set(),
    "admin": IDENTITY
    | set(groups()["policy:*"])
    | set(groups()["namespace:*"])
    | set(groups()["key:read"])
    | set(groups()["audit:read"]),
    "key-admin": KEY_MANAGE | set(groups()["key:read"]),
    "key-user": KEY_USE | {"key:show", "key:attest-public"},
    "encrypt-only": ENCRYPT,
    "signer": SIGN,
    "auditor": set(groups()["read"]),
    "operator": set(groups()["system:*"])
    | set(groups()["lease:*"])
    | set(groups()["namespace:read"])
    | {"namespace:seal", "namespace:unseal", "namespace:rotate-kek"}
    | {"audit:checkpoint", "audit:verify"},
}


@pytest.fixture
def starter(world: Any) -> Any:
    world.engine.load({"root": ""}, {"root": starter_policies()})
    return world


def allowed(world: Any, *roles: str) -> set[str]:
    who = world.principal("user/alice", *roles)
    return {
        action.name
        for action in actions().values()
        if world.ask(who, action.name, world.resource(action.kind, "thing")).allowed
    }


@pytest.mark.parametrize("name", starter_policies())
def test_every_starter_policy_is_valid_and_described(name: str) -> None:
    text = starter_policies()[name]
    assert errors_in(text) == []
    assert text.startswith("// ")


@pytest.mark.parametrize("role", ROLES)
def test_a_starter_role_may_do_exactly_this(starter: Any, role: str) -> None:
    assert allowed(starter, role) == ROLES[role] | EVERYONE


def test_no_starter_role_may_export_a_key(starter: Any) -> None:
    assert "key:export" not in allowed(starter, *ROLES)


def test_an_admin_uses_no_key_whatever_other_roles_it_has(starter: Any) -> None:
    assert not allowed(starter, *ROLES) & KEY_USE


@pytest.mark.parametrize("role", ["key-user", "encrypt-only", "signer"])
def test_restricted_keys_are_for_nobody_yet(starter: Any, role: str) -> None:
    key = starter.key(classification="restricted")
    who = starter.principal("user/alice", role)
    assert not any(starter.ask(who, action, key).allowed for action in KEY_USE)


@pytest.mark.parametrize("kind", ["user", "approle", "certificate-role"])
def test_nobody_changes_what_it_is_itself(starter: Any, kind: str) -> None:
    method = {"certificate-role": "cert"}.get(kind, kind)
    admin = starter.principal(f"{method}/alice", "admin")
    action = f"{kind}:write"
    assert starter.ask(admin, action, starter.resource(kind, "bob")).allowed
    assert not starter.ask(admin, action, starter.resource(kind, "alice")).allowed


def test_a_user_without_roles_may_show_itself_and_set_its_password(starter: Any) -> None:
    for name, may in {"alice": True, "bob": False}.items():
        user = starter.resource("user", name)
        assert starter.ask(action="user:set-password", resource=user).allowed is may
        assert starter.ask(action="user:show", resource=user).allowed is may


def test_starter_policies_are_written_with_their_descriptions(policy_store: Store) -> None:
    policy_store.write_now(lambda tx: write_starter_policies(tx, 5.0))
    stored = dict(policy_store.read_now(lambda reader: reader.list(POLICY, "root")))
    assert {name: record.text for name, record in stored.items()} == starter_policies()
    assert stored["key-admin"].description.startswith("Role key-admin:")
    assert stored["key-admin"].written_at == 5.0


def test_starter_policies_of_a_namespace_are_about_its_own_roles(world: Any) -> None:
    engine: PolicyEngine = world.engine
    engine.load({"root": "", "a1": "team-a"}, {"root": {}, "a1": starter_policies()})
    user = world.principal("user/alice", "key-user", at="team-a")
    assert world.ask(user, resource=world.key(at="team-a")).allowed
    outsider = world.principal("user/alice", "key-user")
    assert not world.ask(outsider, resource=world.key(at="team-a")).allowed
