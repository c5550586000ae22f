"""What is allowed, what is not, and by which statement."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.operations import catalogue
from keystead.policy.schema import actions

PERMIT_ALL = "permit(principal, action, resource);"
HIS = 'permit(principal == Principal::"user/alice", action == Action::"key:encrypt", resource'


def when(condition: str) -> str:
    return f'permit(principal, action in Action::"key:*", resource) when {{ {condition} }};'


ENV = 'resource.hasTag("env") && resource.getTag("env") == "prod"'
TENANT = (
    'context.encryption_context.hasTag("tenant") '
    '&& context.encryption_context.getTag("tenant") == "acme"'
)
INTRANET = 'context.source_ip.isInRange(ip("10.0.0.0/8"))'

TABLE: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    # policy, key, circumstances, allowed
    (HIS + ");", {}, {}, True),
    (HIS + ' == Key::"payments");', {}, {}, True),
    (HIS + ' == Key::"payments");', {"name": "other"}, {}, False),
    (HIS + ' in Namespace::"");', {}, {}, True),
    (HIS + ' in Namespace::"team-a");', {}, {}, False),
    ('permit(principal == Principal::"user/bob", action, resource);', {}, {}, False),
    ('permit(principal, action == Action::"key:decrypt", resource);', {}, {}, False),
    ('permit(principal, action in Action::"key:use", resource);', {}, {}, True),
    ('permit(principal, action in Action::"use", resource);', {}, {}, True),
    ('permit(principal, action in Action::"key:manage", resource);', {}, {}, False),
    (when('principal.method == "user"'), {}, {}, True),
    (when('principal.method == "approle"'), {}, {}, False),
    (when('resource.name like "pay*"'), {}, {}, True),
    (when('resource.name like "billing/*"'), {}, {}, False),
    (when('resource.spec == "xaes-256-gcm"'), {"spec": "xaes-256-gcm"}, {}, True),
    (when('resource.owner == "user/alice"'), {"owner": "user/alice"}, {}, True),
    (when("resource.owner == principal.name"), {"owner": "user/alice"}, {}, True),
    (when("resource.owner == principal.name"), {"owner": "user/bob"}, {}, False),
    (when('resource.classification == "secret"'), {}, {}, False),
    (when("resource.exportable"), {"exportable": True}, {}, True),
    (when("resource.exportable"), {}, {}, False),
    (when(ENV), {"tags": {"env": "prod"}}, {}, True),
    (when(ENV), {"tags": {"env": "test"}}, {}, False),
    (when(ENV), {}, {}, False),
    (when(TENANT), {}, {"encryption_context": {"tenant": "acme", "n": "1"}}, True),
    (when(TENANT), {}, {"encryption_context": {"tenant": "other"}}, False),
    (when(TENANT), {}, {}, False),
    (when(INTRANET), {}, {}, True),
    (when(INTRANET), {}, {"source_ip": "::ffff:10.1.1.1"}, True),
    (when(INTRANET), {}, {"source_ip": "192.0.2.1"}, False),
    (when(INTRANET), {}, {"source_ip": ""}, False),
    (when(INTRANET), {}, {"source_ip": "not an address"}, False),
    (when('context.source_ip.isInRange(ip("fe80::/10"))'), {}, {"source_ip": "fe80::1%eth0"}, True),
    (when("context.mfa"), {}, {"mfa": True}, True),
    (when("context.mfa"), {}, {}, False),
    (when('context.door == "rest"'), {}, {}, True),
    (when("context.hour >= 8 && context.hour < 18"), {}, {}, False),
    (when("context.hour == 22 && context.weekday == 2"), {}, {}, True),
    (when("context.weekday == 4"), {}, {"now": 0.0}, True),
    (when('context.time < datetime("2023-11-14T22:13:21Z")'), {}, {}, True),
    (when('context.time < datetime("2023-11-14T22:13:20Z")'), {}, {}, False),
    (when('context.certificate_sha256 == "ab"'), {}, {"certificate_sha256": "ab"}, True),
    ("permit(principal, action, resource) unless { context.mfa };", {}, {"mfa": True}, False),
]


@pytest.mark.parametrize(("policy", "key", "circumstances", "allowed"), TABLE)
def test_a_policy_decides_by_what_it_says(
    world: Any, policy: str, key: dict[str, Any], circumstances: dict[str, Any], allowed: bool
) -> None:
    world.load(policy)
    decision = world.ask(resource=world.key(**key), **circumstances)
    assert decision.allowed is allowed
    assert decision.policies == (("p#0",) if allowed else ())


def test_roles_and_groups_count_and_others_do_not(world: Any) -> None:
    world.load(
        'permit(principal in Role::"signer", action == Action::"key:sign", resource);'
        'permit(principal in Group::"ops", action == Action::"key:rotate", resource);'
    )
    signer = world.principal("user/alice", "signer")
    operator = world.principal("user/bob", groups=frozenset({"ops"}))
    assert world.ask(signer, "key:sign").policies == ("p#0",)
    assert world.ask(operator, "key:rotate").policies == ("p#1",)
    assert not world.ask(signer, "key:rotate").allowed
    assert not world.ask(operator, "key:sign").allowed


def test_a_forbid_wins_over_every_permit_and_is_named(world: Any) -> None:
    world.load(f'{PERMIT_ALL}\nforbid(principal, action == Action::"key:export", resource);')
    assert world.ask(action="key:encrypt").policies == ("p#0",)
    decision = world.ask(action="key:export")
    assert (decision.allowed, decision.policies) == (False, ("p#1",))
    assert decision.reason == "forbidden by p#1"


@pytest.mark.parametrize("action", sorted({operation.action for operation in catalogue()}))
def test_every_action_is_denied_where_no_policy_permits_it(world: Any, action: str) -> None:
    world.load('permit(principal == Principal::"user/bob", action, resource);')
    decision = world.ask(action=action, resource=world.resource(action.partition(":")[0]))
    assert (decision.allowed, decision.reason) == (False, "nothing permits it")


@pytest.mark.parametrize("action", sorted(actions()))
def test_every_action_is_allowed_alone_by_a_policy_that_names_it(world: Any, action: str) -> None:
    world.load(f'permit(principal, action == Action::"{action}", resource);')
    for asked in actions().values():
        decision = world.ask(action=asked.name, resource=world.resource(asked.kind))
        assert decision.allowed is (asked.name == action)


@pytest.mark.parametrize("kind", ["user", "approle", "certificate-role"])
def test_a_principal_is_recognised_in_what_it_logs_in_with(world: Any, kind: str) -> None:
    action = f"{kind}:write"
    world.load(
        f'permit(principal, action == Action::"{action}", resource)'
        " when { resource.principal == principal };"
    )
    method = {"certificate-role": "cert"}.get(kind, kind)
    himself = world.principal(f"{method}/alice")
    assert world.ask(himself, action, world.resource(kind, "alice")).allowed
    assert not world.ask(himself, action, world.resource(kind, "bob")).allowed


def test_a_forbid_that_reads_a_key_that_is_not_there_still_holds(world: Any) -> None:
    world.load(
        PERMIT_ALL + 'forbid(principal, action, resource is Key) when { resource.owner != "x" };'
    )
    assert not world.ask(resource=world.resource("key", "missing")).allowed


def test_a_statement_that_cannot_be_evaluated_denies(world: Any) -> None:
    overflow = "context.hour + 9223372036854775807 > 0"
    world.load(f"{PERMIT_ALL} forbid(principal, action, resource) when {{ {overflow} }};")
    decision = world.ask()
    assert not decision.allowed
    assert decision.reason.startswith("a policy cannot be evaluated")


@pytest.mark.parametrize("name", ['x"', "\ud800", "\x00", "a\nb", "é", "x" * 100_000])
def test_hostile_names_are_judged_and_never_raise(world: Any, name: str) -> None:
    world.load('permit(principal, action, resource == Key::"payments");')
    assert not world.ask(resource=world.key(name)).allowed
    assert not world.ask(encryption_context={name: name}, resource="other").allowed


# --- namespaces ---------------------------------------------------------------------------


def test_a_namespaces_policies_grant_nothing_outside_it(world: Any) -> None:
    world.load(team_a=PERMIT_ALL)
    for at, allowed in {"": False, "team-b": False, "team-a": True, "team-a/sub": True}.items():
        assert world.ask(resource=world.key(at=at)).allowed is allowed


def test_a_forbid_in_the_root_namespace_holds_everywhere(world: Any) -> None:
    forbid = 'forbid(principal, action == Action::"key:export", resource);'
    world.load(PERMIT_ALL + forbid, team_a=PERMIT_ALL, team_a__sub=PERMIT_ALL)
    for at in ("", "team-a", "team-a/sub", "team-b"):
        assert world.ask(resource=world.key(at=at)).allowed
        decision = world.ask(action="key:export", resource=world.key(at=at))
        assert (decision.allowed, decision.policies) == (False, ("p#1",))


def test_a_forbid_in_a_namespace_does_not_hold_above_or_beside_it(world: Any) -> None:
    world.load(PERMIT_ALL, team_a="forbid(principal, action, resource);")
    for at, allowed in {"": True, "team-b": True, "team-a": False, "team-a/sub": False}.items():
        assert world.ask(resource=world.key(at=at)).allowed is allowed


def test_a_principal_acts_only_in_its_own_namespace_and_below(world: Any) -> None:
    world.load(PERMIT_ALL)
    hers = world.principal(at="team-a")
    for at, allowed in {"": False, "team-b": False, "team-a": True, "team-a/sub": True}.items():
        assert world.ask(hers, resource=world.key(at=at)).allowed is allowed


@pytest.mark.parametrize("reference", ["admin", ":admin"])
def test_a_short_role_is_the_role_of_the_policys_own_namespace(world: Any, reference: str) -> None:
    policy = f'permit(principal in Role::"{reference}", action, resource);'
    root_admin, team_admin = (
        world.principal("user/a", "admin"),
        world.principal("user/a", "admin", at="team-a"),
    )
    key = world.key(at="team-a")
    world.load(policy)
    assert world.ask(root_admin, resource=key).allowed
    assert not world.ask(team_admin, resource=key).allowed
    world.load(team_a=policy)
    assert not world.ask(root_admin, resource=key).allowed
    decision = world.ask(team_admin, resource=key)
    assert (decision.allowed, decision.policies) == (True, ("team-a:p#0",))


def test_a_policy_names_what_is_below_its_namespace_with_a_prefix(world: Any) -> None:
    world.load(
        'permit(principal in Role::"team-a:admin", action, resource == Key::"team-a/sub:k");',
        team_a='permit(principal in Role::"admin", action, resource in Namespace::"sub")'
        ' when { resource == Key::"sub:j" };',
    )
    admin = world.principal("user/a", "admin", at="team-a")
    assert world.ask(admin, resource=world.key("k", at="team-a/sub")).policies == ("p#0",)
    assert world.ask(admin, resource=world.key("j", at="team-a/sub")).policies == ("team-a:p#0",)
    assert not world.ask(admin, resource=world.key("k", at="team-a")).allowed


def test_a_key_whose_name_looks_like_a_path_is_not_anothers(world: Any) -> None:
    world.load('permit(principal, action, resource == Key::"team-a/k");')
    assert world.ask(resource=world.key("team-a/k")).allowed
    assert not world.ask(resource=world.key("k", at="team-a")).allowed


def test_a_namespace_is_named_from_where_the_policy_is(world: Any) -> None:
    policy = 'permit(principal, action in Action::"namespace:*", resource == Namespace::"sub");'
    world.load(team_a=policy)
    sub = world.resource("namespace", "sub", at="team-a")
    assert world.ask(action="namespace:seal", resource=sub).allowed
    assert not world.ask(
        action="namespace:seal", resource=world.resource("namespace", "sub")
    ).allowed


def test_only_the_root_namespaces_policies_decide_about_the_server(world: Any) -> None:
    hers = world.principal(at="team-a")
    server = world.resource("system", at="team-a")
    world.load(team_a=PERMIT_ALL)
    assert not world.ask(hers, "system:seal", server).allowed
    world.load('permit(principal, action == Action::"system:generate-random", resource);')
    assert world.ask(hers, "system:generate-random", server).allowed
    assert not world.ask(hers, "system:seal", server).allowed


def test_policies_that_cannot_be_read_deny_there_and_below(world: Any) -> None:
    texts = {"root": {"p": PERMIT_ALL}}
    names = {"root": "", "a1": "team-a", "a2": "team-a/sub", "b1": "team-b"}
    for unreadable in (None, {"p": "permit(principal"}):
        world.engine.load(names, texts | {"a1": unreadable})
        for at, allowed in {"": True, "team-b": True, "team-a": False, "team-a/sub": False}.items():
            assert world.ask(resource=world.key(at=at)).allowed is allowed


def test_an_engine_without_policies_or_namespaces_denies(world: Any) -> None:
    assert not world.ask().allowed
