"""Entities and their aliases: made, shown, merged, deleted.

Whoever writes an alias says who logs in as its entity, so must be able to give all roles that
the entity has.
"""

from __future__ import annotations

import secrets
import uuid

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.identity.entities import (
    ENTITY,
    ENTITY_ALIAS,
    GROUP_MEMBER,
    MERGED_ENTITY,
    EntityAliasRecord,
    EntityRecord,
    GroupMemberRecord,
    MergedEntityRecord,
    alias_key,
    aliases_of,
    behind,
    find_entity,
    groups_of_entity,
    memberships,
)
from keystead.operations import Done
from keystead.operations.entities import (
    DeleteEntities,
    DeleteEntityAlias,
    EntityAliasPage,
    EntityAliasView,
    EntityPage,
    EntityView,
    ListEntities,
    ListEntityAliases,
    MergeEntities,
    ShowEntity,
    ShowEntityAlias,
    WriteEntity,
    WriteEntityAlias,
    WrittenAlias,
    WrittenEntity,
)
from keystead.operations.mounts import MountView
from keystead.services.identity.granting import require_roles_grant
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction


@changes(WriteEntity)
def write_entity(operation: WriteEntity, scope: Scope, tx: Transaction) -> WrittenEntity:
    found = _present(operation, scope, tx)
    scope.narrow("create" if found is None else "update")
    if operation.roles is not None:
        require_roles_grant(scope, tx, operation.roles)
    entity_id, record = found or (str(uuid.uuid4()), _fresh(scope, operation.name))
    given = {
        "name": operation.name or None,
        "roles": operation.roles,
        "metadata": operation.metadata,
        "disabled": operation.disabled,
        "updated_at": scope.now,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    record = msgspec.structs.replace(record, **changed)
    tx.put(ENTITY, scope.namespace, entity_id, record)
    scope.details["entity"] = entity_id
    return WrittenEntity(id=entity_id, name=record.name, created=found is None)


def _present(
    operation: WriteEntity, scope: Scope, reader: Reader
) -> tuple[str, EntityRecord] | None:
    named = reader.by_name(ENTITY, scope.namespace, operation.name.lower())
    if not operation.id:
        return named if operation.name else None
    record = reader.get(ENTITY, scope.namespace, operation.id)
    if record is None:
        raise InvalidRequest("entity not found from id")
    if operation.name and named is not None and named[0] != operation.id:
        raise InvalidRequest("entity name is already in use")
    return operation.id, record


def _fresh(scope: Scope, name: str = "") -> EntityRecord:
    name = name or f"entity_{secrets.token_hex(4)}.{scope.namespace}"
    return EntityRecord(name=name, created_at=scope.now, updated_at=scope.now)


def new_entity(tx: Transaction, scope: Scope) -> str:
    """Make an entity of which nothing is known, and return its identifier."""
    entity_id = str(uuid.uuid4())
    tx.add(ENTITY, scope.namespace, entity_id, _fresh(scope))
    return entity_id


@reads(ShowEntity)
def show_entity(operation: ShowEntity, scope: Scope, reader: Reader) -> EntityView:
    found = None
    if operation.id:
        found = find_entity(reader, scope.namespace, operation.id)
        found = found if found and found[0] == operation.id else None
    elif operation.name:
        found = reader.by_name(ENTITY, scope.namespace, operation.name.lower())
    else:
        alias = _alias(operation, scope, reader)
        found = find_entity(reader, scope.namespace, alias.entity) if alias else None
    if found is None:
        raise NotFound
    return _view(reader, scope, *found)


def _alias(operation: ShowEntity, scope: Scope, reader: Reader) -> EntityAliasRecord | None:
    if operation.alias_id:
        return reader.get(ENTITY_ALIAS, scope.namespace, operation.alias_id)
    key = alias_key(operation.alias_mount_accessor, operation.alias_name)
    named = reader.by_name(ENTITY_ALIAS, scope.namespace, key)
    return named[1] if named else None


@reads(ListEntities)
def list_entities(operation: ListEntities, scope: Scope, reader: Reader) -> EntityPage:
    page = reader.list(ENTITY, scope.namespace, after=operation.after, limit=operation.limit)
    return EntityPage(
        entities=[_view(reader, scope, id, record) for id, record in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteEntities)
def delete_entities(operation: DeleteEntities, scope: Scope, tx: Transaction) -> Done:
    ids = list(operation.ids)
    if operation.name:
        named = tx.by_name(ENTITY, scope.namespace, operation.name.lower())
        ids += [named[0]] if named else []
    for entity_id in ids:
        if tx.delete(ENTITY, scope.namespace, entity_id):
            for alias_id, _ in aliases_of(tx, scope.namespace, entity_id):
                tx.delete(ENTITY_ALIAS, scope.namespace, alias_id)
            for merged_id, _ in tx.list(MERGED_ENTITY, scope.namespace, parent=entity_id):
                tx.delete(MERGED_ENTITY, scope.namespace, merged_id)
            _leave_groups(tx, scope.namespace, entity_id)
    return Done()


def _leave_groups(tx: Transaction, namespace: str, entity_id: str) -> list[GroupMemberRecord]:
    left = list(memberships(tx, namespace, entity_id))
    for record in left:
        tx.delete(GROUP_MEMBER, namespace, f"{record.group}/{entity_id}")
    return left


@changes(MergeEntities)
def merge_entities(operation: MergeEntities, scope: Scope, tx: Transaction) -> Done:
    """Their roles go to the one that takes them in, and its roles to their aliases and
    tokens: the caller must be able to give both."""
    into = tx.get(ENTITY, scope.namespace, operation.into)
    if into is None:
        raise InvalidRequest("entity id to merge to is invalid")
    if operation.into in operation.ids:
        raise InvalidRequest("to_entity_id should not be present in from_entity_ids")
    roles, merged = list(into.roles), list(into.merged)
    require_entity_grant(scope, tx, operation.into)
    for entity_id in dict.fromkeys(operation.ids):
        record = tx.get(ENTITY, scope.namespace, entity_id)
        if record is None:
            raise InvalidRequest("entity id to merge from is invalid")
        require_entity_grant(scope, tx, entity_id)
        roles += [role for role in record.roles if role not in roles]
        merged += [entity_id, *record.merged]
        _take_in(tx, scope, entity_id, operation.into)
    record = msgspec.structs.replace(into, roles=roles, merged=merged, updated_at=scope.now)
    tx.put(ENTITY, scope.namespace, operation.into, record)
    return Done()


def _take_in(tx: Transaction, scope: Scope, entity_id: str, into: str) -> None:
    namespace = scope.namespace
    for alias_id, alias in aliases_of(tx, namespace, entity_id):
        moved = msgspec.structs.replace(
            alias, entity=into, updated_at=scope.now, merged_from=[*alias.merged_from, entity_id]
        )
        tx.put(ENTITY_ALIAS, namespace, alias_id, moved)
    for left in _leave_groups(tx, namespace, entity_id):
        joined = GroupMemberRecord(left.group, into, learned_at=left.learned_at)
        tx.put(GROUP_MEMBER, namespace, f"{left.group}/{into}", joined)
    for merged_id, _ in tx.list(MERGED_ENTITY, namespace, parent=entity_id):
        tx.put(MERGED_ENTITY, namespace, merged_id, MergedEntityRecord(into))
        tx.touch(ENTITY, namespace, merged_id)
    tx.put(MERGED_ENTITY, namespace, entity_id, MergedEntityRecord(into))
    tx.delete(ENTITY, namespace, entity_id)


def require_entity_grant(scope: Scope, reader: Reader, entity_id: str) -> None:
    """Check that the caller may give all roles that an entity has."""
    known = behind(reader, scope.namespace, entity_id)
    if known is not None:
        require_roles_grant(scope, reader, known.roles)


# --- aliases ----------------------------------------------------------------------------


@changes(WriteEntityAlias)
def write_alias(operation: WriteEntityAlias, scope: Scope, tx: Transaction) -> WrittenAlias:
    """An entity has one alias at a mount, and an alias one entity."""
    found = _present_alias(operation, scope, tx)
    scope.narrow("create" if found is None else "update")
    if operation.entity_id and tx.get(ENTITY, scope.namespace, operation.entity_id) is None:
        raise InvalidRequest("invalid canonical ID")
    entity_id = operation.entity_id or (found[1].entity if found else new_entity(tx, scope))
    require_entity_grant(scope, tx, entity_id)
    if found is not None:
        alias_id, present = found
        require_entity_grant(scope, tx, present.entity)
        record = msgspec.structs.replace(
            present,
            name=operation.name or present.name,
            mount_accessor=operation.mount_accessor or present.mount_accessor,
            entity=entity_id,
            updated_at=scope.now,
        )
        tx.touch(ENTITY, scope.namespace, present.entity)
    else:
        alias_id = str(uuid.uuid4())
        record = EntityAliasRecord(
            name=operation.name,
            mount_accessor=operation.mount_accessor,
            entity=entity_id,
            created_at=scope.now,
            updated_at=scope.now,
        )
    require_login_mount(scope, record.mount_accessor)
    if operation.custom_metadata is not None:
        record = msgspec.structs.replace(record, custom_metadata=operation.custom_metadata)
    for other_id, other in aliases_of(tx, scope.namespace, entity_id):
        if other.mount_accessor == record.mount_accessor and other_id != alias_id:
            raise InvalidRequest("Alias already exists for requested entity and mount accessor")
    tx.put(ENTITY_ALIAS, scope.namespace, alias_id, record)
    tx.touch(ENTITY, scope.namespace, entity_id)
    return WrittenAlias(id=alias_id, canonical_id=entity_id)


def _present_alias(
    operation: WriteEntityAlias, scope: Scope, reader: Reader
) -> tuple[str, EntityAliasRecord] | None:
    if operation.id:
        record = reader.get(ENTITY_ALIAS, scope.namespace, operation.id)
        if record is None:
            raise InvalidRequest("invalid alias ID provided")
        return operation.id, record
    if not (operation.name and operation.mount_accessor):
        raise InvalidRequest("'id' or 'mount_accessor' and 'name' must be provided")
    key = alias_key(operation.mount_accessor, operation.name)
    return reader.by_name(ENTITY_ALIAS, scope.namespace, key)


def require_login_mount(scope: Scope, accessor: str) -> MountView:
    """The log-in mount with an accessor; raises InvalidRequest."""
    mount = scope.house.mounts.by_accessor(scope.call.namespace, accessor)
    if mount is None or not mount.is_login:
        raise InvalidRequest(f'invalid mount accessor "{accessor}"')
    return mount


@reads(ShowEntityAlias)
def show_alias(operation: ShowEntityAlias, scope: Scope, reader: Reader) -> EntityAliasView:
    record = reader.get(ENTITY_ALIAS, scope.namespace, operation.id)
    if record is None:
        raise NotFound
    return _alias_view(scope, operation.id, record)


@reads(ListEntityAliases)
def list_aliases(operation: ListEntityAliases, scope: Scope, reader: Reader) -> EntityAliasPage:
    page = reader.list(ENTITY_ALIAS, scope.namespace, after=operation.after, limit=operation.limit)
    return EntityAliasPage(
        aliases=[_alias_view(scope, id, record) for id, record in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteEntityAlias)
def delete_alias(operation: DeleteEntityAlias, scope: Scope, tx: Transaction) -> Done:
    record = tx.get(ENTITY_ALIAS, scope.namespace, operation.id)
    if record is not None:
        tx.delete(ENTITY_ALIAS, scope.namespace, operation.id)
        tx.touch(ENTITY, scope.namespace, record.entity)
    return Done()


def _alias_view(scope: Scope, id: str, record: EntityAliasRecord) -> EntityAliasView:
    mount = scope.house.mounts.by_accessor(scope.call.namespace, record.mount_accessor)
    return EntityAliasView(
        id=id,
        name=record.name,
        entity_id=record.entity,
        mount_accessor=record.mount_accessor,
        mount_path=mount.path if mount else "",
        mount_type=mount.type if mount else "",
        created_at=record.created_at,
        updated_at=record.updated_at,
        metadata=record.metadata,
        custom_metadata=record.custom_metadata,
        merged_from=record.merged_from,
    )


def _view(reader: Reader, scope: Scope, id: str, record: EntityRecord) -> EntityView:
    direct, inherited, _ = groups_of_entity(reader, scope.namespace, id)
    return EntityView(
        id=id,
        name=record.name,
        roles=record.roles,
        metadata=record.metadata,
        disabled=record.disabled,
        aliases=[_alias_view(scope, *found) for found in aliases_of(reader, scope.namespace, id)],
        direct_group_ids=list(direct),
        inherited_group_ids=list(inherited),
        merged_entity_ids=record.merged,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )
