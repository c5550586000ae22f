"""The background work: take back what is due, many side by side, and never twice at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from keystead.errors import KeysteadError
from keystead.operations.leases import EndLease, SweepLeases
from keystead.services.leases.records import HOLDER, LIVE, PENDING, REVOKING, SWEEP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from keystead.operations import Operation
    from keystead.services.house import House
    from keystead.store.transaction import Reader

    Perform = Callable[[Operation[object], str], Awaitable[object]]

MOST_AT_ONCE: Final = 32

log = logging.getLogger("keystead.leases")

Place = tuple[str, str]


class Revoker:
    """Ends leases that are due. ``perform`` has the gate carry out an operation of the
    server's own in the namespace so named."""

    def __init__(self, house: House, perform: Perform) -> None:
        self._house = house
        self._perform = perform
        self._running: dict[Place, asyncio.Task[None]] = {}

    async def run_due(self) -> None:
        """Start on all that is due; what is slow goes on in the background. Call it each second."""
        while await self._house.store.read(self._has_orders):
            await self._perform(SweepLeases(), "")
        tried: set[Place] = set()  # what cannot even be claimed is left for the next second
        while True:
            if len(self._running) >= MOST_AT_ONCE:
                await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
                continue
            due = await self._house.store.read(self._due)
            fresh = [place for place in due if place not in tried and place not in self._running]
            if not fresh:
                return
            for place in fresh[: MOST_AT_ONCE - len(self._running)]:
                task = asyncio.create_task(self._end(place))
                self._running[place] = task
                tried.add(place)

    async def stop(self) -> None:
        """Let go of what is under way: it is due again when its claim is over."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _has_orders(self, reader: Reader) -> bool:
        now = self._house.clock()
        return bool(reader.expired(SWEEP, now, 1) or reader.expired(HOLDER, now, 1))

    def _due(self, reader: Reader) -> list[Place]:
        now = self._house.clock()
        found: list[Place] = []
        for kind in (PENDING, REVOKING, LIVE):
            page = reader.expired(kind, now, 2 * MOST_AT_ONCE)
            found += [(namespace, lease_id) for namespace, lease_id, _ in page]
        return found

    async def _end(self, place: Place) -> None:
        namespace, lease_id = place
        try:
            name = self._house.namespaces.name_of(namespace)
            await self._perform(EndLease(lease_id=lease_id), name)
        except KeysteadError as error:
            log.info("a lease is not taken back yet: %s", error.message)
        except Exception:
            log.exception("a lease is not taken back yet")
        finally:
            self._running.pop(place, None)
