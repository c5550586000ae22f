"""What is remembered of credentials: quick, bounded, and never older than a revocation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from keystead.errors import Unauthenticated
from keystead.identity.authenticator import Authenticator
from keystead.identity.credentials import fingerprint
from keystead.identity.entries import Entries, Entry
from keystead.identity.principal import Principal
from keystead.identity.records import TOKEN
from keystead.identity.roles import standing
from keystead.operations.identity import (
    CreateSecretId,
    CreateToken,
    LoginAppRole,
    LoginUser,
    RevokeSelf,
    RevokeToken,
    TokenLimits,
    WriteGroup,
)
from keystead.store.transaction import Change

PRINCIPAL = Principal(name="user/alice", namespace="root")


def entry(*depends_on: tuple[str, str, str], namespace: str = "root") -> Entry:
    return Entry(Principal(name="p", namespace=namespace), float("inf"), (), depends_on)


def change(number: int, kind: str, id: str, namespace: str = "root") -> Change:
    return Change(number, namespace, kind, id, "", 0.0)


def key(n: int) -> bytes:
    return n.to_bytes(32)


def test_a_known_token_is_admitted_without_storage(desk: Any) -> None:
    token = desk.user("alice", ["r"])
    call = desk.call(token)
    assert desk.authenticator.cached(call) is None
    principal = desk.who(token)
    assert desk.authenticator.cached(call) == principal


def test_a_bad_token_is_refused_for_a_moment_without_storage(desk: Any) -> None:
    call = desk.call("no such token")
    assert desk.authenticator.cached(call) is None
    with pytest.raises(Unauthenticated):
        desk.who(call.token)
    with pytest.raises(Unauthenticated):
        desk.authenticator.cached(call)
    desk.now += 2
    assert desk.authenticator.cached(call) is None


def test_a_token_that_was_unknown_is_good_as_soon_as_it_exists(desk: Any) -> None:
    with pytest.raises(Unauthenticated):
        desk.who("chosen")
    desk.store.write_now(lambda tx: desk.authenticator.issue_root(tx, token="chosen"))
    assert desk.who("chosen").root


def test_a_reader_that_a_revocation_overtakes_does_not_bring_the_token_back(desk: Any) -> None:
    token = desk.user("alice", ["r"])

    def slow(reader: Any) -> Principal:
        reader.last_change()  # the snapshot begins here
        desk.store.write_now(lambda tx: tx.delete(TOKEN, "", fingerprint(token)))
        return desk.authenticator.authenticate(desk.call(token), reader)

    assert desk.store.read_now(slow).name == "user/alice"
    assert desk.authenticator.cached(desk.call(token)) is None
    with pytest.raises(Unauthenticated):
        desk.who(token)


def test_a_reader_that_an_issue_overtakes_does_not_keep_the_token_out(desk: Any) -> None:
    def slow(reader: Any) -> None:
        reader.last_change()
        desk.store.write_now(lambda tx: desk.authenticator.issue_root(tx, token="chosen"))
        with pytest.raises(Unauthenticated):
            desk.authenticator.authenticate(desk.call("chosen"), reader)

    desk.store.read_now(slow)
    assert desk.who("chosen").root


def test_a_reader_that_is_ahead_of_the_memory_does_not_use_it(desk: Any) -> None:
    first = desk.user("alice", ["a"])
    second = desk.ask(LoginUser(name="alice", password="correct horse battery")).token
    desk.who(first)
    changes: list[Change] = []
    desk.store.on_commit = changes.extend
    desk.ask(WriteGroup(name="g", members=["user/alice"], roles=["b"]))
    assert desk.who(second).roles == {"a", "b"}
    desk.authenticator.forget(changes)
    assert desk.who(first).roles == {"a", "b"}


def test_a_reader_that_a_change_of_roles_overtakes_does_not_keep_the_old_ones(desk: Any) -> None:
    token = desk.user("alice", ["a"])

    def slow(reader: Any) -> None:
        reader.last_change()
        desk.ask(WriteGroup(name="g", members=["user/alice"], roles=["b"]))
        desk.authenticator.authenticate(desk.call(token), reader)

    desk.store.read_now(slow)
    assert desk.who(token).roles == {"a", "b"}


def test_what_a_principal_has_is_read_once_for_all_its_tokens(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counted(*who: Any) -> Any:
        read.append(who)
        return standing(*who)

    monkeypatch.setattr("keystead.identity.standings.standing", counted)
    approle = desk.approle(roles=["a"])
    secret_id = desk.ask(CreateSecretId(name="ci")).secret_id
    for _ in range(5):
        issued = desk.ask(LoginAppRole(role_id=approle.role_id, secret_id=secret_id))
        desk.who(issued.token)
    assert len([who for who in read if who[2] == "approle/ci"]) == 1


def test_clearing_forgets_everything(desk: Any) -> None:
    token = desk.user("alice")
    desk.who(token)
    desk.authenticator.clear()
    assert desk.authenticator.cached(desk.call(token)) is None
    assert desk.who(token)


@pytest.mark.parametrize(
    ("changed", "dropped"),
    [
        (change(9, "token", key(1).hex(), ""), True),
        (change(9, "token", key(2).hex(), ""), False),
        (change(9, "token", key(7).hex(), ""), True),
        (change(9, "user", "alice"), True),
        (change(9, "user", "bob"), False),
        (change(9, "user", "alice", "team"), False),
        (change(9, "approle", "alice"), False),
        (change(9, "role", "any"), True),
        (change(9, "group", "any"), True),
        (change(9, "group-member", "any"), True),
        (change(9, "role", "any", "team"), False),
        (change(9, "namespace", "any", ""), True),
        (change(9, "seal", "seal", ""), True),
        (change(9, "key", "any"), False),
        (change(9, "secret-id", "any"), False),
    ],
)
def test_a_change_drops_what_hangs_on_it_and_nothing_else(changed: Change, dropped: bool) -> None:
    entries = Entries(10, 1.0)
    entries.keep(key(1), entry(("token", "", key(7).hex()), ("user", "root", "alice")), 0)
    entries.drop([changed])
    assert (entries.find(key(1)) is None) is dropped


def test_memory_is_bounded_and_keeps_what_is_used() -> None:
    entries = Entries(10, 1.0)
    place = ("user", "root", "alice")
    for n in range(1_000):
        entries.keep(key(n), entry(place), 0)
        entries.refuse(key(n), 0.0, 0)
        assert entries.find(key(0)) is not None
    assert len(entries) <= 20
    assert len(entries._refused) <= 10
    assert len(entries._dependants[place]) <= 20
    entries.drop([change(1, "user", "alice")])
    assert len(entries) == 0
    assert not entries._dependants


def test_looking_a_token_up_in_memory_takes_microseconds(desk: Any) -> None:
    import time

    token = desk.user("alice", ["r"])
    desk.who(token)
    call, cached = desk.call(token), desk.authenticator.cached
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(1_000):
            cached(call)
        best = min(best, time.perf_counter() - started)
    assert best / 1_000 < 10e-6


# --- every tree of tokens ---------------------------------------------------------------


class TokenTrees(RuleBasedStateMachine):
    """However tokens are made, revoked and left to expire, each is good exactly while it and
    all its parents are: from memory as from storage."""

    desk: Any
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, tuple[str | None, float, str]] = {}
        self.revoked: set[str] = set()

    def alive(self, token: str) -> bool:
        parent, end, _ = self.model[token]
        if token in self.revoked or end <= self.desk.now:
            return False
        return parent is None or self.alive(parent)

    def add(self, parent: str | None, ttl: int, orphan: bool, batch: bool) -> str:
        made = self.desk.ask(
            CreateToken(
                name="t" if parent is None else None,
                roles=["r"] if parent is None else None,
                orphan=orphan,
                token_kind="batch" if batch else "service",
                limits=TokenLimits(ttl_seconds=ttl),
            ),
            parent,
        )
        above = None if orphan else parent
        self.model[made.token] = (above, self.desk.now + ttl, made.info.accessor)
        return str(made.token)

    @rule(target=tokens, ttl=st.integers(1, 50))
    def begin(self, ttl: int) -> str:
        return self.add(None, ttl, True, False)

    @rule(
        target=tokens,
        parent=tokens,
        ttl=st.integers(1, 50),
        orphan=st.booleans(),
        batch=st.booleans(),
    )
    def beget(self, parent: str, ttl: int, orphan: bool, batch: bool) -> str:
        if parent.startswith("ksb_") or not self.alive(parent):
            return parent
        self.desk.permitted = {("token:create-orphan", "token", "")}
        return self.add(parent, ttl, orphan, batch)

    @rule(token=tokens)
    def revoke(self, token: str) -> None:
        if not token.startswith("ksb_") and self.alive(token):
            self.desk.ask(RevokeSelf(), token)
            self.revoked.add(token)

    @rule(token=tokens)
    def revoke_and_free(self, token: str) -> None:
        if token.startswith("ksb_") or not self.alive(token):
            return
        for other, (parent, end, accessor) in self.model.items():
            if parent == token and not other.startswith("ksb_") and self.alive(other):
                self.model[other] = (None, end, accessor)
        self.desk.ask(RevokeToken(accessor=self.model[token][2], orphan_children=True))
        self.revoked.add(token)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.desk.now += seconds

    @rule(token=consumes(tokens))
    def judge(self, token: str) -> None:
        self.require(token)

    def require(self, token: str) -> None:
        for _ in range(2):
            try:
                self.desk.who(token)
                good = True
            except Unauthenticated:
                good = False
            assert good is self.alive(token)

    def teardown(self) -> None:
        for token in self.model:
            self.require(token)


def test_no_token_outlives_its_parents_unless_it_is_an_orphan(desk: Any) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    class Machine(TokenTrees):
        pass

    Machine.desk = desk
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )


def test_a_chain_of_caches_agrees_with_a_fresh_authenticator(desk: Any) -> None:
    alice = desk.user("alice", ["r"])
    child = desk.ask(CreateToken(roles=["r"]), alice).token
    remembered = desk.who(child)
    fresh = Authenticator(desk.namespaces, desk.keyring, desk.house.clock)
    read = desk.store.read_now(lambda reader: fresh.authenticate(desk.call(child), reader))
    assert read == remembered
