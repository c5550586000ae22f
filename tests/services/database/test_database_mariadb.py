"""What is MariaDB's own: hosts, and the right to end others' sessions."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import InvalidRequest
from keystead.operations.database import IssueDatabaseCredentials
from keystead.operations.leases import ListLeases, RevokeLease

CREDS = IssueDatabaseCredentials(name="database/app")


@pytest.fixture
def maria_desk(make_desk: Any, mariadb: Any) -> Any:
    made = make_desk(mariadb)
    made.configure()
    made.role()
    return made


def test_an_account_goes_at_every_host_it_has(maria_desk: Any) -> None:
    local = "CREATE USER '{{name}}'@'127.0.0.1' IDENTIFIED BY '{{password}}'"
    maria_desk.role(creation_statements=[f"{maria_desk.target.create}; {local}"])
    made = maria_desk.ask(CREDS)
    assert len(maria_desk.target.accounts()) == 2
    maria_desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
    assert maria_desk.target.accounts() == []


def test_a_session_that_may_not_be_ended_keeps_the_lease_from_being_forgotten(
    maria_desk: Any,
) -> None:
    target = maria_desk.target
    target.admin("CREATE USER 'v-lesser'@'%' IDENTIFIED BY 'lesser-1'")
    target.admin("GRANT CREATE USER, PROCESS ON *.* TO 'v-lesser'@'%' WITH GRANT OPTION")
    target.admin("GRANT SELECT ON mysql.user TO 'v-lesser'@'%'")
    maria_desk.configure(username="v-lesser", password="lesser-1")
    made = maria_desk.ask(CREDS)
    session = target.login(made.username, made.password)
    with pytest.raises(InvalidRequest, match="not owner of thread"):
        maria_desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
    assert target.accounts() == ["v-lesser"]
    assert maria_desk.ask(ListLeases(state="failed")).leases[0].id == made.lease_id
    session.close()
    maria_desk.pass_time(60)
    assert maria_desk.ask(ListLeases(state="failed")).leases == []
