"""The keys a worker has at hand: found by name, alias or identifier without touching storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from keystead.errors import IntegrityFailure
from keystead.operations.keys import CreateKey, ImportKey
from keystead.policy.engine import PolicyResource
from keystead.services.keys.key import Key
from keystead.services.keys.records import ALIAS, KEY, MATERIAL, KeyRecord

if TYPE_CHECKING:
    from keystead.store.transaction import Change, Reader

_GENERATION = 10_000


class Keys:
    """A bounded cache of keys.

    Two generations bound it: what is used stays in the young one; when that is full it
    becomes the old one, and what was in the old one and not used since is forgotten.
    Not thread-safe for writing: ``admit`` and ``forget`` are called on the event loop.
    """

    def __init__(self, generation: int = _GENERATION) -> None:
        self._limit = generation
        self._young: dict[tuple[str, str], Key] = {}
        self._old: dict[tuple[str, str], Key] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len({id(key) for key in (*self._young.values(), *self._old.values())})

    def find(self, namespace: str, reference: str) -> Key | None:
        """The key, if it is at hand. Counts a hit or a miss."""
        place = (namespace, reference)
        key = self._young.get(place)
        if key is None:
            key = self._old.pop(place, None)
            if key is None:
                self.misses += 1
                return None
            self._keep(place, key)
        self.hits += 1
        return key

    def admit(self, reference: str, key: Key) -> None:
        """Keep a key under its identifier and under the name it was asked for by."""
        self._keep((key.namespace, key.id), key)
        self._keep((key.namespace, reference), key)

    def _keep(self, place: tuple[str, str], key: Key) -> None:
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}
        self._young[place] = key

    def forget(self, changes: Iterable[Change]) -> None:
        """Drop every key that a change may concern, under all its names."""
        ids = set()
        for change in changes:
            if change.kind == KEY.name:
                ids.add(change.id)
            elif change.kind == MATERIAL.name:
                ids.add(change.id.partition("/")[0])
            elif change.kind == ALIAS.name:
                self._drop_place((change.namespace, change.id))
            elif change.kind == "namespace":
                self.clear()
                return
        if ids:
            for generation in (self._young, self._old):
                for place in [place for place, key in generation.items() if key.id in ids]:
                    del generation[place]

    def _drop_place(self, place: tuple[str, str]) -> None:
        self._young.pop(place, None)
        self._old.pop(place, None)

    def clear(self) -> None:
        """Forget every key: the worker cannot tell what changed."""
        self._young = {}
        self._old = {}

    def wipe(self) -> None:
        """Forget every key and overwrite its material: the worker is being sealed."""
        for key in (*self._young.values(), *self._old.values()):
            for version in key.versions.values():
                version.wipe()
        self.clear()


def find_record(reader: Reader, namespace: str, reference: str) -> tuple[str, KeyRecord] | None:
    """A key's identifier and record, by identifier, name or alias."""
    if _is_id(reference) and (record := reader.get(KEY, namespace, reference)):
        return reference, record
    if found := reader.by_name(KEY, namespace, reference):
        return found
    alias = reader.get(ALIAS, namespace, reference)
    if alias is None:
        return None
    record = reader.get(KEY, namespace, alias.key_id)
    return None if record is None else (alias.key_id, record)


def load(reader: Reader, namespace: str, reference: str) -> Key | None:
    """Load a key with the material of all its versions."""
    found = find_record(reader, namespace, reference)
    if found is None:
        return None
    key_id, record = found
    rows = reader.list(MATERIAL, namespace, parent=key_id, limit=len(record.versions) + 1)
    materials = {row.version: row for _, row in rows if row.material or row.public_only}
    if materials.keys() - {state.version for state in record.versions}:
        raise IntegrityFailure("A key has material that its record does not know.", key=key_id)
    return Key(key_id, namespace, record, materials, describe(key_id, namespace, record))


def describe(key_id: str, namespace: str, record: KeyRecord) -> PolicyResource:
    """A key as policy sees it."""
    return _resource(
        namespace,
        record.name,
        record.tags,
        id=key_id,
        spec=record.spec,
        usage=record.usage,
        owner=record.owner,
        classification=record.classification,
        exportable=record.exportable,
    )


def describe_wanted(operation: CreateKey | ImportKey, namespace: str) -> PolicyResource:
    """A key that is to be, as policy sees it."""
    return _resource(
        namespace,
        operation.name,
        operation.tags,
        id="",
        spec=operation.spec,
        usage=operation.usage,
        owner=getattr(operation, "owner", ""),
        classification=getattr(operation, "classification", ""),
        exportable=operation.exportable,
    )


def _resource(
    namespace: str, name: str, tags: Mapping[str, str], **attributes: str | bool
) -> PolicyResource:
    return PolicyResource(
        kind="key",
        namespace=namespace,
        name=name,
        attributes=attributes,
        tags=tags,
        cache_key=("key", namespace, name, *attributes.values(), *sorted(tags.items())),
    )


def _is_id(reference: str) -> bool:
    return len(reference) == 32 and set(reference) <= set("0123456789abcdef")
