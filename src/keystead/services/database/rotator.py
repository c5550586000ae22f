"""The background work of databases: rotations that are due, and what mounts leave behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from keystead.errors import KeysteadError
from keystead.operations.database import RotateDueStaticRole, SweepDatabases
from keystead.services.database.records import DATABASE_REMAINS, STATIC_ROLE

if TYPE_CHECKING:
    from keystead.operations import Operation
    from keystead.services.house import House
    from keystead.store.transaction import Reader

MOST_AT_ONCE: Final = 16

log = logging.getLogger("keystead.database")


class Rotator:
    """Rotates what is due. ``perform`` has the gate carry out an operation of the server's
    own in the namespace so named."""

    def __init__(
        self, house: House, perform: Callable[[Operation[object], str], Awaitable[object]]
    ) -> None:
        self._house = house
        self._perform = perform

    async def run_due(self) -> None:
        """Rotate all that is due, the longest due first. Call it each second."""
        if await self._house.store.read(self._has_remains):
            await self._perform(SweepDatabases(), "")
        tried: set[tuple[str, str]] = set()  # what cannot be claimed is left for the next second
        while due := set(await self._house.store.read(self._due)) - tried:
            await asyncio.gather(*(self._rotate(namespace, id) for namespace, id in due))
            tried |= due

    def _has_remains(self, reader: Reader) -> bool:
        return bool(reader.expired(DATABASE_REMAINS, self._house.clock(), 1))

    def _due(self, reader: Reader) -> list[tuple[str, str]]:
        found = reader.expired(STATIC_ROLE, self._house.clock(), MOST_AT_ONCE)
        return [(namespace, id) for namespace, id, _ in found]

    async def _rotate(self, namespace: str, id: str) -> None:
        try:
            name = self._house.namespaces.name_of(namespace)
            await self._perform(RotateDueStaticRole(record_id=id), name)
        except KeysteadError as error:
            log.warning("a static role is not rotated yet: %s", error.message)
