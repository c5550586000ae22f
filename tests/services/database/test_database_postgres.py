"""What is PostgreSQL's own: ownership, lesser administrators, verifiers, keys, limits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import psycopg
import pytest

from keystead.errors import InvalidRequest
from keystead.operations.database import (
    IssueDatabaseCredentials,
    ReloadDatabases,
    ResetDatabase,
    RotateDatabaseRoot,
)
from keystead.operations.leases import RenewLease, RevokeLease
from keystead.operations.mounts import DeleteMount
from keystead.operations.password_policies import WritePasswordPolicy
from keystead.services.database.records import DATABASE, DATABASE_REMAINS

CREDS = IssueDatabaseCredentials(name="database/app")


@pytest.fixture
def pg_desk(make_desk: Any, postgres: Any) -> Any:
    made = make_desk(postgres)
    made.configure()
    made.role()
    return made


def test_what_an_account_made_outlives_it(pg_desk: Any) -> None:
    grant = 'GRANT CREATE ON SCHEMA public TO "{{name}}"'
    pg_desk.role(creation_statements=[pg_desk.target.create, grant])
    made = pg_desk.ask(CREDS)
    with pg_desk.target.login(made.username, made.password) as session:
        session.execute("CREATE TABLE kept AS SELECT 1 AS one")
    pg_desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
    try:
        assert pg_desk.target.admin("SELECT one FROM kept") == [(1,)]
        assert pg_desk.target.accounts() == []
    finally:
        pg_desk.target.admin("DROP TABLE kept")


def test_an_administrator_that_is_no_superuser_can_make_and_take_back(pg_desk: Any) -> None:
    target = pg_desk.target
    target.admin(
        "CREATE ROLE \"v-lesser\" LOGIN CREATEROLE PASSWORD 'lesser-1';"
        'GRANT pg_signal_backend TO "v-lesser"'
    )
    pg_desk.configure(username="v-lesser", password="lesser-1")
    made = pg_desk.ask(CREDS)
    session = target.login(made.username, made.password)
    pg_desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
    assert target.accounts() == ["v-lesser"]
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")


def test_statements_of_a_role_are_used_where_it_has_them(pg_desk: Any) -> None:
    pg_desk.role(
        revocation_statements=['ALTER ROLE "{{name}}" NOLOGIN'],
        renew_statements=[
            "ALTER ROLE \"{{name}}\" VALID UNTIL '{{expiration}}' CONNECTION LIMIT 7"
        ],
    )
    made = pg_desk.ask(CREDS)
    pg_desk.ask(RenewLease(lease_id=made.lease_id))
    limits = f"SELECT rolconnlimit, rolcanlogin FROM pg_roles WHERE rolname = '{made.username}'"
    assert pg_desk.target.admin(limits) == [(7, True)]
    pg_desk.ask(RevokeLease(lease_id=made.lease_id, wait=True))
    assert pg_desk.target.admin(limits) == [(7, False)]


def test_renewing_moves_the_time_when_the_account_expires_by_itself(pg_desk: Any) -> None:
    made = pg_desk.ask(CREDS)
    until = f"SELECT rolvaliduntil FROM pg_roles WHERE rolname = '{made.username}'"
    ((first,),) = pg_desk.target.admin(until)
    pg_desk.ask(RenewLease(lease_id=made.lease_id, increment_seconds=500))
    ((second,),) = pg_desk.target.admin(until)
    assert 430 < (second - first).total_seconds() < 445


def test_the_database_can_be_given_a_verifier_in_place_of_the_password(pg_desk: Any) -> None:
    pg_desk.configure(password_authentication="scram-sha-256")
    pg_desk.target.admin("ALTER SYSTEM SET log_statement = 'all'")
    pg_desk.target.admin("SELECT pg_reload_conf()")
    made = pg_desk.ask(CREDS)
    pg_desk.target.login(made.username, made.password).close()
    log = (pg_desk.target.folder / "log").read_text()
    pg_desk.target.admin("ALTER SYSTEM RESET log_statement")
    assert made.username in log
    assert made.password not in log


def test_an_rsa_role_gives_the_public_key_to_the_database_and_the_private_to_the_caller(
    pg_desk: Any,
) -> None:
    comment = "COMMENT ON ROLE \"{{name}}\" IS '{{public_key}}'"
    pg_desk.role(
        credential_type="rsa_private_key",
        creation_statements=['CREATE ROLE "{{name}}"', comment],
    )
    made = pg_desk.ask(CREDS)
    assert made.password == ""
    assert made.rsa_private_key.startswith("-----BEGIN PRIVATE KEY-----")
    comment = f"SELECT shobj_description('\"{made.username}\"'::regrole, 'pg_authid')"
    ((stored,),) = pg_desk.target.admin(comment)
    assert stored.startswith("-----BEGIN PUBLIC KEY-----")


def test_passwords_are_made_by_the_policy_that_is_named(pg_desk: Any) -> None:
    text = 'length = 24\nrule "charset" {\n  charset = "xyz"\n  min-chars = 1\n}\n'
    pg_desk.ask(WritePasswordPolicy(name="letters", text=text))
    pg_desk.configure(password_policy="letters")
    made = pg_desk.ask(CREDS)
    assert len(made.password) == 24
    assert set(made.password) <= set("xyz")
    pg_desk.target.login(made.username, made.password).close()


def test_no_more_connections_are_open_than_allowed(pg_desk: Any) -> None:
    limited = f"{pg_desk.target.url}?application_name=limited"
    pg_desk.configure(max_open_connections=2, connection_url=limited)
    pg_desk.role(creation_statements=[pg_desk.target.create, "SELECT pg_sleep(0.2)"])
    office, most = pg_desk.office, 0
    stop = threading.Event()

    def watch() -> None:
        nonlocal most
        while not stop.is_set():
            ((count,),) = pg_desk.target.admin(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'limited'"
            )
            most = max(most, count)

    watcher = threading.Thread(target=watch)
    watcher.start()

    async def many() -> None:
        await asyncio.gather(*(office.worker.gate.perform(CREDS, office.call()) for _ in range(8)))

    office.runner.run(many())
    stop.set()
    watcher.join()
    assert most == 2


def test_a_secret_is_neither_audited_nor_told_in_errors(pg_desk: Any) -> None:
    made = pg_desk.ask(CREDS)
    bad = "CREATE ROLE \"{{name}}\" PASSWORD '{{password}}' {{password}}"
    pg_desk.role(creation_statements=[bad])
    with pytest.raises(InvalidRequest) as refused:
        pg_desk.ask(CREDS)
    assert refused.value.message == "the database refused: syntax error (SQLSTATE 42601)"
    log = pg_desk.office.log_bytes()
    assert made.password.encode() not in log
    assert pg_desk.target.admin_password.encode() not in log
    assert made.lease_id.encode() in log


def test_a_password_that_a_rotation_left_open_is_not_overwritten(pg_desk: Any) -> None:
    pg_desk.target.admin("CREATE ROLE \"v-root\" LOGIN SUPERUSER PASSWORD 'v-root-password-1'")
    pg_desk.configure(username="v-root", password="v-root-password-1")
    pg_desk.configure(username="v-root", password="v-root-password-1", verify_connection=True)
    pg_desk.configure(
        root_rotation_statements=["SELECT 1"], username="v-root", password="v-root-password-1"
    )
    with pytest.raises(Exception, match="failed to connect"):
        pg_desk.ask(RotateDatabaseRoot(name="database/db"))
    pg_desk.ask(CREDS)


def test_connections_are_closed_when_asked(pg_desk: Any) -> None:
    pg_desk.ask(CREDS)
    pg_desk.ask(ResetDatabase(name="database/db"))
    pg_desk.ask(CREDS)
    reloaded = pg_desk.ask(ReloadDatabases(plugin="postgresql-database-plugin"))
    assert reloaded.names == ["db"]
    pg_desk.ask(CREDS)


def test_how_a_database_is_reached_is_forgotten_only_after_its_last_lease(pg_desk: Any) -> None:
    pg_desk.ask(CREDS)
    store = pg_desk.office.house.store
    pg_desk.target.stop()
    try:
        pg_desk.ask(DeleteMount(path="database"))
        pg_desk.pass_time(61)
        assert store.read_now(lambda reader: reader.count(DATABASE)) == 1
    finally:
        pg_desk.start()
    pg_desk.pass_time(600)
    pg_desk.pass_time(61)
    assert pg_desk.target.accounts() == []
    assert store.read_now(lambda reader: reader.count(DATABASE)) == 0
    assert store.read_now(lambda reader: reader.count(DATABASE_REMAINS)) == 0
