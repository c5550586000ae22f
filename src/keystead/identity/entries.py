"""Bounded memory of credentials already judged, dropped as soon as what they hang on changes."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from keystead.identity.cidr import Networks
from keystead.identity.entities import ENTITY
from keystead.identity.lineage import Authority, Place
from keystead.identity.principal import Principal
from keystead.identity.records import METHODS, TOKEN, TokenRecord
from keystead.identity.standings import GIVES_ROLES

if TYPE_CHECKING:
    from keystead.store.transaction import Change


_DEPENDED_ON = frozenset({ENTITY.name, *(kind.name for kind in METHODS.values())})
_EVERYTHING = frozenset({"namespace", "seal"})


class Entry(NamedTuple):
    """A credential that is good until ``deadline`` (Unix seconds) from within ``networks``.

    ``known`` is its record and what that gives, to be shown to its holder.
    """

    principal: Principal
    deadline: float
    networks: tuple[Networks, ...]
    depends_on: tuple[Place, ...]
    known: tuple[TokenRecord, Authority] | None = None


class Entries:
    """Good and bad credentials by their digest.

    Two generations bound the good ones: what is used stays in the young one; when that is
    full it becomes the old one, and what was not used since is forgotten. What a reader found
    is kept only if its snapshot has every change that was forgotten before: so a revocation
    that overtakes a slow reader is not undone by it. Safe to call from any thread.
    """

    def __init__(self, generation: int, refusal_seconds: float) -> None:
        self._limit = generation
        self._refusal_seconds = refusal_seconds
        self._young: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}
        self._dependants: dict[Place, set[bytes]] = {}
        self._refused: dict[bytes, float] = {}
        self._seen = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, digest: bytes) -> Entry | None:
        """What is known of a good credential. Called for every request: no lock, one lookup."""
        entry = self._young.get(digest)
        if entry is None and digest in self._old:
            return self._promote(digest)
        return entry

    def is_refused(self, digest: bytes, now: float) -> bool:
        """Whether the credential was found to be no good a moment ago."""
        until = self._refused.get(digest)
        return until is not None and now < until

    def keep(self, digest: bytes, entry: Entry, snapshot: int) -> None:
        """Remember a good credential, as read in a snapshot with that last change number."""
        with self._lock:
            if snapshot >= self._seen:
                self._insert(digest, entry)

    def refuse(self, digest: bytes, now: float, snapshot: int) -> None:
        """Remember for a moment that a credential is no good."""
        with self._lock:
            if snapshot < self._seen:
                return
            if len(self._refused) >= self._limit:
                self._refused.clear()
            self._refused[digest] = now + self._refusal_seconds

    def drop(self, changes: Iterable[Change]) -> None:
        """Forget what the changes may concern."""
        with self._lock:
            for change in changes:
                self._seen = max(self._seen, change.number)
                self._drop(change)

    def clear(self) -> None:
        """Forget everything: the node is being sealed, or cannot tell what changed."""
        with self._lock:
            self._clear()

    def _drop(self, change: Change) -> None:
        if change.kind == TOKEN.name:
            digest = bytes.fromhex(change.id)
            self._refused.pop(digest, None)
            self._remove(digest)
            self._drop_dependants((TOKEN.name, "", change.id))
        elif change.kind in _DEPENDED_ON:
            self._drop_dependants((change.kind, change.namespace, change.id))
            if change.kind == ENTITY.name:
                self._refused.clear()  # its tokens may hold again
        elif change.kind in GIVES_ROLES:
            for digest in self._at_home_in(change.namespace):
                self._remove(digest)
        elif change.kind in _EVERYTHING:
            self._clear()

    def _insert(self, digest: bytes, entry: Entry) -> None:
        self._remove(digest)
        if len(self._young) >= self._limit:
            for forgotten, last in self._old.items():
                self._unlink(forgotten, last)
            self._old, self._young = self._young, {}
        self._young[digest] = entry
        for place in entry.depends_on:
            self._dependants.setdefault(place, set()).add(digest)

    def _promote(self, digest: bytes) -> Entry | None:
        with self._lock:
            entry = self._old.get(digest)
            if entry is not None:
                self._insert(digest, entry)
            return entry

    def _remove(self, digest: bytes) -> None:
        entry = self._young.pop(digest, None) or self._old.pop(digest, None)
        if entry is not None:
            self._unlink(digest, entry)

    def _unlink(self, digest: bytes, entry: Entry) -> None:
        for place in entry.depends_on:
            dependants = self._dependants[place]
            dependants.discard(digest)
            if not dependants:
                del self._dependants[place]

    def _drop_dependants(self, place: Place) -> None:
        for digest in list(self._dependants.get(place, ())):
            self._remove(digest)

    def _at_home_in(self, namespace: str) -> list[bytes]:
        return [
            digest
            for generation in (self._young, self._old)
            for digest, entry in generation.items()
            if entry.principal.namespace == namespace
        ]

    def _clear(self) -> None:
        self._young, self._old = {}, {}
        self._dependants = {}
        self._refused = {}
