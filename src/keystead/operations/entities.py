"""Entities: who is behind log-ins, under which aliases, and in which groups.

An entity's roles, and those of the groups it is in, are added to the roles of every token
that it logs in for. Giving roles this way needs ``role:grant`` on those that the caller does
not have itself.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply
from keystead.operations.identity import Roles

EntityName = Annotated[str, Meta(max_length=512)]
Id = Annotated[str, Meta(max_length=64)]
Ids = Annotated[list[Id], Meta(max_length=10_000)]
Accessor = Annotated[str, Meta(max_length=256)]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=128)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=64),
]


class EntityAliasView(Reply, frozen=True, omit_defaults=False):
    """One name of an entity at one log-in mount, which is empty if it is gone."""

    id: str
    name: str
    entity_id: str
    mount_accessor: str
    mount_path: str
    mount_type: str
    created_at: float
    updated_at: float
    metadata: dict[str, str]
    custom_metadata: dict[str, str]
    merged_from: list[str]


class EntityView(Reply, frozen=True, omit_defaults=False):
    """An entity. Groups are given by identifier: those it is in itself, and those above."""

    id: str
    name: str
    roles: list[str]
    metadata: dict[str, str]
    disabled: bool
    aliases: list[EntityAliasView]
    direct_group_ids: list[str]
    inherited_group_ids: list[str]
    merged_entity_ids: list[str]
    created_at: float
    updated_at: float


class WrittenEntity(Reply, frozen=True, omit_defaults=False):
    """What was written. ``created``: it is new."""

    id: str
    name: str
    created: bool


class WrittenAlias(Reply, frozen=True, omit_defaults=False):
    """An alias that was written, and whose it is."""

    id: str
    canonical_id: str


class EntityPage(Reply, frozen=True, omit_defaults=False):
    entities: list[EntityView]
    next: str


class EntityAliasPage(Reply, frozen=True, omit_defaults=False):
    aliases: list[EntityAliasView]
    next: str


class GroupAliasView(Reply, frozen=True, omit_defaults=False):
    """What an external group is called at one log-in mount, which is empty if it is gone."""

    id: str
    name: str
    group_id: str
    mount_accessor: str
    mount_path: str
    mount_type: str
    created_at: float
    updated_at: float


class IdentityGroupView(Reply, frozen=True, omit_defaults=False):
    """A group of entities and groups."""

    id: str
    name: str
    external: bool
    roles: list[str]
    metadata: dict[str, str]
    member_entity_ids: list[str]
    member_group_ids: list[str]
    parent_group_ids: list[str]
    alias: GroupAliasView | None
    created_at: float
    updated_at: float
    revision: int


class IdentityGroupPage(Reply, frozen=True, omit_defaults=False):
    groups: list[IdentityGroupView]
    next: str


class GroupAliasPage(Reply, frozen=True, omit_defaults=False):
    aliases: list[GroupAliasView]
    next: str


class WriteEntity(Operation[WrittenEntity], frozen=True, kw_only=True):
    """Create an entity, or change the one with that identifier or name; what is None stays."""

    action: ClassVar[str] = "entity:write"
    kind: ClassVar[str] = "entity"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("id", "disabled")

    name: EntityName = ""
    id: Id = ""
    roles: Roles | None = None
    metadata: Metadata | None = None
    disabled: bool | None = None


class ShowEntity(Operation[EntityView], frozen=True, kw_only=True):
    """Show the entity with an identifier, a name or an alias (by identifier, or by name and
    mount); the first that is given counts."""

    action: ClassVar[str] = "entity:show"
    kind: ClassVar[str] = "entity"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("id",)

    name: EntityName = ""
    id: Id = ""
    alias_id: Id = ""
    alias_name: EntityName = ""
    alias_mount_accessor: Accessor = ""


class ListEntities(Page, Operation[EntityPage], frozen=True, kw_only=True):
    """List entities by identifier."""

    action: ClassVar[str] = "entity:list"
    kind: ClassVar[str] = "entity"
    effect: ClassVar[Effect] = Effect.READ


class DeleteEntities(Operation[Done], frozen=True, kw_only=True):
    """Delete entities by identifier or name, with their aliases. Their tokens hold no more;
    what is not there is passed over."""

    action: ClassVar[str] = "entity:delete"
    kind: ClassVar[str] = "entity"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: EntityName = ""
    ids: Ids = []


class MergeEntities(Operation[Done], frozen=True, kw_only=True):
    """Have an entity take others in: their aliases, groups, roles and tokens become its own."""

    action: ClassVar[str] = "entity:merge"
    kind: ClassVar[str] = "entity"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("into",)

    into: Id
    ids: Ids


class WriteEntityAlias(Operation[WrittenAlias], frozen=True, kw_only=True):
    """Create or change an alias: the one with that identifier, or that name at that mount.

    Without an ``entity_id`` a new alias gets a new entity, and an old one stays where it is.
    """

    action: ClassVar[str] = "entity-alias:write"
    kind: ClassVar[str] = "entity-alias"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("id", "mount_accessor", "entity_id")

    name: EntityName = ""
    mount_accessor: Accessor = ""
    id: Id = ""
    entity_id: Id = ""
    custom_metadata: Metadata | None = None


class ShowEntityAlias(Operation[EntityAliasView], frozen=True, kw_only=True):
    """Show an alias."""

    action: ClassVar[str] = "entity-alias:show"
    kind: ClassVar[str] = "entity-alias"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.READ

    id: Id


class ListEntityAliases(Page, Operation[EntityAliasPage], frozen=True, kw_only=True):
    """List aliases by identifier."""

    action: ClassVar[str] = "entity-alias:list"
    kind: ClassVar[str] = "entity-alias"
    effect: ClassVar[Effect] = Effect.READ


class DeleteEntityAlias(Operation[Done], frozen=True, kw_only=True):
    """Delete an alias, if it is there."""

    action: ClassVar[str] = "entity-alias:delete"
    kind: ClassVar[str] = "entity-alias"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.CHANGE

    id: Id


class WriteIdentityGroup(Operation[WrittenEntity], frozen=True, kw_only=True):
    """Create a group of entities, or change the one with that identifier or name; what is
    None stays. Who is in an ``external`` group is said by log-ins."""

    action: ClassVar[str] = "identity-group:write"
    kind: ClassVar[str] = "identity-group"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("id", "external")

    name: EntityName = ""
    id: Id = ""
    external: bool | None = None
    roles: Roles | None = None
    metadata: Metadata | None = None
    member_entity_ids: Ids | None = None
    member_group_ids: Ids | None = None


class ShowIdentityGroup(Operation[IdentityGroupView], frozen=True, kw_only=True):
    """Show the group with an identifier, a name or an alias (by identifier, or by name and
    mount); the first that is given counts."""

    action: ClassVar[str] = "identity-group:show"
    kind: ClassVar[str] = "identity-group"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("id",)

    name: EntityName = ""
    id: Id = ""
    alias_id: Id = ""
    alias_name: EntityName = ""
    alias_mount_accessor: Accessor = ""


class ListIdentityGroups(Page, Operation[IdentityGroupPage], frozen=True, kw_only=True):
    """List groups of entities by identifier."""

    action: ClassVar[str] = "identity-group:list"
    kind: ClassVar[str] = "identity-group"
    effect: ClassVar[Effect] = Effect.READ


class DeleteIdentityGroup(Operation[Done], frozen=True, kw_only=True):
    """Delete a group of entities by identifier or name, if it is there."""

    action: ClassVar[str] = "identity-group:delete"
    kind: ClassVar[str] = "identity-group"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("id",)

    name: EntityName = ""
    id: Id = ""


class WriteGroupAlias(Operation[WrittenAlias], frozen=True, kw_only=True):
    """Say what an external group is called at a log-in mount; it has one such name."""

    action: ClassVar[str] = "group-alias:write"
    kind: ClassVar[str] = "group-alias"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("id", "mount_accessor", "group_id")

    name: EntityName = ""
    mount_accessor: Accessor = ""
    id: Id = ""
    group_id: Id = ""


class ShowGroupAlias(Operation[GroupAliasView], frozen=True, kw_only=True):
    """Show what a group is called at a log-in mount."""

    action: ClassVar[str] = "group-alias:show"
    kind: ClassVar[str] = "group-alias"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.READ

    id: Id


class ListGroupAliases(Page, Operation[GroupAliasPage], frozen=True, kw_only=True):
    """List what groups are called at log-in mounts."""

    action: ClassVar[str] = "group-alias:list"
    kind: ClassVar[str] = "group-alias"
    effect: ClassVar[Effect] = Effect.READ


class DeleteGroupAlias(Operation[Done], frozen=True, kw_only=True):
    """Forget what a group is called at a log-in mount, if that is known."""

    action: ClassVar[str] = "group-alias:delete"
    kind: ClassVar[str] = "group-alias"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.CHANGE

    id: Id
