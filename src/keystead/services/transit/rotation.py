"""Rotate the keys whose period is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keystead.crypto.material import KeyMaterial
from keystead.errors import KeysteadError
from keystead.operations.transit import RotatedKeys, RotateDueKeys
from keystead.services.keys.lifecycle import add_version, generate_for, refuse_imported
from keystead.services.keys.records import KEY, ROTATION, KeyRecord, RotationRecord
from keystead.services.registry import before, changes
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_AT_ONCE = 20  # RSA-4096 takes a second each

Place = tuple[str, str]


def _due(reader: Reader, now: float) -> list[tuple[Place, KeyRecord | None]]:
    due = [(n, key_id) for n, key_id, _ in reader.expired(ROTATION, now, _AT_ONCE)]
    return [((namespace, key_id), reader.get(KEY, namespace, key_id)) for namespace, key_id in due]


@before(RotateDueKeys)
def generate_due(
    operation: RotateDueKeys, scope: Scope, reader: Reader
) -> dict[Place, KeyMaterial]:
    return {
        place: generate_for(record)
        for place, record in _due(reader, scope.now)
        if record is not None
    }


@changes(RotateDueKeys)
def rotate_due(operation: RotateDueKeys, scope: Scope, tx: Transaction) -> RotatedKeys:
    """Rotate what is due and can be; what cannot is tried again a period later."""
    prepared: dict[Place, KeyMaterial] = scope.prepared
    rotated: list[str] = []
    asked_in = scope.namespace
    for (namespace, key_id), record in _due(tx, scope.now):
        if record is None:
            tx.delete(ROTATION, namespace, key_id)
            continue
        if (material := prepared.get((namespace, key_id))) is None:
            continue
        scope.namespace = namespace
        try:
            refuse_imported(record)
            add_version(tx, scope, key_id, record, material, origin="generated")
            rotated.append(key_id)
        except KeysteadError:
            _put_off(tx, namespace, key_id, record, scope.now)
        finally:
            scope.namespace = asked_in
    scope.key_version = None
    scope.details["rotated"] = ",".join(rotated)
    return RotatedKeys(keys=rotated)


def _put_off(tx: Transaction, namespace: str, key_id: str, record: KeyRecord, now: float) -> None:
    assert record.transit is not None
    due_at = now + record.transit.auto_rotate_seconds
    tx.put(ROTATION, namespace, key_id, RotationRecord(due_at))
