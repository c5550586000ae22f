"""Whether a log-in needs a second factor, and whether a code is one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keystead.crypto.totp import Totp
from keystead.discreet import Discreet
from keystead.errors import PermissionDenied, VerificationFailed
from keystead.identity.entities import Behind
from keystead.identity.records import Limits, TokenRecord
from keystead.operations.identity import MfaChoice, MfaRequirement
from keystead.operations.mfa import MfaMethod
from keystead.operations.mounts import MountView
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

WAIT_SECONDS: Final = 300

Codes = Mapping[str, Sequence[str]]
"""What was given: codes by a method's identifier or name."""


class MfaMethodRecord(msgspec.Struct, frozen=True):
    """A method; the record id is a uuid."""

    method: MfaMethod


class MfaEnforcementRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who must use one of some methods; the record id is its name."""

    id: str
    method_ids: list[str]
    accessors: list[str] = []
    types: list[str] = []
    group_ids: list[str] = []
    entity_ids: list[str] = []


class MfaSecretRecord(Discreet, frozen=True):
    """An entity's key for a method; the record id is ``method/entity``. ``last`` is the
    period of the last code that was accepted."""

    totp: Totp
    last: int = -1


class MfaRequestRecord(Discreet, frozen=True, kw_only=True):
    """A log-in that waits for a second factor; the record id is a uuid. ``enforcements`` are
    the identifiers of methods, one of each of which is needed, by name."""

    token: TokenRecord
    limits: Limits
    roles: list[str]
    enforcements: dict[str, list[str]]
    expires_at: float


MFA_METHOD = Kind("mfa-method", MfaMethodRecord)
MFA_ENFORCEMENT = Kind("mfa-enforcement", MfaEnforcementRecord)
MFA_SECRET = Kind("mfa-secret", MfaSecretRecord)
MFA_REQUEST = Kind("mfa-request", MfaRequestRecord, expires_of=lambda r: r.expires_at)


def secret_place(method_id: str, entity_id: str) -> str:
    """Where an entity's key for a method is kept."""
    return f"{method_id}/{entity_id}"


def enforcements_for(
    reader: Reader, scope: Scope, mount: MountView, known: Behind
) -> dict[str, list[str]]:
    """Which methods a log-in must use, one of each list, by the name of what demands it."""
    groups = {*known.direct, *known.inherited}
    entities = {known.info.id, *known.merged}
    return {
        name: record.method_ids
        for name, record in reader.list(MFA_ENFORCEMENT, scope.namespace, limit=1000)
        if mount.accessor in record.accessors
        or mount.type in record.types
        or entities & set(record.entity_ids)
        or groups & set(record.group_ids)
    }


def keep_waiting(
    tx: Transaction,
    scope: Scope,
    token: TokenRecord,
    limits: Limits,
    roles: list[str],
    enforcements: dict[str, list[str]],
) -> MfaRequirement:
    """Keep a log-in until its second factor comes; the answer says what to send."""
    request_id = str(uuid.uuid4())
    record = MfaRequestRecord(
        token=token,
        limits=limits,
        roles=roles,
        enforcements=enforcements,
        expires_at=scope.now + WAIT_SECONDS,
    )
    tx.add(MFA_REQUEST, scope.namespace, request_id, record)
    choices = {
        name: [MfaChoice(id=id, name=_name(tx, scope, id)) for id in methods]
        for name, methods in enforcements.items()
    }
    return MfaRequirement(request_id=request_id, constraints=choices)


def forget_expired(tx: Transaction, now: float, limit: int = 500) -> None:
    """Drop log-ins whose second factor did not come."""
    for namespace, request_id, _ in tx.expired(MFA_REQUEST, now, limit):
        tx.delete(MFA_REQUEST, namespace, request_id)


def require_factors(
    tx: Transaction,
    scope: Scope,
    entity_id: str,
    enforcements: Mapping[str, Sequence[str]],
    codes: Codes,
) -> None:
    """Check that the codes satisfy every enforcement, and use them up.

    Wrong codes of an entity are counted on this worker, and further ones must wait (Overloaded).
    Raises PermissionDenied.
    """
    throttle = scope.house.authenticator.throttle
    counted = f"second factor of {entity_id}"
    throttle.admit(scope.namespace, counted, scope.now)
    used: set[str] = set()
    for methods in enforcements.values():
        if not (used & set(methods)):
            found = next((m for m in methods if _use(tx, scope, entity_id, m, codes)), None)
            if found is None:
                throttle.failed(scope.namespace, counted, scope.now)
                raise PermissionDenied("A second factor is missing or wrong.")
            used.add(found)
    throttle.succeeded(scope.namespace, counted)


def _use(tx: Transaction, scope: Scope, entity_id: str, method_id: str, codes: Codes) -> bool:
    given = codes.get(method_id) or codes.get(_name(tx, scope, method_id) or method_id) or ()
    place = secret_place(method_id, entity_id)
    record = tx.get(MFA_SECRET, scope.namespace, place)
    if record is None or len(given) != 1:
        return False
    try:
        last = record.totp.verify(given[0].removeprefix("passcode="), scope.now, record.last)
    except VerificationFailed:
        return False
    tx.put(MFA_SECRET, scope.namespace, place, MfaSecretRecord(record.totp, last))
    return True


def _name(reader: Reader, scope: Scope, method_id: str) -> str:
    record = reader.get(MFA_METHOD, scope.namespace, method_id)
    return record.method.name if record else ""
