"""Mounts as they are stored, and as every worker knows them by heart."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from keystead.errors import IntegrityFailure, NamespaceSealed, StoreUnavailable
from keystead.operations.mounts import MountConfig, MountView, Place
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.services.feed import ChangeFeed
    from keystead.store.transaction import Reader


class MountRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mount; the record id is its ``uuid``."""

    path: str
    type: str
    accessor: str
    description: str = ""
    config: MountConfig = MountConfig()
    options: dict[str, str] = {}
    local: bool = False
    seal_wrap: bool = False
    external_entropy_access: bool = False
    created_at: float = 0.0
    moved_from: str = ""


MOUNT = Kind("mount", MountRecord, name_of=lambda record: record.path)

BUILT_IN = (
    ("sys/", "system", "system endpoints used for control, policy and debugging"),
    ("identity/", "identity", "identity store"),
    ("cubbyhole/", "cubbyhole", "per-token private secret storage"),
    ("auth/token/", "token", "token based credentials"),
)
"""What is mounted in every namespace by itself: path, type, description."""

_HEADERS = {"sys/": ["Accept"], "identity/": ["Authorization"]}

_PAGE = 1000


def view(uuid: str, record: MountRecord) -> MountView:
    """A stored mount as callers see it."""
    return MountView(
        path=record.path,
        type=record.type,
        accessor=record.accessor,
        uuid=uuid,
        description=record.description,
        config=record.config,
        options=record.options,
        local=record.local,
        seal_wrap=record.seal_wrap,
        external_entropy_access=record.external_entropy_access,
        created_at=record.created_at,
        moved_from=record.moved_from,
    )


def built_in(namespace: str) -> list[MountView]:
    """The mounts that every namespace has. Their identifiers follow from the namespace's."""
    mounts = []
    for path, type_, description in BUILT_IN:
        known = hashlib.sha256(f"{namespace} {path}".encode()).hexdigest()
        mounts.append(
            MountView(
                path=path,
                type=type_,
                accessor=f"{type_}_{known[:8]}",
                uuid=known[:32],
                description=description,
                config=MountConfig(passthrough_request_headers=_HEADERS.get(path, [])),
                built_in=True,
            )
        )
    return mounts


def mounts_in(reader: Reader, namespace: str) -> list[MountView]:
    """All mounts of a namespace by path."""
    found = built_in(namespace)
    after = ""
    while page := reader.list(MOUNT, namespace, after=after, limit=_PAGE):
        found += [view(uuid, record) for uuid, record in page]
        after = page[-1][0]
    return sorted(found, key=lambda mount: mount.path)


class MountTable:
    """Every mount of every namespace, in memory. Before the first ``load`` (the server is
    sealed, or has yet to be initialized) there is what every namespace has."""

    def __init__(self) -> None:
        self.feed: ChangeFeed | None = None
        self.generation = 0
        self._ids: dict[str, str] = {"": "root"}
        self._mounts: dict[str, dict[str, MountView]]
        self._mounts = {"": {mount.path: mount for mount in built_in("root")}}

    def load(self, reader: Reader, namespaces: Mapping[str, str]) -> None:
        """Know exactly what is stored, given every namespace's name by identifier. Sealed
        namespaces have no mounts."""
        mounts: dict[str, dict[str, MountView]] = {}
        for identifier, name in namespaces.items():
            try:
                mounts[name] = {m.path: m for m in mounts_in(reader, identifier)}
            except (NamespaceSealed, IntegrityFailure):
                mounts[name] = {}
        self._ids = {name: identifier for identifier, name in namespaces.items()}
        self._mounts = mounts
        self.generation += 1

    def outdated(self) -> bool:
        """Whether something, perhaps a mount, has been committed since the last look."""
        return self.feed is not None and self.feed.stale()

    async def catch_up(self) -> None:
        """Hear of every change. While the store does not answer, mounts are as they were."""
        if self.feed is not None:
            with contextlib.suppress(StoreUnavailable):
                await self.feed.catch_up()

    def all(self, namespace: str) -> Iterable[MountView]:
        """The mounts of a namespace, by its full name."""
        return self._mounts.get(namespace, {}).values()

    def by_accessor(self, namespace: str, accessor: str) -> MountView | None:
        """A mount of a namespace (its full name) by its accessor."""
        return next((m for m in self.all(namespace) if m.accessor == accessor), None)

    def find(self, namespace: str, path: str) -> Place:
        """Where ``path``, seen from the namespace with that full name, leads.

        The path's first segments may name namespaces below. Of mounts within mounts the
        innermost counts.
        """
        while True:
            first, slash, rest = path.partition("/")
            below = f"{namespace}/{first}" if namespace else first
            if not slash or below not in self._ids:
                break
            namespace, path = below, rest
        mounts = self._mounts.get(namespace)
        if not mounts:
            return Place(namespace, None, path)
        found: MountView | None = None
        end = 0
        at = path.find("/")
        while at >= 0:
            mount = mounts.get(path[: at + 1])
            if mount is not None:
                found, end = mount, at + 1
            at = path.find("/", at + 1)
        if found is None or end < len(path):
            whole = mounts.get(path + "/")
            if whole is not None:
                return Place(namespace, whole, "")
        return Place(namespace, found, path[end:])
