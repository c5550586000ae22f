"""Static roles: accounts that stay, with credentials that Keystead changes.

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
from keystead.operations.database import (
    CredentialType,
    DatabaseNames,
    DeleteStaticRole,
    ListStaticRoles,
    ReadStaticCredentials,
    RotateDueStaticRole,
    RotateStaticRole,
    ShowStaticRole,
    StaticCredentials,
    StaticRoleView,
    WriteStaticRole,
)
from keystead.services.database.connections import dialect_of
from keystead.services.database.credentials import (
    new_credential,
    require_allowed,
    run_with_credential,
)
from keystead.services.database.dialect import Session
from keystead.services.database.places import database_at, named, names_at, place_of
from keystead.services.database.records import STATIC_ROLE, StaticRoleRecord
from keystead.services.database.schedule import parse
from keystead.services.database.secrets import Credential, public_pem, require_rsa
from keystead.services.leases.ending import delay_seconds
from keystead.services.registry import changes, controls, reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

LEAST_PERIOD_SECONDS = 5
CLAIM_SECONDS = 60.0
LEAST_WINDOW_SECONDS = 3_600

_NOT_STORED = frozenset({"name", "skip_import_rotation"})


@controls(WriteStaticRole)
async def write_static_role(operation: WriteStaticRole, scope: Scope) -> Done:
    """Check it against its database, write it, and set a first credential.

    If that cannot be set, a new role is not kept: raises what the database does.
    """
    house, place = scope.house, named(scope, operation.name)
    present = await house.store.read(lambda r: r.get(STATIC_ROLE, scope.namespace, place.id))
    scope.narrow("create" if present is None else "update")
    record = _merged(operation, present, place.mount.uuid, scope.now)
    database = await database_at(house, scope.namespace, record.mount, record.database)
    require_allowed(database, place.name)
    rotates = present is None and not operation.skip_import_rotation
    await house.store.write(
        lambda tx: tx.put(STATIC_ROLE, scope.namespace, place.id, record),
        request_id="" if rotates else scope.call.request_id,
    )
    if rotates:
        try:
            await _rotate(scope, place.id, record)
        except KeysteadError:
            await house.store.write(lambda tx: tx.delete(STATIC_ROLE, scope.namespace, place.id))
            raise
    await house.feed.catch_up()
    return Done()


def _merged(
    operation: WriteStaticRole, present: StaticRoleRecord | None, mount: str, now: float
) -> StaticRoleRecord:
    given = {
        field: value
        for field in operation.__struct_fields__
        if field not in _NOT_STORED and (value := getattr(operation, field)) is not None
    }
    new = present or StaticRoleRecord(mount=mount, database="", username="")
    if present is not None and given.get("username", present.username) != present.username:
        raise InvalidRequest("cannot update static account username", field="username")
    if given.get("rotation_schedule"):
        given.setdefault("rotation_period_seconds", 0)
    elif given.get("rotation_period_seconds"):
        given.setdefault("rotation_schedule", "")
        given.setdefault("rotation_window_seconds", 0)
    record = msgspec.structs.replace(new, **given)
    _require_sound(record)
    if present is None or _timing(record) != _timing(present):
        record = msgspec.structs.replace(record, due_at=next_rotation(record, now))
    return record


def _timing(record: StaticRoleRecord) -> tuple[int, str]:
    return record.rotation_period_seconds, record.rotation_schedule


def _require_sound(record: StaticRoleRecord) -> None:
    if not record.database:
        raise InvalidRequest("database name is required", field="db_name")
    if not record.username:
        raise InvalidRequest("username is a required field to create a static account")
    if record.rotation_period_seconds and record.rotation_schedule:
        raise InvalidRequest(
            "mutually exclusive fields rotation_period and rotation_schedule were both specified;"
            " only one of them can be provided"
        )
    if record.rotation_schedule:
        parse(record.rotation_schedule)
        if 0 < record.rotation_window_seconds < LEAST_WINDOW_SECONDS:
            raise InvalidRequest(
                f"rotation_window must be {LEAST_WINDOW_SECONDS} seconds or more",
                field="rotation_window",
            )
    elif not record.rotation_period_seconds:
        raise InvalidRequest(
            "one of rotation_schedule or rotation_period must be provided to create a static"
            " account"
        )
    elif record.rotation_period_seconds < LEAST_PERIOD_SECONDS:
        raise InvalidRequest(
            f"rotation_period must be {LEAST_PERIOD_SECONDS} seconds or more",
            field="rotation_period",
        )
    elif record.rotation_window_seconds:
        raise InvalidRequest(
            "rotation_window is invalid with use of rotation_period", field="rotation_window"
        )
    if record.credential_type == "rsa_private_key":
        require_rsa(record.credential_config)


def next_rotation(record: StaticRoleRecord, now: float) -> float:
    """When the credential is changed next, if it has just been."""
    if record.rotation_schedule:
        return parse(record.rotation_schedule).next_after(now)
    return now + record.rotation_period_seconds


@reads(ShowStaticRole)
def show_static_role(operation: ShowStaticRole, scope: Scope, reader: Reader) -> StaticRoleView:
    record = _find(operation.name, scope, reader)
    if record is None:
        raise NotFound
    return StaticRoleView(
        name=operation.name,
        database=record.database,
        username=record.username,
        rotation_statements=record.rotation_statements,
        rotation_period_seconds=record.rotation_period_seconds,
        rotation_schedule=record.rotation_schedule,
        rotation_window_seconds=record.rotation_window_seconds,
        credential_type=msgspec.convert(record.credential_type, type=CredentialType),
        credential_config=record.credential_config,
        last_rotated_at=record.rotated_at,
        next_rotation_at=record.due_at,
        error=record.error,
    )


@reads(ListStaticRoles)
def list_static_roles(operation: ListStaticRoles, scope: Scope, reader: Reader) -> DatabaseNames:
    return names_at(STATIC_ROLE, operation.mount, operation, scope, reader)


@changes(DeleteStaticRole)
def delete_static_role(operation: DeleteStaticRole, scope: Scope, tx: Transaction) -> Done:
    """Deleting what is not there is no mistake."""
    tx.delete(STATIC_ROLE, scope.namespace, named(scope, operation.name).id)
    return Done()


@reads(ReadStaticCredentials)
def read_static_credentials(
    operation: ReadStaticCredentials, scope: Scope, reader: Reader
) -> StaticCredentials:
    """Raises InvalidRequest for an unknown role, or while it has no credential yet."""
    name = named(scope, operation.name).name
    record = _find(operation.name, scope, reader)
    if record is None:
        raise InvalidRequest(f"unknown role: {name}", role=name)
    if record.rotated_at is None:
        raise InvalidRequest(f"the credential of {name} has not been set yet", role=name)
    is_key = record.credential_type == "rsa_private_key"
    left = (record.due_at or scope.now) - scope.now
    return StaticCredentials(
        username=record.username,
        password="" if is_key else record.secret,
        rsa_private_key=record.secret if is_key else "",
        last_rotated_at=record.rotated_at,
        ttl_seconds=max(0, int(left)),
        rotation_period_seconds=record.rotation_period_seconds,
        rotation_schedule=record.rotation_schedule,
        rotation_window_seconds=record.rotation_window_seconds,
    )


@controls(RotateStaticRole)
async def rotate_static_role(operation: RotateStaticRole, scope: Scope) -> Done:
    """Rotate now, whatever the schedule; raises what the database does."""
    place = named(scope, operation.name)
    record = await scope.house.store.read(lambda r: r.get(STATIC_ROLE, scope.namespace, place.id))
    if record is None:
        raise InvalidRequest("no static role found for role name", role=place.name)
    await _rotate(scope, place.id, record)
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
        await _rotate(scope, record_id, record)
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


async def _rotate(scope: Scope, record_id: str, record: StaticRoleRecord) -> None:
    """Carry out the plan above."""
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


def _find(name: str, scope: Scope, reader: Reader) -> StaticRoleRecord | None:
    return reader.get(STATIC_ROLE, scope.namespace, named(scope, name).id)
