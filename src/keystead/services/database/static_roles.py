"""Static roles: accounts that stay, with credentials that Keystead changes."""

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
    ShowStaticRole,
    StaticCredentials,
    StaticRoleView,
    WriteStaticRole,
)
from keystead.services.database.credentials import require_allowed
from keystead.services.database.places import database_at, named, names_at
from keystead.services.database.records import STATIC_ROLE, StaticRoleRecord
from keystead.services.database.rotation import next_rotation, rotate
from keystead.services.database.schedule import parse
from keystead.services.database.secrets import require_rsa
from keystead.services.leases.issuing import Attempt
from keystead.services.registry import changes, controls, reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

LEAST_PERIOD_SECONDS = 5
LEAST_WINDOW_SECONDS = 3_600

_NOT_STORED = frozenset({"name", "skip_import_rotation"})


@controls(WriteStaticRole)
async def write_static_role(operation: WriteStaticRole, scope: Scope) -> Done:
    """Check it against its database, write it, and set a first credential.

    If that cannot be set, a new role is not kept, and this raises what the database does. If
    nobody knows whether it was set, the role is kept, and the same credential is set again.
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
        attempt = Attempt()
        try:
            await rotate(scope, place.id, record, attempt)
        except KeysteadError as error:
            in_doubt = attempt.begun and not isinstance(error, InvalidRequest)
            undo = _rotate_soon if in_doubt else _forget
            await house.store.write(lambda tx: undo(tx, scope, place.id))
            raise
    await house.feed.catch_up()
    return Done()


def _forget(tx: Transaction, scope: Scope, record_id: str) -> None:
    tx.delete(STATIC_ROLE, scope.namespace, record_id)


def _rotate_soon(tx: Transaction, scope: Scope, record_id: str) -> None:
    record = tx.get(STATIC_ROLE, scope.namespace, record_id)
    if record is not None:
        due = msgspec.structs.replace(record, due_at=scope.now)
        tx.put(STATIC_ROLE, scope.namespace, record_id, due)


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


def _find(name: str, scope: Scope, reader: Reader) -> StaticRoleRecord | None:
    return reader.get(STATIC_ROLE, scope.namespace, named(scope, name).id)
