"""The newest versions of secrets that a worker has at hand."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING

from keystead.operations.secrets import Secret
from keystead.services.secrets.records import SECRET, SECRET_VALUE

if TYPE_CHECKING:
    from keystead.store.transaction import Change

_GENERATION_BYTES = 24 << 20
_OVERHEAD_BYTES = 1024
"""What a small secret takes in memory; a large one takes about twice its JSON besides."""

Place = tuple[str, str]
"""A namespace's identifier and a record's."""


class Secrets:
    """A bounded cache of secrets.

    Two generations bound it by the size of values: what is used stays in the young one; when
    that is full it becomes the old one, and what was in the old one and not used since is
    forgotten. What a reader found is kept only if its snapshot has every change that was
    dropped before, so a slow reader undoes nothing. Safe to call from any thread.
    """

    def __init__(self, generation_bytes: int = _GENERATION_BYTES) -> None:
        self._limit = generation_bytes
        self._young: dict[Place, tuple[Secret, int]] = {}
        self._old: dict[Place, tuple[Secret, int]] = {}
        self._filled = 0
        self._seen = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def find(self, place: Place) -> Secret | None:
        """The newest version of a secret, deleted or not, if it is at hand."""
        entry = self._young.get(place)
        if entry is None:
            entry = self._old.get(place)
            if entry is None:
                return None
            with self._lock:
                if place in self._old:  # a change may have dropped it meanwhile
                    self._insert(place, entry)
        return entry[0]

    def keep(self, place: Place, secret: Secret, size: int, snapshot: int) -> None:
        """Remember the newest version, as read in a snapshot with that last change number.
        ``size`` is its value's length in bytes."""
        with self._lock:
            if snapshot >= self._seen:
                self._insert(place, (secret, 2 * size + _OVERHEAD_BYTES))

    def forget(self, changes: Iterable[Change]) -> None:
        """Drop what the changes concern."""
        with self._lock:
            for change in changes:
                self._seen = max(self._seen, change.number)
                if change.kind == SECRET.name:
                    self._drop((change.namespace, change.id))
                elif change.kind == SECRET_VALUE.name:
                    self._drop((change.namespace, change.id.rpartition("@")[0]))
                elif change.kind == "namespace":
                    self._clear()

    def clear(self) -> None:
        """Forget everything: the worker is being sealed, or cannot tell what changed."""
        with self._lock:
            self._clear()

    def _insert(self, place: Place, entry: tuple[Secret, int]) -> None:
        self._drop(place)
        if self._filled + entry[1] > self._limit:
            self._old, self._young, self._filled = self._young, {}, 0
        self._young[place] = entry
        self._filled += entry[1]

    def _drop(self, place: Place) -> None:
        self._old.pop(place, None)
        entry = self._young.pop(place, None)
        if entry is not None:
            self._filled -= entry[1]

    def _clear(self) -> None:
        self._young, self._old, self._filled = {}, {}, 0
