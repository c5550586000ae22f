"""Doing a change once, however often it is sent with the same idempotency key."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from keystead.discreet import Discreet
from keystead.errors import IdempotencyMismatch
from keystead.operations import Operation, reply_type
from keystead.services.registry import Handler
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

KEPT_SECONDS = 86_400


class IdempotencyRecord(Discreet, frozen=True, kw_only=True):
    """A request's fingerprint (SHA-256) and its reply, kept for a day. Sealed like any record."""

    fingerprint: bytes
    reply: bytes
    expires_at: float


IDEMPOTENCY = Kind("idempotency", IdempotencyRecord, expires_of=lambda r: r.expires_at)


def once(work: Handler) -> Handler:
    """Wrap a change so that a repeated idempotency key answers with the first reply.

    The key belongs to its principal. Raises IdempotencyMismatch if it comes with another
    request.
    """

    def carry_out(operation: Operation[Any], scope: Scope, tx: Transaction) -> Any:
        reply = answered(operation, scope, tx)
        if reply is not None:
            return reply
        reply = work(operation, scope, tx)
        record = IdempotencyRecord(
            fingerprint=_fingerprint(operation),
            reply=msgspec.msgpack.encode(reply),
            expires_at=scope.now + KEPT_SECONDS,
        )
        tx.put(IDEMPOTENCY, scope.namespace, _place(scope), record)
        return reply

    return carry_out


def answered(operation: Operation[Any], scope: Scope, reader: Reader) -> Any:
    """The reply that this request had before, or None. Raises IdempotencyMismatch."""
    present = reader.get(IDEMPOTENCY, scope.namespace, _place(scope))
    if present is None or present.expires_at <= scope.now:
        return None
    if present.fingerprint != _fingerprint(operation):
        raise IdempotencyMismatch(
            "This idempotency key was used for another request.",
            hint="Use a new key for each request.",
        )
    scope.details["repeated"] = True
    return msgspec.msgpack.decode(present.reply, type=reply_type(type(operation)))


def _fingerprint(operation: Operation[Any]) -> bytes:
    request = operation.action.encode() + b"\0" + msgspec.json.encode(operation)
    return hashlib.sha256(request).digest()


def _place(scope: Scope) -> str:
    principal = f"{scope.principal.namespace}\0{scope.principal.name}\0{scope.call.idempotency_key}"
    return hashlib.sha256(principal.encode()).hexdigest()


def forget_expired(tx: Transaction, now: float, limit: int = 1000) -> None:
    """Delete records whose day is over."""
    for namespace, place, _ in tx.expired(IDEMPOTENCY, now, limit):
        tx.delete(IDEMPOTENCY, namespace, place)
