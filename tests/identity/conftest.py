"""A real store, keyring and namespaces, and a desk at which operations are carried out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keystead.call import Call
from keystead.errors import PermissionDenied
from keystead.identity.authenticator import Authenticator
from keystead.identity.principal import ANONYMOUS, Principal
from keystead.identity.records import TOKEN
from keystead.operations import Access, Effect, Resource
from keystead.operations.identity import LoginUser, WriteAppRole, WriteUser
from keystead.seal.contents import KeyringContents
from keystead.seal.keyring import Keyring
from keystead.services import load_services
from keystead.services.mount_table import MountTable
from keystead.services.namespace_directory import (
    NAMESPACE,
    ROOT,
    NamespaceRecord,
    Namespaces,
    all_namespaces,
)
from keystead.services.registry import BEFORE, HANDLERS
from keystead.services.scope import Scope
from keystead.store.store import Store

START = 1_700_000_000.0


@dataclass
class Desk:
    """Carries out operations in the order of the gate, with policy as a set of permissions.

    ``permitted`` holds (action, kind, name); the operations themselves are always permitted.
    """

    store: Store
    house: Any
    namespaces: Namespaces
    keyring: Keyring
    now: float = START
    permitted: set[tuple[str, str, str]] = field(default_factory=set)
    root: str = ""
    scope: Scope | None = None

    @property
    def authenticator(self) -> Authenticator:
        return self.house.authenticator

    def call(self, token: str = "", namespace: str = "", **given: Any) -> Call:
        return Call(
            door="test", token=token, namespace=namespace, **{"source_ip": "10.0.0.1", **given}
        )

    def who(self, token: str, namespace: str = "", **given: Any) -> Principal:
        """Authenticate as the gate does: from memory, else from storage; spend a use."""
        call = self.call(token, namespace, **given)
        principal = self.authenticator.cached(call)
        if principal is None:
            principal = self.store.read_now(
                lambda reader: self.authenticator.authenticate(call, reader)
            )
        if principal.uses_limited:
            self.store.write_now(lambda tx: self.authenticator.spend_use(call, tx))
        return principal

    def ask(
        self, operation: Any, token: str | None = None, namespace: str = "", **given: Any
    ) -> Any:
        """Carry out an operation as the holder of a token; of the root token if None."""
        anyone = operation.access is Access.ANYONE
        token = self.root if token is None and not anyone else token or ""
        principal = ANONYMOUS if anyone else self.who(token, namespace, **given)
        kind = type(operation)
        scope = self.scope = Scope(
            house=self.house,
            call=self.call(token, namespace, **given),
            principal=principal,
            namespace=self.namespaces.id_of(namespace),
            now=self.now,
            judge=lambda scope, action, resource: self.permits(principal, action, resource),
        )
        handler = HANDLERS[kind]
        if kind.effect is Effect.READ:
            return self.store.read_now(lambda reader: handler(operation, scope, reader))
        if kind in BEFORE:
            scope.prepared = self.store.read_now(
                lambda reader: BEFORE[kind](operation, scope, reader)
            )
        return self.store.write_now(lambda tx: handler(operation, scope, tx))

    def permits(self, principal: Principal, action: str, resource: Resource) -> bool:
        return principal.root or (action, resource.kind, resource.name) in self.permitted

    def approle(self, name: str = "ci", roles: list[str] | None = None, **given: Any) -> Any:
        return self.ask(WriteAppRole(name=name, roles=roles or [], **given))

    def user(self, name: str = "alice", roles: list[str] | None = None, **given: Any) -> str:
        """Make a user and log in: its token."""
        password = "correct horse battery"
        self.ask(WriteUser(name=name, password=password, roles=roles or [], **given))
        return str(self.ask(LoginUser(name=name, password=password)).token)

    def store_files(self) -> list[Path]:
        return list(Path(str(self.store._engine.url.database)).parent.iterdir())

    def token_count(self) -> int:
        return self.store.read_now(lambda reader: reader.count(TOKEN))

    def add_namespace(self, name: str, parent: str = ROOT) -> str:
        id = f"id-of-{name.replace('/', '-')}"
        record = NamespaceRecord(
            name=name, parent=parent, created_at=self.now, keks=[self.keyring.new_kek(id, 1)]
        )
        self.store.write_now(lambda tx: tx.put(NAMESPACE, "", id, record))
        self.reload()
        return id

    def reload(self) -> None:
        """What the node does when namespaces change."""
        self.store.read_now(self.namespaces.load)
        records = self.store.read_now(all_namespaces)
        self.keyring.load_namespaces({id: record.keks for id, record in records.items()})

    def refused(self, operation: Any, token: str | None = None, **given: Any) -> PermissionDenied:
        with pytest.raises(PermissionDenied) as caught:
            self.ask(operation, token, **given)
        return caught.value


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    load_services()
    store = Store(f"sqlite:///{tmp_path}/keystead.db")
    store.prepare()
    keyring = Keyring()
    keyring.load(KeyringContents([]).rotated(START))
    store.sealer = keyring
    namespaces = Namespaces()
    house = SimpleNamespace(
        store=store, keyring=keyring, namespaces=namespaces, mounts=MountTable()
    )
    desk = Desk(store, house, namespaces, keyring)
    house.clock = lambda: desk.now
    house.authenticator = Authenticator(namespaces, keyring, house.clock)
    store.on_commit = house.authenticator.forget
    root = NamespaceRecord(name="", parent="", created_at=START, keks=[keyring.new_kek(ROOT, 1)])
    store.write_now(lambda tx: tx.put(NAMESPACE, "", ROOT, root))
    desk.reload()
    desk.root = store.write_now(desk.authenticator.issue_root)
    yield desk
    store.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool
