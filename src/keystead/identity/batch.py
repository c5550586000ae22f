"""Batch tokens: a token record that its holder keeps, sealed, instead of the store."""

from __future__ import annotations

import msgspec

from keystead.errors import IntegrityFailure, Unauthenticated
from keystead.identity.credentials import batch_bytes, batch_text
from keystead.identity.records import TOKEN, TokenRecord
from keystead.store.rows import Sealer

_AAD = b"keystead batch token v1"


def seal_batch(sealer: Sealer, record: TokenRecord) -> str:
    """The text of a batch token, sealed under the keyring. Raises Sealed."""
    return batch_text(sealer.seal("", _AAD, TOKEN.encode(record)))


def open_batch(sealer: Sealer, token: str) -> TokenRecord:
    """The record in a batch token. Raises Unauthenticated if Keystead did not make it, or
    Sealed. Whether it holds is not checked here."""
    try:
        return TOKEN.decode(sealer.open("", _AAD, batch_bytes(token)))
    except (IntegrityFailure, msgspec.MsgspecError):
        raise Unauthenticated from None
