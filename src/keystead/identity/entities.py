"""Who is behind a token, whichever way it logged in: entities, their aliases and groups.

An alias is one name of an entity at one log-in mount. Groups have entities and other groups
as members; who is in a group has its roles, and those of the groups that it is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from keystead.identity.principal import AliasInfo, EntityInfo, GroupInfo
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

_PAGE = 1_000


class EntityRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entity; the record id is a uuid. Times are Unix seconds; ``merged`` are the
    identifiers of entities that it has taken in."""

    name: str
    created_at: float
    updated_at: float
    roles: list[str] = []
    metadata: dict[str, str] = {}
    disabled: bool = False
    merged: list[str] = []


class EntityAliasRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alias; the record id is a uuid. ``metadata`` is what the last log-in said,
    ``custom_metadata`` what people say, ``merged_from`` whose it was before."""

    name: str
    mount_accessor: str
    entity: str
    created_at: float
    updated_at: float
    metadata: dict[str, str] = {}
    custom_metadata: dict[str, str] = {}
    merged_from: list[str] = []


class MergedEntityRecord(msgspec.Struct, frozen=True):
    """An entity that another one has taken in; the record id is its identifier."""

    into: str


class IdentityGroupRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group; the record id is a uuid. Log-ins say who is in an ``external`` one."""

    name: str
    created_at: float
    updated_at: float
    external: bool = False
    roles: list[str] = []
    metadata: dict[str, str] = {}
    revision: int = 1


class GroupMemberRecord(msgspec.Struct, frozen=True):
    """An entity or a group in a group; the record id is ``group/member``.

    ``learned_at`` is the accessor of the mount whose log-in said so, of external groups.
    """

    group: str
    member: str
    is_group: bool = False
    learned_at: str = ""


class GroupAliasRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What an external group is called at a log-in mount; the record id is a uuid."""

    name: str
    mount_accessor: str
    group: str
    created_at: float
    updated_at: float


def alias_key(mount_accessor: str, name: str) -> str:
    """What an alias is found by."""
    return f"{mount_accessor}/{name}"


ENTITY = Kind("entity", EntityRecord, name_of=lambda r: r.name.lower())
ENTITY_ALIAS = Kind(
    "entity-alias",
    EntityAliasRecord,
    name_of=lambda r: alias_key(r.mount_accessor, r.name),
    parent_of=lambda r: r.entity,
)
MERGED_ENTITY = Kind("merged-entity", MergedEntityRecord, parent_of=lambda r: r.into)
IDENTITY_GROUP = Kind("identity-group", IdentityGroupRecord, name_of=lambda r: r.name.lower())
GROUP_MEMBER = Kind("identity-group-member", GroupMemberRecord, parent_of=lambda r: r.member)
GROUP_ALIAS = Kind(
    "group-alias",
    GroupAliasRecord,
    name_of=lambda r: alias_key(r.mount_accessor, r.name),
    parent_of=lambda r: r.group,
)


class Behind(NamedTuple):
    """Who is behind a token. ``roles`` are its own and its groups', before included ones are
    added; ``direct`` are the groups that it is in itself, ``inherited`` those above them.
    ``merged`` are the identifiers of entities that it has taken in."""

    info: EntityInfo
    roles: frozenset[str]
    disabled: bool
    direct: tuple[str, ...]
    inherited: tuple[str, ...]
    merged: tuple[str, ...] = ()


def behind(reader: Reader, namespace: str, entity_id: str) -> Behind | None:
    """What is known of an entity, or of the one that has taken it in; None: it is gone."""
    found = find_entity(reader, namespace, entity_id)
    if found is None:
        return None
    entity_id, record = found
    direct, inherited, groups = groups_of_entity(reader, namespace, entity_id)
    return Behind(
        EntityInfo(
            id=entity_id,
            name=record.name,
            metadata=record.metadata,
            aliases=tuple(
                AliasInfo(alias.mount_accessor, alias.name, alias.metadata | alias.custom_metadata)
                for _, alias in aliases_of(reader, namespace, entity_id)
            ),
            groups=tuple(GroupInfo(id, group.name) for id, group in groups.items()),
        ),
        frozenset(record.roles).union(*(group.roles for group in groups.values())),
        record.disabled,
        direct,
        inherited,
        tuple(record.merged),
    )


def find_entity(reader: Reader, namespace: str, entity_id: str) -> tuple[str, EntityRecord] | None:
    """An entity, or the one that has taken it in."""
    record = reader.get(ENTITY, namespace, entity_id)
    if record is not None:
        return entity_id, record
    merged = reader.get(MERGED_ENTITY, namespace, entity_id)
    record = reader.get(ENTITY, namespace, merged.into) if merged else None
    return (merged.into, record) if merged and record else None


def aliases_of(
    reader: Reader, namespace: str, entity_id: str
) -> list[tuple[str, EntityAliasRecord]]:
    """The aliases of an entity, by identifier."""
    return reader.list(ENTITY_ALIAS, namespace, parent=entity_id, limit=_PAGE)


def memberships(reader: Reader, namespace: str, member: str) -> Iterator[GroupMemberRecord]:
    """Where an entity or a group is a member itself."""
    after = ""
    while page := reader.list(GROUP_MEMBER, namespace, parent=member, after=after, limit=_PAGE):
        after = page[-1][0]
        yield from (record for _, record in page)
        if len(page) < _PAGE:
            return


def groups_above(
    reader: Reader, namespace: str, groups: list[str]
) -> dict[str, IdentityGroupRecord]:
    """Groups, and all that they are in, by identifier."""
    found: dict[str, IdentityGroupRecord] = {}
    waiting = list(groups)
    while waiting:
        group = waiting.pop(0)
        record = reader.get(IDENTITY_GROUP, namespace, group) if group not in found else None
        if record is not None:
            found[group] = record
            waiting += [above.group for above in memberships(reader, namespace, group)]
    return found


def groups_of_entity(
    reader: Reader, namespace: str, entity_id: str
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, IdentityGroupRecord]]:
    """The groups that an entity is in itself, those above them, and all of them."""
    direct = [record.group for record in memberships(reader, namespace, entity_id)]
    groups = groups_above(reader, namespace, direct) if direct else {}
    inherited = tuple(group for group in groups if group not in direct)
    return tuple(group for group in direct if group in groups), inherited, groups
