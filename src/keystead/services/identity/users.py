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
from keystead.services.identity.granting import require_method_grant
from keystead.services.identity.issuing import issue_login, kept, login_failed, shown
from keystead.services.identity.revoking import sweep
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction


@before(WriteUser)
def hash_new_password(operation: WriteUser, scope: Scope, reader: Reader) -> str | None:
    return None if operation.password is None else hash_password(operation.password)


@changes(WriteUser)
def write_user(operation: WriteUser, scope: Scope, tx: Transaction) -> UserView:
    """The user's tokens have the new roles at once; a new password revokes them."""
    require_method_grant(scope, tx, _principal(operation.name), operation.roles)
    present = tx.get(USER, scope.namespace, operation.name)
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
    require_method_grant(scope, tx, _principal(operation.name), present.roles)
    record = _with_password(tx, operation.name, present, scope.prepared)
    tx.put(USER, scope.namespace, operation.name, record)
    return Done()


@reads(ShowUser)
def show_user(operation: ShowUser, scope: Scope, reader: Reader) -> UserView:
    return _view(operation.name, _find(reader, scope, operation.name))


@reads(ListUsers)
def list_users(operation: ListUsers, scope: Scope, reader: Reader) -> UserNames:
    page = reader.list(USER, scope.namespace, after=operation.after, limit=operation.limit)
    return UserNames(
        names=[name for name, _ in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteUser)
def delete_user(operation: DeleteUser, scope: Scope, tx: Transaction) -> Done:
    record = _find(tx, scope, operation.name)
    tx.delete(USER, scope.namespace, operation.name)
    sweep(tx, incarnation(_principal(operation.name), record))
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
    return issue_login(scope, tx, _principal(operation.name), user)


def _with_password(
    tx: Transaction, name: str, present: UserRecord | None, password_hash: str
) -> UserRecord:
    """The user with another password, and none of the tokens it had."""
    anew = secrets.token_hex(16)
    if present is None:
        return UserRecord(password_hash=password_hash, incarnation=anew)
    sweep(tx, incarnation(_principal(name), present))
    return msgspec.structs.replace(present, password_hash=password_hash, incarnation=anew)


def _principal(name: str) -> str:
    return f"user/{name}"


def _find(reader: Reader, scope: Scope, name: str) -> UserRecord:
    record = reader.get(USER, scope.namespace, name)
    if record is None:
        raise NotFound(f"There is no user {name}.", user=name)
    return record


def _view(name: str, record: UserRecord) -> UserView:
    return UserView(name=name, roles=record.roles, limits=shown(record.limits))
