"""What is known of secrets besides their values, and what holds for their stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from keystead.errors import InvalidRequest, NotFound
from keystead.operations.secrets import (
    ConfigureSecretStore,
    Count,
    PatchSecretMetadata,
    Seconds,
    SecondsOrNever,
    SecretStore,
    SecretVersion,
    SecretView,
    ShowSecret,
    ShowSecretStore,
    WriteSecretMetadata,
)
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.services.secrets.merge import merge
from keystead.services.secrets.place import (
    Place,
    locate,
    locate_store,
    require_mounted,
    store_of,
)
from keystead.services.secrets.records import (
    SECRET,
    SECRET_STORE,
    SecretRecord,
    Settings,
    StoreRecord,
)

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

_MOST_KEYS: Final = 64
_LONGEST_KEY: Final = 128
_LONGEST_VALUE: Final = 512


class _Given(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings as they must be."""

    max_versions: Count = 0
    cas_required: bool = False
    delete_version_after_seconds: Seconds = 0
    custom_metadata: dict[str, str] = {}


class _GivenStore(msgspec.Struct, kw_only=True):
    """What holds for a store, as it must be."""

    max_versions: Count = 0
    cas_required: bool = False
    delete_version_after_seconds: SecondsOrNever = 0


@reads(ShowSecret)
def show_secret(operation: ShowSecret, scope: Scope, reader: Reader) -> SecretView:
    """Raises NotFound if there is none."""
    place = locate(scope, operation.name, versioned=True)
    record = reader.get(SECRET, scope.namespace, place.id)
    if record is None:
        raise NotFound
    return view(record)


@changes(WriteSecretMetadata)
def write_metadata(operation: WriteSecretMetadata, scope: Scope, tx: Transaction) -> SecretView:
    """Raises InvalidRequest for custom metadata beyond 64 entries, keys of 128 and values of
    512 bytes."""
    place = locate(scope, operation.name, versioned=True)
    record = tx.get(SECRET, scope.namespace, place.id)
    scope.narrow("update" if record else "create")
    if record is None:
        require_mounted(tx, scope, place)
        record = SecretRecord(created_at=scope.now, updated_at=scope.now)
    given = _given(operation, Settings.__struct_fields__)
    settings = _checked(Settings, _Given, asdict(record.settings) | given)
    return _put(tx, scope, place, record, settings)


@changes(PatchSecretMetadata)
def patch_metadata(operation: PatchSecretMetadata, scope: Scope, tx: Transaction) -> SecretView:
    """Raises NotFound without such a secret, InvalidRequest for what is no setting."""
    place = locate(scope, operation.name, versioned=True)
    record = tx.get(SECRET, scope.namespace, place.id)
    if record is None:
        raise NotFound
    patched = merge(asdict(record.settings), operation.patch)
    return _put(tx, scope, place, record, _checked(Settings, _Given, patched))


def _checked(
    record: type[RecordT], bounds: type[msgspec.Struct], given: Mapping[str, Any]
) -> RecordT:
    """A record whose fields are within bounds; raises InvalidRequest."""
    try:
        return record(**asdict(msgspec.convert(given, bounds)))
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error}.") from None


def _put(
    tx: Transaction, scope: Scope, place: Place, record: SecretRecord, settings: Settings
) -> SecretView:
    _check_custom(settings.custom_metadata)
    changed = replace(record, settings=settings, updated_at=scope.now)
    tx.put(SECRET, scope.namespace, place.id, changed)
    return view(changed)


def view(record: SecretRecord) -> SecretView:
    """A secret as callers see it."""
    settings = record.settings
    return SecretView(
        created_at=record.created_at,
        updated_at=record.updated_at,
        current_version=record.current,
        oldest_version=record.oldest,
        versions=[
            SecretVersion(
                version=v.version,
                created_at=v.created_at,
                deletion_at=v.deletion_at,
                destroyed=v.destroyed,
            )
            for v in record.versions
        ],
        max_versions=settings.max_versions,
        cas_required=settings.cas_required,
        delete_version_after_seconds=settings.delete_version_after_seconds,
        custom_metadata=settings.custom_metadata,
    )


def _check_custom(custom: Mapping[str, str]) -> None:
    faults = [_TOO_MANY.format(len(custom))] if len(custom) > _MOST_KEYS else []
    for key, value in custom.items():
        shown = key.encode("ascii", "backslashreplace").decode()[: _LONGEST_KEY + 1]
        if not 0 < (length := len(key.encode())) <= _LONGEST_KEY:
            faults.append(
                f'length of key "{shown}" is {length} but must be 0 < len(key) <= {_LONGEST_KEY}'
            )
        elif not key.isprintable():
            faults.append(f'key "{shown}" contains unprintable characters')
        if not 0 < (length := len(value.encode())) <= _LONGEST_VALUE:
            faults.append(
                f'length of value for key "{shown}" is {length} but must be '
                f"0 < len(value) <= {_LONGEST_VALUE}"
            )
        elif not value.isprintable():
            faults.append(f'value for key "{shown}" contains unprintable characters')
    if faults:
        listed = "\n\t* ".join(f"custom_metadata validation failed: {f}" for f in faults[:20])
        count = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
        raise InvalidRequest(f"{count} occurred:\n\t* {listed}\n\n", field="custom_metadata")


_TOO_MANY = f"payload must contain at most {_MOST_KEYS} keys, provided {{}}"


# --- stores -----------------------------------------------------------------------------


@reads(ShowSecretStore)
def show_store(operation: ShowSecretStore, scope: Scope, reader: Reader) -> SecretStore:
    place = _store(scope, operation.store)
    return SecretStore(**asdict(store_of(reader, scope, place)))


@changes(ConfigureSecretStore)
def configure_store(operation: ConfigureSecretStore, scope: Scope, tx: Transaction) -> SecretStore:
    """Versions are dropped and deleted by this when secrets are written next."""
    place = _store(scope, operation.store)
    require_mounted(tx, scope, place)
    given = _given(operation, StoreRecord.__struct_fields__)
    record = _checked(StoreRecord, _GivenStore, asdict(store_of(tx, scope, place)) | given)
    tx.put(SECRET_STORE, scope.namespace, f"{place.mount.uuid}/", record)
    return SecretStore(**asdict(record))


def _store(scope: Scope, name: str) -> Place:
    place = locate_store(scope, name.rstrip("/"))
    if place.path:
        raise NotFound(f"There is no store of secrets at {name}.", name=name)
    if not place.versioned:
        raise InvalidRequest("This store keeps no versions of its secrets.", store=name)
    return place


def _given(operation: msgspec.Struct, fields: tuple[str, ...]) -> dict[str, Any]:
    values = {field: getattr(operation, field) for field in fields}
    return {field: value for field, value in values.items() if value is not None}
