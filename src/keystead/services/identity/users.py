"""Users, who log in with a password."""

from __future__ import annotations

import secrets

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.identity.lineage import incarnation
from keystead.identity.passwords import hash_password, is_password
from keystead.identity.records import USER, UserRecord
from keystead.operations import Done
from keystead.operations.identity import (
    DeleteUser,
    IssuedToken,
    ListUsers,
    LoginUser,
    SetPassword,
    ShowUser,
    UserNames,
    UserView,
    WriteUser,
)
from keystead.services.identity.entities_login import alias_at
from keystead.services.identity.granting import require_method_grant
from keystead.services.identity.issuing import issue_login, kept, login_failed, shown
from keystead.services.identity.mounted_names import MountedNames
from keystead.services.identity.revoking import sweep
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

USERS = MountedNames(USER, "userpass", "user")
USERS.follow_mounts()


@before(WriteUser)
def hash_new_password(operation: WriteUser, scope: Scope, reader: Reader) -> str | None:
    return None if operation.password is None else hash_password(operation.password)


@changes(WriteUser)
def write_user(operation: WriteUser, scope: Scope, tx: Transaction) -> UserView:
    """The user's tokens have the new roles at once; a new password revokes them."""
    require_method_grant(scope, tx, USERS.principal(operation.name), operation.roles)
    USERS.require_mount(tx, scope, operation.name)
    present = tx.get(USER, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    if scope.prepared is not None:
        record = _with_password(tx, operation.name, present, scope.prepared)
    elif present is not None:
        record = present
    else:
        raise InvalidRequest("A new user needs a password.", field="password")
    record = msgspec.structs.replace(record, roles=operation.roles, limits=kept(operation.limits))
    tx.put(USER, scope.namespace, operation.name, record)
    return _view(operation.name, record)


@before(SetPassword)
def hash_other_password(operation: SetPassword, scope: Scope, reader: Reader) -> str:
    return hash_password(operation.password)


@changes(SetPassword)
def set_password(operation: SetPassword, scope: Scope, tx: Transaction) -> Done:
    """Who sets a password can log in with it, so must be able to give the user's roles."""
    present = _find(tx, scope, operation.name)
    require_method_grant(scope, tx, USERS.principal(operation.name), present.roles)
    record = _with_password(tx, operation.name, present, scope.prepared)
    tx.put(USER, scope.namespace, operation.name, record)
    return Done()


@reads(ShowUser)
def show_user(operation: ShowUser, scope: Scope, reader: Reader) -> UserView:
    return _view(operation.name, _find(reader, scope, operation.name))


@reads(ListUsers)
def list_users(operation: ListUsers, scope: Scope, reader: Reader) -> UserNames:
    names, more = USERS.page(
        reader, scope.namespace, operation.mount, operation.after, operation.limit
    )
    return UserNames(names=names, next=more)


@changes(DeleteUser)
def delete_user(operation: DeleteUser, scope: Scope, tx: Transaction) -> Done:
    _find(tx, scope, operation.name)
    USERS.delete(tx, scope.namespace, operation.name)
    return Done()


@before(LoginUser)
def check_password(operation: LoginUser, scope: Scope, reader: Reader) -> UserRecord:
    """The user as it is when the password proves right.

    Unknown users cost the same time and count the same failures as known ones.
    """
    throttle = scope.house.authenticator.throttle
    throttle.admit(scope.namespace, operation.name, scope.now)
    user = reader.get(USER, scope.namespace, operation.name)
    if not is_password(operation.password, user.password_hash if user else None):
        throttle.failed(scope.namespace, operation.name, scope.now)
        raise login_failed()
    assert user is not None
    throttle.succeeded(scope.namespace, operation.name)
    return user


@changes(LoginUser)
def login_user(operation: LoginUser, scope: Scope, tx: Transaction) -> IssuedToken:
    user = tx.get(USER, scope.namespace, operation.name)
    if user is None or user.incarnation != scope.prepared.incarnation:
        raise login_failed()  # deleted, or the password changed, while it was checked
    mount, _, short = operation.name.rpartition("/")
    return issue_login(
        scope,
        tx,
        USERS.principal(operation.name),
        user,
        display_name=f"{mount.replace('/', '-') or 'userpass'}-{short}",
        metadata={"username": short},
        alias=alias_at(scope, mount or "userpass", short, {}),
    )


def _with_password(
    tx: Transaction, name: str, present: UserRecord | None, password_hash: str
) -> UserRecord:
    """The user with another password, and none of the tokens it had."""
    anew = secrets.token_hex(16)
    if present is None:
        return UserRecord(password_hash=password_hash, incarnation=anew)
    sweep(tx, incarnation(USERS.principal(name), present))
    return msgspec.structs.replace(present, password_hash=password_hash, incarnation=anew)


def _find(reader: Reader, scope: Scope, name: str) -> UserRecord:
    record = reader.get(USER, scope.namespace, name)
    if record is None:
        raise NotFound(f"There is no user {name}.", user=name)
    return record


def _view(name: str, record: UserRecord) -> UserView:
    return UserView(name=name, roles=record.roles, limits=shown(record.limits))
