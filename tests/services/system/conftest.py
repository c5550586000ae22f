"""A house with a real store, seal, keyring and authenticator, and a way to ask of it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keystead.call import Call
from keystead.identity.authenticator import Authenticator
from keystead.identity.principal import ANONYMOUS
from keystead.operations import Operation
from keystead.seal.base import Seal
from keystead.seal.dev import DevSeal
from keystead.seal.keyring import Keyring
from keystead.seal.shamir import ShamirSeal
from keystead.services import load_services
from keystead.services.namespaces import Namespaces
from keystead.services.registry import BEFORE, HANDLERS
from keystead.services.scope import Scope
from keystead.services.seal_state import SealState
from keystead.store.store import Store

load_services()


class House(SimpleNamespace):
    """One node's parts. ``ask`` does what the gate would, without its questions."""

    store: Store
    keyring: Keyring
    namespaces: Namespaces
    seal: SealState

    def ask(self, operation: Operation[Any], namespace: str = "") -> Any:
        return asyncio.run(self._ask(operation, namespace))

    async def _ask(self, operation: Operation[Any], namespace: str) -> Any:
        handler = HANDLERS[type(operation)]
        scope = Scope(
            house=self,  # type: ignore[arg-type]
            call=Call(door="test"),
            principal=ANONYMOUS,
            namespace=self.namespaces.id_of(namespace),
            now=self.clock(),
            judge=lambda scope, action, resource: True,
        )
        if prepare := BEFORE.get(type(operation)):
            scope.prepared = await self.store.read(lambda r: prepare(operation, scope, r))
        if inspect.iscoroutinefunction(handler):
            reply = await handler(operation, scope)
        elif operation.effect.value == "read":
            reply = await self.store.read(lambda reader: handler(operation, scope, reader))
        else:
            reply = await self.store.write(lambda tx: handler(operation, scope, tx))
        await self.follow()
        return reply

    async def follow(self) -> None:
        """What the change feed brings about."""
        if not self.seal.sealed:
            await self.seal.refresh()
            await self.store.read(self.namespaces.load)


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Make nodes; by default all on one database, which the first one prepares."""
    houses: list[House] = []

    def make(seal: Seal, name: str = "keystead") -> House:
        store = Store(f"sqlite:///{tmp_path}/{name}.db", threads=2)
        store.prepare()
        keyring = Keyring()
        store.sealer = keyring
        namespaces = Namespaces()
        house = House(
            store=store,
            keyring=keyring,
            namespaces=namespaces,
            seal=SealState(store, keyring, seal),
            authenticator=Authenticator(namespaces, keyring, time.time),
            clock=time.time,
            node="test",
        )
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.store.close()


@pytest.fixture
def shamir_house(make_house: Callable[..., House]) -> House:
    """Not yet initialized, with a Shamir seal."""
    return make_house(ShamirSeal())


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """Initialized and unsealed by an automatic seal."""
    house = make_house(DevSeal())
    asyncio.run(house.seal.initialize(5, 3, house.authenticator.issue_root))
    return house
