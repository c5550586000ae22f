"""From a whole name (``database/readonly``) to a mount, and to what is kept there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from keystead.errors import NotFound, UpstreamUnavailable
from keystead.operations.database import DatabaseNames
from keystead.operations.mounts import MountView
from keystead.services.database.records import DATABASE, DatabaseRecord
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.operations.base import Page
    from keystead.services.house import House
    from keystead.store.kinds import Kind
    from keystead.store.transaction import Reader


class Named(NamedTuple):
    """A name at a database mount; ``id`` is that of its record, of whichever kind."""

    mount: MountView
    name: str

    @property
    def id(self) -> str:
        return place_of(self.mount.uuid, self.name)


def place_of(mount_uuid: str, name: str) -> str:
    """The record id of a name at a mount."""
    return f"{mount_uuid}/{name}"


def named(scope: Scope, whole: str) -> Named:
    """The mount and the name that a whole name means; raises NotFound."""
    name = scope.house.namespaces.name_of(scope.namespace)
    place = scope.house.mounts.find(name, whole)
    if place.mount is None or place.mount.type != "database" or place.namespace != name:
        raise NotFound(f"There is no database mount for {whole}.", name=whole)
    if not place.rest:
        raise NotFound(f"{whole} is a mount, not something at it.", name=whole)
    return Named(place.mount, place.rest)


def names_at(
    kind: Kind[Any], mount: str, page: Page, scope: Scope, reader: Reader
) -> DatabaseNames:
    """A page of the names of one kind at a mount."""
    place = named(scope, f"{mount.strip('/')}/-")
    base = place_of(place.mount.uuid, "")
    found = reader.list(
        kind,
        scope.namespace,
        prefix=base,
        after=base + page.after if page.after else "",
        limit=page.limit + 1,
    )
    names = [id[len(base) :] for id, _ in found[: page.limit]]
    return DatabaseNames(names=names, next=names[-1] if len(found) > page.limit else "")


async def database_at(house: House, namespace: str, mount: str, name: str) -> DatabaseRecord:
    """How the database so named at a mount (its uuid) is reached.

    Raises UpstreamUnavailable: what depends on it cannot be done now.
    """
    place = place_of(mount, name)
    record = await house.store.read(lambda reader: reader.get(DATABASE, namespace, place))
    if record is None:
        raise no_such(name)
    return record


def no_such(name: str) -> UpstreamUnavailable:
    """What depends on a database that nobody has described cannot be done now."""
    return UpstreamUnavailable(f'failed to find entry for connection with name: "{name}"')
