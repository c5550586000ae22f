"""Path policies and Cedar decide together: one deny or forbid decides, else one permit."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.call import PathRequest
from keystead.errors import NotFound, PermissionDenied
from keystead.identity.principal import Principal
from keystead.operations.cryptography import Encrypt
from keystead.operations.identity import CreateToken, LookupSelf, WriteAppRole
from keystead.operations.keys import CreateKey
from keystead.operations.mounts import AskUnknownPath
from keystead.operations.policies import WritePolicy
from keystead.policy.paths.engine import PathPolicies
from keystead.policy.paths.verdict import PathVerdict
from keystead.services.registry import HANDLERS
from keystead.services.scope import Scope

ENCRYPT = Encrypt(key="k", plaintext=b"x")


class Rights(PathPolicies):
    """Path policies as a table: (path, capability) to a verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.verdicts: dict[tuple[str, str], PathVerdict] = {}
        self.sudo: set[str] = set()

    def decide(self, principal: Principal, namespace: str, request: PathRequest) -> PathVerdict:
        verdict = self.verdicts.get((request.path, request.capability), PathVerdict.SILENT)
        if verdict is PathVerdict.ALLOWED and request.sudo and request.path not in self.sudo:
            return PathVerdict.SILENT
        return verdict

    def allow(self, path: str, *capabilities: str) -> None:
        for capability in capabilities:
            self.verdicts[path, capability] = PathVerdict.ALLOWED

    def deny(self, path: str, capability: str) -> None:
        self.verdicts[path, capability] = PathVerdict.DENIED


@pytest.fixture
def rights(office: Any) -> Rights:
    office.house.paths = table = Rights()
    office.key("k")
    return table


def at(path: str, capability: str, **more: Any) -> dict[str, PathRequest]:
    return {"path": PathRequest(path, capability, **more)}


def test_a_path_permits_what_no_statement_speaks_of(office: Any, rights: Rights) -> None:
    token = office.token()
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token, **at("transit/encrypt/k", "update"))
    rights.allow("transit/encrypt/k", "update")
    assert office.perform(ENCRYPT, token=token, **at("transit/encrypt/k", "update")).ciphertext


def test_a_path_permits_nothing_on_another_door(office: Any, rights: Rights) -> None:
    rights.allow("transit/encrypt/k", "update")
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=office.token())


def test_a_denied_path_outweighs_a_permit(office: Any, rights: Rights) -> None:
    office.perform(WritePolicy(name="all", text="permit(principal, action, resource);"))
    token = office.token()
    assert office.perform(ENCRYPT, token=token, **at("p", "update")).ciphertext
    rights.deny("p", "update")
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token, **at("p", "update"))


def test_a_forbid_outweighs_a_path(office: Any, rights: Rights) -> None:
    rights.allow("p", "update")
    token = office.token()
    assert office.perform(ENCRYPT, token=token, **at("p", "update")).ciphertext
    text = 'forbid(principal, action == Action::"key:encrypt", resource);'
    office.perform(WritePolicy(name="no", text=text))
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token, **at("p", "update"))


def test_a_statement_that_cannot_be_evaluated_outweighs_a_path(office: Any, rights: Rights) -> None:
    rights.allow("p", "update")
    text = 'permit(principal, action, resource) when { context.encryption_context.hasTag("a") || '
    text += "9223372036854775807 + context.hour + 1 > 0 };"
    office.perform(WritePolicy(name="broken", text=text))
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=office.token(), **at("p", "update"))


def test_root_needs_no_path(office: Any, rights: Rights) -> None:
    rights.deny("p", "update")
    assert office.perform(ENCRYPT, **at("p", "update")).ciphertext


def test_a_denied_path_holds_for_what_needs_no_permit(office: Any, rights: Rights) -> None:
    token = office.token()
    assert office.perform(LookupSelf(), token=token, **at("auth/token/lookup-self", "read"))
    rights.deny("auth/token/lookup-self", "read")
    with pytest.raises(PermissionDenied):
        office.perform(LookupSelf(), token=token, **at("auth/token/lookup-self", "read"))


def test_an_unknown_path_is_told_only_to_who_may_ask_there(office: Any, rights: Rights) -> None:
    token, asked = office.token(), AskUnknownPath(path="nowhere/x", reason="no route")
    with pytest.raises(PermissionDenied):
        office.perform(asked, token=token, **at("nowhere/x", "read"))
    rights.allow("nowhere/x", "read")
    with pytest.raises(NotFound, match="no route"):
        office.perform(asked, token=token, **at("nowhere/x", "read"))


def test_a_path_gives_no_rights_beyond_its_own_operation(office: Any, rights: Rights) -> None:
    """Who may create tokens may not give them roles that it does not have."""
    rights.allow("auth/token/create", "update")
    wanted = CreateToken(roles=["admin"])
    path = at("auth/token/create", "update")
    with pytest.raises(PermissionDenied):
        office.perform(wanted, token=office.token(), **path)
    rights.sudo.add("auth/token/create")
    assert office.perform(wanted, token=office.token(), **path).token


def test_a_path_where_rights_are_handed_out_gives_any_role(office: Any, rights: Rights) -> None:
    rights.allow("auth/approle/role/ci", "write", "create")
    wanted = WriteAppRole(name="ci", roles=["admin"])
    with pytest.raises(PermissionDenied):
        office.perform(wanted, token=office.token(), **at("auth/approle/role/ci", "write"))
    path = at("auth/approle/role/ci", "write", grants=True)
    assert office.perform(wanted, token=office.token(), **path).name == "ci"


@pytest.mark.parametrize(("held", "permitted"), [("create", True), ("update", False)])
def test_a_write_that_is_a_create_needs_that_capability(
    office: Any, rights: Rights, held: str, permitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights.allow("p", "write", held)
    seen: list[str] = []

    def create(operation: CreateKey, scope: Scope, tx: Any) -> Any:
        scope.narrow("create")
        seen.append(operation.name)
        return made(operation, scope, tx)

    made = HANDLERS[CreateKey]
    shape = office.worker.gate._shapes[CreateKey]
    monkeypatch.setattr(shape, "handler", create)
    wanted = CreateKey(name=f"new-{held}")
    if permitted:
        office.perform(wanted, token=office.token(), **at("p", "write"))
    else:
        with pytest.raises(PermissionDenied):
            office.perform(wanted, token=office.token(), **at("p", "write"))
    assert bool(seen) is permitted


def test_a_statement_that_permits_a_write_permits_it_as_create_and_as_update(
    office: Any, rights: Rights
) -> None:
    rights.allow("auth/approle/role/ci", "write", "update")
    wanted = WriteAppRole(name="ci")
    with pytest.raises(PermissionDenied):
        office.perform(wanted, token=office.token(), **at("auth/approle/role/ci", "write"))
    office.perform(WritePolicy(name="all", text="permit(principal, action, resource);"))
    path = at("auth/approle/role/ci", "write")
    assert office.perform(wanted, token=office.token(), **path).name == "ci"
