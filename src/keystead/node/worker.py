"""One worker: the house put together, the gate, the doors, and the loop that runs them."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keystead.audit.committer import ThreadCommitter
from keystead.audit.sinks.file import FileConfig
from keystead.audit.sinks.shipper import Shipper
from keystead.audit.sinks.syslog import SyslogConfig
from keystead.audit.sinks.webhook import WebhookConfig
from keystead.call import Call
from keystead.doors.http import HttpApplication, Readiness
from keystead.doors.rest.door import RestDoor
from keystead.doors.vault.door import PREFIX as VAULT_PREFIX
from keystead.doors.vault.door import VaultDoor
from keystead.doors.vault.engines import engines
from keystead.errors import KeysteadError, NotInitialized, WaitAndRetry
from keystead.gate import Gate
from keystead.identity.authenticator import Authenticator
from keystead.node.config import SinksConfig
from keystead.node.gauges import report
from keystead.node.http_server import BACKLOG, HttpServer, Tls
from keystead.node.scheduler import Scheduler
from keystead.operations import Operation
from keystead.policy.engine import PolicyEngine
from keystead.seal.keyring import Keyring
from keystead.services import load_services
from keystead.services.audit_devices import AUDIT_DEVICE, devices
from keystead.services.audit_log import AuditLog
from keystead.services.audit_shipping import AuditShipping
from keystead.services.feed import Board, ChangeFeed
from keystead.services.house import House
from keystead.services.mounts import RELOAD_ON as RELOAD_MOUNTS_ON
from keystead.services.namespaces import Namespaces
from keystead.services.path_policies import load_path_policies
from keystead.services.policies import RELOAD_ON, load_policies
from keystead.services.quota_table import RELOAD_ON as RELOAD_QUOTAS_ON
from keystead.services.quota_table import Quotas
from keystead.services.recovery import SETTLE_SECONDS, resolve_intents
from keystead.services.seal_state import SealState
from keystead.services.snapshots import RESTORATION
from keystead.store.store import Store
from keystead.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from keystead.audit.committer import Committer
    from keystead.node.siblings import Siblings
    from keystead.seal.base import Seal
    from keystead.store.transaction import Change
    from keystead.telemetry.traces import Traces

SLOW_THREADS = 2
UNSEAL_AGAIN_SECONDS = 1.0
GC_THRESHOLDS = (10_000, 20, 100)

log = logging.getLogger("keystead.worker")


@dataclass(kw_only=True)
class Plan:
    """What one worker is made of; see ``node.start`` for where it comes from."""

    storage_url: str
    audit_dir: Path
    seal: Seal
    listeners: Sequence[tuple[socket.socket, Tls | None]]
    node: str = "node-1"
    slot: int = 0
    workers: int = 1
    board: Board = field(default_factory=Board.alone)
    siblings: Siblings | None = None
    audit_socket: Path | None = None
    sinks: SinksConfig = field(default_factory=SinksConfig)
    metrics_dir: Path | None = None
    traces: Traces | None = None
    max_body_bytes: int = 32 << 20
    on_ready: Callable[[Worker], Awaitable[None]] | None = None


class Worker:
    """Serves until told to stop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = asyncio.Event()
        self._shippers: list[Shipper] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._serving = self._wanted = False
        store = Store(plan.storage_url)
        store.prepare()
        keyring = Keyring()
        namespaces = Namespaces()
        store.sealer = keyring
        committer = self._open_audit()
        seal = SealState(store, keyring, plan.seal)
        self.house = House(
            store=store,
            keyring=keyring,
            namespaces=namespaces,
            seal=seal,
            authenticator=Authenticator(namespaces, keyring, time.time),
            policies=PolicyEngine(),
            audit=AuditLog(plan.audit_dir, committer, plan.node),
            feed=ChangeFeed(store, plan.board),
            pool=ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="slow"),
            clock=time.time,
            metrics=Metrics(plan.metrics_dir, plan.slot),
            traces=plan.traces,
            quotas=Quotas(time.monotonic, plan.workers),
            node=plan.node,
        )
        self._devices = AuditShipping(plan.audit_dir)
        load_services()
        self.gate = Gate(self.house, leader=self._leader())
        self._scheduler = Scheduler(self.house, self.gate, leads=plan.slot == 0)
        self.house.metrics.add_source(
            lambda metrics: report(metrics, self.house, self._all_shippers())
        )
        self._server = HttpServer(self._application())
        seal.on_unseal.append(self._unsealed)
        seal.on_seal.append(self._sealed)
        self.house.feed.listen(self._changed)
        self.house.feed.on_gap = self._lost_track
        self.house.mounts.feed = self.house.feed

    # --- start and stop -----------------------------------------------------------------

    def _open_audit(self) -> Committer:
        plan = self._plan
        if plan.audit_socket is not None:
            from keystead.audit.socket_committer import SocketCommitter

            return SocketCommitter(plan.audit_socket)
        plan.audit_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return ThreadCommitter(plan.audit_dir)

    def _application(self) -> HttpApplication:
        application = HttpApplication(readiness=self._readiness, metrics=self.house.metrics.render)
        limit = self._plan.max_body_bytes
        application.register("/api/v1/", RestDoor(self.gate, body_limit=limit))
        vault = VaultDoor(self.gate, self.house.mounts, engines(), body_limit=limit)
        application.register(VAULT_PREFIX, vault)
        return application

    def _readiness(self) -> Readiness:
        house = self.house
        return Readiness(
            initialized=house.seal.initialized,
            sealed=house.seal.sealed,
            audit=not house.audit.status().last_error,
            store=house.feed.unreachable_since is None,
        )

    def _leader(self) -> Callable[[Operation[object], Call], Awaitable[object]] | None:
        """How to reach the leading worker; None if this is it."""
        siblings = self._plan.siblings
        return siblings.ask_leader if siblings is not None and not siblings.leads else None

    async def serve(self) -> None:
        """Start, serve until SIGTERM, SIGINT or ``stop``, and end in order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self._join_siblings()
        if self._plan.slot == 0:
            self._start_sinks()
        await self.house.audit.ready()
        await self._unseal_alone()
        self.house.store.listen(self.house.feed.notice)
        for work in (self.house.feed.watch, self._stay_unsealed):
            self._tasks.append(asyncio.create_task(work()))
        self._scheduler.start()
        for listener, _ in self._plan.listeners:
            listener.listen(BACKLOG)  # who comes now waits until all is ready
        if self._plan.on_ready is not None:
            await self._plan.on_ready(self)
        await self._server.start(self._plan.listeners)
        await self._stop.wait()
        await self._end()

    def stop(self) -> None:
        self._stop.set()

    async def _end(self) -> None:
        await self._server.stop()
        await self._scheduler.stop()
        for task in self._tasks:
            task.cancel()
        for shipper in self._shippers:
            await asyncio.to_thread(shipper.stop)
        await asyncio.to_thread(self._devices.stop)
        if self._plan.siblings is not None:
            self._plan.siblings.stop()
        await self.house.audit.close()
        self.house.databases.clear()
        self.house.store.close()
        self.house.pool.shutdown(wait=False, cancel_futures=True)
        if self.house.traces is not None:
            await asyncio.to_thread(self.house.traces.close)

    def _all_shippers(self) -> list[Shipper]:
        return [*self._shippers, *self._devices.shippers()]

    def _start_sinks(self) -> None:
        sinks = self._plan.sinks
        configs: list[FileConfig | SyslogConfig | WebhookConfig]
        configs = [*sinks.file, *sinks.syslog, *sinks.webhook]
        for number, config in enumerate(configs):
            cursor = self._plan.audit_dir / f"sink-{number}.cursor"
            shipper = Shipper(self._plan.audit_dir, config.open(), cursor)
            shipper.start()
            self._shippers.append(shipper)

    # --- sealed and unsealed ------------------------------------------------------------

    def _join_siblings(self) -> None:
        siblings, seal = self._plan.siblings, self.house.seal
        if siblings is None:
            return

        siblings.on_root_key = seal.accept_root_key
        siblings.on_seal = seal.seal_now
        siblings.root_key = seal.root_key_for_siblings
        siblings.perform = self._perform_for_sibling
        siblings.start()

    async def _perform_for_sibling(self, operation: Operation[object], call: Call) -> object:
        """What a sibling passes on may come before this worker has reached the audit writer."""
        await self.house.audit.ready()
        return await self.gate.perform(operation, call)

    async def _unseal_alone(self) -> None:
        """Unseal at the start, where the seal or a sibling can.

        Raises what will not go away by itself: another seal's key, a damaged keyring.
        """
        siblings = self._plan.siblings
        if siblings is not None:
            siblings.ask_for_root_key()
        if self._plan.slot == 0:
            try:
                await self.house.seal.auto_unseal()
            except NotInitialized:
                pass
            except WaitAndRetry as error:
                log.warning("not unsealed yet: %s", error.message)
                self._wanted = True

    async def _stay_unsealed(self) -> None:
        """Try again while something that unsealing needs does not answer."""
        siblings = self._plan.siblings
        while True:
            await asyncio.sleep(UNSEAL_AGAIN_SECONDS)
            if not self.house.seal.sealed:
                self._wanted = False
                continue
            if siblings is not None:
                siblings.ask_for_root_key()
            if self._wanted:
                try:
                    await self.house.seal.auto_unseal()
                except KeysteadError as error:
                    log.warning("not unsealed yet: %s", error.message)

    async def _unsealed(self) -> None:
        """Fill the caches, take up the audit key, and close the intents a crash left open."""
        house = self.house
        await self._load(house.feed)
        await house.audit.unlock(house.store)
        if self._plan.slot == 0:
            alone = self._plan.siblings is None
            await resolve_intents(house, settle_seconds=0 if alone else SETTLE_SECONDS)
        self._serving = True
        key = house.seal.root_key_for_siblings()
        if self._plan.siblings is not None and self._plan.siblings.leads and key is not None:
            self._plan.siblings.share_root_key(key)

    async def _load(self, feed: ChangeFeed) -> None:
        house = self.house
        number = await house.store.read(lambda reader: reader.last_change())
        await house.store.read(house.namespaces.load)
        await self._load_policies()
        await self._load_mounts()
        await self._load_quotas()
        await self._load_audit_devices()
        feed.start_after(number)

    async def _load_policies(self) -> None:
        house = self.house
        names = house.namespaces.names()
        await house.store.read(lambda reader: load_policies(reader, names, house.policies))
        await house.store.read(lambda reader: load_path_policies(reader, names, house.paths))

    async def _load_mounts(self) -> None:
        house = self.house
        names = house.namespaces.names()
        await house.store.read(lambda reader: house.mounts.load(reader, names))

    async def _load_quotas(self) -> None:
        house = self.house
        names = house.namespaces.names().values()
        await house.store.read(lambda reader: house.quotas.load(reader, names))

    async def _load_audit_devices(self) -> None:
        """The leading worker ships for its node."""
        if self._plan.slot == 0:
            wanted = await self.house.store.read(devices)
            await asyncio.to_thread(self._devices.follow, wanted)

    async def _sealed(self) -> None:
        house = self.house
        house.keys.wipe()
        house.databases.clear()
        house.secrets.clear()
        house.authenticator.clear()
        house.audit.lock()
        siblings, served = self._plan.siblings, self._serving
        self._serving = False
        # A leader that could not unseal itself takes nothing away from its siblings.
        if served and siblings is not None and siblings.leads:
            await siblings.share_seal()

    async def _changed(self, changes: Sequence[Change]) -> None:
        """What other requests, workers and nodes have committed reaches every cache."""
        house = self.house
        if house.seal.sealed:
            return  # unsealing loads everything
        kinds = {change.kind for change in changes}
        if RESTORATION.name in kinds:
            await self._lost_track()
            return
        if "namespace" in kinds or "seal" in kinds:
            await house.seal.refresh()
            await house.store.read(house.namespaces.load)
        house.keys.forget(changes)
        house.secrets.forget(changes)
        house.authenticator.forget(changes)
        if kinds & RELOAD_ON:
            await self._load_policies()
        if kinds & RELOAD_MOUNTS_ON:
            await self._load_mounts()
        if kinds & RELOAD_QUOTAS_ON:
            await self._load_quotas()
        if AUDIT_DEVICE.name in kinds:
            await self._load_audit_devices()

    async def _lost_track(self) -> None:
        """Everything may have changed."""
        house = self.house
        if house.seal.sealed:
            return
        log.warning("what has changed cannot be told: every cache starts anew")
        await house.seal.refresh()
        await house.store.read(house.namespaces.load)
        house.keys.clear()
        house.secrets.clear()
        house.authenticator.clear()
        await self._load_policies()
        await self._load_mounts()
        await self._load_quotas()
        await self._load_audit_devices()


async def run(plan: Plan) -> None:
    """Build a worker in the running loop and serve."""
    worker = Worker(plan)
    # What was made so far lives as long as the process: the collector need not look at it
    # again, nor look as often as it does by default at what requests leave behind.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    await worker.serve()
