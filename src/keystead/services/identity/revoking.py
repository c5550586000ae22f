"""The end of tokens.

A token ends when its record goes, and all below it with it, at once (see
``identity.lineage``). What is left of those below is swept here: a bounded number in the
transaction that revokes, the rest when it expires.
"""

from __future__ import annotations

from keystead.identity.records import TOKEN
from keystead.services.leases import expire_of_token
from keystead.store.transaction import Transaction

_SWEEP_AT_ONCE = 1_000


def revoke(tx: Transaction, token_id: str) -> None:
    """Revoke a token and all that hang on it."""
    end(tx, token_id)
    sweep(tx, token_id)


def end(tx: Transaction, token_id: str) -> None:
    """Delete a token's record; what was leased to it is taken back soon."""
    tx.delete(TOKEN, "", token_id)
    expire_of_token(tx, token_id)


def sweep(tx: Transaction, parent: str, limit: int = _SWEEP_AT_ONCE) -> None:
    """Delete up to ``limit`` records of what hangs on something that is gone.

    Batch tokens of a log-in have no record: what they lease hangs on the log-in itself.
    """
    expire_of_token(tx, parent)
    waiting = [parent]
    while waiting and limit > 0:
        children = tx.list(TOKEN, "", parent=waiting[-1], limit=limit)
        if not children:
            waiting.pop()
        for child_id, _ in children:
            end(tx, child_id)
            waiting.append(child_id)
        limit -= len(children)
