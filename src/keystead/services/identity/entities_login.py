"""What a log-in says of the entity behind it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from keystead.errors import PermissionDenied
from keystead.identity.entities import (
    ENTITY,
    ENTITY_ALIAS,
    GROUP_ALIAS,
    GROUP_MEMBER,
    Behind,
    EntityAliasRecord,
    GroupMemberRecord,
    alias_key,
    behind,
    memberships,
)
from keystead.operations.mounts import MountView
from keystead.services.identity.entities import new_entity
from keystead.services.scope import Scope
from keystead.store.transaction import Transaction


class LoginAlias(NamedTuple):
    """Under which name somebody logged in at a mount. ``groups`` are what the mount's own
    issuer calls the groups it is in; None: it says nothing of groups."""

    mount: MountView
    name: str
    metadata: Mapping[str, str] = {}
    groups: Iterable[str] | None = None


def alias_at(
    scope: Scope,
    mount_path: str,
    name: str,
    metadata: Mapping[str, str],
) -> LoginAlias | None:
    """The alias of a log-in at ``auth/…``; None: no such mount, so nobody is behind it."""
    mount = scope.house.mounts.find(scope.call.namespace, f"auth/{mount_path}/").mount
    return LoginAlias(mount, name, metadata) if mount is not None and mount.is_login else None


def on_login(tx: Transaction, scope: Scope, alias: LoginAlias) -> Behind:
    """Find who is behind an alias, or make an entity for it, and note what the log-in said.

    Raises PermissionDenied if the entity is disabled.
    """
    key = alias_key(alias.mount.accessor, alias.name)
    found = tx.by_name(ENTITY_ALIAS, scope.namespace, key)
    if found is None:
        alias_id = str(uuid.uuid4())
        record = EntityAliasRecord(
            name=alias.name,
            mount_accessor=alias.mount.accessor,
            entity=new_entity(tx, scope),
            created_at=scope.now,
            updated_at=scope.now,
            metadata=dict(alias.metadata),
        )
        tx.add(ENTITY_ALIAS, scope.namespace, alias_id, record)
    else:
        alias_id, record = found
        if record.metadata != alias.metadata:
            told = dict(alias.metadata)
            record = msgspec.structs.replace(record, metadata=told, updated_at=scope.now)
            tx.put(ENTITY_ALIAS, scope.namespace, alias_id, record)
            tx.touch(ENTITY, scope.namespace, record.entity)
    if alias.groups is not None:
        _learn_groups(tx, scope, record.entity, alias.mount.accessor, alias.groups)
    known = behind(tx, scope.namespace, record.entity)
    if known is None or known.disabled:
        raise PermissionDenied
    return known


def _learn_groups(
    tx: Transaction, scope: Scope, entity: str, accessor: str, names: Iterable[str]
) -> None:
    """Put an entity in the external groups that go by these names at the mount, and in no
    others that this mount has put it in."""
    wanted = set()
    for name in names:
        found = tx.by_name(GROUP_ALIAS, scope.namespace, alias_key(accessor, name))
        if found is not None:
            wanted.add(found[1].group)
    learned = {
        record.group
        for record in memberships(tx, scope.namespace, entity)
        if record.learned_at == accessor
    }
    for group in learned - wanted:
        tx.delete(GROUP_MEMBER, scope.namespace, f"{group}/{entity}")
    for group in wanted - learned:
        record = GroupMemberRecord(group, entity, learned_at=accessor)
        tx.put(GROUP_MEMBER, scope.namespace, f"{group}/{entity}", record)
    if learned != wanted:
        tx.touch(ENTITY, scope.namespace, entity)
