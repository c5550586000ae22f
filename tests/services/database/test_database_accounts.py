"""Accounts for a time, at real databases."""

from __future__ import annotations

from typing import Any

import psycopg
import pymysql
import pytest

from keystead.errors import InvalidRequest, UpstreamUnavailable
from keystead.operations.database import IssueDatabaseCredentials
from keystead.operations.leases import (
    CountLeases,
    ForgetLeases,
    ListLeases,
    RenewLease,
    RevokeLease,
    RevokeLeases,
    ShowLease,
)

REFUSED = (psycopg.OperationalError, pymysql.err.OperationalError)
CREDS = IssueDatabaseCredentials(name="database/app")


def test_an_account_logs_in_until_its_lease_ends(desk: Any) -> None:
    made = desk.ask(CREDS)
    desk.target.login(made.username, made.password).close()
    assert made.username.startswith("v-root-app-")
    assert made.lease_id.startswith("database/creds/app/")
    assert desk.ask(ShowLease(lease_id=made.lease_id)).state == "live"
    desk.pass_time(61)
    with pytest.raises(REFUSED):
        desk.target.login(made.username, made.password)
    assert desk.target.accounts() == []
    with pytest.raises(InvalidRequest, match="invalid lease"):
        desk.ask(ShowLease(lease_id=made.lease_id))


def test_an_open_session_ends_with_its_lease(desk: Any) -> None:
    made = desk.ask(CREDS)
    session = desk.target.login(made.username, made.password)
    session.cursor().execute("SELECT 1")
    desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
    with pytest.raises((psycopg.OperationalError, pymysql.err.MySQLError)):
        session.cursor().execute("SELECT 1")


def test_a_renewed_lease_holds_longer_but_not_beyond_its_longest_lifetime(desk: Any) -> None:
    made = desk.ask(CREDS)
    desk.pass_time(50)
    renewed = desk.ask(RenewLease(lease_id=made.lease_id, increment_seconds=300))
    assert round(renewed.expires_at - desk.office.now) == 300
    desk.pass_time(100)
    desk.target.login(made.username, made.password).close()
    longest = desk.ask(RenewLease(lease_id=made.lease_id, increment_seconds=3600))
    assert round(longest.expires_at - longest.issued_at) == 600
    desk.pass_time(500)
    assert desk.target.accounts() == []
    with pytest.raises(InvalidRequest, match="lease not found"):
        desk.ask(RenewLease(lease_id=made.lease_id))


def test_creation_that_fails_half_way_leaves_no_account(desk: Any) -> None:
    desk.role(creation_statements=[desk.target.create, "GRANT nonsense TO nobody"])
    with pytest.raises(InvalidRequest):
        desk.ask(CREDS)
    desk.work()
    assert desk.target.accounts() == []
    assert desk.ask(CountLeases()).live == 0
    assert desk.ask(CountLeases()).revoking == 0


def test_a_database_that_is_down_delays_revocation_visibly_and_does_not_prevent_it(
    desk: Any,
) -> None:
    made = desk.ask(CREDS)
    desk.target.stop()
    try:
        with pytest.raises(UpstreamUnavailable):
            desk.ask(CREDS)
        for _ in range(8):
            desk.pass_time(7200)
        (failing,) = desk.ask(ListLeases(state="irrevocable")).leases
        assert failing.id == made.lease_id
        assert failing.error
        assert desk.ask(CountLeases()).irrevocable == 1
        assert desk.ask(ListLeases(state="failed")).leases[0].id == made.lease_id
    finally:
        desk.start()
    desk.pass_time(7200)
    assert desk.target.accounts() == []
    assert desk.ask(ListLeases(state="failed")).leases == []


def test_all_leases_below_a_prefix_are_revoked_together(desk: Any) -> None:
    desk.role("other")
    for _ in range(3):
        desk.ask(CREDS)
    other = desk.ask(IssueDatabaseCredentials(name="database/other"))
    desk.ask(RevokeLeases(prefix="database/creds/app", wait=True))
    assert desk.target.accounts() == [other.username]
    desk.ask(RevokeLeases(prefix="database"))
    desk.work()
    assert desk.target.accounts() == []


def test_what_cannot_be_revoked_is_forgotten_by_force(desk: Any) -> None:
    made = desk.ask(CREDS)
    desk.target.stop()
    try:
        with pytest.raises(UpstreamUnavailable):
            desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
        desk.ask(ForgetLeases(prefix="database/creds"))
        counted = desk.ask(CountLeases())
        assert (counted.live, counted.failed, counted.revoking) == (0, 0, 0)
    finally:
        desk.start()
