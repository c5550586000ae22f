"""Taking keys and versions away at once, as Vault does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keystead.services.keys.records import (
    ALIAS,
    KEY,
    MATERIAL,
    REMOVED_KEY,
    RESERVATION,
    ROTATION,
    KeyRecord,
    RemovedKeyRecord,
    material_id,
)
from keystead.services.keys.usage import USAGE

if TYPE_CHECKING:
    from keystead.store.kinds import Kind
    from keystead.store.transaction import Transaction

_PAGE = 500


def remove_key(tx: Transaction, namespace: str, key_id: str, record: KeyRecord) -> None:
    """Delete a key and all that is kept of it but the audit log."""
    for alias in record.aliases:
        tx.delete(ALIAS, namespace, alias)
    for version in record.versions:
        tx.delete(RESERVATION, namespace, material_id(key_id, version.version))
    _remove_children(tx, namespace, key_id, MATERIAL)
    _remove_children(tx, namespace, key_id, USAGE)
    tx.delete(ROTATION, namespace, key_id)
    tx.delete(KEY, namespace, key_id)
    tx.put(REMOVED_KEY, namespace, key_id, RemovedKeyRecord(record.name))


def remove_material(tx: Transaction, namespace: str, key_id: str, number: int) -> None:
    """Delete the material of a version; its public part goes too."""
    tx.delete(MATERIAL, namespace, material_id(key_id, number))


def _remove_children(tx: Transaction, namespace: str, key_id: str, kind: Kind[Any]) -> None:
    while page := tx.list(kind, namespace, parent=key_id, limit=_PAGE):
        for place, _ in page:
            tx.delete(kind, namespace, place)
