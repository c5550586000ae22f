"""How databases are reached: written, shown, and the password that Keystead itself uses."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.operations import Done
from keystead.operations.database import (
    ConfigureDatabase,
    DatabaseNames,
    DatabaseView,
    DeleteDatabase,
    ListDatabases,
    ReloadDatabases,
    ResetDatabase,
    RotateDatabaseRoot,
    ShowDatabase,
)
from keystead.services.database.connections import dialect_of, target_of
from keystead.services.database.dialect import LoginRefused, Session
from keystead.services.database.places import Named, database_at, named, names_at
from keystead.services.database.records import DATABASE, DatabaseRecord
from keystead.services.database.secrets import policy_password
from keystead.services.database.statements import fill
from keystead.services.database.usernames import make_username
from keystead.services.registry import controls, reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_NOT_STORED = frozenset({"name"})
_NOT_SHOWN = frozenset({"password", "next_password", "tls_private_key", "generation"})
_PASSWORD_IN_URL = re.compile(r"(?P<before>^(?:[a-z]+://)?[^:@/\s]*:)(?P<password>.*)(?P<after>@)")
_PASSWORD_SETTING = re.compile(r"(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)
_TEMPLATE = "{{password}}"


@controls(ConfigureDatabase)
async def configure_database(operation: ConfigureDatabase, scope: Scope) -> DatabaseView:
    """Check what is asked for, connect unless told not to, and only then write it."""
    house, place = scope.house, named(scope, operation.name)
    present = await house.store.read(lambda r: r.get(DATABASE, scope.namespace, place.id))
    scope.narrow("create" if present is None else "update")
    record = _merged(operation, present)
    dialect_of(record.plugin)
    if not record.connection_url:
        raise InvalidRequest("connection_url cannot be empty", field="connection_url")
    if record.username_template:
        make_username(record.username_template, "a", "b", scope.now)
    if record.verify_connection:
        await house.databases.check(record)
    await _write(scope, place, record)
    return _view(operation.name, record)


def _merged(operation: ConfigureDatabase, present: DatabaseRecord | None) -> DatabaseRecord:
    given = {
        name: value
        for name in operation.__struct_fields__
        if name not in _NOT_STORED and (value := getattr(operation, name)) is not None
    }
    given["generation"] = secrets.token_hex(8)
    if "password" in given:
        given["next_password"] = ""
    if present is None:
        given.setdefault("plugin", "")
        given.setdefault("connection_url", "")
        return DatabaseRecord(**given)
    return msgspec.structs.replace(present, **given)


@reads(ShowDatabase)
def show_database(operation: ShowDatabase, scope: Scope, reader: Reader) -> DatabaseView:
    place = named(scope, operation.name)
    record = reader.get(DATABASE, scope.namespace, place.id)
    if record is None:
        raise NotFound
    return _view(operation.name, record)


@reads(ListDatabases)
def list_databases(operation: ListDatabases, scope: Scope, reader: Reader) -> DatabaseNames:
    return names_at(DATABASE, operation.mount, operation, scope, reader)


@controls(DeleteDatabase)
async def delete_database(operation: DeleteDatabase, scope: Scope) -> Done:
    """Deleting what is not there is no mistake."""
    place = named(scope, operation.name)
    await scope.house.store.write(
        lambda tx: tx.delete(DATABASE, scope.namespace, place.id),
        request_id=scope.call.request_id,
    )
    scope.house.databases.forget(place.id)
    await scope.house.feed.catch_up()
    return Done()


@controls(RotateDatabaseRoot)
async def rotate_database_root(operation: RotateDatabaseRoot, scope: Scope) -> Done:
    """Keep the new password, set it, and only then forget the old one.

    Whatever is interrupted, one of the two passwords on record is the right one.
    """
    house, place = scope.house, named(scope, operation.name)
    record = await database_at(house, scope.namespace, place.mount.uuid, place.name)
    if not record.username:
        raise InvalidRequest("unable to rotate root credentials: no username in configuration")
    current = await house.databases.run(place.id, record, lambda _: _valid_password(record))

    def intend(tx: Transaction) -> DatabaseRecord:
        new = policy_password(tx, scope.namespace, record.password_policy)
        intended = msgspec.structs.replace(record, password=current, next_password=new)
        tx.put(DATABASE, scope.namespace, place.id, intended)
        return intended

    intended = await house.store.write(intend)
    await house.databases.run(place.id, intended, lambda session: _set_root(session, intended))
    done = msgspec.structs.replace(
        intended,
        password=intended.next_password,
        next_password="",
        generation=secrets.token_hex(8),
    )
    await house.databases.check(done)  # a statement may succeed and change nothing
    await _write(scope, place, done)
    return Done()


def _valid_password(record: DatabaseRecord) -> str:
    """Which of the two passwords the database takes. Blocks."""
    if not record.next_password:
        return record.password
    try:
        dialect_of(record.plugin).open(target_of(record, record.next_password)).close()
    except LoginRefused:
        return record.password
    return record.next_password


def _set_root(session: Session, record: DatabaseRecord) -> None:
    new = record.next_password
    stored = session.verifier(record.username, new, record.password_authentication)
    values = {"username": record.username, "name": record.username, "password": stored}
    statements = record.root_rotation_statements or dialect_of(record.plugin).rotate_root
    session.run(fill(statements, values), (new, stored))


@controls(ResetDatabase)
async def reset_database(operation: ResetDatabase, scope: Scope) -> Done:
    """Raises UpstreamUnavailable if there is no such database, or it cannot be reached."""
    house, place = scope.house, named(scope, operation.name)
    record = await database_at(house, scope.namespace, place.mount.uuid, place.name)
    house.databases.forget(place.id)
    await house.databases.check(record)
    return Done()


@controls(ReloadDatabases)
async def reload_databases(operation: ReloadDatabases, scope: Scope) -> DatabaseNames:
    """Raises InvalidRequest for a plugin that is not known."""
    dialect_of(operation.plugin)
    base = named(scope, f"{operation.mount.strip('/')}/-")

    def using(reader: Reader) -> list[str]:
        prefix = f"{base.mount.uuid}/"
        page = reader.list(DATABASE, scope.namespace, prefix=prefix, limit=1000)
        return [id for id, record in page if record.plugin == operation.plugin]

    places = await scope.house.store.read(using)
    for place in places:
        scope.house.databases.forget(place)
    return DatabaseNames(names=[place.partition("/")[2] for place in places])


async def _write(scope: Scope, place: Named, record: DatabaseRecord) -> None:
    await scope.house.store.write(
        lambda tx: tx.put(DATABASE, scope.namespace, place.id, record),
        request_id=scope.call.request_id,
    )
    scope.house.databases.forget(place.id)
    await scope.house.feed.catch_up()


def _view(name: str, record: DatabaseRecord) -> DatabaseView:
    shown: dict[str, Any] = {
        field: getattr(record, field)
        for field in record.__struct_fields__
        if field not in _NOT_SHOWN
    }
    shown["connection_url"] = masked(record.connection_url)
    return DatabaseView(name=name, **shown)


def masked(url: str) -> str:
    """A connection URL without the password that it may hold."""

    def mask(found: re.Match[str]) -> str:
        kept = found["password"] == _TEMPLATE
        return found[0] if kept else f"{found['before']}*****{found['after']}"

    masked_url = _PASSWORD_IN_URL.sub(mask, url)
    return _PASSWORD_SETTING.sub(
        lambda found: found[0] if _TEMPLATE in found[2] else f"{found[1]}*****", masked_url
    )
