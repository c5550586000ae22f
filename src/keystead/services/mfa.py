"""Second factors: methods, people's keys, enforcements, and the end of a log-in that waited."""

from __future__ import annotations

import os
import uuid

import msgspec

from keystead.crypto.totp import LONGEST_KEY_BYTES, Totp, encode_url, require_settings
from keystead.errors import InvalidRequest, NotFound
from keystead.identity.entities import ENTITY, IDENTITY_GROUP, find_entity
from keystead.identity.lineage import trace
from keystead.operations import Done
from keystead.operations.identity import IssuedToken
from keystead.operations.mfa import (
    DeleteMfaEnforcement,
    DeleteMfaMethod,
    DestroyMfaSecret,
    GenerateMfaSecret,
    GenerateOwnMfaSecret,
    ListMfaEnforcements,
    ListMfaMethods,
    MfaEnforcement,
    MfaEnforcements,
    MfaMethods,
    MfaMethodView,
    MfaSecret,
    ShowMfaEnforcement,
    ShowMfaMethod,
    ValidateMfa,
    WriteMfaEnforcement,
    WriteMfaMethod,
)
from keystead.services.identity.issuing import give_out, lifetime
from keystead.services.mfa_checks import (
    MFA_ENFORCEMENT,
    MFA_METHOD,
    MFA_REQUEST,
    MFA_SECRET,
    MfaEnforcementRecord,
    MfaMethodRecord,
    MfaSecretRecord,
    require_factors,
    secret_place,
)
from keystead.services.qr import qr_png
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_MOST = 1000
_WIDEST_QR = 4_000
_WHO = ("accessors", "types", "group_ids", "entity_ids")


@changes(WriteMfaMethod)
def write_method(operation: WriteMfaMethod, scope: Scope, tx: Transaction) -> MfaMethodView:
    """Keys that people have stay as they are."""
    method = operation.method
    if operation.id and tx.get(MFA_METHOD, scope.namespace, operation.id) is None:
        raise NotFound
    if not method.issuer:
        raise InvalidRequest("issuer must be set")
    require_settings(
        algorithm=method.algorithm, digits=method.digits, period=method.period, skew=method.skew
    )
    if not 0 < method.key_size <= LONGEST_KEY_BYTES:
        raise InvalidRequest("key_size must be greater than zero")
    method_id = operation.id or str(uuid.uuid4())
    for other, record in tx.list(MFA_METHOD, scope.namespace, limit=_MOST):
        if method.name and record.method.name == method.name and other != method_id:
            raise InvalidRequest(f'a method of the name "{method.name}" is already in use')
    scope.narrow("update" if operation.id else "create")
    tx.put(MFA_METHOD, scope.namespace, method_id, MfaMethodRecord(method))
    return MfaMethodView(id=method_id, method=method)


@reads(ShowMfaMethod)
def show_method(operation: ShowMfaMethod, scope: Scope, reader: Reader) -> MfaMethodView:
    record = reader.get(MFA_METHOD, scope.namespace, operation.id)
    if record is None:
        raise NotFound
    return MfaMethodView(id=operation.id, method=record.method)


@reads(ListMfaMethods)
def list_methods(operation: ListMfaMethods, scope: Scope, reader: Reader) -> MfaMethods:
    found = reader.list(MFA_METHOD, scope.namespace, limit=_MOST)
    return MfaMethods(methods=[MfaMethodView(id=id, method=r.method) for id, r in found])


@changes(DeleteMfaMethod)
def delete_method(operation: DeleteMfaMethod, scope: Scope, tx: Transaction) -> Done:
    for _, record in tx.list(MFA_ENFORCEMENT, scope.namespace, limit=_MOST):
        if operation.id in record.method_ids:
            raise InvalidRequest(
                f"methodID is still used by an enforcement configuration with ID: {record.id}"
            )
    if not tx.delete(MFA_METHOD, scope.namespace, operation.id):
        raise NotFound
    prefix = secret_place(operation.id, "")
    while page := tx.list(MFA_SECRET, scope.namespace, prefix=prefix, limit=_MOST):
        for place, _ in page:
            tx.delete(MFA_SECRET, scope.namespace, place)
    return Done()


# --- keys of people ---------------------------------------------------------------------


@changes(GenerateOwnMfaSecret)
def generate_own(operation: GenerateOwnMfaSecret, scope: Scope, tx: Transaction) -> MfaSecret:
    """Nobody replaces its own key: whoever steals a token would have the second factor too."""
    entity = scope.principal.entity
    if entity is None or scope.principal.namespace != scope.namespace:
        raise InvalidRequest("no entity associated with the request's token")
    return _generate(tx, scope, operation.method_id, entity.id)


@changes(GenerateMfaSecret)
def generate_for(operation: GenerateMfaSecret, scope: Scope, tx: Transaction) -> MfaSecret:
    return _generate(tx, scope, operation.method_id, operation.entity_id)


def _generate(tx: Transaction, scope: Scope, method_id: str, entity_id: str) -> MfaSecret:
    record = tx.get(MFA_METHOD, scope.namespace, method_id)
    if record is None:
        raise InvalidRequest(f'configuration for method ID "{method_id}" does not exist')
    found = find_entity(tx, scope.namespace, entity_id)
    if found is None:
        raise InvalidRequest("invalid entity ID")
    place = secret_place(method_id, found[0])
    if tx.get(MFA_SECRET, scope.namespace, place) is not None:
        return MfaSecret(present=True)
    method = record.method
    totp = Totp(
        key=os.urandom(method.key_size),
        algorithm=method.algorithm,
        digits=method.digits,
        period=method.period,
        skew=method.skew,
    )
    tx.add(MFA_SECRET, scope.namespace, place, MfaSecretRecord(totp))
    url = encode_url(totp, method.issuer, found[0])
    return MfaSecret(url=url, barcode=qr_png(url, min(method.qr_size, _WIDEST_QR)))


@changes(DestroyMfaSecret)
def destroy_secret(operation: DestroyMfaSecret, scope: Scope, tx: Transaction) -> Done:
    place = secret_place(operation.method_id, operation.entity_id)
    tx.delete(MFA_SECRET, scope.namespace, place)
    return Done()


# --- enforcements -----------------------------------------------------------------------


@changes(WriteMfaEnforcement)
def write_enforcement(
    operation: WriteMfaEnforcement, scope: Scope, tx: Transaction
) -> MfaEnforcement:
    if not operation.method_ids:
        raise InvalidRequest("missing method ids")
    for method_id in operation.method_ids:
        if tx.get(MFA_METHOD, scope.namespace, method_id) is None:
            raise InvalidRequest("one of the provided method ids doesn't exist")
    present = tx.get(MFA_ENFORCEMENT, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    record = present or MfaEnforcementRecord(id=str(uuid.uuid4()), method_ids=[])
    given = {name: getattr(operation, name) for name in ("method_ids", *_WHO)}
    changed = {name: value for name, value in given.items() if value is not None}
    record = msgspec.structs.replace(record, **changed)
    if not any(getattr(record, name) for name in _WHO):
        raise InvalidRequest(
            "One of auth_method_accessors, auth_method_types, identity_group_ids,"
            " identity_entity_ids must be specified"
        )
    _require_known(operation, scope, tx)
    tx.put(MFA_ENFORCEMENT, scope.namespace, operation.name, record)
    return _view(operation.name, record)


def _require_known(operation: WriteMfaEnforcement, scope: Scope, reader: Reader) -> None:
    """Check that there is whatever is named: a demand on a name that is mistaken would be a
    demand on nobody."""
    mounts = [mount for mount in scope.house.mounts.all(scope.call.namespace) if mount.is_login]
    if set(operation.types or ()).difference(mount.type for mount in mounts):
        raise InvalidRequest("one of the auth method types provided is invalid")
    if set(operation.accessors or ()).difference(mount.accessor for mount in mounts):
        raise InvalidRequest("one of the auth method accessors provided is invalid")
    for group_id in operation.group_ids or ():
        if reader.get(IDENTITY_GROUP, scope.namespace, group_id) is None:
            raise InvalidRequest("one of the provided group ids doesn't exist")
    for entity_id in operation.entity_ids or ():
        if reader.get(ENTITY, scope.namespace, entity_id) is None:
            raise InvalidRequest("one of the provided entity ids doesn't exist")


@reads(ShowMfaEnforcement)
def show_enforcement(operation: ShowMfaEnforcement, scope: Scope, reader: Reader) -> MfaEnforcement:
    record = reader.get(MFA_ENFORCEMENT, scope.namespace, operation.name)
    if record is None:
        raise NotFound
    return _view(operation.name, record)


@reads(ListMfaEnforcements)
def list_enforcements(
    operation: ListMfaEnforcements, scope: Scope, reader: Reader
) -> MfaEnforcements:
    found = reader.list(MFA_ENFORCEMENT, scope.namespace, limit=_MOST)
    return MfaEnforcements(enforcements=[_view(name, record) for name, record in found])


@changes(DeleteMfaEnforcement)
def delete_enforcement(operation: DeleteMfaEnforcement, scope: Scope, tx: Transaction) -> Done:
    tx.delete(MFA_ENFORCEMENT, scope.namespace, operation.name)
    return Done()


def _view(name: str, record: MfaEnforcementRecord) -> MfaEnforcement:
    return MfaEnforcement(name=name, **msgspec.structs.asdict(record))


# --- the end of a log-in ----------------------------------------------------------------


@changes(ValidateMfa)
def validate(operation: ValidateMfa, scope: Scope, tx: Transaction) -> IssuedToken:
    """Give out the token of a log-in that waited, if that log-in would still succeed."""
    if not operation.request_id:
        raise InvalidRequest("missing request ID")
    waiting = tx.get(MFA_REQUEST, scope.namespace, operation.request_id)
    if waiting is None or waiting.expires_at <= scope.now:
        raise InvalidRequest("invalid request ID")
    entity_id = waiting.token.entity
    found = find_entity(tx, scope.namespace, entity_id)
    entity_id = found[0] if found else entity_id
    require_factors(tx, scope, entity_id, waiting.enforcements, operation.codes)
    tx.delete(MFA_REQUEST, scope.namespace, operation.request_id)
    record = msgspec.structs.replace(waiting.token, mfa=True, **lifetime(waiting.limits, scope.now))
    authority = trace(tx, record, scope.now)
    return give_out(scope, tx, record, waiting.roles, authority.entity_roles)
