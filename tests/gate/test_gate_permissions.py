"""What each starter role may do with keys, and that each permission is needed."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import KeysteadError, PermissionDenied
from keystead.operations import Access, catalogue
from keystead.operations.cryptography import Decrypt, Encrypt
from keystead.operations.policies import WritePolicy

KEY_OPERATIONS = [
    op
    for op in catalogue()
    if op.kind == "key" and op.access is Access.POLICY and op.action != "key:reap"
]
ACTIONS = sorted({op.action for op in KEY_OPERATIONS})
PRODUCE = {
    "key:encrypt",
    "key:wrap",
    "key:encapsulate",
    "key:generate-data-key",
    "key:generate-data-key-pair",
    "key:attest-public",
}
SIGN = {"key:sign", "key:verify", "key:generate-mac", "key:verify-mac", "key:attest-public"}
READ = {"key:show", "key:list", "key:usage", "key:attest-public"}
MANAGE = {
    "key:create",
    "key:create-wrapping-key",
    "key:import",
    "key:update",
    "key:add-alias",
    "key:remove-alias",
    "key:rotate",
    "key:enable",
    "key:disable",
    "key:deactivate",
    "key:compromise",
    "key:destroy",
    "key:restore",
}
USE = set(ACTIONS) - MANAGE - READ - {"key:export"}
MAY = {
    "admin": READ,
    "auditor": READ,
    "encrypt-only": PRODUCE,
    "key-admin": MANAGE | READ,
    "key-user": USE | {"key:show", "key:attest-public"},
    "operator": set(),
    "signer": SIGN,
}


def instance(operation: Any, make_smallest: Any, key: str) -> Any:
    if operation is Decrypt:
        return Decrypt(ciphertext=b"x", key=key)
    asked = make_smallest(operation)
    fields = {name: getattr(asked, name) for name in operation.__struct_fields__}
    return operation(**{name: key if name == "key" else v for name, v in fields.items()})


def admitted(office: Any, operation: Any, token: str) -> bool:
    """Whether policy lets it through, whatever comes of it then; the log must agree."""
    size = len(office.entries())
    try:
        office.perform(operation, token=token)
    except PermissionDenied:
        last = office.entries()[-1]
        assert (last["outcome"], last["action"]) == ("denied", operation.action)
        assert len(office.entries()) == size + 1
        return False
    except KeysteadError:
        pass
    return True


@pytest.mark.parametrize("role", sorted(MAY))
def test_a_starter_role_may_what_it_is_for_and_no_more(
    shared_office: Any, make_smallest: Any, role: str
) -> None:
    office = shared_office
    token = office.token(role, name=f"has-{role}")
    key = office.key(f"of-{role}").name
    allowed = {
        operation.action: admitted(office, instance(operation, make_smallest, key), token)
        for operation in KEY_OPERATIONS
    }
    assert {action for action, yes in allowed.items() if yes} == MAY[role]


@pytest.mark.parametrize("role", ["key-user", "encrypt-only", "signer"])
def test_restricted_keys_are_not_for_the_starter_roles(shared_office: Any, role: str) -> None:
    office = shared_office
    key = office.key(f"restricted-{role}", classification="restricted").name
    with pytest.raises(PermissionDenied):
        office.perform(Encrypt(key=key, plaintext=b"x"), token=office.token(role))


@pytest.mark.parametrize("operation", KEY_OPERATIONS, ids=lambda op: op.__name__)
def test_each_permission_opens_its_own_operation(
    shared_office: Any, make_smallest: Any, operation: Any
) -> None:
    """With the one permission the operation passes; with every other one it does not."""
    office = shared_office
    token = office.token(name="single")
    others = ", ".join(f'Action::"{a}"' for a in ACTIONS if a != operation.action)
    who = 'permit (principal == Principal::"token/single", action'
    key = office.key(f"for-{operation.__name__}").name
    asked = instance(operation, make_smallest, key)
    office.perform(WritePolicy(name="single", text=f"{who} in [{others}], resource);"))
    assert not admitted(office, asked, token)
    one = f'{who} == Action::"{operation.action}", resource);'
    office.perform(WritePolicy(name="single", text=one))
    assert admitted(office, asked, token)


def test_policy_is_asked_about_the_encryption_context(shared_office: Any) -> None:
    office = shared_office
    token = office.token(name="tenant")
    key = office.key("by-tenant").name
    text = (
        'permit (principal == Principal::"token/tenant", action == Action::"key:encrypt", resource)'
        ' when { context.encryption_context.hasTag("tenant") &&'
        ' context.encryption_context.getTag("tenant") == "a" };'
    )
    office.perform(WritePolicy(name="tenant", text=text))
    assert admitted(office, Encrypt(key=key, plaintext=b"x", context={"tenant": "a"}), token)
    for context in ({}, {"tenant": "b"}):
        assert not admitted(office, Encrypt(key=key, plaintext=b"x", context=context), token)
