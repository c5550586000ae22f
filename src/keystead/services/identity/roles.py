"""Roles: names that policies permit things to, and what they include.

A role needs no record: policies and principals name it. The record says what it includes.
"""

from __future__ import annotations

from keystead.errors import NotFound
from keystead.identity.records import ROLE, RoleRecord
from keystead.operations import Done
from keystead.operations.identity import DeleteRole, ListRoles, RolePage, RoleView, WriteRole
from keystead.services.identity.granting import require_roles_grant
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction


@changes(WriteRole)
def write_role(operation: WriteRole, scope: Scope, tx: Transaction) -> RoleView:
    """Whoever has the role gets what it includes, so the caller must be able to give that."""
    require_roles_grant(scope, tx, operation.includes)
    record = RoleRecord(description=operation.description, includes=operation.includes)
    tx.put(ROLE, scope.namespace, operation.name, record)
    return _view(operation.name, record)


@reads(ListRoles)
def list_roles(operation: ListRoles, scope: Scope, reader: Reader) -> RolePage:
    page = reader.list(ROLE, scope.namespace, after=operation.after, limit=operation.limit)
    return RolePage(
        roles=[_view(name, record) for name, record in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteRole)
def delete_role(operation: DeleteRole, scope: Scope, tx: Transaction) -> Done:
    """Who has the role keeps its bare name, with nothing included any more."""
    if not tx.delete(ROLE, scope.namespace, operation.name):
        raise NotFound(f"There is no role {operation.name}.", role=operation.name)
    return Done()


def _view(name: str, record: RoleRecord) -> RoleView:
    return RoleView(name=name, description=record.description, includes=record.includes)
