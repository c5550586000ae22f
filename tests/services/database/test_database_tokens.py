"""An account ends with the token that it was made for, and only who may has one."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import PermissionDenied
from keystead.operations.database import IssueDatabaseCredentials, ShowDatabaseRole
from keystead.operations.identity import CreateToken, ReapTokens, RevokeToken, TokenLimits
from keystead.operations.leases import ListLeases, RenewLease, ShowLease
from keystead.operations.policies import WritePolicy

CREDS = IssueDatabaseCredentials(name="database/app")
POLICY = """
permit (
  principal in Role::"reader",
  action in [Action::"database-role:issue", Action::"token:create", Action::"lease:show"],
  resource
);
"""


@pytest.fixture
def pg_desk(make_desk: Any, postgres: Any) -> Any:
    made = make_desk(postgres)
    made.configure()
    made.role(default_ttl_seconds=3000, max_ttl_seconds=9000)
    made.ask(WritePolicy(name="readers", text=POLICY))
    return made


def token(desk: Any, by: str | None = None, **given: Any) -> Any:
    fields: dict[str, Any] = {"roles": ["reader"]} if by is None else {}
    if by is None:
        fields |= {"name": "app", "orphan": True}
    return desk.perform(CreateToken(**fields | given), by)


def test_revoking_a_token_ends_its_accounts_and_those_of_its_children(pg_desk: Any) -> None:
    parent = token(pg_desk)
    child = token(pg_desk, parent.token)
    other = token(pg_desk)
    kept = pg_desk.perform(CREDS, other.token)
    for each in (parent, child):
        pg_desk.perform(CREDS, each.token)
    assert len(pg_desk.target.accounts()) == 3
    pg_desk.ask(RevokeToken(accessor=parent.info.accessor))
    pg_desk.work()
    assert pg_desk.target.accounts() == [kept.username]


def test_an_account_ends_when_its_token_expires(pg_desk: Any) -> None:
    short = token(pg_desk, limits=TokenLimits(ttl_seconds=100))
    pg_desk.perform(CREDS, short.token)
    pg_desk.office.now = pg_desk.office.clock() + 101
    pg_desk.office.as_server(ReapTokens())
    pg_desk.work()
    assert pg_desk.target.accounts() == []


def test_an_account_of_a_batch_token_holds_no_longer_than_the_token(pg_desk: Any) -> None:
    parent = token(pg_desk)
    batch = token(pg_desk, parent.token, token_kind="batch", limits=TokenLimits(ttl_seconds=100))
    made = pg_desk.perform(CREDS, batch.token)
    assert 90 <= made.lease_seconds <= 100
    assert not made.renewable
    assert not pg_desk.ask(ShowLease(lease_id=made.lease_id)).renewable
    second = pg_desk.perform(CREDS, batch.token)
    pg_desk.ask(RevokeToken(accessor=parent.info.accessor))
    pg_desk.work()
    assert second.username
    assert pg_desk.target.accounts() == []


def test_the_right_to_accounts_is_none_to_anything_else(pg_desk: Any) -> None:
    reader = token(pg_desk)
    made = pg_desk.perform(CREDS, reader.token)
    for operation in (
        ShowDatabaseRole(name="database/app"),
        ListLeases(),
        RenewLease(lease_id=made.lease_id),
    ):
        with pytest.raises(PermissionDenied):
            pg_desk.perform(operation, reader.token)
    nobody = pg_desk.office.token("other")
    with pytest.raises(PermissionDenied):
        pg_desk.perform(CREDS, nobody)
