"""Groups: principals that share roles.

Policies may name a group itself; then ``group:write`` on it is the right to hand out what
they permit to it.
"""

from __future__ import annotations

from keystead.errors import InvalidRequest, NotFound
from keystead.identity.records import GROUP, MEMBERSHIP, GroupRecord, MembershipRecord
from keystead.operations import Done
from keystead.operations.identity import (
    DeleteGroup,
    GroupPage,
    GroupView,
    ListGroups,
    ShowGroup,
    WriteGroup,
)
from keystead.services.identity.granting import require_roles_grant
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_PAGE = 1_000
_LONGEST_PRINCIPAL = 256


@changes(WriteGroup)
def write_group(operation: WriteGroup, scope: Scope, tx: Transaction) -> GroupView:
    """The members get the roles, so the caller must be able to give them."""
    members = set(operation.members)
    for principal in members:
        _require_principal(principal)
    require_roles_grant(scope, tx, operation.roles)
    present = set(_members(tx, scope.namespace, operation.name))
    for principal in sorted(present - members):
        tx.delete(MEMBERSHIP, scope.namespace, _place(operation.name, principal))
    for principal in sorted(members - present):
        tx.add(
            MEMBERSHIP,
            scope.namespace,
            _place(operation.name, principal),
            MembershipRecord(group=operation.name, principal=principal),
        )
    record = GroupRecord(roles=operation.roles)
    tx.put(GROUP, scope.namespace, operation.name, record)
    return _view(tx, scope, operation.name, record)


@reads(ShowGroup)
def show_group(operation: ShowGroup, scope: Scope, reader: Reader) -> GroupView:
    record = reader.get(GROUP, scope.namespace, operation.name)
    if record is None:
        raise _no_group(operation.name)
    return _view(reader, scope, operation.name, record)


@reads(ListGroups)
def list_groups(operation: ListGroups, scope: Scope, reader: Reader) -> GroupPage:
    page = reader.list(GROUP, scope.namespace, after=operation.after, limit=operation.limit)
    return GroupPage(
        groups=[_view(reader, scope, name, record) for name, record in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteGroup)
def delete_group(operation: DeleteGroup, scope: Scope, tx: Transaction) -> Done:
    if not tx.delete(GROUP, scope.namespace, operation.name):
        raise _no_group(operation.name)
    for principal in _members(tx, scope.namespace, operation.name):
        tx.delete(MEMBERSHIP, scope.namespace, _place(operation.name, principal))
    return Done()


def _require_principal(principal: str) -> None:
    method, _, name = principal.partition("/")
    if not (method and name and principal.isprintable() and len(principal) <= _LONGEST_PRINCIPAL):
        raise InvalidRequest(
            "A member is not a principal's name.",
            hint="Principals are named like user/alice, approle/ci, cert/web or token/deploy.",
            member=principal[:64],
        )


def _members(reader: Reader, namespace: str, group: str) -> list[str]:
    members: list[str] = []
    after = ""
    while page := reader.list(
        MEMBERSHIP, namespace, prefix=_place(group, ""), after=after, limit=_PAGE
    ):
        after = page[-1][0]
        members += [member.principal for _, member in page]
    return members


def _place(group: str, principal: str) -> str:
    return f"{group}/{principal}"


def _no_group(name: str) -> NotFound:
    return NotFound(f"There is no group {name}.", group=name)


def _view(reader: Reader, scope: Scope, name: str, record: GroupRecord) -> GroupView:
    return GroupView(name=name, members=_members(reader, scope.namespace, name), roles=record.roles)
