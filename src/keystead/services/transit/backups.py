"""Back up transit keys in plaintext, and restore what this server, Vault or OpenBao backed up."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from keystead.crypto.material import KeyMaterial
from keystead.crypto.specs import spec
from keystead.crypto.transit import backup as form
from keystead.crypto.transit.derivation import COUNTER, HKDF_SHA256
from keystead.crypto.transit.types import TransitType
from keystead.errors import (
    AlreadyExists,
    ExportForbidden,
    InvalidRequest,
    NotFound,
    PermissionDenied,
)
from keystead.operations import Resource
from keystead.operations.transit import (
    BackUpTransitKey,
    RestoreTransitKey,
    TransitBackup,
    TransitKey,
)
from keystead.services.keys.cache import find_record, load
from keystead.services.keys.key import Key
from keystead.services.keys.lifecycle import record_of
from keystead.services.keys.records import (
    ALIAS,
    KEY,
    MATERIAL,
    KeyRecord,
    MaterialRecord,
    TransitSettings,
    VersionState,
    material_id,
)
from keystead.services.keys.states import State
from keystead.services.keys.transit import CONVERGENT_VERSION, schedule_rotation, with_transit
from keystead.services.registry import before, changes
from keystead.services.scope import Scope
from keystead.services.transit.keyring import settings_of, type_of
from keystead.services.transit.mounts import locate, require_name
from keystead.services.transit.removal import remove_key
from keystead.services.transit.views import view

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_NANOSECONDS = 1_000_000_000
_KDFS = (COUNTER, HKDF_SHA256)


@changes(BackUpTransitKey)
def back_up(operation: BackUpTransitKey, scope: Scope, tx: Transaction) -> TransitBackup:
    """Give out all of a key, and note when; raises ExportForbidden if it does not allow that."""
    key_id, record = record_of(tx, scope, operation.key)
    key = load(tx, scope.namespace, key_id)
    assert key is not None
    type_ = type_of(key)
    if not record.exportable:
        raise ExportForbidden("exporting is disallowed on the policy", key=record.name)
    if not settings_of(record).allow_plaintext_backup:
        raise ExportForbidden("plaintext backup is disallowed on the policy", key=record.name)
    record = with_transit(record, backed_up_at=scope.now, backed_up_version=len(record.versions))
    tx.put(KEY, scope.namespace, key_id, record)
    return TransitBackup(backup=form.write(_policy(record, type_), _entries(key, type_), type_))


def _policy(record: KeyRecord, type_: TransitType) -> dict[str, Any]:
    settings, latest = settings_of(record), len(record.versions)
    sized = {"key_size": settings.key_bytes} if settings.key_bytes else {}
    return {
        "name": record.name.rpartition("/")[2],
        **sized,
        "derived": settings.derived,
        "kdf": _KDFS.index(settings.kdf) if settings.derived else 0,
        "convergent_encryption": settings.convergent,
        "exportable": record.exportable,
        "min_decryption_version": settings.min_decryption_version,
        "min_encryption_version": settings.min_encryption_version,
        "latest_version": latest,
        "archive_version": latest,
        "archive_min_version": settings.min_available_version,
        "min_available_version": settings.min_available_version,
        "deletion_allowed": settings.deletion_allowed,
        "convergent_version": -1 if settings.convergent else 0,
        "type": type_.number,
        "backup_info": {
            "time": form.write_time(settings.backed_up_at),
            "version": settings.backed_up_version,
        },
        "restore_info": None,
        "allow_plaintext_backup": settings.allow_plaintext_backup,
        "version_template": "",
        "storage_prefix": "",
        "auto_rotate_period": settings.auto_rotate_seconds * _NANOSECONDS,
        "Imported": settings.imported,
        "AllowImportedKeyRotation": settings.allow_rotation,
        "soft_deleted": settings.soft_deleted,
    }


def _entries(key: Key, type_: TransitType) -> dict[int, form.Entry]:
    created = {v.version: v.created_at for v in key.record.versions}
    return {
        number: form.Entry(
            None if version.public_only else KeyMaterial(version.reveal()),
            version.public,
            version.hmac_key.reveal(),
            created[number],
            version.convergent_version,
            version.certificates,
        )
        for number, version in sorted(key.versions.items())
    }


# --- restoring --------------------------------------------------------------------------


class Opened(NamedTuple):
    """A backup that was read: the key's name, its record, and its versions."""

    name: str
    record: KeyRecord
    entries: dict[int, form.Entry]
    convergent_version: int


@before(RestoreTransitKey)
def open_backup(operation: RestoreTransitKey, scope: Scope, reader: Reader) -> Opened:
    """Read a backup; raises InvalidRequest for one that is damaged or does not fit."""
    if not operation.backup:
        raise InvalidRequest("'backup' must be supplied")
    mount = locate(scope, operation.mount)
    backup = form.parse(operation.backup)
    policy = backup["policy"]
    name = operation.key or f"{mount.path}{policy.get('name')}"
    require_name(mount, name)
    # On a path, whoever may restore there may restore any key of the mount, as with Vault.
    asked = operation.key or scope.call.path is not None
    if not asked and not scope.permits("key:import", Resource("key", name)):
        raise PermissionDenied(action="key:import", resource=name)
    type_ = form.type_in(policy)
    entries = form.entries_in(backup, type_)
    record = _record(name, policy, type_, entries, scope.now)
    return Opened(name, record, entries, _convergent_version(policy))


def _convergent_version(policy: dict[str, Any]) -> int:
    """The scheme of those versions that do not say; 0: the key is not convergent."""
    if not policy.get("convergent_encryption"):
        return 0
    version = policy.get("convergent_version")
    return CONVERGENT_VERSION if version == -1 else int(version or 1)


def _record(
    name: str,
    policy: dict[str, Any],
    type_: TransitType,
    entries: dict[int, form.Entry],
    now: float,
) -> KeyRecord:
    latest = max(entries)
    versions = [_state(number, entries.get(number), now) for number in range(1, latest + 1)]
    imported = bool(policy.get("Imported"))
    return KeyRecord(
        name=name,
        spec=type_.spec,
        usage=spec(type_.spec).usages[0],
        state=State.ACTIVE,
        primary=latest,
        versions=versions,
        created_at=versions[0].created_at,
        origin="imported",
        exportable=bool(policy.get("exportable")),
        transit=_settings(policy, type_, latest, imported=imported, now=now),
    )


def _settings(
    policy: dict[str, Any], type_: TransitType, latest: int, *, imported: bool, now: float
) -> TransitSettings:
    try:
        settings = TransitSettings(
            type=type_.name,
            derived=bool(policy.get("derived")),
            kdf=_KDFS[int(policy.get("kdf") or 0)] if policy.get("derived") else HKDF_SHA256,
            convergent=bool(policy.get("convergent_encryption")),
            allow_plaintext_backup=bool(policy.get("allow_plaintext_backup")),
            min_decryption_version=int(policy.get("min_decryption_version") or 1),
            min_encryption_version=int(policy.get("min_encryption_version") or 0),
            min_available_version=int(policy.get("min_available_version") or 0),
            deletion_allowed=bool(policy.get("deletion_allowed")),
            auto_rotate_seconds=int(policy.get("auto_rotate_period") or 0) // _NANOSECONDS,
            imported=imported,
            allow_rotation=bool(policy.get("AllowImportedKeyRotation")),
            key_bytes=int(policy.get("key_size") or 0),
            soft_deleted=bool(policy.get("soft_deleted")),
            restored_at=now,
            restored_version=latest,
        )
    except (TypeError, ValueError, IndexError):
        raise InvalidRequest("The backup is damaged.") from None
    least = (settings.min_decryption_version, settings.min_encryption_version)
    if not all(0 <= version <= latest for version in (*least, settings.min_available_version)):
        raise InvalidRequest("The backup is damaged.")
    if (settings.derived and not type_.derives) or (settings.convergent and not settings.derived):
        raise InvalidRequest("The backup is damaged.")
    return settings


def _state(number: int, entry: form.Entry | None, now: float) -> VersionState:
    if entry is None:
        return VersionState(
            version=number,
            state=State.DESTROYED,
            created_at=now,
            destroyed_at=now,
            origin="imported",
        )
    return VersionState(
        version=number,
        state=State.ACTIVE,
        created_at=entry.created_at or now,
        origin="imported",
    )


@changes(RestoreTransitKey)
def restore(operation: RestoreTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    """Store a key from a backup; raises AlreadyExists unless it may replace what is there."""
    opened: Opened = scope.prepared
    present = find_record(tx, scope.namespace, opened.name)
    if present is not None:
        if not operation.force:
            below = opened.name.rpartition("/")[2]
            raise AlreadyExists(f'key "{below}" already exists', key=opened.name)
        if present[1].transit is None:
            raise NotFound(f"There is no transit key {opened.name}.", key=opened.name)
        remove_key(tx, scope.namespace, *present)
    if tx.get(ALIAS, scope.namespace, opened.name) is not None:
        raise AlreadyExists(f"{opened.name} is an alias of another key.", key=opened.name)
    key_id = secrets.token_hex(16)
    tx.add(KEY, scope.namespace, key_id, opened.record)
    for number, entry in opened.entries.items():
        row = _row(key_id, number, entry, opened.convergent_version)
        tx.add(MATERIAL, scope.namespace, material_id(key_id, number), row)
    schedule_rotation(tx, scope.namespace, key_id, opened.record, scope.now)
    scope.details["name"] = opened.name
    scope.key_version = opened.record.primary
    return view(tx, scope.namespace, key_id, opened.record)


def _row(key_id: str, number: int, entry: form.Entry, convergent: int) -> MaterialRecord:
    return MaterialRecord(
        key_id=key_id,
        version=number,
        material=b"" if entry.material is None else entry.material.reveal(),
        public=entry.public,
        public_only=entry.material is None,
        hmac_key=entry.hmac_key,
        convergent_version=entry.convergent_version or convergent,
        certificates=entry.certificates,
    )
