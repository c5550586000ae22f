"""AppRoles: how applications log in, with a role identifier and a secret identifier.

Giving out a secret identifier hands over the AppRole's roles. It is for brokers that do not
have these roles, so it needs no ``role:grant``: permit ``approle:create-secret-id`` on the
AppRole by name.
"""

from __future__ import annotations

import uuid

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.identity.cidr import parse_all
from keystead.identity.credentials import fingerprint, new_accessor, new_secret_id
from keystead.identity.lineage import incarnation
from keystead.identity.records import APPROLE, SECRET_ID, AppRoleRecord, SecretIdRecord
from keystead.operations import Done
from keystead.operations.identity import (
    AppRoleNames,
    AppRoleView,
    CreateSecretId,
    DeleteAppRole,
    DestroySecretId,
    FindSecretId,
    IssuedToken,
    ListAppRoles,
    ListSecretIds,
    LoginAppRole,
    SecretId,
    SecretIds,
    SecretIdView,
    ShowAppRole,
    WriteAppRole,
)
from keystead.operations.mounts import MountView
from keystead.services.identity.entities_login import alias_at
from keystead.services.identity.granting import require_method_grant
from keystead.services.identity.issuing import (
    issue_login,
    kept,
    login_failed,
    require_source,
    shown,
)
from keystead.services.identity.mounted_names import MountedNames, joined, names_at
from keystead.services.identity.revoking import sweep
from keystead.services.mounts import on_move, on_unmount
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

ROLES = MountedNames(APPROLE, "approle", "approle")

_PAGE = 1_000


@changes(WriteAppRole)
def write_approle(operation: WriteAppRole, scope: Scope, tx: Transaction) -> AppRoleView:
    """Its tokens have its new roles at once; their lifetimes are what they were."""
    require_method_grant(scope, tx, ROLES.principal(operation.name), operation.roles)
    ROLES.require_mount(tx, scope, operation.name)
    parse_all(operation.secret_id_bound_cidrs)
    if not (
        operation.bind_secret_id or operation.secret_id_bound_cidrs or operation.limits.bound_cidrs
    ):
        raise InvalidRequest(
            "An AppRole without secret identifiers needs networks that it is bound to.",
            hint="A role identifier is no secret: bind a secret identifier, or bound_cidrs.",
            field="bind_secret_id",
        )
    present = tx.get(APPROLE, scope.namespace, operation.name)
    record = AppRoleRecord(
        incarnation=operation.role_id or (present.incarnation if present else str(uuid.uuid4())),
        roles=operation.roles,
        bind_secret_id=operation.bind_secret_id,
        secret_id_ttl_seconds=operation.secret_id_ttl_seconds,
        secret_id_max_uses=operation.secret_id_max_uses,
        secret_id_bound_cidrs=operation.secret_id_bound_cidrs,
        limits=kept(operation.limits),
    )
    scope.narrow("create" if present is None else "update")
    if present is not None and present.incarnation != record.incarnation:
        _drop_secret_ids(tx, scope.namespace, present)
        sweep(tx, incarnation(ROLES.principal(operation.name), present))
    tx.put(APPROLE, scope.namespace, operation.name, record)
    return _view(operation.name, record)


@reads(ShowAppRole)
def show_approle(operation: ShowAppRole, scope: Scope, reader: Reader) -> AppRoleView:
    return _view(operation.name, _find(reader, scope, operation.name))


@reads(ListAppRoles)
def list_approles(operation: ListAppRoles, scope: Scope, reader: Reader) -> AppRoleNames:
    names, more = ROLES.page(
        reader, scope.namespace, operation.mount, operation.after, operation.limit
    )
    return AppRoleNames(names=names, next=more)


@changes(DeleteAppRole)
def delete_approle(operation: DeleteAppRole, scope: Scope, tx: Transaction) -> Done:
    """Its tokens are of no use without it, however many there are."""
    _delete(tx, scope.namespace, operation.name, _find(tx, scope, operation.name))
    return Done()


@on_unmount(ROLES.type)
def unmount(tx: Transaction, namespace: str, mount: MountView) -> None:
    """What belongs to the mount goes with it."""
    for name in names_at(tx, APPROLE, namespace, ROLES.short(mount.path)):
        role = tx.get(APPROLE, namespace, name)
        assert role is not None
        _delete(tx, namespace, name, role)


@on_move(ROLES.type)
def move(tx: Transaction, namespace: str, mount: MountView, target: str) -> None:
    """Rename what belongs to the mount. Role and secret identifiers stay, tokens end."""
    for name in names_at(tx, APPROLE, namespace, ROLES.short(mount.path)):
        role = tx.get(APPROLE, namespace, name)
        assert role is not None
        ROLES.delete(tx, namespace, name)
        short = name.rpartition("/")[2]
        tx.add(APPROLE, namespace, joined(ROLES.short(target), short), role)


def _delete(tx: Transaction, namespace: str, name: str, role: AppRoleRecord) -> None:
    ROLES.delete(tx, namespace, name)
    _drop_secret_ids(tx, namespace, role)


def _drop_secret_ids(tx: Transaction, namespace: str, role: AppRoleRecord) -> None:
    while page := tx.list(SECRET_ID, namespace, parent=role.incarnation, limit=_PAGE):
        for secret_id, _ in page:
            tx.delete(SECRET_ID, namespace, secret_id)


# --- secret identifiers -----------------------------------------------------------------


@changes(CreateSecretId)
def create_secret_id(operation: CreateSecretId, scope: Scope, tx: Transaction) -> SecretId:
    """What the AppRole limits, the secret identifier may have less of, but not more."""
    role = _find(tx, scope, operation.name)
    parse_all(operation.bound_cidrs)
    parse_all(operation.token_bound_cidrs)
    ttl = _stricter(operation.ttl_seconds, role.secret_id_ttl_seconds)
    max_uses = _stricter(operation.max_uses, role.secret_id_max_uses)
    text = operation.text or new_secret_id()
    record = SecretIdRecord(
        accessor=new_accessor(),
        role_id=role.incarnation,
        created_at=scope.now,
        expires_at=scope.now + ttl if ttl else None,
        uses_left=max_uses or None,
        bound_cidrs=operation.bound_cidrs,
        token_bound_cidrs=operation.token_bound_cidrs,
        metadata=operation.metadata,
    )
    tx.add(SECRET_ID, scope.namespace, fingerprint(text), record)
    scope.details["accessor"] = record.accessor
    return SecretId(
        secret_id=text,
        accessor=record.accessor,
        expires_at=record.expires_at,
        max_uses=max_uses,
    )


@reads(ListSecretIds)
def list_secret_ids(operation: ListSecretIds, scope: Scope, reader: Reader) -> SecretIds:
    role = _find(reader, scope, operation.name)
    views: list[SecretIdView] = []
    after = ""
    while page := reader.list(
        SECRET_ID, scope.namespace, parent=role.incarnation, after=after, limit=_PAGE
    ):
        after = page[-1][0]
        views += [_secret_id_view(record) for _, record in page if _holds(record, scope.now)]
    return SecretIds(secret_ids=views)


@reads(FindSecretId)
def find_secret_id(operation: FindSecretId, scope: Scope, reader: Reader) -> SecretIdView:
    role = _find(reader, scope, operation.name)
    record = reader.get(SECRET_ID, scope.namespace, fingerprint(operation.secret_id))
    if record is None or record.role_id != role.incarnation or not _holds(record, scope.now):
        raise NotFound("There is no such secret identifier.")
    return _secret_id_view(record)


@changes(DestroySecretId)
def destroy_secret_id(operation: DestroySecretId, scope: Scope, tx: Transaction) -> Done:
    role = _find(tx, scope, operation.name)
    found = tx.by_name(SECRET_ID, scope.namespace, operation.accessor)
    if found is None or found[1].role_id != role.incarnation:
        raise NotFound("There is no such secret identifier.", accessor=operation.accessor)
    tx.delete(SECRET_ID, scope.namespace, found[0])
    return Done()


# --- log-in -----------------------------------------------------------------------------


@changes(LoginAppRole)
def login_approle(operation: LoginAppRole, scope: Scope, tx: Transaction) -> IssuedToken:
    found = tx.by_name(APPROLE, scope.namespace, operation.role_id)
    if found is None:
        raise login_failed()
    name, role = found
    mount, _, short = name.rpartition("/")
    if operation.mount is not None and mount != operation.mount:
        raise login_failed()
    require_source(scope, role.secret_id_bound_cidrs)
    metadata = {"role_name": short}
    if role.bind_secret_id:
        used = _use_secret_id(tx, scope, role, fingerprint(operation.secret_id))
        metadata |= used.metadata
        if used.token_bound_cidrs:
            limits = msgspec.structs.replace(role.limits, bound_cidrs=used.token_bound_cidrs)
            role = msgspec.structs.replace(role, limits=limits)
    return issue_login(
        scope,
        tx,
        ROLES.principal(name),
        role,
        display_name=mount or "approle",
        metadata=metadata,
        alias=alias_at(scope, mount or "approle", operation.role_id, {}),
    )


def _use_secret_id(
    tx: Transaction, scope: Scope, role: AppRoleRecord, place: str
) -> SecretIdRecord:
    """Check a secret identifier and take one use from it. It is found by its SHA-256, so
    nothing secret is compared, and how long that takes tells nothing."""
    secret_id = tx.get(SECRET_ID, scope.namespace, place)
    if secret_id is None or secret_id.role_id != role.incarnation:
        raise login_failed()
    if not _holds(secret_id, scope.now):
        raise login_failed()
    require_source(scope, secret_id.bound_cidrs)
    if secret_id.uses_left == 1:
        tx.delete(SECRET_ID, scope.namespace, place)
    elif secret_id.uses_left is not None:
        spent = msgspec.structs.replace(secret_id, uses_left=secret_id.uses_left - 1)
        tx.put(SECRET_ID, scope.namespace, place, spent)
    return secret_id


def _holds(secret_id: SecretIdRecord, now: float) -> bool:
    return secret_id.expires_at is None or now < secret_id.expires_at


def _stricter(asked: int, limit: int) -> int:
    """The smaller of two limits of which 0 is none."""
    return min(asked or limit, limit or asked)


def _find(reader: Reader, scope: Scope, name: str) -> AppRoleRecord:
    record = reader.get(APPROLE, scope.namespace, name)
    if record is None:
        raise NotFound(f"There is no AppRole {name}.", approle=name)
    return record


def _view(name: str, record: AppRoleRecord) -> AppRoleView:
    return AppRoleView(
        name=name,
        role_id=record.incarnation,
        roles=record.roles,
        bind_secret_id=record.bind_secret_id,
        secret_id_ttl_seconds=record.secret_id_ttl_seconds,
        secret_id_max_uses=record.secret_id_max_uses,
        secret_id_bound_cidrs=record.secret_id_bound_cidrs,
        limits=shown(record.limits),
    )


def _secret_id_view(record: SecretIdRecord) -> SecretIdView:
    return SecretIdView(
        accessor=record.accessor,
        created_at=record.created_at,
        expires_at=record.expires_at,
        uses_left=record.uses_left,
        bound_cidrs=record.bound_cidrs,
        token_bound_cidrs=record.token_bound_cidrs,
        metadata=record.metadata,
    )
