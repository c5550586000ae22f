"""Groups of entities: who is in them, and what external ones are called elsewhere.

Whoever says who is in a group hands out its roles, and those of all groups that it is in.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.identity.entities import (
    ENTITY,
    GROUP_ALIAS,
    GROUP_MEMBER,
    IDENTITY_GROUP,
    GroupAliasRecord,
    GroupMemberRecord,
    IdentityGroupRecord,
    alias_key,
    groups_above,
    memberships,
)
from keystead.operations import Done
from keystead.operations.entities import (
    DeleteGroupAlias,
    DeleteIdentityGroup,
    GroupAliasPage,
    GroupAliasView,
    IdentityGroupPage,
    IdentityGroupView,
    ListGroupAliases,
    ListIdentityGroups,
    ShowGroupAlias,
    ShowIdentityGroup,
    WriteGroupAlias,
    WriteIdentityGroup,
    WrittenAlias,
    WrittenEntity,
)
from keystead.services.identity.entities import require_login_mount
from keystead.services.identity.granting import require_roles_grant
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_PAGE = 1_000

Found = tuple[str, IdentityGroupRecord]


@changes(WriteIdentityGroup)
def write_group(operation: WriteIdentityGroup, scope: Scope, tx: Transaction) -> WrittenEntity:
    found = _present(operation, scope, tx)
    scope.narrow("create" if found is None else "update")
    external = found[1].external if found else bool(operation.external)
    if found and operation.external not in (None, external):
        raise InvalidRequest("group type cannot be changed")
    if external and operation.member_entity_ids:
        raise InvalidRequest("member entities can't be set manually for external groups")
    group_id, record = found or (str(uuid.uuid4()), _fresh(operation, scope))
    record = msgspec.structs.replace(
        record,
        name=operation.name or record.name,
        roles=record.roles if operation.roles is None else operation.roles,
        metadata=record.metadata if operation.metadata is None else operation.metadata,
        updated_at=scope.now,
        revision=record.revision + 1 if found else 1,
    )
    tx.put(IDENTITY_GROUP, scope.namespace, group_id, record)
    if operation.member_entity_ids is not None and not external:
        _set_entities(tx, scope, group_id, operation.member_entity_ids)
    if operation.member_group_ids is not None:
        _set_groups(tx, scope, group_id, operation.member_group_ids)
    above = groups_above(tx, scope.namespace, [group_id])
    require_roles_grant(scope, tx, {role for group in above.values() for role in group.roles})
    scope.details["group"] = group_id
    return WrittenEntity(id=group_id, name=record.name, created=found is None)


def _present(operation: WriteIdentityGroup, scope: Scope, reader: Reader) -> Found | None:
    named = reader.by_name(IDENTITY_GROUP, scope.namespace, operation.name.lower())
    if not operation.id:
        return named if operation.name else None
    record = reader.get(IDENTITY_GROUP, scope.namespace, operation.id)
    if record is None:
        raise InvalidRequest("invalid group ID")
    if operation.name and named is not None and named[0] != operation.id:
        raise InvalidRequest("group name is already in use")
    return operation.id, record


def _fresh(operation: WriteIdentityGroup, scope: Scope) -> IdentityGroupRecord:
    return IdentityGroupRecord(
        name=operation.name or f"group_{secrets.token_hex(4)}",
        external=bool(operation.external),
        created_at=scope.now,
        updated_at=scope.now,
    )


def _set_entities(tx: Transaction, scope: Scope, group: str, entities: Iterable[str]) -> None:
    wanted = dict.fromkeys(entities)
    for entity in wanted:
        if tx.get(ENTITY, scope.namespace, entity) is None:
            raise InvalidRequest(f'invalid entity ID "{entity}"')
    _set_members(tx, scope, group, wanted, is_group=False)


def _set_groups(tx: Transaction, scope: Scope, group: str, groups: Iterable[str]) -> None:
    wanted = dict.fromkeys(groups)
    above = groups_above(tx, scope.namespace, [group])
    for member in wanted:
        if tx.get(IDENTITY_GROUP, scope.namespace, member) is None:
            raise InvalidRequest(f'invalid group ID "{member}"')
        if member in above:
            raise InvalidRequest(f'cyclic relationship detected for member group ID "{member}"')
    _set_members(tx, scope, group, wanted, is_group=True)


def _set_members(
    tx: Transaction, scope: Scope, group: str, wanted: Iterable[str], *, is_group: bool
) -> None:
    wanted = list(wanted)
    present = [m.member for m in _members(tx, scope.namespace, group) if m.is_group == is_group]
    for member in set(present).difference(wanted):
        tx.delete(GROUP_MEMBER, scope.namespace, f"{group}/{member}")
    for member in wanted:
        if member not in present:
            record = GroupMemberRecord(group, member, is_group)
            tx.put(GROUP_MEMBER, scope.namespace, f"{group}/{member}", record)


def _members(reader: Reader, namespace: str, group: str) -> list[GroupMemberRecord]:
    members: list[GroupMemberRecord] = []
    after = ""
    while page := reader.list(
        GROUP_MEMBER, namespace, prefix=f"{group}/", after=after, limit=_PAGE
    ):
        after = page[-1][0]
        members += [record for _, record in page]
    return members


@reads(ShowIdentityGroup)
def show_group(operation: ShowIdentityGroup, scope: Scope, reader: Reader) -> IdentityGroupView:
    found: Found | None = None
    group_id = operation.id
    if operation.name and not group_id:
        found = reader.by_name(IDENTITY_GROUP, scope.namespace, operation.name.lower())
    elif not group_id:
        alias = _alias(operation, scope, reader)
        group_id = alias.group if alias else ""
    if group_id:
        record = reader.get(IDENTITY_GROUP, scope.namespace, group_id)
        found = (group_id, record) if record else None
    if found is None:
        raise NotFound
    return _view(reader, scope, *found)


def _alias(operation: ShowIdentityGroup, scope: Scope, reader: Reader) -> GroupAliasRecord | None:
    if operation.alias_id:
        return reader.get(GROUP_ALIAS, scope.namespace, operation.alias_id)
    key = alias_key(operation.alias_mount_accessor, operation.alias_name)
    named = reader.by_name(GROUP_ALIAS, scope.namespace, key)
    return named[1] if named else None


@reads(ListIdentityGroups)
def list_groups(operation: ListIdentityGroups, scope: Scope, reader: Reader) -> IdentityGroupPage:
    page = reader.list(
        IDENTITY_GROUP, scope.namespace, after=operation.after, limit=operation.limit
    )
    return IdentityGroupPage(
        groups=[_view(reader, scope, *found) for found in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteIdentityGroup)
def delete_group(operation: DeleteIdentityGroup, scope: Scope, tx: Transaction) -> Done:
    group_id = operation.id
    if not group_id:
        named = tx.by_name(IDENTITY_GROUP, scope.namespace, operation.name.lower())
        group_id = named[0] if named else ""
    if group_id and tx.delete(IDENTITY_GROUP, scope.namespace, group_id):
        for member in _members(tx, scope.namespace, group_id):
            tx.delete(GROUP_MEMBER, scope.namespace, f"{group_id}/{member.member}")
        for above in list(memberships(tx, scope.namespace, group_id)):
            tx.delete(GROUP_MEMBER, scope.namespace, f"{above.group}/{group_id}")
        for alias_id, _ in tx.list(GROUP_ALIAS, scope.namespace, parent=group_id):
            tx.delete(GROUP_ALIAS, scope.namespace, alias_id)
    return Done()


# --- aliases ----------------------------------------------------------------------------


@changes(WriteGroupAlias)
def write_alias(operation: WriteGroupAlias, scope: Scope, tx: Transaction) -> WrittenAlias:
    found = _present_alias(operation, scope, tx)
    scope.narrow("create" if found is None else "update")
    group_id = operation.group_id or (found[1].group if found else "")
    group = tx.get(IDENTITY_GROUP, scope.namespace, group_id) if group_id else None
    if group is None:
        raise InvalidRequest("invalid group ID given in 'canonical_id'")
    if not group.external:
        raise InvalidRequest("alias can't be set on an internal group")
    above = groups_above(tx, scope.namespace, [group_id])
    require_roles_grant(scope, tx, {role for one in above.values() for role in one.roles})
    alias_id = found[0] if found else str(uuid.uuid4())
    record = GroupAliasRecord(
        name=operation.name or (found[1].name if found else ""),
        mount_accessor=operation.mount_accessor or (found[1].mount_accessor if found else ""),
        group=group_id,
        created_at=found[1].created_at if found else scope.now,
        updated_at=scope.now,
    )
    require_login_mount(scope, record.mount_accessor)
    for other_id, _ in tx.list(GROUP_ALIAS, scope.namespace, parent=group_id):
        if other_id != alias_id:
            tx.delete(GROUP_ALIAS, scope.namespace, other_id)
    tx.put(GROUP_ALIAS, scope.namespace, alias_id, record)
    return WrittenAlias(id=alias_id, canonical_id=group_id)


def _present_alias(
    operation: WriteGroupAlias, scope: Scope, reader: Reader
) -> tuple[str, GroupAliasRecord] | None:
    if operation.id:
        record = reader.get(GROUP_ALIAS, scope.namespace, operation.id)
        if record is None:
            raise InvalidRequest("invalid group alias ID")
        return operation.id, record
    if not operation.name:
        raise InvalidRequest("missing alias name")
    if not operation.mount_accessor:
        raise InvalidRequest("missing mount_accessor")
    key = alias_key(operation.mount_accessor, operation.name)
    return reader.by_name(GROUP_ALIAS, scope.namespace, key)


@reads(ShowGroupAlias)
def show_alias(operation: ShowGroupAlias, scope: Scope, reader: Reader) -> GroupAliasView:
    record = reader.get(GROUP_ALIAS, scope.namespace, operation.id)
    if record is None:
        raise NotFound
    return _alias_view(scope, operation.id, record)


@reads(ListGroupAliases)
def list_aliases(operation: ListGroupAliases, scope: Scope, reader: Reader) -> GroupAliasPage:
    page = reader.list(GROUP_ALIAS, scope.namespace, after=operation.after, limit=operation.limit)
    return GroupAliasPage(
        aliases=[_alias_view(scope, *found) for found in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteGroupAlias)
def delete_alias(operation: DeleteGroupAlias, scope: Scope, tx: Transaction) -> Done:
    tx.delete(GROUP_ALIAS, scope.namespace, operation.id)
    return Done()


def _alias_view(scope: Scope, id: str, record: GroupAliasRecord) -> GroupAliasView:
    mount = scope.house.mounts.by_accessor(scope.call.namespace, record.mount_accessor)
    return GroupAliasView(
        id=id,
        name=record.name,
        group_id=record.group,
        mount_accessor=record.mount_accessor,
        mount_path=mount.path if mount else "",
        mount_type=mount.type if mount else "",
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def _view(reader: Reader, scope: Scope, id: str, record: IdentityGroupRecord) -> IdentityGroupView:
    members = _members(reader, scope.namespace, id)
    aliases = reader.list(GROUP_ALIAS, scope.namespace, parent=id, limit=1)
    return IdentityGroupView(
        id=id,
        name=record.name,
        external=record.external,
        roles=record.roles,
        metadata=record.metadata,
        member_entity_ids=[m.member for m in members if not m.is_group],
        member_group_ids=[m.member for m in members if m.is_group],
        parent_group_ids=[m.group for m in memberships(reader, scope.namespace, id)],
        alias=_alias_view(scope, *aliases[0]) if aliases else None,
        created_at=record.created_at,
        updated_at=record.updated_at,
        revision=record.revision,
    )
