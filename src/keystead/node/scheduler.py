"""What a node does by itself: flush counters, destroy what is due, drop what has expired."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from keystead.errors import KeysteadError
from keystead.gate import SERVER, Gate
from keystead.identity.records import SECRET_ID, TOKEN
from keystead.node.gauges import publish_census, take_census
from keystead.operations import Operation
from keystead.operations.identity import ReapTokens
from keystead.operations.keys import ReapKeys
from keystead.operations.mounts import SweepMounts
from keystead.operations.oidc_tokens import RotateDueOidcKeys
from keystead.operations.secrets import SweepSecrets
from keystead.operations.transit import RotateDueKeys
from keystead.services import idempotency, mfa_checks
from keystead.services.database.rotator import Rotator
from keystead.services.house import House
from keystead.services.keys.records import KEY, ROTATION, WRAPPING_KEY
from keystead.services.keys.usage import write_usage
from keystead.services.leases.issuing import adopt_pending
from keystead.services.leases.revoker import Revoker
from keystead.services.leases.views import lease_census
from keystead.services.mounts import REMAINS
from keystead.services.namespaces import sweep_remains
from keystead.services.oidc_keys import OIDC_KEY, PUBLIC_KEY
from keystead.services.recovery import SETTLE_SECONDS, resolve_intents
from keystead.services.secrets.sweeping import SWEPT as SWEPT_SECRETS
from keystead.store.kinds import Kind
from keystead.store.transaction import Change
from keystead.telemetry.families import LEASE_STATES, LEASES

USAGE_SECONDS = 5.0
REAP_SECONDS = 30.0
GAUGE_SECONDS = 1.0
CENSUS_SECONDS = 60.0
AGES_SECONDS = 3600.0
"""Keys are counted again when some have changed, or have grown older by this."""
LEASE_SECONDS = 1.0
KEEP_CHANGES = 100_000

log = logging.getLogger("keystead.scheduler")


class Scheduler:
    """Runs periodic work in the background of one worker. Only the leading one reaps."""

    def __init__(self, house: House, gate: Gate, *, leads: bool) -> None:
        self._house = house
        self._gate = gate
        self._leads = leads
        self._tasks: list[asyncio.Task[None]] = []
        self._revoker = Revoker(house, self._perform)
        self._rotator = Rotator(house, self._perform)
        self._adopted = False
        self._keys_changed = True
        self._census_due_at = 0.0
        house.feed.listen(self._heard)

    def start(self) -> None:
        self._every(USAGE_SECONDS, self.flush_usage)
        self._every(GAUGE_SECONDS, self.refresh_gauges)
        if self._leads:
            self._every(REAP_SECONDS, self.reap)
            self._every(CENSUS_SECONDS, self.count_keys)
            self._every(LEASE_SECONDS, self.end_leases)
            self._every(LEASE_SECONDS, self.rotate_databases)

    async def stop(self) -> None:
        """End the periodic work, and write what was counted last."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._revoker.stop()
        with contextlib.suppress(KeysteadError):
            await self.flush_usage()

    def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        async def loop() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    await work()
                except KeysteadError as error:
                    log.warning("%s: %s", work.__name__, error.message)
                except Exception:
                    log.exception("%s failed", work.__name__)

        self._tasks.append(asyncio.create_task(loop()))

    async def flush_usage(self) -> None:
        """Write use counts; keep them for later if the store cannot take them."""
        if self._house.seal.sealed:
            return
        taken = self._house.usage.take()
        if not taken:
            return
        try:
            await self._house.store.write(lambda tx: write_usage(tx, taken.items()))
        except KeysteadError:
            self._house.usage.give_back(taken)
            raise

    async def refresh_gauges(self) -> None:
        """Publish this worker's gauges, which any sibling may be asked for."""
        self._house.metrics.refresh()

    async def _heard(self, changes: Sequence[Change]) -> None:
        self._keys_changed |= any(change.kind == KEY.name for change in changes)

    async def count_keys(self) -> None:
        """Count keys by state and age, and leases by state, for the metrics."""
        house = self._house
        if not house.seal.sealed:
            if self._keys_changed or house.clock() >= self._census_due_at:
                self._keys_changed = False
                self._census_due_at = house.clock() + AGES_SECONDS
                publish_census(house.metrics, await take_census(house))
            namespaces = list(house.namespaces.names())
            counted = await house.store.read(lambda reader: lease_census(reader, namespaces))
            for state in LEASE_STATES:
                house.metrics.set(LEASES, counted[state], state)

    async def end_leases(self) -> None:
        """Take back leases that are due, those first that a crash left half made."""
        if self._house.seal.sealed:
            return
        if not self._adopted:
            await adopt_pending(self._house)
            self._adopted = True
        await self._revoker.run_due()

    async def rotate_databases(self) -> None:
        """Change the credentials of static roles that are due."""
        if not self._house.seal.sealed:
            await self._rotator.run_due()

    def _perform(self, operation: Operation[Any], namespace: str) -> Awaitable[Any]:
        return self._gate.perform_as(SERVER, operation, namespace)

    async def reap(self) -> None:
        """Destroy keys that are due, drop what has expired, close intents that a crash left."""
        house = self._house
        if house.seal.sealed:
            return
        now = house.clock()
        if await self._any_due(now, KEY, WRAPPING_KEY):
            await self._gate.perform_as(SERVER, ReapKeys())
        if await self._any_due(now, ROTATION):
            await self._gate.perform_as(SERVER, RotateDueKeys())
        if await self._any_due(now, OIDC_KEY, PUBLIC_KEY):
            await self._gate.perform_as(SERVER, RotateDueOidcKeys())
        if await self._any_due(now, TOKEN, SECRET_ID):
            await self._gate.perform_as(SERVER, ReapTokens())
        if await self._any_due(now, *SWEPT_SECRETS):
            await self._gate.perform_as(SERVER, SweepSecrets())
        if await house.store.read(lambda reader: reader.count(REMAINS)):
            await self._gate.perform_as(SERVER, SweepMounts())
        await house.store.write(lambda tx: idempotency.forget_expired(tx, now))
        await house.store.write(lambda tx: mfa_checks.forget_expired(tx, now))
        await house.store.write(lambda tx: tx.forget_changes(KEEP_CHANGES))
        await sweep_remains(house.store)
        await resolve_intents(house, settle_seconds=SETTLE_SECONDS)

    async def _any_due(self, now: float, *kinds: Kind[Any]) -> bool:
        """Whether anything of these kinds has expired: an operation for nothing is noise."""
        return await self._house.store.read(
            lambda reader: any(reader.expired(kind, now, 1) for kind in kinds)
        )
