"""A real worker in this process: SQLite, a development seal, an audit log, and no listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keystead.call import Call
from keystead.errors import NotInitialized
from keystead.gate import SERVER
from keystead.node.worker import Plan, Worker
from keystead.operations import Operation
from keystead.operations.identity import CreateToken
from keystead.operations.keys import CreateKey, KeyView
from keystead.operations.system import Initialize
from keystead.seal.dev import DevSeal
from keystead.services.feed import Board
from keystead.services.keys.cache import load


class Office:
    """A worker with one event loop, and short ways to ask it for things."""

    def __init__(self, folder: Path, *, board: Board | None = None, slot: int = 0) -> None:
        self.folder = folder
        self.audit_dir = folder / f"audit-{slot}"
        self.runner = asyncio.Runner()
        self._seal = DevSeal(folder / "seal-key")
        self._board = board or Board.alone()
        self._slot = slot
        self.root_token = ""
        self.now: float | None = None
        self.worker: Worker
        self.open()

    def open(self) -> None:
        """Build the worker; unsealed if the server is initialized."""

        async def build() -> Worker:
            plan = Plan(
                storage_url=f"sqlite:///{self.folder}/keystead.db",
                audit_dir=self.audit_dir,
                seal=self._seal,
                listeners=[],
                slot=self._slot,
                node=f"node-{self._slot}",
                board=self._board,
            )
            return Worker(plan)

        self.worker = self.runner.run(build())
        self.house = self.worker.house
        self.house.clock = self.clock
        with contextlib.suppress(NotInitialized):
            self.run(self.house.seal.auto_unseal())

    def clock(self) -> float:
        """Unix seconds: the real time, or ``now`` once a test has set it."""
        return time.time() if self.now is None else self.now

    def initialize(self) -> Office:
        self.root_token = self.perform(Initialize(shares=1, threshold=1), token="").root_token
        return self

    def run(self, work: Any) -> Any:
        async def carry_out() -> Any:
            return await work

        return self.runner.run(carry_out())

    def call(self, token: str | None = None, **given: Any) -> Call:
        token = self.root_token if token is None else token
        return Call(door="test", token=token, **{"source_ip": "10.0.0.1", **given})

    def perform(self, operation: Operation[Any], token: str | None = None, **given: Any) -> Any:
        """Carry out an operation: with the root token, unless another is given."""
        return self.run(self.worker.gate.perform(operation, self.call(token, **given)))

    def key(self, name: str = "k", spec: str = "xaes-256-gcm", **given: Any) -> KeyView:
        view: KeyView = self.perform(CreateKey(name=name, spec=spec, **given))
        return view

    def token(self, *roles: str, name: str = "app") -> str:
        """A token of its own with these roles and the policies of ``self``."""
        made = self.perform(CreateToken(name=name, roles=list(roles), orphan=True))
        return str(made.token)

    def as_server(self, operation: Operation[Any]) -> Any:
        return self.run(self.worker.gate.perform_as(SERVER, operation))

    def loaded(self, reference: str, namespace: str = "root") -> Any:
        """A key as it is loaded from the store."""
        return self.house.store.read_now(lambda reader: load(reader, namespace, reference))

    def entries(self, action: str = "") -> list[dict[str, Any]]:
        """The audit log's entries as they stand in its files, oldest first."""
        lines = [
            json.loads(line)
            for path in sorted(self.audit_dir.glob("segment-*.jsonl"))
            for line in path.read_bytes().split(b"\0", 1)[0].splitlines()
        ]
        return [line for line in lines if not action or line.get("action") == action]

    def log_bytes(self) -> bytes:
        return b"".join(p.read_bytes() for p in self.audit_dir.rglob("*") if p.is_file())

    def leave(self) -> None:
        """Close the worker, as at its end; ``open`` builds another."""
        self.run(self.house.audit.close())
        self.house.store.close()
        self.house.pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        self.leave()
        self.runner.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An initialized worker."""
    made = Office(tmp_path).initialize()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An initialized worker for all tests of a module that do no harm to it."""
    made = Office(tmp_path_factory.mktemp("office")).initialize()
    yield made
    made.close()


@pytest.fixture(scope="session")
def make_office() -> Callable[..., Office]:
    return Office


@pytest.fixture
def two_offices() -> Iterator[tuple[Office, Office]]:
    """Two workers on one database and one board, each with its own audit log."""
    with tempfile.TemporaryDirectory() as folder:
        memory = bytearray(16)
        first = Office(Path(folder), board=Board(memory, 0), slot=0).initialize()
        second = Office(Path(folder), board=Board(memory, 1), slot=1)
        second.root_token = first.root_token
        yield first, second
        second.close()
        first.close()


# --- instances of any operation ---------------------------------------------------------

_WORDS = {
    "name": "walk",
    "key": "walk-key",
    "member": "user/a",
    "text": "permit (principal, action, resource);",
}


def _of_type(node: msgspec.inspect.Type, field: str) -> Any:
    """The smallest value of a type."""
    match node:
        case msgspec.inspect.StrType():
            word = _WORDS.get(field, "walk")
            return word.ljust(node.min_length or 0, "x")
        case msgspec.inspect.BytesType():
            return bytes(node.min_length or 1)
        case msgspec.inspect.BoolType():
            return False
        case msgspec.inspect.IntType():
            return node.ge or 0
        case msgspec.inspect.FloatType():
            return node.ge or 0.0
        case msgspec.inspect.ListType():
            return [_of_type(node.item_type, field) for _ in range(node.min_length or 0)]
        case msgspec.inspect.DictType():
            return {}
        case msgspec.inspect.UnionType():
            return _of_type(node.types[0], field)
        case msgspec.inspect.StructType():
            return smallest(node.cls)
        case msgspec.inspect.Metadata():
            return _of_type(node.type, field)
        case _:
            raise TypeError(f"no value for {field}: {node}")


def smallest(struct: type[Any]) -> Any:
    """A valid instance of a struct with nothing given that has a default."""
    described = typing.cast("msgspec.inspect.StructType", msgspec.inspect.type_info(struct))
    given = {f.name: _of_type(f.type, f.name) for f in described.fields if f.required}
    made = struct(**given)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=struct)


@pytest.fixture(scope="session")
def make_smallest() -> Callable[[type[Any]], Any]:
    return smallest
