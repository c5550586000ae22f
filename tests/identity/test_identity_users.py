"""Users and their passwords."""

from __future__ import annotations

import time
from typing import Any

import pytest

from keystead.errors import InvalidRequest, NotFound, Overloaded, Unauthenticated
from keystead.identity.passwords import hash_password, is_password
from keystead.identity.throttle import Throttle
from keystead.operations.identity import (
    CreateToken,
    DeleteUser,
    ListUsers,
    LoginUser,
    SetPassword,
    ShowUser,
    TokenLimits,
    WriteGroup,
    WriteUser,
)
from keystead.services.registry import BEFORE

PASSWORD = "correct horse battery"
OTHER = "another long password"


def log_in(desk: Any, name: str = "alice", password: str = PASSWORD, **given: Any) -> str:
    return str(desk.ask(LoginUser(name=name, password=password), **given).token)


def fails(desk: Any, name: str = "alice", password: str = PASSWORD, **given: Any) -> bool:
    try:
        log_in(desk, name, password, **given)
    except Unauthenticated as refusal:
        return str(refusal) == "The log-in failed." and not refusal.details
    return False


def ends(desk: Any, *tokens: str) -> bool:
    for token in tokens:
        try:
            desk.who(token)
        except Unauthenticated:
            continue
        return False
    return True


def test_a_user_logs_in_and_is_itself(desk: Any) -> None:
    token = desk.user("alice", ["r"], limits=TokenLimits(ttl_seconds=60))
    principal = desk.who(token)
    assert principal.name == "user/alice"
    assert principal.roles == {"r"}
    assert principal.expires_at == desk.now + 60


def test_every_failed_log_in_looks_the_same(desk: Any) -> None:
    desk.user("alice", limits=TokenLimits(bound_cidrs=["10.0.0.0/8"]))
    desk.add_namespace("team")
    assert fails(desk, "nobody")
    assert fails(desk, "alice", OTHER)
    assert fails(desk, "alice", "")
    assert fails(desk, "alice", source_ip="192.0.2.1")
    assert fails(desk, "alice", namespace="team")
    assert not fails(desk, "alice")


def test_an_unknown_user_costs_as_much_time_as_a_wrong_password(desk: Any) -> None:
    desk.user("alice")

    def best(name: str) -> float:
        times = []
        for _ in range(4):
            started = time.thread_time()
            assert fails(desk, name, OTHER)
            times.append(time.thread_time() - started)
        return min(times)

    best("nobody")  # makes the stand-in hash
    assert 0.7 < best("somebody") / best("alice") < 1.4


def test_a_new_user_needs_a_password_and_a_present_one_keeps_its_own(desk: Any) -> None:
    with pytest.raises(InvalidRequest):
        desk.ask(WriteUser(name="alice"))
    token = desk.user("alice", ["r"])
    desk.ask(WriteUser(name="alice", roles=["s"]))
    assert desk.who(token).roles == {"s"}
    assert not fails(desk)


@pytest.mark.parametrize("how", [SetPassword, WriteUser])
def test_a_new_password_ends_the_tokens_of_the_user(desk: Any, how: Any) -> None:
    token = desk.user("alice", ["r"])
    other = desk.user("bob", ["r"])
    child = desk.ask(CreateToken(), token).token
    batch = desk.ask(CreateToken(token_kind="batch"), token).token
    desk.who(batch)
    desk.ask(how(name="alice", password=OTHER))
    assert ends(desk, token, child, batch)
    assert not ends(desk, other)
    assert fails(desk)
    assert not fails(desk, password=OTHER)


def test_deleting_a_user_ends_its_tokens_for_good(desk: Any) -> None:
    token = desk.user("alice", ["r"])
    child = desk.ask(CreateToken(), token).token
    desk.ask(DeleteUser(name="alice"))
    assert fails(desk)
    assert desk.token_count() == 1
    desk.user("alice", ["r"])
    assert ends(desk, token, child)


def test_more_tokens_than_are_swept_at_once_all_end_at_once(desk: Any) -> None:
    from keystead.services.identity import issuing, revoking

    token = desk.user("alice", ["r"])
    record = desk.store.read_now(lambda reader: desk.authenticator.record_of(token, reader))

    def issue_many(tx: Any) -> list[str]:
        import msgspec

        return [
            issuing.store_token(tx, msgspec.structs.replace(record, accessor=f"a{n}"))
            for n in range(revoking._SWEEP_AT_ONCE + 50)
        ]

    tokens = desk.store.write_now(issue_many)
    desk.who(tokens[-1])
    desk.ask(DeleteUser(name="alice"))
    assert 1 < desk.token_count() < 100
    assert ends(desk, *tokens)
    desk.user("alice", ["r"])
    desk.authenticator.clear()
    assert ends(desk, *tokens)


def test_a_password_that_changes_while_it_is_checked_does_not_log_in(desk: Any) -> None:
    desk.user("alice")
    check = BEFORE[LoginUser]

    def overtaken(operation: Any, scope: Any, reader: Any) -> Any:
        found = check(operation, scope, reader)
        desk.ask(SetPassword(name="alice", password=OTHER))
        return found

    BEFORE[LoginUser] = overtaken
    try:
        assert fails(desk)
    finally:
        BEFORE[LoginUser] = check


def test_setting_a_password_of_a_user_with_roles_beyond_ones_own_needs_role_grant(
    desk: Any,
) -> None:
    desk.user("admin", ["a", "b"])
    desk.user("grouped", ["a"])
    desk.ask(WriteGroup(name="g", members=["user/grouped"], roles=["b"]))
    alice = desk.user("alice", ["a"])
    for name in ("admin", "grouped"):
        denied = desk.refused(SetPassword(name=name, password=OTHER), alice)
        assert denied.details["role"] == "b"
        desk.refused(WriteUser(name=name, roles=["a", "b"], password=OTHER), alice)
    desk.permitted = {("role:grant", "role", "b")}
    desk.ask(SetPassword(name="admin", password=OTHER), alice)


def test_writing_a_user_with_roles_beyond_ones_own_needs_role_grant(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    new = WriteUser(name="new", password=OTHER, roles=["a", "b"])
    assert desk.refused(new, alice).details["role"] == "b"
    desk.refused(WriteUser(name="alice", roles=["a", "b"]), alice)
    desk.permitted = {("role:grant", "role", "b")}
    desk.ask(new, alice)


def test_users_are_shown_and_listed_without_their_hash(desk: Any) -> None:
    desk.user("alice", ["r"])
    desk.user("bob")
    shown = desk.ask(ShowUser(name="alice"))
    assert shown.roles == ["r"]
    assert not hasattr(shown, "password_hash")
    assert desk.ask(ListUsers(limit=1)).names == ["alice"]
    assert desk.ask(ListUsers(limit=1)).next == "alice"
    assert desk.ask(ListUsers(after="alice")).names == ["bob"]
    for operation in (
        ShowUser(name="x"),
        DeleteUser(name="x"),
        SetPassword(name="x", password=OTHER),
    ):
        with pytest.raises(NotFound):
            desk.ask(operation)


def test_a_password_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert is_password(PASSWORD, first)
    assert not is_password(OTHER, first)
    assert not is_password(PASSWORD, None)
    assert not is_password(PASSWORD, "no hash")
    assert not is_password("\ud800", first)


def test_no_password_is_in_a_repr_or_the_database(desk: Any) -> None:
    desk.user("alice")
    assert PASSWORD not in repr(LoginUser(name="alice", password=PASSWORD))
    assert PASSWORD not in repr(WriteUser(name="alice", password=PASSWORD))
    database = b"".join(path.read_bytes() for path in desk.store_files())
    assert PASSWORD.encode() not in database
    assert b"$argon2id$" not in database


# --- guessing ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_after_five_failures_even_the_right_password_must_wait(desk: Any, name: str) -> None:
    desk.user("alice")
    for _ in range(5):
        assert fails(desk, name, OTHER)
    with pytest.raises(Overloaded) as waiting:
        log_in(desk, name)
    assert waiting.value.details == {"retry_after_seconds": 2}
    if name == "alice":
        desk.now += 2
        log_in(desk)
        for _ in range(5):
            assert fails(desk, name, OTHER)


def test_each_further_failure_doubles_the_wait_up_to_five_minutes() -> None:
    throttle = Throttle()
    now, waits = 0.0, []
    for _ in range(5):
        throttle.failed("n", "a", now)
    for _ in range(10):
        with pytest.raises(Overloaded) as waiting:
            throttle.admit("n", "a", now)
        waits.append(waiting.value.details["retry_after_seconds"])
        now += waits[-1]
        throttle.admit("n", "a", now)
        throttle.failed("n", "a", now)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    throttle.admit("n", "b", now)
    throttle.admit("m", "a", now)


def test_of_many_attempts_at_once_after_the_wait_one_is_admitted(pool: Any) -> None:
    throttle = Throttle()
    for _ in range(5):
        throttle.failed("n", "a", 0.0)

    def admitted(_: int) -> bool:
        try:
            throttle.admit("n", "a", 10.0)
        except Overloaded:
            return False
        return True

    assert list(pool.map(admitted, range(50))).count(True) == 1


def test_failures_of_countless_names_take_bounded_memory() -> None:
    throttle = Throttle()
    for n in range(10_500):
        throttle.failed("n", str(n), 0.0)
    assert len(throttle._failures) == 10_000
