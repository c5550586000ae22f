"""A node as it really is, but for its listeners: asked through the gate, in one event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from keystead.audit.entry import Entry
from keystead.audit.query import tail
from keystead.call import Call
from keystead.errors import KeysteadError
from keystead.node.worker import Plan, Worker
from keystead.operations import Operation
from keystead.operations.identity import CreateToken
from keystead.operations.keys import CreateKey, KeyView
from keystead.operations.policies import WritePolicy
from keystead.operations.system import Initialize
from keystead.seal.base import Seal
from keystead.seal.dev import DevSeal
from keystead.services.feed import Board
from keystead.services.house import House

T = TypeVar("T")


class Node:
    """A worker and the loop it lives in. Operations are root's unless a token is given."""

    def __init__(
        self,
        folder: Path,
        *,
        seal: Seal | None = None,
        board: Board | None = None,
        audit: str = "audit",
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.folder = folder
        self.seal = seal or DevSeal()
        self.audit_dir = folder / audit
        self.loop = loop or asyncio.new_event_loop()
        self._owns_loop = loop is None
        self._names = itertools.count(1)
        self.root = ""
        plan = Plan(
            storage_url=f"sqlite:///{folder}/keystead.sqlite",
            audit_dir=self.audit_dir,
            seal=self.seal,
            listeners=[],
            node=audit,
            board=board or Board.alone(),
        )

        async def build() -> Worker:
            return Worker(plan)

        self.worker = self.run(build())
        self.gate = self.worker.gate

    @property
    def house(self) -> House:
        return self.worker.house

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.loop.run_until_complete(wait())

    def initialize(self) -> Node:
        self.root = self.run(
            self.gate.perform(Initialize(shares=1, threshold=1), Call(door="test"))
        ).root_token
        return self

    def unseal(self, root: str) -> Node:
        self.run(self.house.seal.auto_unseal())
        self.root = root
        return self

    def restarted(self) -> Node:
        """Another worker on the same data, after this one has ended in order."""
        self.close()
        return Node(self.folder, seal=self.seal).unseal(self.root)

    def close(self) -> None:
        """What was not written by now is lost, as when a process ends."""
        self.run(self.house.audit.close())
        self.house.store.close()
        self.house.pool.shutdown()
        if self._owns_loop:
            self.loop.close()

    # --- asking -------------------------------------------------------------------------

    def asking(
        self, operation: Operation[T], token: str | None = None, **call: Any
    ) -> Awaitable[T]:
        token = self.root if token is None else token
        call.setdefault("source_ip", "127.0.0.1")
        return self.gate.perform(operation, Call(door="test", token=token, **call))

    def do(self, operation: Operation[T], token: str | None = None, **call: Any) -> T:
        return self.run(self.asking(operation, token, **call))

    def together(self, operations: Sequence[Operation[T]], token: str | None = None) -> list[Any]:
        async def gather() -> list[Any]:
            asked = [self.asking(operation, token) for operation in operations]
            return await asyncio.gather(*asked, return_exceptions=True)

        return self.run(gather())

    def refusal(
        self, operation: Operation[Any], token: str | None = None, **call: Any
    ) -> KeysteadError:
        """The error with which an operation ends."""
        with pytest.raises(KeysteadError) as raised:
            self.do(operation, token, **call)
        return raised.value

    # --- short ways ---------------------------------------------------------------------

    def key(self, spec: str = "xaes-256-gcm", **fields: Any) -> KeyView:
        """A new key, named anew unless ``name`` is given."""
        fields.setdefault("name", f"key-{next(self._names)}")
        return self.do(CreateKey(spec=spec, **fields))

    def token(self, *roles: str, name: str = "", namespace: str = "") -> str:
        """A token of a principal of its own: ``token/<name>``."""
        name = name or f"caller-{next(self._names)}"
        create = CreateToken(name=name, roles=list(roles), orphan=True)
        return self.do(create, namespace=namespace).token

    def policy(self, text: str, name: str = "test") -> None:
        self.do(WritePolicy(name=name, text=text))

    def at(self, seconds_later: float) -> None:
        """Set the clock."""
        now = self.house.clock()
        self.house.clock = lambda: now + seconds_later

    def log(self, **wanted: Any) -> list[Entry]:
        """The audit entries whose fields have these values, oldest first."""
        entries = (record.entry for record in tail(self.audit_dir, follow=False, start=0))
        return [e for e in entries if all(getattr(e, n) == v for n, v in wanted.items())]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Make nodes, by default all on one database; they end with the test."""
    nodes: list[Node] = []

    def make(**settings: Any) -> Node:
        nodes.append(Node(tmp_path, **settings))
        return nodes[-1]

    yield make
    for node in nodes:
        if not node.loop.is_closed():
            node.close()


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    """A node, initialized and unsealed."""
    return make_node().initialize()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for all tests of a module that do not disturb each other."""
    node = Node(tmp_path_factory.mktemp("node")).initialize()
    yield node
    node.close()
