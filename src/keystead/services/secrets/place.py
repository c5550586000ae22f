"""Where a secret is: its mount, and the record id it is kept under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from keystead.errors import InvalidRequest, NotFound
from keystead.operations.mounts import MountView
from keystead.services.mount_table import MOUNT
from keystead.services.scope import Scope
from keystead.services.secrets.records import SECRET_STORE, StoreRecord

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction


LONGEST_PATH: Final = 1024


class Place(NamedTuple):
    """A path in a store."""

    mount: MountView
    path: str

    @property
    def id(self) -> str:
        """The record id of the secret."""
        return f"{self.mount.uuid}/{self.path}"

    @property
    def versioned(self) -> bool:
        return self.mount.options.get("version") == "2"

    def value_id(self, version: int) -> str:
        """The record id of a version's value."""
        return f"{self.mount.uuid}/{self.path}@{version}"


def locate_store(scope: Scope, name: str) -> Place:
    """The store in which a name is, and the path in it, which may be empty.

    Raises NotFound if no store is mounted there.
    """
    house = scope.house
    namespace = house.namespaces.name_of(scope.namespace)
    place = house.mounts.find(namespace, name)
    mount = place.mount
    if mount is None or mount.type != "kv" or place.namespace != namespace:
        raise NotFound(f"There is no store of secrets at {name}.", name=name)
    return Place(mount, place.rest)


def locate(scope: Scope, name: str, *, versioned: bool = False) -> Place:
    """Where a secret is. Raises NotFound without a store there, InvalidRequest for what
    cannot be a path, or if ``versioned`` is asked of a store of version 1."""
    place = locate_store(scope, name)
    require_path(place.path)
    if versioned and not place.versioned:
        raise InvalidRequest("This store keeps no versions of its secrets.", store=name)
    return place


def require_path(path: str) -> None:
    """Raise InvalidRequest for what cannot be the path of a secret."""
    if not path:
        raise InvalidRequest("missing path")
    if path.endswith("/"):
        raise InvalidRequest("cannot write to a path ending in '/'")
    if len(path) > LONGEST_PATH:
        raise InvalidRequest("The path is too long.", limit=LONGEST_PATH)
    require_printable(path)


def require_printable(path: str) -> None:
    """Raise InvalidRequest for a path with parents in it, or with what cannot be printed."""
    if not path.isprintable():
        raise InvalidRequest("path cannot contain non-printable characters")
    if ".." in path and any(part == ".." for part in path.split("/")):
        raise InvalidRequest("relative paths not supported")


def store_of(reader: Reader, scope: Scope, place: Place) -> StoreRecord:
    """What holds for all secrets of the store."""
    return reader.get(SECRET_STORE, scope.namespace, f"{place.mount.uuid}/") or StoreRecord()


def require_mounted(tx: Transaction, scope: Scope, place: Place) -> None:
    """Raise NotFound if the mount has been taken away since the request began: what is made
    below it now might never be swept. What is there already is still to be swept, and what
    replaces it with it."""
    if tx.get(MOUNT, scope.namespace, place.mount.uuid) is None:
        raise NotFound("The store is not mounted any more.", store=place.mount.path)
