"""Message counting for AEADs with 96-bit random nonces (NIST SP 800-38D, 8.3).

Workers reserve messages in blocks, durably and ahead of use, so that no crash and no race
between workers can encrypt more under one key than its limit. The last block is never
handed out: it is the margin for what a thread may spend twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from keystead.services.keys.key import Key
from keystead.services.keys.records import RESERVATION, MessageReservation, material_id
from keystead.store.transaction import Transaction

BLOCK = 1 << 20


def messages_of(operation: Any, key: Key, *, many: bool) -> Mapping[int, int]:
    """How many messages of which version an operation will encrypt: of the primary version,
    unless it (or an item, if it has ``many``) asks for another."""
    if not many:
        return {getattr(operation, "key_version", 0) or key.primary: 1}
    return Counter(getattr(item, "key_version", 0) or key.primary for item in operation.items)


def messages_needed(key: Key, number: int, count: int) -> int:
    """How many messages to reserve before a version encrypts ``count`` more."""
    version = key.versions.get(number)
    if version is None or version.allowance is None or version.allowance >= count:
        return 0
    return max(BLOCK, count)


def reserve(tx: Transaction, *, key: Key, number: int, count: int) -> bool:
    """Reserve messages of a version; False if its limit would be passed."""
    limit = key.spec.message_limit
    assert limit is not None
    place = material_id(key.id, number)
    present = tx.get(RESERVATION, key.namespace, place)
    reserved = (present.reserved if present else 0) + count
    if reserved > limit - BLOCK:
        return False
    tx.put(RESERVATION, key.namespace, place, MessageReservation(reserved))
    return True
