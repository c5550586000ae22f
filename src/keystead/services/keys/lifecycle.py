"""Create, rotate, change and destroy keys."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

import msgspec

from keystead.crypto import KeyMaterial, Usage, generate, public_der, spec
from keystead.errors import (
    AlreadyExists,
    Conflict,
    KeyStateForbids,
    KeyUsageForbids,
    NotFound,
)
from keystead.operations.keys import (
    AddAlias,
    CompromiseKey,
    CreateKey,
    DeactivateKey,
    DestroyedKeys,
    DestroyKey,
    DisableKey,
    EnableKey,
    KeyView,
    ReapKeys,
    RemoveAlias,
    RestoreKey,
    RotateKey,
    SetKeyState,
    UpdateKey,
)
from keystead.services.keys.cache import find_record
from keystead.services.keys.records import (
    ALIAS,
    KEY,
    MATERIAL,
    WRAPPING_KEY,
    AliasRecord,
    KeyRecord,
    MaterialRecord,
    VersionState,
    material_id,
)
from keystead.services.keys.states import State, move, restored
from keystead.services.keys.transit import (
    SOFT_DELETED,
    schedule_rotation,
    with_transit,
    with_transit_parts,
)
from keystead.services.keys.views import view
from keystead.services.registry import before, changes
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_REAP_AT_ONCE = 100


def usage_of(spec_name: str, wanted: str) -> Usage:
    """The usage asked for, or the spec's default. Raises KeyUsageForbids if it has none such."""
    usages = spec(spec_name).usages
    if not wanted:
        return usages[0]
    for usage in usages:
        if usage == wanted:
            return usage
    raise KeyUsageForbids(
        f"{spec_name} keys are not for {wanted}.",
        hint=f"Choose one of: {', '.join(usages)}.",
        spec=spec_name,
        usage=wanted,
    )


def insert(
    tx: Transaction,
    scope: Scope,
    record: KeyRecord,
    material: KeyMaterial | bytes,
) -> KeyView:
    """Store a new key with its first version (see ``put_material``)."""
    if tx.get(ALIAS, scope.namespace, record.name) is not None:
        raise AlreadyExists(f"{record.name} is an alias of another key.", key=record.name)
    key_id = secrets.token_hex(16)
    tx.add(KEY, scope.namespace, key_id, record)
    put_material(tx, scope, key_id, record, 1, material)
    scope.key_version = 1
    return view(tx, scope.namespace, key_id, record)


def put_material(
    tx: Transaction,
    scope: Scope,
    key_id: str,
    record: KeyRecord,
    number: int,
    material: KeyMaterial | bytes,
) -> None:
    """Store a version's material, or its public part (DER) alone if no more is here. A transit
    key's version gets what it has besides."""
    if isinstance(material, bytes):
        row = MaterialRecord(
            key_id=key_id, version=number, material=b"", public=material, public_only=True
        )
    else:
        row = MaterialRecord(
            key_id=key_id,
            version=number,
            material=material.reveal(),
            public=public_der(spec(record.spec), material),
        )
    if record.transit is not None:
        row = with_transit_parts(record.transit, row)
    tx.add(MATERIAL, scope.namespace, material_id(key_id, number), row)


def record_of(reader: Reader, scope: Scope, reference: str) -> tuple[str, KeyRecord]:
    """A key's identifier and record as they are now.

    Raises NotFound; Conflict if the name means another key than policy was asked about.
    """
    found = find_record(reader, scope.namespace, reference)
    if found is None:
        raise NotFound(f"There is no key {reference}.", key=reference)
    if scope.target is not None and scope.target.id != found[0]:
        raise Conflict(f"{reference} was given to another key meanwhile.", hint="Try again.")
    return found


def save(tx: Transaction, scope: Scope, key_id: str, record: KeyRecord) -> KeyView:
    tx.put(KEY, scope.namespace, key_id, record)
    return view(tx, scope.namespace, key_id, record)


def replace_version(record: KeyRecord, changed: VersionState) -> list[VersionState]:
    return [changed if v.version == changed.version else v for v in record.versions]


# RSA generation takes up to a second: it is done before the transaction, not inside it.


@before(CreateKey)
def generate_first(operation: CreateKey, scope: Scope, reader: Reader) -> KeyMaterial:
    usage_of(operation.spec, operation.usage)
    return generate(spec(operation.spec))


@changes(CreateKey)
def create_key(operation: CreateKey, scope: Scope, tx: Transaction) -> KeyView:
    state = State.ACTIVE if operation.activate else State.PRE_ACTIVE
    record = KeyRecord(
        name=operation.name,
        spec=operation.spec,
        usage=usage_of(operation.spec, operation.usage),
        state=state,
        primary=1,
        versions=[VersionState(version=1, state=State.ACTIVE, created_at=scope.now)],
        created_at=scope.now,
        exportable=operation.exportable,
        tags=operation.tags,
        description=operation.description,
        owner=operation.owner,
        classification=operation.classification,
        required_context=sorted(set(operation.required_context)),
        grace_seconds=operation.grace_seconds,
    )
    return insert(tx, scope, record, scope.prepared)


@before(RotateKey)
def generate_next(operation: RotateKey, scope: Scope, reader: Reader) -> KeyMaterial:
    _, record = record_of(reader, scope, operation.key)
    return generate_for(record)


@changes(RotateKey)
def rotate_key(operation: RotateKey, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    refuse_imported(record)
    return add_version(tx, scope, key_id, record, scope.prepared, origin="generated")


def generate_for(record: KeyRecord) -> KeyMaterial:
    """New material for a key that there is: of the same kind and length."""
    if record.transit is not None and record.transit.key_bytes:
        return KeyMaterial(os.urandom(record.transit.key_bytes))
    return generate(spec(record.spec))


def refuse_imported(record: KeyRecord) -> None:
    """Raise Conflict for a key whose versions all come from elsewhere."""
    if record.transit is not None:
        if record.transit.imported and not record.transit.allow_rotation:
            raise Conflict(f"imported key {record.name} does not allow rotation within Vault")
    elif record.origin != "generated":
        raise Conflict(
            f"Key {record.name} was imported.",
            hint="Import new material: keystead key import NAME --new-version.",
        )


def add_version(
    tx: Transaction,
    scope: Scope,
    key_id: str,
    record: KeyRecord,
    material: KeyMaterial | bytes,
    *,
    origin: str,
) -> KeyView:
    """Add a version and make it primary. The key must be active."""
    if record.transit is not None and record.transit.soft_deleted:
        raise Conflict(SOFT_DELETED, key=record.name)
    if record.state is not State.ACTIVE:
        raise KeyStateForbids(
            f"Key {record.name} is {record.state}; only an active key is rotated.",
            key=record.name,
            state=record.state,
        )
    number = len(record.versions) + 1
    added = VersionState(version=number, state=State.ACTIVE, created_at=scope.now, origin=origin)
    put_material(tx, scope, key_id, record, number, material)
    scope.key_version = number
    changed = msgspec.structs.replace(record, primary=number, versions=[*record.versions, added])
    if changed.transit is not None:
        imported = origin != "generated"
        changed = with_transit(changed, imported=imported)
        schedule_rotation(tx, scope.namespace, key_id, changed, scope.now)
    return save(tx, scope, key_id, changed)


@changes(UpdateKey)
def update_key(operation: UpdateKey, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    _refuse_destroyed(record)
    if operation.exportable and not record.exportable:
        raise Conflict(
            f"Key {record.name} is not exportable and cannot be made so.",
            hint="Create a new key with exportable set.",
        )
    if operation.primary_version is not None:
        scope.key_version = _check_primary(record, operation.primary_version)
    required = operation.required_context
    given = {
        "description": operation.description,
        "owner": operation.owner,
        "classification": operation.classification,
        "tags": operation.tags,
        "required_context": None if required is None else sorted(set(required)),
        "exportable": operation.exportable,
        "grace_seconds": operation.grace_seconds,
        "primary": operation.primary_version,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    return save(tx, scope, key_id, msgspec.structs.replace(record, **changed))


def _check_primary(record: KeyRecord, number: int) -> int:
    version = record.version(number)
    if version is None:
        raise NotFound(f"Key {record.name} has no version {number}.", version=number)
    if version.state is not State.ACTIVE:
        raise KeyStateForbids(
            f"Version {number} is {version.state}; only an active one can be primary.",
            version=number,
            state=version.state,
        )
    return number


def _refuse_destroyed(record: KeyRecord) -> None:
    if record.state is State.DESTROYED:
        raise KeyStateForbids(
            f"Key {record.name} is destroyed.", key=record.name, state=record.state
        )


@changes(AddAlias)
def add_alias(operation: AddAlias, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    _refuse_destroyed(record)
    if tx.by_name(KEY, scope.namespace, operation.alias) is not None:
        raise AlreadyExists(f"{operation.alias} is a key's own name.", alias=operation.alias)
    present = tx.get(ALIAS, scope.namespace, operation.alias)
    if present is not None and present.key_id != key_id:
        if not operation.move:
            raise AlreadyExists(
                f"{operation.alias} is an alias of another key.",
                hint="Move it with move.",
                alias=operation.alias,
            )
        _take_alias(tx, scope, present.key_id, operation.alias)
    tx.put(ALIAS, scope.namespace, operation.alias, AliasRecord(key_id))
    aliases = sorted({*record.aliases, operation.alias})
    return save(tx, scope, key_id, msgspec.structs.replace(record, aliases=aliases))


def _take_alias(tx: Transaction, scope: Scope, key_id: str, alias: str) -> None:
    loser = tx.get(KEY, scope.namespace, key_id)
    if loser is not None:
        kept = [name for name in loser.aliases if name != alias]
        tx.put(KEY, scope.namespace, key_id, msgspec.structs.replace(loser, aliases=kept))


@changes(RemoveAlias)
def remove_alias(operation: RemoveAlias, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    if operation.alias not in record.aliases:
        raise NotFound(f"{operation.alias} is no alias of {record.name}.", alias=operation.alias)
    tx.delete(ALIAS, scope.namespace, operation.alias)
    aliases = [name for name in record.aliases if name != operation.alias]
    return save(tx, scope, key_id, msgspec.structs.replace(record, aliases=aliases))


# --- states -----------------------------------------------------------------------------


@changes(EnableKey)
def enable_key(operation: EnableKey, scope: Scope, tx: Transaction) -> KeyView:
    return _set_state(operation, scope, tx)


@changes(DisableKey)
def disable_key(operation: DisableKey, scope: Scope, tx: Transaction) -> KeyView:
    return _set_state(operation, scope, tx)


@changes(DeactivateKey)
def deactivate_key(operation: DeactivateKey, scope: Scope, tx: Transaction) -> KeyView:
    return _set_state(operation, scope, tx)


@changes(CompromiseKey)
def compromise_key(operation: CompromiseKey, scope: Scope, tx: Transaction) -> KeyView:
    return _set_state(operation, scope, tx)


def _set_state(operation: SetKeyState, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    to = State(operation.to_state)
    if operation.version is None:
        if record.state is to:
            return view(tx, scope.namespace, key_id, record)
        return save(
            tx, scope, key_id, msgspec.structs.replace(record, state=move(record.state, to))
        )
    version = _version(record, operation.version)
    scope.key_version = version.version
    if version.state is to:
        return view(tx, scope.namespace, key_id, record)
    changed = msgspec.structs.replace(version, state=move(version.state, to))
    return save(
        tx,
        scope,
        key_id,
        msgspec.structs.replace(record, versions=replace_version(record, changed)),
    )


def _version(record: KeyRecord, number: int) -> VersionState:
    version = record.version(number)
    if version is None:
        raise NotFound(f"Key {record.name} has no version {number}.", version=number)
    return version


# --- destruction ------------------------------------------------------------------------


@changes(DestroyKey)
def schedule_destruction(operation: DestroyKey, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    due = scope.now + operation.wait_seconds
    if operation.version is None:
        changed = msgspec.structs.replace(
            record,
            state=move(record.state, State.PENDING_DESTRUCTION),
            before_destruction=record.state,
            destroy_at=due,
        )
    else:
        version = _version(record, operation.version)
        if version.version == record.primary:
            raise Conflict(
                f"Version {version.version} is the primary version.",
                hint="Rotate the key first, or destroy the whole key.",
            )
        scope.key_version = version.version
        scheduled = msgspec.structs.replace(
            version,
            state=move(version.state, State.PENDING_DESTRUCTION),
            before_destruction=version.state,
            destroy_at=due,
        )
        changed = msgspec.structs.replace(record, versions=replace_version(record, scheduled))
    return save(tx, scope, key_id, changed)


@changes(RestoreKey)
def restore_key(operation: RestoreKey, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.key)
    if operation.version is None:
        changed = msgspec.structs.replace(
            record,
            state=_restored(record.state, record.before_destruction),
            before_destruction=None,
            destroy_at=None,
        )
    else:
        version = _version(record, operation.version)
        scope.key_version = version.version
        back = msgspec.structs.replace(
            version,
            state=_restored(version.state, version.before_destruction),
            before_destruction=None,
            destroy_at=None,
        )
        changed = msgspec.structs.replace(record, versions=replace_version(record, back))
    return save(tx, scope, key_id, changed)


def _restored(current: State, before_destruction: State | None) -> State:
    if current is not State.PENDING_DESTRUCTION or before_destruction is None:
        raise KeyStateForbids(
            f"Only what is pending destruction is restored; this is {current}.", state=current
        )
    return move(current, restored(before_destruction))


@changes(ReapKeys)
def reap_keys(operation: ReapKeys, scope: Scope, tx: Transaction) -> DestroyedKeys:
    """Empty the material of what is due and leave tombstones; drop expired wrapping keys."""
    for namespace, identifier, _ in tx.expired(WRAPPING_KEY, scope.now, _REAP_AT_ONCE):
        tx.delete(WRAPPING_KEY, namespace, identifier)
    destroyed: list[str] = []
    for namespace, key_id, record in tx.expired(KEY, scope.now, _REAP_AT_ONCE):
        whole = record.destroy_at is not None and record.destroy_at <= scope.now
        due = [v for v in record.versions if whole or (v.destroy_at or scope.now + 1) <= scope.now]
        _shred(tx, namespace, key_id, due)
        tx.put(KEY, namespace, key_id, _tombstone(record, due, scope.now, whole=whole))
        destroyed.extend([key_id] if whole else [f"{key_id}/{v.version}" for v in due])
    scope.details["destroyed"] = ",".join(destroyed)
    return DestroyedKeys(keys=destroyed)


def _shred(tx: Transaction, namespace: str, key_id: str, due: Sequence[VersionState]) -> None:
    for version in due:
        place = material_id(key_id, version.version)
        row = tx.get(MATERIAL, namespace, place)
        if row is not None:
            tx.put(MATERIAL, namespace, place, msgspec.structs.replace(row, material=b""))


def _tombstone(
    record: KeyRecord, due: Sequence[VersionState], now: float, *, whole: bool
) -> KeyRecord:
    numbers = {version.version for version in due}
    versions = [
        msgspec.structs.replace(
            v, state=State.DESTROYED, destroyed_at=now, destroy_at=None, before_destruction=None
        )
        if v.version in numbers and v.state is not State.DESTROYED
        else v
        for v in record.versions
    ]
    if not whole:
        return msgspec.structs.replace(record, versions=versions)
    return msgspec.structs.replace(
        record,
        versions=versions,
        state=State.DESTROYED,
        destroy_at=None,
        before_destruction=None,
    )
