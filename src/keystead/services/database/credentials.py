"""Accounts for a time: made with a role's statements, leased, prolonged, and taken back."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from keystead.errors import InvalidRequest
from keystead.operations.database import DatabaseCredentials, IssueDatabaseCredentials
from keystead.services.database.connections import PATIENCE_SECONDS, dialect_of
from keystead.services.database.dialect import Session
from keystead.services.database.places import Named, database_at, named, no_such, place_of
from keystead.services.database.records import (
    DATABASE,
    DATABASE_ROLE,
    DatabaseHandle,
    DatabaseRecord,
    DatabaseRoleRecord,
)
from keystead.services.database.secrets import (
    Credential,
    new_password,
    new_rsa_key,
    policy_password,
)
from keystead.services.database.statements import fill
from keystead.services.database.usernames import make_username
from keystead.services.leases.issuing import (
    Attempt,
    Lifetime,
    holder,
    issue,
    lifetime,
    new_lease_id,
)
from keystead.services.leases.records import ISSUERS, LeaseRecord
from keystead.services.registry import controls
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.services.house import House
    from keystead.store.transaction import Reader

ISSUER = "database"
REVOKE_PATIENCE_SECONDS = 30.0
"""Nobody waits for a revocation in the background, so it waits longer for its turn."""

LEEWAY_SECONDS = 5.0
"""How much longer than its lease an account holds by itself."""


@controls(IssueDatabaseCredentials)
async def issue_database_credentials(
    operation: IssueDatabaseCredentials, scope: Scope
) -> DatabaseCredentials:
    """Make an account; see ``leases.issuing`` for what a crash leaves.

    Raises InvalidRequest for an unknown role and for what the database refuses,
    UpstreamUnavailable if it does not answer.
    """
    house, place = scope.house, named(scope, operation.name)
    role, database = await house.store.read(lambda reader: _role_of(reader, scope, place))
    require_allowed(database, place.name)
    if not role.creation_statements:
        raise InvalidRequest("empty creation statements", role=place.name)
    credential = await new_credential(scope, database, role.credential_type, role.credential_config)
    template = database.username_template or dialect_of(database.plugin).username_template
    username = make_username(template, display_name(scope), place.name, scope.now)
    limits = lifetime(place.mount, role.default_ttl_seconds, role.max_ttl_seconds)
    lease = _lease(scope, place, role, username, limits)
    lease_id = new_lease_id(f"{place.mount.path}creds/{place.name}")
    scope.details["lease_id"] = lease_id

    def create(session: Session, attempt: Attempt) -> None:
        attempt.begun = True
        values = {
            "name": username,
            "username": username,
            "expiration": expiration(lease.expires_at),
        }
        run_with_credential(session, role.creation_statements, values, database, credential)

    where = place_of(place.mount.uuid, role.database)
    await issue(
        scope,
        lease_id,
        lease,
        lambda attempt: house.databases.run(where, database, lambda s: create(s, attempt)),
    )
    is_key = role.credential_type == "rsa_private_key"
    return DatabaseCredentials(
        username=username,
        password="" if is_key else credential.secret,
        rsa_private_key=credential.secret if is_key else "",
        lease_id=lease_id,
        lease_seconds=int(lease.expires_at - scope.now),
        renewable=lease.renewable,
        warnings=_warnings(role, limits),
    )


def _role_of(
    reader: Reader, scope: Scope, place: Named
) -> tuple[DatabaseRoleRecord, DatabaseRecord]:
    role = reader.get(DATABASE_ROLE, scope.namespace, place.id)
    if role is None:
        raise InvalidRequest(f"unknown role: {place.name}", role=place.name)
    database = reader.get(DATABASE, scope.namespace, place_of(place.mount.uuid, role.database))
    if database is None:
        raise no_such(role.database)
    return role, database


def _lease(
    scope: Scope, place: Named, role: DatabaseRoleRecord, username: str, limits: Lifetime
) -> LeaseRecord:
    token, ends_at = holder(scope)
    longest = scope.now + limits.longest
    longest = longest if ends_at is None else min(longest, ends_at)
    expires_at = min(scope.now + limits.ttl, longest)
    handle = DatabaseHandle(
        database=role.database,
        role=place.name,
        username=username,
        revocation_statements=role.revocation_statements,
        rollback_statements=role.rollback_statements,
        renew_statements=role.renew_statements,
    )
    return LeaseRecord(
        issuer=ISSUER,
        mount=place.mount.uuid,
        handle=msgspec.msgpack.encode(handle),
        issued_at=scope.now,
        expires_at=expires_at,
        due_at=expires_at,
        ttl_seconds=limits.ttl,
        max_expires_at=longest,
        token=token,
        renewable=ends_at is None,
    )


def _warnings(role: DatabaseRoleRecord, limits: Lifetime) -> list[str]:
    if role.default_ttl_seconds <= limits.longest:
        return []
    return [
        f'TTL of "{role.default_ttl_seconds}s" exceeded the effective max_ttl of'
        f' "{limits.longest}s"; TTL value is capped accordingly'
    ]


def require_allowed(database: DatabaseRecord, role: str) -> None:
    """Raise InvalidRequest unless the database takes accounts of a role."""
    for allowed in database.allowed_roles:
        if allowed == role or (allowed.endswith("*") and role.startswith(allowed[:-1])):
            return
    raise InvalidRequest(f'"{role}" is not an allowed role', role=role)


async def new_credential(
    scope: Scope, database: DatabaseRecord, credential_type: str, config: dict[str, str]
) -> Credential:
    """A new password by the database's or the role's policy, or a new RSA key."""
    if credential_type == "rsa_private_key":
        return await asyncio.to_thread(new_rsa_key, config)
    policy = config.get("password_policy") or database.password_policy
    if not policy:
        return Credential(new_password())
    return Credential(
        await scope.house.store.read(lambda r: policy_password(r, scope.namespace, policy))
    )


def run_with_credential(
    session: Session,
    statements: list[str],
    values: dict[str, str],
    database: DatabaseRecord,
    credential: Credential,
) -> None:
    """Run statements in which a credential is set. Blocks."""
    if credential.public_key:
        secret = {"public_key": credential.public_key}
    else:
        method = database.password_authentication
        stored = session.verifier(values["username"], credential.secret, method)
        secret = {"password": stored}
    session.run(fill(statements, values | secret), (credential.secret, *secret.values()))


def display_name(scope: Scope) -> str:
    """What a new account's name says of whom it was made for."""
    return scope.principal.name.replace("/", "-")


def expiration(at: float) -> str:
    """A time as databases take it, a little later than it is."""
    moment = dt.datetime.fromtimestamp(at + LEEWAY_SECONDS, dt.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S+0000")


class _DatabaseIssuer:
    """Prolongs and takes back accounts, by what their leases say."""

    async def renew(
        self, house: House, namespace: str, lease: LeaseRecord, expires_at: float
    ) -> None:
        handle = _handle(lease)
        until = expiration(expires_at)
        name = handle.username

        def renew(session: Session) -> None:
            if handle.renew_statements:
                values = {"name": name, "username": name, "expiration": until}
                session.run(fill(handle.renew_statements, values))
            else:
                session.prolong(name, until)

        await self._run(house, namespace, lease, handle, renew)

    async def revoke(self, house: House, namespace: str, lease: LeaseRecord) -> None:
        """By the role's statements as they were when the account was made, if it had any.

        An account that may be half made is dropped besides, for the role's statements may
        suppose a whole one.
        """
        handle = _handle(lease)
        name = handle.username
        statements = handle.revocation_statements
        if not lease.confirmed and handle.rollback_statements:
            statements = handle.rollback_statements

        def revoke(session: Session) -> None:
            if lease.confirmed and statements:
                session.run(fill(statements, {"name": name, "username": name}))
                return
            if statements:
                _try(session, fill(statements, {"name": name, "username": name}))
            session.drop(name)

        await self._run(house, namespace, lease, handle, revoke, REVOKE_PATIENCE_SECONDS)

    async def _run(
        self,
        house: House,
        namespace: str,
        lease: LeaseRecord,
        handle: DatabaseHandle,
        work: Callable[[Session], None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        database = await database_at(house, namespace, lease.mount, handle.database)
        where = place_of(lease.mount, handle.database)
        await house.databases.run(where, database, work, patience_seconds=patience)


def _try(session: Session, statements: list[str]) -> None:
    """Run statements that the database may refuse, since what they are about may be absent."""
    with contextlib.suppress(InvalidRequest):
        session.run(statements)


def _handle(lease: LeaseRecord) -> DatabaseHandle:
    return msgspec.msgpack.decode(lease.handle, type=DatabaseHandle)


ISSUERS[ISSUER] = _DatabaseIssuer()
