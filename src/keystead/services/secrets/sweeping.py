"""What nobody can reach any more: wrapped replies whose time is over, and what tokens kept
that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from keystead.operations import Done
from keystead.operations.secrets import SweepSecrets
from keystead.services.registry import changes
from keystead.services.scope import Scope
from keystead.services.secrets.cubbyhole import CUBBYHOLE, LOOK_AGAIN_SECONDS, holds
from keystead.services.wrapping import WRAPPED

if TYPE_CHECKING:
    from keystead.store.transaction import Transaction

SWEPT: Final = (WRAPPED, CUBBYHOLE)
_SWEPT_AT_ONCE: Final = 500


@changes(SweepSecrets)
def sweep_secrets(operation: SweepSecrets, scope: Scope, tx: Transaction) -> Done:
    wrapped = tx.expired(WRAPPED, scope.now, _SWEPT_AT_ONCE)
    for namespace, id, _ in wrapped:
        tx.delete(WRAPPED, namespace, id)
    ended = 0
    for namespace, id, record in tx.expired(CUBBYHOLE, scope.now, _SWEPT_AT_ONCE):
        if holds(tx, record.home, id.partition("/")[0], scope.now):
            later = replace(record, look_at=scope.now + LOOK_AGAIN_SECONDS)
            tx.put(CUBBYHOLE, namespace, id, later)
        else:
            tx.delete(CUBBYHOLE, namespace, id)
            ended += 1
    scope.details["wrapped_replies"] = len(wrapped)
    scope.details["cubbyhole_values"] = ended
    return Done()
