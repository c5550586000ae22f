"""Bring material from elsewhere, wrapped under a wrapping key made for it."""

from __future__ import annotations

import secrets

from keystead.crypto import KeyMaterial, generate, import_material, public_der, spec
from keystead.crypto.byok import import_algorithms, unwrap_import
from keystead.errors import Conflict, InvalidRequest, NotFound, UnsupportedAlgorithm
from keystead.operations.keys import CreateWrappingKey, ImportKey, KeyView, WrappingKey
from keystead.services.keys.lifecycle import add_version, insert, record_of, usage_of
from keystead.services.keys.records import (
    WRAPPING_KEY,
    KeyRecord,
    VersionState,
    WrappingKeyRecord,
)
from keystead.services.keys.states import State
from keystead.services.registry import before, changes
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

WRAPPING_KEY_SECONDS = 86_400


@before(CreateWrappingKey)
def generate_wrapping_key(
    operation: CreateWrappingKey, scope: Scope, reader: Reader
) -> KeyMaterial:
    if not import_algorithms(spec(operation.spec)):
        raise UnsupportedAlgorithm(
            f"{operation.spec} cannot be a wrapping key.",
            hint="Choose rsa-3072, rsa-4096, x25519 or x25519-ml-kem-768.",
        )
    return generate(spec(operation.spec))


@changes(CreateWrappingKey)
def create_wrapping_key(operation: CreateWrappingKey, scope: Scope, tx: Transaction) -> WrappingKey:
    key_spec = spec(operation.spec)
    material: KeyMaterial = scope.prepared
    public = public_der(key_spec, material)
    assert public is not None
    identifier = secrets.token_hex(16)
    expires_at = scope.now + WRAPPING_KEY_SECONDS
    tx.add(
        WRAPPING_KEY,
        scope.namespace,
        identifier,
        WrappingKeyRecord(spec=operation.spec, material=material.reveal(), expires_at=expires_at),
    )
    return WrappingKey(
        id=identifier,
        spec=operation.spec,
        algorithm=import_algorithms(key_spec)[0],
        public_key=public,
        expires_at=expires_at,
    )


@before(ImportKey)
def unwrap_imported(operation: ImportKey, scope: Scope, reader: Reader) -> KeyMaterial:
    """Unwrap and check the material; nothing is stored yet."""
    key_spec = spec(operation.spec)
    if operation.new_version:
        _, record = record_of(reader, scope, operation.name)
        key_spec = spec(record.spec)
    else:
        usage_of(operation.spec, operation.usage)
    wrapping = _wrapping_key(reader, scope, operation.wrapping_key)
    wrapping_spec = spec(wrapping.spec)
    unwrapped = unwrap_import(
        wrapping_spec,
        KeyMaterial(wrapping.material),
        import_algorithms(wrapping_spec)[0],
        operation.wrapped,
    )
    return import_material(key_spec, unwrapped.reveal())


def _wrapping_key(reader: Reader, scope: Scope, identifier: str) -> WrappingKeyRecord:
    wrapping = reader.get(WRAPPING_KEY, scope.namespace, identifier)
    if wrapping is None or wrapping.expires_at <= scope.now:
        raise NotFound(
            "There is no such wrapping key, or it has expired or been used.",
            hint="Make a new one: keystead key import does.",
        )
    return wrapping


@changes(ImportKey)
def import_key(operation: ImportKey, scope: Scope, tx: Transaction) -> KeyView:
    _wrapping_key(tx, scope, operation.wrapping_key)
    tx.delete(WRAPPING_KEY, scope.namespace, operation.wrapping_key)
    if operation.new_version:
        return _import_version(operation, scope, tx)
    record = KeyRecord(
        name=operation.name,
        spec=operation.spec,
        usage=usage_of(operation.spec, operation.usage),
        state=State.ACTIVE,
        primary=1,
        versions=[
            VersionState(version=1, state=State.ACTIVE, created_at=scope.now, origin="imported")
        ],
        created_at=scope.now,
        origin="imported",
        exportable=operation.exportable,
        tags=operation.tags,
        description=operation.description,
        required_context=sorted(set(operation.required_context)),
    )
    return insert(tx, scope, record, scope.prepared)


def _import_version(operation: ImportKey, scope: Scope, tx: Transaction) -> KeyView:
    key_id, record = record_of(tx, scope, operation.name)
    if record.origin != "imported":
        raise Conflict(
            f"Key {record.name} was generated here.", hint="Rotate it: keystead key rotate."
        )
    if operation.usage and operation.usage != record.usage:
        raise InvalidRequest(f"Key {record.name} is for {record.usage}.")
    return add_version(tx, scope, key_id, record, scope.prepared, origin="imported")
