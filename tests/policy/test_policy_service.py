"""Policies written, shown, listed, deleted, explained and loaded, on a real store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from keystead.call import Call
from keystead.errors import InvalidRequest, KeysteadError, NamespaceSealed, NotFound
from keystead.identity.records import (
    GROUP,
    MEMBERSHIP,
    ROLE,
    USER,
    GroupRecord,
    MembershipRecord,
    RoleRecord,
    UserRecord,
)
from keystead.operations import Effect, Operation, Resource
from keystead.operations.policies import (
    DeletePolicy,
    ExplainDecision,
    ListPolicies,
    ShowPolicy,
    ShowPolicySchema,
    ValidatePolicy,
    WritePolicy,
)
from keystead.policy.engine import PolicyEngine
from keystead.policy.schema import cedar_schema
from keystead.services.keys.records import KEY, KeyRecord
from keystead.services.keys.states import State
from keystead.services.policies import load_policies
from keystead.services.registry import HANDLERS
from keystead.services.scope import Scope
from keystead.store.store import Store

NAMES = {"root": "", "a1": "team-a"}
PERMIT = "permit(principal, action, resource);"


class Desk:
    """Carries out policy operations as the gate does, without asking whether they may be."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.engine = PolicyEngine()
        self.scope: Any = None

    def perform(self, operation: Operation[Any], namespace: str = "root") -> Any:
        nobody: Callable[[str, Resource], bool] = lambda action, resource: False  # noqa: E731
        house: Any = SimpleNamespace(policies=self.engine)
        caller: Any = SimpleNamespace(name="user/admin")
        self.scope = Scope(house, Call(door="rest"), caller, namespace, 7.0, nobody)
        run = self.store.write_now if operation.effect is Effect.CHANGE else self.store.read_now
        return run(lambda unit: HANDLERS[type(operation)](operation, self.scope, unit))

    def load(self, names: Mapping[str, str] = NAMES) -> None:
        self.store.read_now(lambda reader: load_policies(reader, names, self.engine))

    def why(self, principal: str, action: str, name: str = "", **more: Any) -> Any:
        asked = ExplainDecision(
            principal=principal, asked_action=action, resource_name=name, **more
        )
        self.load()
        return self.perform(asked)


@pytest.fixture
def desk(policy_store: Store) -> Desk:
    return Desk(policy_store)


def test_a_policy_is_shown_as_it_was_written(desk: Desk) -> None:
    written = desk.perform(WritePolicy(name="p", text=PERMIT, description="all"))
    assert desk.perform(ShowPolicy(name="p")) == written
    assert (written.text, written.description, written.written_at) == (PERMIT, "all", 7.0)


def test_writing_again_replaces(desk: Desk) -> None:
    desk.perform(WritePolicy(name="p", text=PERMIT))
    desk.perform(WritePolicy(name="p", text=PERMIT + PERMIT))
    assert desk.perform(ShowPolicy(name="p")).text == PERMIT + PERMIT


def test_what_was_written_can_be_recognised_in_the_audit_log(desk: Desk) -> None:
    desk.perform(WritePolicy(name="p", text=PERMIT))
    assert len(desk.scope.details["text_sha256"]) == 64


def test_an_invalid_policy_is_not_written_and_every_error_is_named(desk: Desk) -> None:
    text = PERMIT + '\npermit(principal, action == Action::"x", resource);\npermit(;'
    with pytest.raises(InvalidRequest) as caught:
        desk.perform(WritePolicy(name="p", text=text))
    assert "line 2: unrecognized action" in caught.value.message
    assert "line 3:" in caught.value.message
    with pytest.raises(NotFound):
        desk.perform(ShowPolicy(name="p"))


def test_validating_lists_the_same_errors_and_writes_nothing(desk: Desk) -> None:
    assert desk.perform(ValidatePolicy(text=PERMIT)).errors == []
    assert desk.perform(ValidatePolicy(text="permit(;")).errors
    assert desk.perform(ListPolicies()).names == []


def test_policies_are_listed_in_pages(desk: Desk) -> None:
    for number in range(5):
        desk.perform(WritePolicy(name=f"p{number}", text=PERMIT))
    first = desk.perform(ListPolicies(limit=3))
    rest = desk.perform(ListPolicies(limit=3, after=first.next))
    assert (first.names, rest.names, rest.next) == (["p0", "p1", "p2"], ["p3", "p4"], "")


def test_namespaces_have_policies_of_their_own(desk: Desk) -> None:
    desk.perform(WritePolicy(name="p", text=PERMIT), "a1")
    assert desk.perform(ListPolicies()).names == []
    assert desk.perform(ListPolicies(), "a1").names == ["p"]


def test_a_deleted_policy_is_gone_and_a_missing_one_is_not_found(desk: Desk) -> None:
    desk.perform(WritePolicy(name="p", text=PERMIT))
    desk.perform(DeletePolicy(name="p"))
    for operation in (ShowPolicy(name="p"), DeletePolicy(name="p")):
        with pytest.raises(NotFound):
            desk.perform(operation)


def test_the_schema_is_shown(desk: Desk) -> None:
    assert desk.perform(ShowPolicySchema()).cedar_schema == cedar_schema()


def test_loading_brings_changes_into_force(desk: Desk) -> None:
    assert not desk.why("user/a", "key:encrypt").allowed
    desk.perform(WritePolicy(name="p", text=PERMIT))
    assert desk.why("user/a", "key:encrypt").allowed
    desk.perform(DeletePolicy(name="p"))
    assert not desk.why("user/a", "key:encrypt").allowed


@pytest.mark.parametrize("failure", [NamespaceSealed(), None])
def test_policies_that_cannot_be_opened_permit_nothing(
    desk: Desk, failure: KeysteadError | None
) -> None:
    desk.perform(WritePolicy(name="p", text=PERMIT))
    desk.load()
    sealer: Any = desk.store.sealer

    class Refusing:
        seal = sealer.seal

        def open(self, namespace: str, aad: bytes, blob: bytes) -> bytes:
            if failure is not None:
                raise failure
            return bytes(sealer.open(namespace, aad, blob[:-1] + bytes([blob[-1] ^ 1])))

    desk.store.sealer = Refusing()
    desk.load()
    asked = desk.perform
    desk.store.sealer = sealer
    explained = asked(ExplainDecision(principal="user/a", asked_action="key:list"))
    assert not explained.allowed
    assert "cannot be read" in explained.reason


def test_why_names_the_statement_that_permits(desk: Desk) -> None:
    desk.perform(WritePolicy(name="p", text='permit(principal in Role::"r", action, resource);'))
    explained = desk.why("token/ci", "key:encrypt", "payments", roles=["r"])
    assert (explained.allowed, explained.policies) == (True, ["p#0"])
    assert explained.reason == "token/ci may key:encrypt payments: permitted by p#0. Its roles: r."


def test_why_names_the_statement_that_forbids(desk: Desk) -> None:
    desk.perform(WritePolicy(name="p", text=PERMIT + "forbid(principal, action, resource);"))
    explained = desk.why("user/a", "key:encrypt", "payments")
    assert (explained.allowed, explained.policies) == (False, ["p#1"])
    assert "may not" in explained.reason


def test_why_says_that_nothing_permits_it(desk: Desk) -> None:
    explained = desk.why("user/a", "key:encrypt", "payments")
    assert (explained.allowed, explained.policies) == (False, [])
    assert "nothing permits it" in explained.reason


def test_why_knows_the_roles_and_groups_that_a_principal_has(desk: Desk) -> None:
    def people(tx: Any) -> None:
        tx.put(USER, "root", "alice", UserRecord(password_hash="", incarnation="1", roles=["a"]))
        tx.put(ROLE, "root", "a", RoleRecord(includes=["b"]))
        tx.put(GROUP, "root", "g", GroupRecord(roles=["c"]))
        member = MembershipRecord(group="g", principal="user/alice")
        tx.put(MEMBERSHIP, "root", "g/user/alice", member)

    desk.store.write_now(people)
    condition = " && ".join(
        ['principal in Role::"a"', 'principal in Role::"b"', 'principal in Role::"c"']
    )
    text = f'permit(principal in Group::"g", action, resource) when {{ {condition} }};'
    desk.perform(WritePolicy(name="p", text=text))
    assert desk.why("user/alice", "policy:list").allowed
    assert not desk.why("user/bob", "policy:list").allowed


def test_why_judges_a_key_by_what_it_is(desk: Desk) -> None:
    key = KeyRecord(
        name="payments",
        spec="xaes-256-gcm",
        usage="encrypt",
        state=State.ACTIVE,
        primary=1,
        versions=[],
        created_at=0.0,
        tags={"env": "prod"},
    )
    desk.store.write_now(lambda tx: tx.put(KEY, "root", "0" * 32, key))
    text = (
        "permit(principal, action, resource is Key) when "
        '{ resource.hasTag("env") && resource.getTag("env") == "prod" };'
    )
    desk.perform(WritePolicy(name="p", text=text))
    assert desk.why("user/a", "key:encrypt", "payments").allowed
    assert desk.why("user/a", "key:encrypt", "0" * 32).allowed
    assert not desk.why("user/a", "key:encrypt", "other").allowed


def test_why_takes_circumstances(desk: Desk) -> None:
    text = (
        'permit(principal, action, resource) when { context.source_ip.isInRange(ip("10.0.0.0/8"))'
        ' && context.encryption_context.hasTag("t") };'
    )
    desk.perform(WritePolicy(name="p", text=text))
    given = {"source_ip": "10.0.0.1", "context": {"t": ""}}
    assert desk.why("user/a", "key:encrypt", **given).allowed
    assert not desk.why("user/a", "key:encrypt", **(given | {"context": {}})).allowed
    assert not desk.why("user/a", "key:encrypt", **(given | {"source_ip": ""})).allowed


def test_why_says_where_no_policy_is_asked(desk: Desk) -> None:
    assert "every token" in desk.why("user/a", "token:renew-self").reason
    assert "anyone" in desk.why("user/a", "system:unseal").reason
    assert "root may do everything" in desk.why("root", "key:destroy").reason


def test_why_refuses_an_action_or_a_kind_that_does_not_exist(desk: Desk) -> None:
    with pytest.raises(InvalidRequest):
        desk.why("user/a", "key:frobnicate")
    with pytest.raises(InvalidRequest):
        desk.why("user/a", "policy:write", resource_kind="token")
