"""A small world to judge in: the root namespace, ``team-a``, ``team-a/sub`` and ``team-b``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.identity.principal import Principal
from keystead.policy.engine import Decision, DecisionContext, PolicyEngine, PolicyResource
from keystead.policy.statements import errors_in
from keystead.store.store import Store

NAMES = {"root": "", "a1": "team-a", "a2": "team-a/sub", "b1": "team-b"}
IDS = {name: identifier for identifier, name in NAMES.items()}


class World:
    """An engine, and short ways to ask it. Namespaces are given by name."""

    def __init__(self) -> None:
        self.engine = PolicyEngine()

    def load(self, root: str = "", **below: str) -> None:
        """Load one valid policy ``p`` a namespace; ``team_a__sub`` is ``team-a/sub``."""
        texts = {"": root}
        texts |= {name.replace("__", "/").replace("_", "-"): text for name, text in below.items()}
        for text in texts.values():
            assert not text or errors_in(text) == []
        policies = {IDS[name]: {"p": text} if text else {} for name, text in texts.items()}
        self.engine.load(NAMES, policies)

    def ask(
        self,
        principal: Principal | str = "user/alice",
        action: str = "key:encrypt",
        resource: PolicyResource | str = "payments",
        context: DecisionContext | None = None,
        **circumstances: Any,
    ) -> Decision:
        if isinstance(principal, str):
            principal = self.principal(principal)
        if isinstance(resource, str):
            resource = self.key(resource)
        context = context or self.context(**circumstances)
        return self.engine.decide(principal, action, resource, context)

    @staticmethod
    def principal(name: str = "user/alice", *roles: str, at: str = "", **more: Any) -> Principal:
        return Principal(name, IDS[at], roles=frozenset(roles), **more)

    @staticmethod
    def key(name: str = "payments", *, at: str = "", **described: Any) -> PolicyResource:
        tags: Mapping[str, str] = described.pop("tags", {})
        return PolicyResource(
            "key",
            IDS[at],
            name,
            described,
            tags,
            ("key", at, name, *described.items(), *tags.items()),
        )

    @staticmethod
    def resource(kind: str, name: str = "", *, at: str = "") -> PolicyResource:
        return PolicyResource(kind, IDS[at], name, {}, {}, (kind, at, name))

    @staticmethod
    def context(**circumstances: Any) -> DecisionContext:
        usual: dict[str, Any] = {
            "source_ip": "10.0.0.7",
            "now": 1_700_000_000.0,  # Tuesday 2023-11-14 22:13:20 UTC
            "door": "rest",
            "mfa": False,
            "encryption_context": {},
            "certificate_sha256": "",
        }
        return DecisionContext(**(usual | circumstances))


class OneKeySealer:
    """A real sealer with a single key for all namespaces."""

    def __init__(self) -> None:
        self._key = RecordKey(KeyMaterial(bytes(32)))

    def seal(self, namespace: str, aad: bytes, plaintext: bytes) -> bytes:
        return self._key.seal(plaintext, aad)

    def open(self, namespace: str, aad: bytes, blob: bytes) -> bytes:
        return self._key.open(blob, aad)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> Callable[[], World]:
    return World


@pytest.fixture
def policy_store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/keystead.db")
    store.sealer = OneKeySealer()
    store.prepare()
    yield store
    store.close()
