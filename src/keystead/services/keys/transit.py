"""What a key of Vault's transit engine has besides what every key has."""

from __future__ import annotations

import os
from typing import Any, Final

import msgspec

from keystead.services.keys.records import (
    ROTATION,
    KeyRecord,
    MaterialRecord,
    RotationRecord,
    TransitSettings,
)
from keystead.store.transaction import Transaction

HMAC_KEY_BYTES: Final = 32
CONVERGENT_VERSION: Final = 3
"""The scheme of convergent encryption whose nonce depends on a derived key and the plaintext."""
SOFT_DELETED: Final = "refusing to use soft-deleted key"


def with_transit(record: KeyRecord, **changes: Any) -> KeyRecord:
    """The record with other transit settings."""
    assert record.transit is not None
    settings = msgspec.structs.replace(record.transit, **changes)
    return msgspec.structs.replace(record, transit=settings)


def with_transit_parts(settings: TransitSettings, row: MaterialRecord) -> MaterialRecord:
    """A new version's material with an HMAC key (which an HMAC key is itself)."""
    return msgspec.structs.replace(
        row,
        hmac_key=row.material if settings.type == "hmac" else os.urandom(HMAC_KEY_BYTES),
        convergent_version=CONVERGENT_VERSION if settings.convergent else 0,
    )


def schedule_rotation(
    tx: Transaction, namespace: str, key_id: str, record: KeyRecord, now: float
) -> None:
    """Note when the key is to be rotated next, counted from its newest version."""
    settings = record.transit
    if settings is None or not settings.auto_rotate_seconds or settings.soft_deleted:
        tx.delete(ROTATION, namespace, key_id)
        return
    newest = record.versions[-1].created_at if record.versions else now
    tx.put(ROTATION, namespace, key_id, RotationRecord(newest + settings.auto_rotate_seconds))
