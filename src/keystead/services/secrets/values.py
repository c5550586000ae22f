"""The values of secrets: read, written, patched, deleted, undeleted, destroyed.

A write is one transaction: the secret's record and its new value, and the removal of what
its store does not keep. In a store of version 1 the value is replaced, and the record stays
as it is, so that the store can become one of version 2 without a secret being touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from keystead.errors import IntegrityFailure, InvalidRequest, NotFound, PayloadTooLarge
from keystead.operations import Done
from keystead.operations.secrets import (
    DeleteSecret,
    DestroySecret,
    PatchSecret,
    PurgeSecret,
    ReadSecret,
    ReadSubkeys,
    Secret,
    SecretVersion,
    Subkeys,
    UndeleteSecret,
    WriteSecret,
)
from keystead.services.registry import at_hand, changes, reads
from keystead.services.scope import Scope
from keystead.services.secrets import versions
from keystead.services.secrets.merge import merge, require_shallow, subkeys
from keystead.services.secrets.place import Place, locate, require_mounted, store_of
from keystead.services.secrets.records import (
    SECRET,
    SECRET_VALUE,
    SecretRecord,
    SecretValue,
    VersionState,
)

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

MAX_VALUE_BYTES: Final = 1 << 20
"""As JSON."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


# --- reading ----------------------------------------------------------------------------


@at_hand(ReadSecret)
def read_at_hand(operation: ReadSecret, scope: Scope) -> Secret | None:
    """The newest version from memory, if it is the one asked for."""
    place = locate(scope, operation.name)
    secret = scope.house.secrets.find((scope.namespace, place.id))
    if secret is None or operation.version not in (0, secret.version.version):
        return None
    return _now(secret, scope.now)


@reads(ReadSecret)
def read_secret(operation: ReadSecret, scope: Scope, reader: Reader) -> Secret:
    """Raises NotFound if there is no such version. A deleted one is shown without data."""
    place = locate(scope, operation.name, versioned=operation.version > 1)
    return _now(_read(reader, scope, place, operation.version), scope.now)


@reads(ReadSubkeys)
def read_subkeys(operation: ReadSubkeys, scope: Scope, reader: Reader) -> Subkeys:
    """Raises NotFound if there is no such version. A deleted one is shown without subkeys."""
    place = locate(scope, operation.name, versioned=True)
    secret = _now(_read(reader, scope, place, operation.version), scope.now)
    if secret.data is None:
        return Subkeys(version=secret.version)
    return Subkeys(version=secret.version, subkeys=subkeys(secret.data, operation.depth))


def _read(reader: Reader, scope: Scope, place: Place, version: int) -> Secret:
    """A version with its value unless that is destroyed; the newest is kept at hand."""
    snapshot = reader.last_change()
    record = reader.get(SECRET, scope.namespace, place.id)
    state = record.find(version) if record else None
    if record is None or state is None:
        raise NotFound
    stored = b"" if state.destroyed else _stored(reader, scope, place, state.version)
    secret = Secret(version=shown(state, record), data=_decode(stored) if stored else None)
    if state.version == record.current:
        scope.house.secrets.keep((scope.namespace, place.id), secret, len(stored), snapshot)
    return secret


def _stored(reader: Reader, scope: Scope, place: Place, version: int) -> bytes:
    value = reader.get(SECRET_VALUE, scope.namespace, place.value_id(version))
    if value is None:
        raise IntegrityFailure("The value of a secret is missing.", version=version)
    return value.data


def _now(secret: Secret, now: float) -> Secret:
    """A secret as it may be seen now: time deletes versions too."""
    if secret.data is not None and secret.version.is_gone(now):
        return Secret(version=secret.version)
    return secret


def shown(state: VersionState, record: SecretRecord) -> SecretVersion:
    """A version as callers see it."""
    return SecretVersion(
        version=state.version,
        created_at=state.created_at,
        deletion_at=state.deletion_at,
        destroyed=state.destroyed,
        custom_metadata=record.settings.custom_metadata,
    )


# --- writing ----------------------------------------------------------------------------


@changes(WriteSecret)
def write_secret(operation: WriteSecret, scope: Scope, tx: Transaction) -> SecretVersion:
    """Write a new version. Raises InvalidRequest if ``cas`` does not match the newest or is
    missing where it is required, PayloadTooLarge beyond 1 MiB."""
    place = locate(scope, operation.name)
    record = tx.get(SECRET, scope.namespace, place.id)
    scope.narrow("update" if record else "create")
    if place.versioned:
        return _add(tx, scope, place, record, operation.data, operation.cas)
    if operation.cas is not None:
        raise InvalidRequest("This store keeps no versions of its secrets.")
    return _replace(tx, scope, place, record, operation.data)


@changes(PatchSecret)
def patch_secret(operation: PatchSecret, scope: Scope, tx: Transaction) -> SecretVersion:
    """Write a new version from the newest; raises NotFound if that is not there or deleted."""
    place = locate(scope, operation.name, versioned=True)
    record = tx.get(SECRET, scope.namespace, place.id)
    state = record.find(0) if record else None
    if state is None or state.is_gone(scope.now):
        raise NotFound
    present = _decode(_stored(tx, scope, place, state.version))
    return _add(tx, scope, place, record, merge(present, operation.data), operation.cas)


def _add(
    tx: Transaction,
    scope: Scope,
    place: Place,
    record: SecretRecord | None,
    data: Mapping[str, Any],
    cas: int | None,
) -> SecretVersion:
    if record is None:
        require_mounted(tx, scope, place)
    store = store_of(tx, scope, place)
    versions.check_and_set(record, store, cas)
    added, dropped = versions.add(record, store, scope.now)
    _remove_values(tx, scope, place, dropped)
    _put_value(tx, scope, place, added.current, data)
    tx.put(SECRET, scope.namespace, place.id, added)
    scope.details["version"] = added.current
    return shown(added.versions[-1], added)


def _replace(
    tx: Transaction,
    scope: Scope,
    place: Place,
    record: SecretRecord | None,
    data: Mapping[str, Any],
) -> SecretVersion:
    """Write the one version that a store of version 1 keeps."""
    if not data:
        raise InvalidRequest("missing data fields")
    _put_value(tx, scope, place, 1, data)
    state = VersionState(1, scope.now)
    if record is None:
        require_mounted(tx, scope, place)
        record = SecretRecord(
            created_at=scope.now, updated_at=scope.now, versions=[state], current=1, oldest=1
        )
        tx.put(SECRET, scope.namespace, place.id, record)
    return shown(state, record)


def _put_value(
    tx: Transaction, scope: Scope, place: Place, version: int, data: Mapping[str, Any]
) -> None:
    require_shallow(data)
    encoded = _encode(data)
    if len(encoded) > MAX_VALUE_BYTES:
        raise PayloadTooLarge(
            f"put failed due to value being too large; got {len(encoded)} bytes, "
            f"max: {MAX_VALUE_BYTES} bytes",
            limit=MAX_VALUE_BYTES,
        )
    tx.put(SECRET_VALUE, scope.namespace, place.value_id(version), SecretValue(encoded))


# --- taking away ------------------------------------------------------------------------


@changes(DeleteSecret)
def delete_secret(operation: DeleteSecret, scope: Scope, tx: Transaction) -> Done:
    """What is not there, or gone already, is no error. A store of version 1 forgets it."""
    place = locate(scope, operation.name)
    record = tx.get(SECRET, scope.namespace, place.id)
    if record is None:
        return Done()
    if not place.versioned:
        _purge(tx, scope, place, record)
        return Done()
    chosen = operation.versions or [record.current]
    _put_changed(tx, scope, place, record, versions.delete(record, chosen, scope.now), chosen)
    return Done()


@changes(UndeleteSecret)
def undelete_secret(operation: UndeleteSecret, scope: Scope, tx: Transaction) -> Done:
    """What is not there, or destroyed, is no error."""
    place = locate(scope, operation.name, versioned=True)
    if record := tx.get(SECRET, scope.namespace, place.id):
        store = store_of(tx, scope, place)
        changed = versions.undelete(record, store, operation.versions, scope.now)
        _put_changed(tx, scope, place, record, changed, operation.versions)
    return Done()


@changes(DestroySecret)
def destroy_secret(operation: DestroySecret, scope: Scope, tx: Transaction) -> Done:
    """What is not there is no error."""
    place = locate(scope, operation.name, versioned=True)
    if record := tx.get(SECRET, scope.namespace, place.id):
        chosen = operation.versions
        _remove_values(tx, scope, place, [v for v in record.versions if v.version in chosen])
        _put_changed(tx, scope, place, record, versions.destroy(record, chosen), chosen)
    return Done()


@changes(PurgeSecret)
def purge_secret(operation: PurgeSecret, scope: Scope, tx: Transaction) -> Done:
    """What is not there is no error."""
    place = locate(scope, operation.name)
    if record := tx.get(SECRET, scope.namespace, place.id):
        _purge(tx, scope, place, record)
    return Done()


def _purge(tx: Transaction, scope: Scope, place: Place, record: SecretRecord) -> None:
    _remove_values(tx, scope, place, record.versions)
    tx.delete(SECRET, scope.namespace, place.id)


def _put_changed(
    tx: Transaction,
    scope: Scope,
    place: Place,
    before: SecretRecord,
    after: SecretRecord,
    chosen: list[int],
) -> None:
    scope.details["versions"] = ",".join(map(str, chosen))
    if after != before:
        tx.put(SECRET, scope.namespace, place.id, after)


def _remove_values(tx: Transaction, scope: Scope, place: Place, states: list[VersionState]) -> None:
    for state in states:
        if not state.destroyed:
            tx.delete(SECRET_VALUE, scope.namespace, place.value_id(state.version))
