"""``identity/``: entities and groups, and what they are called at log-in mounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from keystead.doors.vault import mfa, oidc
from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import rfc3339
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.entities import (
    DeleteEntities,
    DeleteEntityAlias,
    DeleteGroupAlias,
    DeleteIdentityGroup,
    EntityAliasView,
    EntityView,
    GroupAliasView,
    IdentityGroupView,
    ListEntities,
    ListEntityAliases,
    ListGroupAliases,
    ListIdentityGroups,
    MergeEntities,
    ShowEntity,
    ShowEntityAlias,
    ShowGroupAlias,
    ShowIdentityGroup,
    WriteEntity,
    WriteEntityAlias,
    WriteGroupAlias,
    WriteIdentityGroup,
)

ENGINE = Engine("identity")
ENGINE.include(mfa.ENGINE)
ENGINE.include(oidc.ENGINE)

_PAGE = 1000


# --- entities ---------------------------------------------------------------------------


@ENGINE.write("entity", "entity/id/{id}", "entity/name/{name}", grants=True)
async def write_entity(request: VaultRequest, id: str = "", name: str = "") -> Reply:
    """A new entity is answered with its identifier; a changed one with nothing."""
    written = await request.perform(
        WriteEntity(
            id=id or request.text("id"),
            name=name or request.text("name"),
            roles=_given(request, "policies", request.strings),
            metadata=_given(request, "metadata", request.mapping),
            disabled=_given(request, "disabled", request.boolean),
        )
    )
    if not written.created:
        return None
    return {"aliases": None, "id": written.id, "name": written.name}


@ENGINE.read("entity/id/{id}", "entity/name/{name}")
async def read_entity(request: VaultRequest, id: str = "", name: str = "") -> Reply:
    return _entity(await request.perform(ShowEntity(id=id, name=name)), request)


@ENGINE.delete("entity/id/{id}", "entity/name/{name}")
async def delete_entity(request: VaultRequest, id: str = "", name: str = "") -> None:
    await request.perform(DeleteEntities(ids=[id] if id else [], name=name))


@ENGINE.list("entity/id", "entity/name")
async def list_entities(request: VaultRequest) -> Reply:
    found = [
        view
        async for page in _pages(
            lambda after: request.perform(ListEntities(after=after, limit=_PAGE))
        )
        for view in page.entities
    ]
    if request.path == "entity/name":
        return _keys([view.name for view in found])
    told = {}
    for view in found:
        told[view.id] = {"name": view.name}
        if view.aliases:
            told[view.id]["aliases"] = [_short_alias(alias) for alias in view.aliases]
    return _keys(list(told), told)


@ENGINE.write("entity/batch-delete")
async def delete_entities(request: VaultRequest) -> None:
    ids = request.strings("entity_ids")
    if not ids:
        raise InvalidRequest("missing entity ids to delete")
    await request.perform(DeleteEntities(ids=ids))


@ENGINE.write("entity/merge", grants=True)
async def merge_entities(request: VaultRequest) -> None:
    operation = MergeEntities(
        into=request.text("to_entity_id"), ids=request.strings("from_entity_ids")
    )
    if not operation.into:
        raise InvalidRequest("missing entity id to merge to")
    if not operation.ids:
        raise InvalidRequest("missing entity ids to merge from")
    await request.perform(operation)


@ENGINE.write("lookup/entity")
async def look_up_entity(request: VaultRequest) -> Reply:
    try:
        found = await request.perform(ShowEntity(**_wanted(request)))
    except NotFound:
        return None
    return _entity(found, request)


# --- aliases of entities ----------------------------------------------------------------


@ENGINE.write("entity-alias", "entity-alias/id/{id}", grants=True)
async def write_alias(request: VaultRequest, id: str = "") -> Reply:
    written = await request.perform(
        WriteEntityAlias(
            id=id or request.text("id"),
            name=request.text("name"),
            mount_accessor=request.text("mount_accessor"),
            entity_id=request.text("canonical_id") or request.text("entity_id"),
            custom_metadata=_given(request, "custom_metadata", request.mapping),
        )
    )
    return {"canonical_id": written.canonical_id, "id": written.id}


@ENGINE.read("entity-alias/id/{id}")
async def read_alias(request: VaultRequest, id: str) -> Reply:
    return _alias(await request.perform(ShowEntityAlias(id=id)), request)


@ENGINE.delete("entity-alias/id/{id}")
async def delete_alias(request: VaultRequest, id: str) -> None:
    await request.perform(DeleteEntityAlias(id=id))


@ENGINE.list("entity-alias/id")
async def list_aliases(request: VaultRequest) -> Reply:
    told = {}
    async for page in _pages(
        lambda after: request.perform(ListEntityAliases(after=after, limit=_PAGE))
    ):
        for view in page.aliases:
            told[view.id] = {
                **_short_alias(view),
                "canonical_id": view.entity_id,
                "custom_metadata": view.custom_metadata or None,
                "local": False,
                "metadata": view.metadata or None,
            }
            del told[view.id]["id"]
    return _keys(list(told), told)


# --- groups -----------------------------------------------------------------------------


@ENGINE.write("group", "group/id/{id}", "group/name/{name}", grants=True)
async def write_group(request: VaultRequest, id: str = "", name: str = "") -> Reply:
    """A new group is answered with its identifier; a changed one with nothing."""
    type_ = request.text("type")
    if type_ not in ("", "internal", "external"):
        raise InvalidRequest(f'invalid group type "{type_}"')
    written = await request.perform(
        WriteIdentityGroup(
            id=id or request.text("id"),
            name=name or request.text("name"),
            external=type_ == "external" if type_ else None,
            roles=_given(request, "policies", request.strings),
            metadata=_given(request, "metadata", request.mapping),
            member_entity_ids=_given(request, "member_entity_ids", request.strings),
            member_group_ids=_given(request, "member_group_ids", request.strings),
        )
    )
    return {"id": written.id, "name": written.name} if written.created else None


@ENGINE.read("group/id/{id}", "group/name/{name}")
async def read_group(request: VaultRequest, id: str = "", name: str = "") -> Reply:
    return _group(await request.perform(ShowIdentityGroup(id=id, name=name)), request)


@ENGINE.delete("group/id/{id}", "group/name/{name}")
async def delete_group(request: VaultRequest, id: str = "", name: str = "") -> None:
    await request.perform(DeleteIdentityGroup(id=id, name=name))


@ENGINE.list("group/id", "group/name")
async def list_groups(request: VaultRequest) -> Reply:
    found = [
        view
        async for page in _pages(
            lambda after: request.perform(ListIdentityGroups(after=after, limit=_PAGE))
        )
        for view in page.groups
    ]
    if request.path == "group/name":
        return _keys([view.name for view in found])
    told: dict[str, Any] = {}
    for view in found:
        told[view.id] = {
            "name": view.name,
            "num_member_entities": len(view.member_entity_ids),
            "num_parent_groups": len(view.parent_group_ids),
        }
        if view.alias:
            told[view.id]["alias"] = _short_alias(view.alias)
    return _keys(list(told), told)


@ENGINE.write("lookup/group")
async def look_up_group(request: VaultRequest) -> Reply:
    try:
        found = await request.perform(ShowIdentityGroup(**_wanted(request)))
    except NotFound:
        return None
    return _group(found, request)


# --- aliases of groups ------------------------------------------------------------------


@ENGINE.write("group-alias", "group-alias/id/{id}", grants=True)
async def write_group_alias(request: VaultRequest, id: str = "") -> Reply:
    written = await request.perform(
        WriteGroupAlias(
            id=id or request.text("id"),
            name=request.text("name"),
            mount_accessor=request.text("mount_accessor"),
            group_id=request.text("canonical_id"),
        )
    )
    return {"canonical_id": written.canonical_id, "id": written.id}


@ENGINE.read("group-alias/id/{id}")
async def read_group_alias(request: VaultRequest, id: str) -> Reply:
    view = await request.perform(ShowGroupAlias(id=id))
    return _group_alias(view) | {
        "custom_metadata": None,
        "local": False,
        "namespace_id": _namespace(request),
    }


@ENGINE.delete("group-alias/id/{id}")
async def delete_group_alias(request: VaultRequest, id: str) -> None:
    await request.perform(DeleteGroupAlias(id=id))


@ENGINE.list("group-alias/id")
async def list_group_aliases(request: VaultRequest) -> Reply:
    told = {}
    async for page in _pages(
        lambda after: request.perform(ListGroupAliases(after=after, limit=_PAGE))
    ):
        for view in page.aliases:
            told[view.id] = {
                **_short_alias(view),
                "canonical_id": view.group_id,
                "custom_metadata": None,
                "local": False,
                "metadata": None,
            }
            del told[view.id]["id"]
    return _keys(list(told), told)


# --- shapes -----------------------------------------------------------------------------


async def _pages(ask: Callable[[str], Awaitable[Any]]) -> Any:
    after = ""
    while True:
        page = await ask(after)
        yield page
        after = page.next
        if not after:
            return


def _given(request: VaultRequest, name: str, read: Callable[[str], Any]) -> Any:
    """What the request says of a member; None: nothing."""
    return read(name) if request.has(name) else None


def _keys(keys: list[str], told: dict[str, Any] | None = None) -> Answer:
    if not keys:
        raise NotFound
    return Answer(data={"keys": keys} if told is None else {"key_info": told, "keys": keys})


def _wanted(request: VaultRequest) -> dict[str, str]:
    names = ("id", "name", "alias_id", "alias_name", "alias_mount_accessor")
    wanted = {name: request.text(name) for name in names if request.text(name)}
    if not wanted:
        raise InvalidRequest("query parameter not supplied")
    if not {"id", "name", "alias_id"} & set(wanted) and len(wanted) < 2:
        raise InvalidRequest("both 'alias_name' and 'alias_mount_accessor' needs to be set")
    return wanted


def _namespace(request: VaultRequest) -> str:
    return request.call.namespace or "root"


def _times(view: EntityView | EntityAliasView | GroupAliasView | IdentityGroupView) -> Any:
    return {
        "creation_time": rfc3339(view.created_at),
        "last_update_time": rfc3339(view.updated_at),
    }


def _short_alias(view: EntityAliasView | GroupAliasView) -> dict[str, Any]:
    return {
        "id": view.id,
        "mount_accessor": view.mount_accessor,
        "mount_path": view.mount_path,
        "mount_type": view.mount_type,
        "name": view.name,
    }


def _alias(view: EntityAliasView, request: VaultRequest) -> dict[str, Any]:
    return {
        **_short_alias(view),
        **_times(view),
        "canonical_id": view.entity_id,
        "custom_metadata": view.custom_metadata or None,
        "local": False,
        "merged_from_canonical_ids": view.merged_from or None,
        "metadata": view.metadata or None,
        "namespace_id": _namespace(request),
    }


def _entity(view: EntityView, request: VaultRequest) -> dict[str, Any]:
    aliases = [_alias(alias, request) for alias in view.aliases]
    for alias in aliases:
        del alias["namespace_id"]
    return {
        **_times(view),
        "aliases": aliases,
        "direct_group_ids": view.direct_group_ids,
        "disabled": view.disabled,
        "group_ids": view.direct_group_ids + view.inherited_group_ids,
        "id": view.id,
        "inherited_group_ids": view.inherited_group_ids,
        "merged_entity_ids": view.merged_entity_ids or None,
        "metadata": view.metadata or None,
        "name": view.name,
        "namespace_id": _namespace(request),
        "policies": view.roles,
    }


def _group_alias(view: GroupAliasView) -> dict[str, Any]:
    return {
        **_short_alias(view),
        **_times(view),
        "canonical_id": view.group_id,
        "merged_from_canonical_ids": None,
        "metadata": None,
    }


def _group(view: IdentityGroupView, request: VaultRequest) -> dict[str, Any]:
    return {
        **_times(view),
        "alias": _group_alias(view.alias) if view.alias else {},
        "id": view.id,
        "member_entity_ids": view.member_entity_ids or None,
        "member_group_ids": view.member_group_ids or None,
        "metadata": view.metadata or None,
        "modify_index": view.revision,
        "name": view.name,
        "namespace_id": _namespace(request),
        "parent_group_ids": view.parent_group_ids or None,
        "policies": view.roles,
        "type": "external" if view.external else "internal",
    }
