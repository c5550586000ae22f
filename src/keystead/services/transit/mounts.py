"""A transit mount: what holds for all its keys, and what becomes of them with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.operations.keys import KeyName
from keystead.operations.mounts import MountView
from keystead.operations.transit import (
    ConfigureTransit,
    ShowTransitSettings,
    TransitSettingsView,
)
from keystead.services.keys.records import KEY
from keystead.services.mounts import keep_under_mounts, on_move, on_unmount
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.services.transit.removal import remove_key
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_LEAST_CACHE = 10
_PAGE = 500


class TransitMountRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for all keys of a mount. The record id is the mount's uuid and ``/config``."""

    disable_upsert: bool = False
    cache_size: int = 0


TRANSIT_MOUNT = Kind("transit-mount", TransitMountRecord)
keep_under_mounts(TRANSIT_MOUNT)


def locate(scope: Scope, mount: str) -> MountView:
    """The transit mount at a path; raises NotFound."""
    house = scope.house
    namespace = house.namespaces.name_of(scope.namespace)
    path = mount.strip("/") + "/"
    place = house.mounts.find(namespace, path)
    found = place.mount
    if found is None or found.type != "transit" or found.path != path:
        raise NotFound(f"There is no transit engine at {mount}.", mount=mount)
    return found


def require_name(mount: MountView, name: str) -> None:
    """Raise InvalidRequest unless the name is one below the mount."""
    below = name.removeprefix(mount.path)
    if not below or below == name or "/" in below:
        raise InvalidRequest("A transit key's name is its mount's path and one segment.")
    try:
        msgspec.convert(name, KeyName)
    except msgspec.ValidationError:
        raise InvalidRequest(
            "A key's name is of letters, digits and . _ - and at most 255 characters with its "
            "mount's path."
        ) from None


def settings_at(reader: Reader, scope: Scope, mount: MountView) -> TransitMountRecord:
    """What holds for all keys of a mount."""
    record = reader.get(TRANSIT_MOUNT, scope.namespace, f"{mount.uuid}/config")
    return record or TransitMountRecord()


@reads(ShowTransitSettings)
def show_settings(
    operation: ShowTransitSettings, scope: Scope, reader: Reader
) -> TransitSettingsView:
    return _view(settings_at(reader, scope, locate(scope, operation.mount)))


@changes(ConfigureTransit)
def configure(operation: ConfigureTransit, scope: Scope, tx: Transaction) -> TransitSettingsView:
    """Change what is given; raises InvalidRequest for a cache of fewer than ten keys."""
    mount = locate(scope, operation.mount)
    if operation.cache_size and operation.cache_size < _LEAST_CACHE:
        raise InvalidRequest("size must be 0 or a value greater or equal to 10")
    given = {"disable_upsert": operation.disable_upsert, "cache_size": operation.cache_size}
    changed = {name: value for name, value in given.items() if value is not None}
    record = msgspec.structs.replace(settings_at(tx, scope, mount), **changed)
    tx.put(TRANSIT_MOUNT, scope.namespace, f"{mount.uuid}/config", record)
    return _view(record)


def _view(record: TransitMountRecord) -> TransitSettingsView:
    return TransitSettingsView(disable_upsert=record.disable_upsert, cache_size=record.cache_size)


@on_unmount("transit")
def remove_keys(tx: Transaction, namespace: str, mount: MountView) -> None:
    """Delete every transit key of a mount that is taken away."""
    while page := tx.list(KEY, namespace, prefix=mount.path, by="name", limit=_PAGE):
        ours = [(key_id, record) for key_id, record in page if record.transit is not None]
        for key_id, record in ours:
            remove_key(tx, namespace, key_id, record)
        if len(ours) < len(page):
            break


@on_move("transit")
def rename_keys(tx: Transaction, namespace: str, mount: MountView, path: str) -> None:
    """Give every transit key of a mount that moves its new name."""
    after = ""
    while page := tx.list(KEY, namespace, prefix=mount.path, by="name", after=after, limit=_PAGE):
        after = page[-1][1].name
        for key_id, record in page:
            if record.transit is not None:
                name = path + record.name[len(mount.path) :]
                tx.put(KEY, namespace, key_id, msgspec.structs.replace(record, name=name))
