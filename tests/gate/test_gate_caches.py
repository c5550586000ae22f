"""No worker serves an old state once a change's caller has its reply."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from keystead.errors import KeyStateForbids, NotFound, PermissionDenied
from keystead.operations.cryptography import Decrypt, Encrypt
from keystead.operations.keys import (
    AddAlias,
    CreateKey,
    DisableKey,
    EnableKey,
    RemoveAlias,
    RotateKey,
    UpdateKey,
)
from keystead.operations.policies import WritePolicy
from keystead.services.feed import Board

NAMES = ("a", "b")
ALIASES = ("x", "y")
WORKERS = st.integers(0, 1)
POLICY = (
    'permit (principal == Principal::"token/app", action in Action::"key:use", resource)'
    ' when {{ resource.hasTag("level") && resource.getTag("level") == "{}" }};'
)


class Twins(RuleBasedStateMachine):
    """Two workers on one database, and what they must agree on."""

    offices: Any
    token: str

    @initialize()
    def start(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.aliases: dict[str, str] = {}
        self.sealed: list[tuple[str, int, bytes]] = []
        self.level = "none"
        self.prefix = f"m{next(self.offices[2])}-"
        self.permit(0, "low")

    def name(self, short: str) -> str:
        return self.prefix + short

    def ask(self, worker: int, operation: Any, token: str | None = None) -> Any:
        return self.offices[worker].perform(operation, token=token)

    @rule(worker=WORKERS, name=st.sampled_from(NAMES))
    def create(self, worker: int, name: str) -> None:
        if name not in self.keys:
            self.ask(worker, CreateKey(name=self.name(name), tags={"level": "low"}))
            self.keys[name] = {"primary": 1, "active": True, "level": "low"}

    @precondition(lambda self: self.keys)
    @rule(worker=WORKERS, data=st.data())
    def rotate(self, worker: int, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.keys)))
        if self.keys[name]["active"]:
            self.ask(worker, RotateKey(key=self.name(name)))
            self.keys[name]["primary"] += 1

    @precondition(lambda self: self.keys)
    @rule(worker=WORKERS, data=st.data(), active=st.booleans())
    def switch(self, worker: int, data: Any, active: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.keys)))
        self.ask(worker, (EnableKey if active else DisableKey)(key=self.name(name)))
        self.keys[name]["active"] = active

    @precondition(lambda self: self.keys)
    @rule(worker=WORKERS, data=st.data(), level=st.sampled_from(["low", "high"]))
    def tag(self, worker: int, data: Any, level: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.keys)))
        self.ask(worker, UpdateKey(key=self.name(name), tags={"level": level}))
        self.keys[name]["level"] = level

    @precondition(lambda self: self.keys)
    @rule(worker=WORKERS, data=st.data(), alias=st.sampled_from(ALIASES))
    def point(self, worker: int, data: Any, alias: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.keys)))
        self.ask(worker, AddAlias(key=self.name(name), alias=self.name(alias), move=True))
        self.aliases[alias] = name

    @rule(worker=WORKERS, alias=st.sampled_from(ALIASES))
    def drop(self, worker: int, alias: str) -> None:
        if alias in self.aliases:
            key = self.name(self.aliases.pop(alias))
            self.ask(worker, RemoveAlias(key=key, alias=self.name(alias)))

    @rule(worker=WORKERS, level=st.sampled_from(["low", "high"]))
    def permit(self, worker: int, level: str) -> None:
        self.ask(worker, WritePolicy(name="app", text=POLICY.format(level)))
        self.level = level

    @rule(worker=WORKERS, reference=st.sampled_from(NAMES + ALIASES))
    def encrypt(self, worker: int, reference: str) -> None:
        name = self.aliases.get(reference, reference)
        operation = Encrypt(key=self.name(reference), plaintext=name.encode())
        key = self.keys.get(name)
        if key is None or key["level"] != self.level:
            self.refused(worker, operation, PermissionDenied)
        elif not key["active"]:
            self.refused(worker, operation, KeyStateForbids)
        else:
            made = self.ask(worker, operation, self.token)
            assert made.version == key["primary"]
            self.sealed.append((name, made.version, made.ciphertext))

    @precondition(lambda self: self.sealed)
    @rule(worker=WORKERS, data=st.data())
    def decrypt(self, worker: int, data: Any) -> None:
        name, version, ciphertext = data.draw(st.sampled_from(self.sealed))
        operation, key = Decrypt(ciphertext=ciphertext), self.keys[name]
        if key["level"] != self.level:
            self.refused(worker, operation, PermissionDenied)
        elif not key["active"]:
            self.refused(worker, operation, KeyStateForbids)
        else:
            opened = self.ask(worker, operation, self.token)
            assert (opened.plaintext, opened.version) == (name.encode(), version)

    def refused(self, worker: int, operation: Any, error: type[Exception]) -> None:
        try:
            self.ask(worker, operation, self.token)
        except error:
            return
        raise AssertionError(f"{operation!r} was not refused with {error.__name__}")


def test_two_workers_never_serve_an_old_state(make_office: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory = bytearray(16)
        first = make_office(Path(folder), board=Board(memory, 0), slot=0).initialize()
        second = make_office(Path(folder), board=Board(memory, 1), slot=1)
        second.root_token = first.root_token

        class Machine(Twins):
            offices = (first, second, iter(range(10_000)))
            token = first.token(name="app")

        try:
            run_machine(
                Machine,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            second.close()
            first.close()


def test_a_change_of_one_worker_is_seen_by_the_other_at_once(two_offices: Any) -> None:
    one, other = two_offices
    one.key()
    for _ in range(20):
        sealed = other.perform(Encrypt(key="k", plaintext=b"x")).ciphertext
        one.perform(DisableKey(key="k"))
        for operation in (Encrypt(key="k", plaintext=b"x"), Decrypt(ciphertext=sealed)):
            try:
                other.perform(operation)
            except KeyStateForbids:
                continue
            raise AssertionError("a suspended key served")
        one.perform(EnableKey(key="k"))
    try:
        other.perform(Encrypt(key="none", plaintext=b"x"))
    except NotFound:
        one.key("none")
    assert other.perform(Encrypt(key="none", plaintext=b"x")).version == 1
