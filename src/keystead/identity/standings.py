"""Bounded memory of what principals have in all, shared by all tokens of the same principal."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from keystead.identity.entities import IDENTITY_GROUP
from keystead.identity.records import GROUP, MEMBERSHIP, ROLE
from keystead.identity.roles import Standing, standing

if TYPE_CHECKING:
    from keystead.store.transaction import Change, Reader

GIVES_ROLES = frozenset({ROLE.name, GROUP.name, MEMBERSHIP.name, IDENTITY_GROUP.name})
"""Kinds of records that decide which roles principals of their namespace have."""

_Who = tuple[str, str, frozenset[str]]


class Standings:
    """Standings by namespace, principal and the roles of its own.

    What a reader found is kept only if its snapshot has every change that was dropped before,
    and given only to readers of snapshots in which nothing newer can be. Safe to call from
    any thread.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[_Who, tuple[Standing, int]] = {}
        self._seen = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def find(
        self, snapshot: int, reader: Reader, namespace: str, principal: str, roles: Iterable[str]
    ) -> Standing:
        """The standing, from memory or from a reader of a snapshot with that last change."""
        who = (namespace, principal, frozenset(roles))
        seen = self._seen  # read before what is known, as drop() sets it after
        known = self._known.get(who)
        if known is not None and snapshot <= max(seen, known[1]):
            return known[0]
        found = standing(reader, *who)
        with self._lock:
            if snapshot >= self._seen:
                if len(self._known) >= self._limit:
                    self._known = {}
                self._known[who] = (found, snapshot)
        return found

    def at(self, snapshot: int) -> partial[Standing]:
        """``find`` for readers of one snapshot."""
        return partial(self.find, snapshot)

    def drop(self, changes: Iterable[Change]) -> None:
        """Forget what the changes may concern."""
        with self._lock:
            for change in changes:
                if change.kind in GIVES_ROLES or change.kind == "namespace":
                    # Other readers look things up meanwhile: they get the old dict or the new.
                    self._known = {
                        who: known
                        for who, known in self._known.items()
                        if who[0] != change.namespace and change.kind != "namespace"
                    }
                self._seen = max(self._seen, change.number)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known = {}
