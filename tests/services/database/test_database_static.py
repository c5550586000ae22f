"""Passwords that Keystead changes: of accounts that stay, and its own."""

from __future__ import annotations

from typing import Any

import psycopg
import pymysql
import pytest

from keystead.errors import InvalidRequest, KeysteadError, NotFound, UpstreamUnavailable
from keystead.operations.database import (
    ConfigureDatabase,
    DeleteStaticRole,
    IssueDatabaseCredentials,
    ReadStaticCredentials,
    RotateDatabaseRoot,
    RotateStaticRole,
    ShowDatabase,
    ShowStaticRole,
    WriteStaticRole,
)
from keystead.services.database.records import DATABASE, STATIC_ROLE

REFUSED = (psycopg.OperationalError, pymysql.err.OperationalError)
READ = ReadStaticCredentials(name="database/report")
ROTATE = RotateStaticRole(name="database/report")


@pytest.fixture
def reporter(desk: Any) -> Any:
    """A desk whose database has the account ``v-report`` with the password ``old``."""
    if desk.target.user == "postgres":
        desk.target.admin("CREATE ROLE \"v-report\" LOGIN PASSWORD 'old'")
    else:
        desk.target.admin("CREATE USER 'v-report'@'%' IDENTIFIED BY 'old'")
    return desk


def write(**given: Any) -> WriteStaticRole:
    fields: dict[str, Any] = {"database": "db", "username": "v-report"}
    fields |= {"rotation_period_seconds": 3600}
    return WriteStaticRole(name="database/report", **fields | given)


def works(desk: Any, password: str) -> bool:
    try:
        desk.target.login("v-report", password).close()
    except REFUSED:
        return False
    return True


def test_a_static_roles_password_is_changed_at_once_and_whenever_it_is_due(reporter: Any) -> None:
    reporter.ask(write())
    first = reporter.ask(READ)
    assert not works(reporter, "old")
    assert works(reporter, first.password)
    assert 3595 <= first.ttl_seconds <= 3600
    reporter.pass_time(3000)
    assert reporter.ask(READ).password == first.password
    reporter.pass_time(700)
    second = reporter.ask(READ)
    assert second.password != first.password
    assert works(reporter, second.password)
    assert not works(reporter, first.password)


def test_rotations_missed_while_the_server_was_down_are_caught_up_once(reporter: Any) -> None:
    reporter.ask(write())
    first = reporter.ask(READ)
    reporter.pass_time(3600 * 24)
    second = reporter.ask(READ)
    assert second.password != first.password
    assert 3590 <= second.ttl_seconds <= 3600


def test_a_missed_rotation_outside_its_window_waits_for_the_next(reporter: Any) -> None:
    reporter.ask(
        write(
            rotation_period_seconds=0,
            rotation_schedule="0 0 * * *",
            rotation_window_seconds=3600,
        )
    )
    first = reporter.ask(READ)
    midnight = reporter.ask(ShowStaticRole(name="database/report")).next_rotation_at
    assert midnight % 86_400 == 0
    reporter.office.now = midnight + 7200
    reporter.work()
    assert reporter.ask(READ).password == first.password
    reporter.office.now = midnight + 86_400 + 60
    reporter.work()
    assert reporter.ask(READ).password != first.password


def test_a_rotation_that_was_cut_off_sets_the_password_that_is_on_record(reporter: Any) -> None:
    reporter.ask(write())
    house = reporter.office.house
    reporter.target.stop()
    try:
        with pytest.raises(KeysteadError):
            reporter.ask(ROTATE)
    finally:
        reporter.start()
    ((_, record),) = house.store.read_now(lambda r: r.list(STATIC_ROLE, "root"))
    assert record.next_secret
    assert works(reporter, record.secret)
    reporter.ask(ROTATE)
    assert reporter.ask(READ).password == record.next_secret
    assert works(reporter, record.next_secret)


def test_a_static_role_whose_password_cannot_be_set_is_not_kept(reporter: Any) -> None:
    with pytest.raises(InvalidRequest):
        reporter.ask(write(username="v-nobody"))
    with pytest.raises(NotFound):
        reporter.ask(ShowStaticRole(name="database/report"))


def test_a_first_password_in_doubt_is_kept_and_set_again(make_desk: Any, postgres: Any) -> None:
    desk = make_desk(postgres)
    desk.configure()
    postgres.admin("CREATE ROLE \"v-report\" LOGIN PASSWORD 'old'")
    change = "ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'; COMMIT;"
    lose = f"{change} SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(UpstreamUnavailable):
        desk.ask(write(rotation_statements=[lose]))
    desk.ask(write(rotation_statements=[change]))
    desk.pass_time(1)
    assert works(desk, desk.ask(READ).password)


def test_a_failed_rotation_is_visible_and_tried_again(reporter: Any) -> None:
    reporter.ask(write())
    reporter.target.stop()
    try:
        reporter.pass_time(4000)
        shown = reporter.ask(ShowStaticRole(name="database/report"))
        assert shown.error
        assert shown.next_rotation_at - reporter.office.now < 10
    finally:
        reporter.start()
    reporter.pass_time(60)
    assert reporter.ask(ShowStaticRole(name="database/report")).error == ""
    assert works(reporter, reporter.ask(READ).password)


def test_deleting_a_static_role_leaves_its_account(reporter: Any) -> None:
    reporter.ask(write())
    password = reporter.ask(READ).password
    reporter.ask(DeleteStaticRole(name="database/report"))
    assert works(reporter, password)
    with pytest.raises(InvalidRequest, match="unknown role"):
        reporter.ask(READ)


def test_nobody_but_keystead_knows_its_own_password_after_a_rotation(desk: Any) -> None:
    made = _admin_account(desk)
    desk.configure(username="v-root", password="v-root-password-1")
    desk.ask(RotateDatabaseRoot(name="database/db"))
    with pytest.raises(REFUSED):
        desk.target.login("v-root", "v-root-password-1")
    desk.ask(IssueDatabaseCredentials(name="database/app"))
    assert "password" not in desk.ask(ShowDatabase(name="database/db")).__struct_fields__
    assert made


def test_either_password_works_when_a_root_rotation_was_cut_off(desk: Any) -> None:
    _admin_account(desk)
    desk.configure(username="v-root", password="v-root-password-1")
    house = desk.office.house

    def cut_off(tx: Any) -> None:
        ((place, record),) = tx.list(DATABASE, "root")
        kept = {f: getattr(record, f) for f in record.__struct_fields__}
        kept |= {"password": "wrong", "next_password": "v-root-password-1", "generation": "x"}
        tx.put(DATABASE, "root", place, type(record)(**kept))

    desk.office.run(house.store.write(cut_off))
    desk.ask(IssueDatabaseCredentials(name="database/app"))
    desk.ask(RotateDatabaseRoot(name="database/db"))
    desk.ask(IssueDatabaseCredentials(name="database/app"))


def _admin_account(desk: Any) -> bool:
    if desk.target.user == "postgres":
        desk.target.admin("CREATE ROLE \"v-root\" LOGIN SUPERUSER PASSWORD 'v-root-password-1'")
    else:
        desk.target.admin("CREATE USER 'v-root'@'%' IDENTIFIED BY 'v-root-password-1'")
        desk.target.admin("GRANT ALL ON *.* TO 'v-root'@'%' WITH GRANT OPTION")
    return True


def test_nothing_is_written_before_a_connection_was_made(desk: Any) -> None:
    with pytest.raises(KeysteadError) as refused:
        desk.configure(password="nonsense-password")
    assert "nonsense-password" not in refused.value.message
    desk.ask(ConfigureDatabase(name="database/db", max_open_connections=2))
    desk.ask(IssueDatabaseCredentials(name="database/app"))


def test_a_role_that_is_not_allowed_makes_no_account(desk: Any) -> None:
    desk.configure(allowed_roles=["other", "ap*x"])
    with pytest.raises(InvalidRequest, match="not an allowed role"):
        desk.ask(IssueDatabaseCredentials(name="database/app"))
    desk.configure(allowed_roles=["ap*"])
    desk.ask(IssueDatabaseCredentials(name="database/app"))
