"""The life of transit keys: created, configured, rotated, trimmed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from keystead.crypto.material import KeyMaterial
from keystead.crypto.specs import spec
from keystead.crypto.transit.types import (
    LEAST_HMAC_BYTES,
    MOST_HMAC_BYTES,
    TransitType,
    transit_type,
)
from keystead.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from keystead.operations import Done
from keystead.operations.transit import (
    ConfigureTransitKey,
    CreateTransitKey,
    DeleteTransitKey,
    RotateTransitKey,
    SoftDeleteTransitKey,
    TransitKey,
    TrimTransitKey,
    UndeleteTransitKey,
)
from keystead.services.keys.cache import find_record
from keystead.services.keys.lifecycle import (
    add_version,
    generate_for,
    insert,
    record_of,
    refuse_imported,
)
from keystead.services.keys.records import KEY, KeyRecord, TransitSettings, VersionState
from keystead.services.keys.states import State
from keystead.services.keys.transit import schedule_rotation, with_transit
from keystead.services.registry import before, changes
from keystead.services.scope import Scope
from keystead.services.transit.keyring import settings_of
from keystead.services.transit.mounts import locate, require_name, settings_at
from keystead.services.transit.removal import remove_key, remove_material
from keystead.services.transit.views import view

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_LEAST_PERIOD = 3600


def new_record(
    name: str, type_: TransitType, settings: TransitSettings, *, exportable: bool, now: float
) -> KeyRecord:
    """The record of a new transit key with one version."""
    origin = "imported" if settings.imported else "generated"
    first = VersionState(version=1, state=State.ACTIVE, created_at=now, origin=origin)
    return KeyRecord(
        name=name,
        spec=type_.spec,
        usage=spec(type_.spec).usages[0],
        state=State.ACTIVE,
        primary=1,
        versions=[first],
        created_at=now,
        origin=origin,
        exportable=exportable,
        transit=settings,
    )


def require_period(seconds: int) -> None:
    """Raise InvalidRequest for a period of rotation that is too short."""
    if 0 < seconds < _LEAST_PERIOD:
        raise InvalidRequest("auto rotate period must be 0 to disable or at least an hour")


def require_derivable(type_: TransitType, *, derived: bool, convergent: bool) -> None:
    """Raise InvalidRequest for a type from which no keys can be derived as asked."""
    if convergent and not derived:
        raise InvalidRequest("convergent encryption requires derivation to be enabled")
    if derived and not type_.derives:
        raise InvalidRequest(
            f"key derivation and convergent encryption not supported for keys of type {type_.name}"
        )
    if convergent and not type_.aead:
        raise InvalidRequest(f"convergent encryption not supported for keys of type {type_.name}")


def _wanted(operation: CreateTransitKey) -> KeyRecord:
    """The key that is asked for; raises InvalidRequest."""
    type_ = transit_type(operation.type)
    require_period(operation.auto_rotate_seconds)
    require_derivable(type_, derived=operation.derived, convergent=operation.convergent)
    if type_.name == "hmac":
        if not LEAST_HMAC_BYTES <= operation.key_bytes <= MOST_HMAC_BYTES:
            raise InvalidRequest(
                "invalid key size for HMAC key, must be between "
                f"{LEAST_HMAC_BYTES} and {MOST_HMAC_BYTES} bytes"
            )
    elif operation.key_bytes:
        raise InvalidRequest(f"key_size is not valid for algorithm {type_.name}")
    settings = TransitSettings(
        type=type_.name,
        derived=operation.derived,
        convergent=operation.convergent,
        allow_plaintext_backup=operation.allow_plaintext_backup,
        auto_rotate_seconds=operation.auto_rotate_seconds,
        key_bytes=operation.key_bytes,
    )
    return new_record(operation.name, type_, settings, exportable=operation.exportable, now=0)


@before(CreateTransitKey)
def generate_first(operation: CreateTransitKey, scope: Scope, reader: Reader) -> KeyMaterial | None:
    """The first version's material, unless the key is there already."""
    record = _wanted(operation)
    mount = locate(scope, operation.mount)
    require_name(mount, operation.name)
    if find_record(reader, scope.namespace, operation.name) is not None:
        _refuse_upsert(operation)
        return None
    if operation.upsert and settings_at(reader, scope, mount).disable_upsert:
        raise NotFound(f"There is no key {operation.name}.", key=operation.name)
    return generate_for(record)


@changes(CreateTransitKey)
def create_transit_key(operation: CreateTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    """Create a key; one that is there stays as it is."""
    found = find_record(tx, scope.namespace, operation.name)
    if found is not None:
        _refuse_upsert(operation)
        return view(tx, scope.namespace, *found)
    if scope.prepared is None:
        raise Conflict(f"Key {operation.name} was deleted meanwhile.", hint="Try again.")
    wanted = _wanted(operation)
    first = msgspec.structs.replace(wanted.versions[0], created_at=scope.now)
    record = msgspec.structs.replace(wanted, created_at=scope.now, versions=[first])
    return store_new(tx, scope, record, scope.prepared)


def _refuse_upsert(operation: CreateTransitKey) -> None:
    """The right to make a key by encrypting is none to one that is there."""
    if operation.upsert:
        raise AlreadyExists(f"Key {operation.name} exists.", key=operation.name)


def store_new(
    tx: Transaction, scope: Scope, record: KeyRecord, material: KeyMaterial | bytes
) -> TransitKey:
    """Store a new key with its first version, and when it is to be rotated."""
    made = insert(tx, scope, record, material)
    schedule_rotation(tx, scope.namespace, made.id, record, scope.now)
    return view(tx, scope.namespace, made.id, record)


@before(RotateTransitKey)
def generate_next(operation: RotateTransitKey, scope: Scope, reader: Reader) -> KeyMaterial:
    _, record = record_of(reader, scope, operation.key)
    settings_of(record)
    return generate_for(record)


@changes(RotateTransitKey)
def rotate_transit_key(operation: RotateTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    """Add a version; raises Conflict for a key that was imported and stays as it is."""
    key_id, record = record_of(tx, scope, operation.key)
    refuse_imported(record)
    add_version(tx, scope, key_id, record, scope.prepared, origin="generated")
    return view(tx, scope.namespace, *record_of(tx, scope, operation.key))


@changes(ConfigureTransitKey)
def configure_transit_key(
    operation: ConfigureTransitKey, scope: Scope, tx: Transaction
) -> TransitKey:
    """Change what is given; raises InvalidRequest for what does not go together."""
    key_id, record = record_of(tx, scope, operation.key)
    settings, latest = settings_of(record), len(record.versions)
    changed: dict[str, Any] = {}
    if (least := operation.min_decryption_version) is not None:
        _require_version("decryption", least, latest)
        changed["min_decryption_version"] = least or 1
    if (least := operation.min_encryption_version) is not None:
        _require_version("encryption", least, latest)
        changed["min_encryption_version"] = least
    if operation.deletion_allowed is not None:
        changed["deletion_allowed"] = operation.deletion_allowed
    if operation.allow_plaintext_backup:
        changed["allow_plaintext_backup"] = True
    if (period := operation.auto_rotate_seconds) is not None:
        require_period(period)
        if period and settings.imported and not settings.allow_rotation:
            raise InvalidRequest("allow_rotation must be set to true if auto-rotation is enabled")
        changed["auto_rotate_seconds"] = period
    record = with_transit(record, **changed)
    _require_order(settings_of(record))
    if operation.exportable:
        record = msgspec.structs.replace(record, exportable=True)
    return _save(tx, scope, key_id, record)


def _require_version(purpose: str, wanted: int, latest: int) -> None:
    if wanted < 0:
        raise InvalidRequest(f"min {purpose} version cannot be negative")
    if wanted > latest:
        raise InvalidRequest(
            f"cannot set min {purpose} version of {wanted}, latest key version is {latest}"
        )


def _require_order(settings: TransitSettings) -> None:
    encryption, decryption = settings.min_encryption_version, settings.min_decryption_version
    if 0 < encryption < decryption:
        raise InvalidRequest(
            "cannot set min encryption/decryption values; min encryption version of "
            f"{encryption} must be greater than or equal to min decryption version of {decryption}"
        )
    if decryption < settings.min_available_version:
        raise InvalidRequest("min decryption version should not be less then min available version")


def _save(tx: Transaction, scope: Scope, key_id: str, record: KeyRecord) -> TransitKey:
    tx.put(KEY, scope.namespace, key_id, record)
    schedule_rotation(tx, scope.namespace, key_id, record, scope.now)
    return view(tx, scope.namespace, key_id, record)


@changes(TrimTransitKey)
def trim_transit_key(operation: TrimTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    """Delete old versions that the key's minimums no longer allow; raises InvalidRequest."""
    key_id, record = record_of(tx, scope, operation.key)
    settings, wanted = settings_of(record), operation.min_available_version
    _require_trimmable(settings, wanted, len(record.versions))
    versions = []
    for version in record.versions:
        if version.version < wanted and version.state is not State.DESTROYED:
            remove_material(tx, scope.namespace, key_id, version.version)
            version = msgspec.structs.replace(
                version,
                state=State.DESTROYED,
                destroyed_at=scope.now,
                destroy_at=None,
                before_destruction=None,
            )
        versions.append(version)
    trimmed = with_transit(record, min_available_version=wanted)
    return _save(tx, scope, key_id, msgspec.structs.replace(trimmed, versions=versions))


def _require_trimmable(settings: TransitSettings, wanted: int, latest: int) -> None:
    if wanted < settings.min_available_version:
        raise InvalidRequest("minimum available version cannot be decremented")
    if settings.min_encryption_version == 0:
        raise InvalidRequest(
            "minimum available version cannot be set when minimum encryption version is not set"
        )
    if wanted > settings.min_encryption_version:
        raise InvalidRequest(
            "minimum available version cannot be greater than minmum encryption version"
        )
    if wanted > settings.min_decryption_version:
        raise InvalidRequest(
            "minimum available version cannot be greater than minimum decryption version"
        )
    if wanted < 0 or wanted > latest:
        raise InvalidRequest("minimum available version cannot be greater than latest version")


@changes(DeleteTransitKey)
def delete_transit_key(operation: DeleteTransitKey, scope: Scope, tx: Transaction) -> Done:
    """Delete a key; raises NotFound, or InvalidRequest if it does not allow that."""
    key_id, record = record_of(tx, scope, operation.key)
    if not settings_of(record).deletion_allowed:
        raise InvalidRequest("deletion is not allowed for this key")
    remove_key(tx, scope.namespace, key_id, record)
    return Done()


@changes(SoftDeleteTransitKey)
def soft_delete(operation: SoftDeleteTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    return _set_deleted(tx, scope, operation.key, deleted=True)


@changes(UndeleteTransitKey)
def undelete(operation: UndeleteTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    return _set_deleted(tx, scope, operation.key, deleted=False)


def _set_deleted(tx: Transaction, scope: Scope, key: str, *, deleted: bool) -> TransitKey:
    key_id, record = record_of(tx, scope, key)
    settings_of(record)
    return _save(tx, scope, key_id, with_transit(record, soft_deleted=deleted))
