"""Rotation: how the credential of a static role's account is changed.

1 keep     the new credential is on record beside the old one
2 set      the database is given it
3 confirm  the old one is forgotten

A crash after 1 leaves a credential that is set again when the rotation is tried again, so the
database never has one that is not on record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from keystead.errors import InvalidRequest, KeysteadError, NotFound
from keystead.operations import Done
from keystead.operations.database import RotateDueStaticRole, RotateStaticRole
from keystead.services.database.connections import dialect_of
from keystead.services.database.credentials import new_credential, run_with_credential
from keystead.services.database.dialect import Session
from keystead.services.database.places import database_at, named, place_of
from keystead.services.database.records import STATIC_ROLE, StaticRoleRecord
from keystead.services.database.schedule import parse
from keystead.services.database.secrets import Credential, public_pem
from keystead.services.leases.ending import delay_seconds
from keystead.services.leases.issuing import Attempt
from keystead.services.registry import controls
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Transaction

CLAIM_SECONDS = 60.0


def next_rotation(record: StaticRoleRecord, now: float) -> float:
    """When the credential is changed next, if it has just been."""
    if record.rotation_schedule:
        return parse(record.rotation_schedule).next_after(now)
    return now + record.rotation_period_seconds


@controls(RotateStaticRole)
async def rotate_static_role(operation: RotateStaticRole, scope: Scope) -> Done:
    """Rotate now, whatever the schedule; raises what the database does."""
    place = named(scope, operation.name)
    record = await scope.house.store.read(lambda r: r.get(STATIC_ROLE, scope.namespace, place.id))
    if record is None:
        raise InvalidRequest("no static role found for role name", role=place.name)
    await rotate(scope, place.id, record)
    await scope.house.feed.catch_up()
    return Done()


@controls(RotateDueStaticRole)
async def rotate_due_static_role(operation: RotateDueStaticRole, scope: Scope) -> Done:
    """Rotate if it is due, and within its window; a failure is tried again, ever more seldom."""
    house, record_id = scope.house, operation.record_id

    def claim(tx: Transaction) -> StaticRoleRecord | None:
        record = tx.get(STATIC_ROLE, scope.namespace, record_id)
        if record is None or record.due_at is None or record.due_at > scope.now:
            return None
        window = record.rotation_window_seconds
        if window and not record.attempts and scope.now > record.due_at + window:
            missed = msgspec.structs.replace(record, due_at=next_rotation(record, scope.now))
            tx.put(STATIC_ROLE, scope.namespace, record_id, missed)
            return None
        claimed = msgspec.structs.replace(
            record, attempts=record.attempts + 1, due_at=scope.now + CLAIM_SECONDS
        )
        tx.put(STATIC_ROLE, scope.namespace, record_id, claimed)
        return claimed

    record = await house.store.write(claim)
    if record is None:
        scope.details["due"] = False
        return Done()
    try:
        await rotate(scope, record_id, record)
    except KeysteadError as error:
        told, attempts = error.message[:500], record.attempts

        def failed(tx: Transaction) -> None:
            current = tx.get(STATIC_ROLE, scope.namespace, record_id)
            if current is not None:
                again = house.clock() + delay_seconds(attempts)
                tx.put(
                    STATIC_ROLE,
                    scope.namespace,
                    record_id,
                    msgspec.structs.replace(current, error=told, due_at=again),
                )

        await house.store.write(failed)
        raise
    return Done()


async def rotate(
    scope: Scope, record_id: str, record: StaticRoleRecord, attempt: Attempt | None = None
) -> None:
    """Carry out the plan above; ``attempt`` has begun once the database may be given it."""
    house = scope.house
    database = await database_at(house, scope.namespace, record.mount, record.database)
    fresh = await new_credential(scope, database, record.credential_type, record.credential_config)

    def keep(tx: Transaction) -> StaticRoleRecord:  # 1
        current = tx.get(STATIC_ROLE, scope.namespace, record_id)
        if current is None:
            raise NotFound
        if current.next_secret:
            return current
        kept = msgspec.structs.replace(current, next_secret=fresh.secret)
        tx.put(STATIC_ROLE, scope.namespace, record_id, kept)
        return kept

    kept = await house.store.write(keep)
    is_key = kept.credential_type == "rsa_private_key"
    credential = Credential(kept.next_secret, public_pem(kept.next_secret) if is_key else "")

    def set_it(session: Session) -> None:
        if attempt is not None:
            attempt.begun = True
        statements = kept.rotation_statements or dialect_of(database.plugin).rotate_account
        values = {"name": kept.username, "username": kept.username}
        run_with_credential(session, statements, values, database, credential)

    where = place_of(record.mount, record.database)
    await house.databases.run(where, database, set_it)  # 2

    def confirm(tx: Transaction) -> None:  # 3
        current = tx.get(STATIC_ROLE, scope.namespace, record_id)
        if current is None:
            return
        now = house.clock()
        done = msgspec.structs.replace(
            current,
            secret=credential.secret,
            next_secret="",
            rotated_at=now,
            due_at=next_rotation(current, now),
            attempts=0,
            error="",
        )
        tx.put(STATIC_ROLE, scope.namespace, record_id, done)

    await house.store.write(confirm, request_id=scope.call.request_id)
