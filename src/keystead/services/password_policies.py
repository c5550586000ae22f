"""Write and show password policies, and make passwords by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.operations import Done
from keystead.operations.password_policies import (
    DeletePasswordPolicy,
    GeneratedPassword,
    GeneratePassword,
    ListPasswordPolicies,
    PasswordPolicyNames,
    PasswordPolicyView,
    ShowPasswordPolicy,
    WritePasswordPolicy,
)
from keystead.policy.passwords import password_policy
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction


class PasswordPolicyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A password policy as written; the record id is its name."""

    text: str


PASSWORD_POLICY = Kind("password-policy", PasswordPolicyRecord)


def generate_password(reader: Reader, namespace: str, policy: str) -> str:
    """A new password by a policy of a namespace. Raises InvalidRequest if there is none."""
    record = reader.get(PASSWORD_POLICY, namespace, policy)
    if record is None:
        raise InvalidRequest(f"There is no password policy {policy}.", policy=policy)
    return password_policy(record.text).password()


@before(WritePasswordPolicy)
def check_password_policy(operation: WritePasswordPolicy, scope: Scope, reader: Reader) -> None:
    """Raises InvalidRequest for a policy that passwords cannot be made by."""
    password_policy(operation.text).password()


@changes(WritePasswordPolicy)
def write_password_policy(
    operation: WritePasswordPolicy, scope: Scope, tx: Transaction
) -> PasswordPolicyView:
    """Write a policy that was checked."""
    there = tx.get(PASSWORD_POLICY, scope.namespace, operation.name) is not None
    scope.narrow("update" if there else "create")
    record = PasswordPolicyRecord(text=operation.text)
    tx.put(PASSWORD_POLICY, scope.namespace, operation.name, record)
    return PasswordPolicyView(name=operation.name, text=operation.text)


@reads(ShowPasswordPolicy)
def show_password_policy(
    operation: ShowPasswordPolicy, scope: Scope, reader: Reader
) -> PasswordPolicyView:
    """Raises NotFound."""
    record = reader.get(PASSWORD_POLICY, scope.namespace, operation.name)
    if record is None:
        raise NotFound("policy does not exist", policy=operation.name)
    return PasswordPolicyView(name=operation.name, text=record.text)


@reads(ListPasswordPolicies)
def list_password_policies(
    operation: ListPasswordPolicies, scope: Scope, reader: Reader
) -> PasswordPolicyNames:
    limit = operation.limit
    page = reader.list(PASSWORD_POLICY, scope.namespace, after=operation.after, limit=limit + 1)
    names = [name for name, _ in page[:limit]]
    return PasswordPolicyNames(names=names, next=names[-1] if len(page) > limit else "")


@changes(DeletePasswordPolicy)
def delete_password_policy(operation: DeletePasswordPolicy, scope: Scope, tx: Transaction) -> Done:
    """Raises NotFound."""
    if not tx.delete(PASSWORD_POLICY, scope.namespace, operation.name):
        raise NotFound("policy does not exist", policy=operation.name)
    return Done()


@reads(GeneratePassword)
def make_password(operation: GeneratePassword, scope: Scope, reader: Reader) -> GeneratedPassword:
    """Raises NotFound."""
    record = reader.get(PASSWORD_POLICY, scope.namespace, operation.name)
    if record is None:
        raise NotFound("policy does not exist", policy=operation.name)
    return GeneratedPassword(password=password_policy(record.text).password())
