"""An office, and an issuer that keeps in memory what it has given out."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keystead.errors import UpstreamUnavailable
from keystead.services.leases.records import ISSUERS, LIVE, LeaseRecord

_PATH = Path(__file__).parents[2] / "gate" / "conftest.py"
_spec = importlib.util.spec_from_file_location("keystead_gate_fixtures", _PATH)
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

office = _fixtures.office
two_offices = _fixtures.two_offices


class Ledger:
    """Remembers what was revoked; ``down``: it does not answer."""

    def __init__(self) -> None:
        self.revoked: list[bytes] = []
        self.renewed: list[float] = []
        self.down = False
        self.at_once = self.most_at_once = 0

    async def renew(
        self, house: Any, namespace: str, lease: LeaseRecord, expires_at: float
    ) -> None:
        self._answer()
        self.renewed.append(expires_at)

    async def revoke(self, house: Any, namespace: str, lease: LeaseRecord) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self._answer()
        self.revoked.append(lease.handle)

    def _answer(self) -> None:
        if self.down:
            raise UpstreamUnavailable("the ledger is closed")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = ISSUERS["ledger"] = Ledger()
    yield made
    del ISSUERS["ledger"]


class Clerk:
    """Puts live leases on record, and lets the background work be done."""

    def __init__(self, office: Any) -> None:
        self.office = office
        self.office.now = self.office.clock()

    def lease(
        self, *lease_ids: str, seconds: float = 60.0, token: str = "", namespace: str = "root"
    ) -> None:
        now = self.office.now

        def put(tx: Any) -> None:
            for lease_id in lease_ids:
                record = LeaseRecord(
                    issuer="ledger",
                    mount="m",
                    handle=lease_id.encode(),
                    issued_at=now,
                    expires_at=now + seconds,
                    due_at=now + seconds,
                    ttl_seconds=int(seconds),
                    max_expires_at=now + 10 * seconds,
                    token=token,
                    confirmed=True,
                )
                tx.add(LIVE, namespace, lease_id, record)

        self.office.run(self.office.house.store.write(put))

    def pass_time(self, seconds: float) -> None:
        self.office.now += seconds
        self.work()

    def work(self) -> None:
        scheduler = self.office.worker._scheduler

        async def once() -> None:
            await scheduler.end_leases()
            while running := list(scheduler._revoker._running.values()):
                await asyncio.wait(running)

        self.office.run(once())


@pytest.fixture
def clerk(office: Any, ledger: Ledger) -> Clerk:
    return Clerk(office)


@pytest.fixture
def make_clerk(ledger: Ledger) -> type[Clerk]:
    return Clerk
