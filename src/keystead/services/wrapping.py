"""Replies kept under tokens that open them once.

A reply is stored sealed, under SHA-256 of its token. Who presents the token gets it and it is
gone, in one transaction: of two who come with the same token one is served, so that a token
that was opened on its way is noticed by the one it was meant for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from keystead.discreet import Discreet
from keystead.errors import InvalidRequest, PayloadTooLarge
from keystead.identity.credentials import fingerprint, new_accessor, new_service_token
from keystead.operations.wrapping import (
    RewrapReply,
    ShowWrapping,
    Unwrapped,
    UnwrapReply,
    WrapData,
    WrapInfo,
    WrappingView,
    WrapReply,
)
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

MAX_PAYLOAD_BYTES: Final = 8 << 20
LONGEST_TTL_SECONDS: Final = 32 * 86_400


class WrappedRecord(Discreet, frozen=True, kw_only=True):
    """A wrapped reply; the record id is SHA-256 of its token in hexadecimal."""

    accessor: str
    payload: bytes
    created_at: float
    ttl_seconds: int
    creation_path: str

    @property
    def expires_at(self) -> float:
        return self.created_at + self.ttl_seconds


WRAPPED = Kind(
    "wrapped-reply",
    WrappedRecord,
    name_of=lambda record: record.accessor,
    expires_of=lambda record: record.expires_at,
)


@changes(WrapReply)
def wrap_reply(operation: WrapReply, scope: Scope, tx: Transaction) -> WrapInfo:
    return _keep(tx, scope, operation)


@changes(WrapData)
def wrap(operation: WrapData, scope: Scope, tx: Transaction) -> WrapInfo:
    return _keep(tx, scope, operation)


@changes(UnwrapReply)
def unwrap(operation: UnwrapReply, scope: Scope, tx: Transaction) -> Unwrapped:
    """Raises InvalidRequest unless the token is one that was not used before and still holds."""
    return Unwrapped(payload=_take(tx, scope, operation.token).payload)


@changes(RewrapReply)
def rewrap(operation: RewrapReply, scope: Scope, tx: Transaction) -> WrapInfo:
    """Raises InvalidRequest as unwrapping does."""
    taken = _take(tx, scope, operation.token)
    return _store(tx, scope, taken.payload, taken.ttl_seconds, taken.creation_path)


@reads(ShowWrapping)
def show(operation: ShowWrapping, scope: Scope, reader: Reader) -> WrappingView:
    """Raises InvalidRequest as unwrapping does."""
    record = _find(reader, scope, operation.token)
    return WrappingView(
        creation_path=record.creation_path,
        creation_time=rfc3339(record.created_at),
        creation_ttl_seconds=record.ttl_seconds,
    )


def _keep(tx: Transaction, scope: Scope, operation: WrapData | WrapReply) -> WrapInfo:
    if len(operation.payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge("This is too large to be wrapped.", limit=MAX_PAYLOAD_BYTES)
    return _store(tx, scope, operation.payload, operation.ttl_seconds, operation.creation_path)


def _store(
    tx: Transaction, scope: Scope, payload: bytes, ttl_seconds: int, creation_path: str
) -> WrapInfo:
    token, ttl_seconds = new_service_token(), min(ttl_seconds, LONGEST_TTL_SECONDS)
    record = WrappedRecord(
        accessor=new_accessor(),
        payload=payload,
        created_at=scope.now,
        ttl_seconds=ttl_seconds,
        creation_path=creation_path,
    )
    tx.add(WRAPPED, scope.namespace, fingerprint(token), record)
    scope.details["wrapping_accessor"] = record.accessor
    return WrapInfo(
        token=token,
        accessor=record.accessor,
        ttl_seconds=ttl_seconds,
        creation_time=rfc3339(scope.now),
        creation_path=creation_path,
    )


def _find(reader: Reader, scope: Scope, token: str) -> WrappedRecord:
    record = reader.get(WRAPPED, scope.namespace, fingerprint(token))
    if record is None or record.expires_at <= scope.now:
        raise InvalidRequest("wrapping token is not valid or does not exist")
    scope.details["wrapping_accessor"] = record.accessor
    scope.details["creation_path"] = record.creation_path
    return record


def _take(tx: Transaction, scope: Scope, token: str) -> WrappedRecord:
    record = _find(tx, scope, token)
    tx.delete(WRAPPED, scope.namespace, fingerprint(token))
    return record


def rfc3339(seconds: float) -> str:
    """A time in UTC with microseconds (RFC 3339, 5.6)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
