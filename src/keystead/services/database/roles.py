"""Roles: what accounts for a time are made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.operations import Done
from keystead.operations.database import (
    DatabaseNames,
    DatabaseRoleView,
    DeleteDatabaseRole,
    ListDatabaseRoles,
    ShowDatabaseRole,
    WriteDatabaseRole,
)
from keystead.services.database.places import named, names_at
from keystead.services.database.records import DATABASE_ROLE, DatabaseRoleRecord
from keystead.services.database.secrets import require_rsa
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction


@changes(WriteDatabaseRole)
def write_database_role(operation: WriteDatabaseRole, scope: Scope, tx: Transaction) -> Done:
    """The database need not be there yet."""
    place = named(scope, operation.name)
    present = tx.get(DATABASE_ROLE, scope.namespace, place.id)
    scope.narrow("create" if present is None else "update")
    given = {
        field: value
        for field in DatabaseRoleRecord.__struct_fields__
        if (value := getattr(operation, field)) is not None
    }
    record = msgspec.structs.replace(present or DatabaseRoleRecord(database=""), **given)
    if not record.database:
        raise InvalidRequest("database name is required", field="db_name")
    if record.credential_type == "rsa_private_key":
        require_rsa(record.credential_config)
    tx.put(DATABASE_ROLE, scope.namespace, place.id, record)
    return Done()


@reads(ShowDatabaseRole)
def show_database_role(
    operation: ShowDatabaseRole, scope: Scope, reader: Reader
) -> DatabaseRoleView:
    place = named(scope, operation.name)
    record = reader.get(DATABASE_ROLE, scope.namespace, place.id)
    if record is None:
        raise NotFound
    return DatabaseRoleView(name=operation.name, **msgspec.structs.asdict(record))


@reads(ListDatabaseRoles)
def list_database_roles(
    operation: ListDatabaseRoles, scope: Scope, reader: Reader
) -> DatabaseNames:
    return names_at(DATABASE_ROLE, operation.mount, operation, scope, reader)


@changes(DeleteDatabaseRole)
def delete_database_role(operation: DeleteDatabaseRole, scope: Scope, tx: Transaction) -> Done:
    """Deleting what is not there is no mistake."""
    tx.delete(DATABASE_ROLE, scope.namespace, named(scope, operation.name).id)
    return Done()
