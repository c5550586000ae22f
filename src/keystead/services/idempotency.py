"""Doing a change once, however often it is sent with the same idempotency key."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from keystead.errors import IdempotencyMismatch
from keystead.operations import Operation, reply_type
from keystead.services.registry import Handler
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Transaction

KEPT_SECONDS = 86_400


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A request's fingerprint (SHA-256) and its reply, kept for a day. Sealed like any record."""

    fingerprint: bytes
    reply: bytes
    expires_at: float

    def __repr__(self) -> str:
        return f"IdempotencyRecord(expires_at={self.expires_at})"


IDEMPOTENCY = Kind("idempotency", IdempotencyRecord, expires_of=lambda r: r.expires_at)


def once(work: Handler) -> Handler:
    """Wrap a change so that a repeated idempotency key answers with the first reply.

    The key belongs to its principal. Raises IdempotencyMismatch if it comes with another
    request.
    """

    def carry_out(operation: Operation[Any], scope: Scope, tx: Transaction) -> Any:
        place = _place(scope)
        fingerprint = hashlib.sha256(
            operation.action.encode() + b"\0" + msgspec.msgpack.encode(operation)
        ).digest()
        present = tx.get(IDEMPOTENCY, scope.namespace, place)
        if present is not None and present.expires_at > scope.now:
            if present.fingerprint != fingerprint:
                raise IdempotencyMismatch(
                    "This idempotency key was used for another request.",
                    hint="Use a new key for each request.",
                )
            scope.details["repeated"] = True
            return msgspec.msgpack.decode(present.reply, type=reply_type(type(operation)))
        reply = work(operation, scope, tx)
        tx.put(
            IDEMPOTENCY,
            scope.namespace,
            place,
            IdempotencyRecord(
                fingerprint=fingerprint,
                reply=msgspec.msgpack.encode(reply),
                expires_at=scope.now + KEPT_SECONDS,
            ),
        )
        return reply

    return carry_out


def _place(scope: Scope) -> str:
    principal = f"{scope.principal.namespace}\0{scope.principal.name}\0{scope.call.idempotency_key}"
    return hashlib.sha256(principal.encode()).hexdigest()


def forget_expired(tx: Transaction, now: float, limit: int = 1000) -> None:
    """Delete records whose day is over."""
    for namespace, place, _ in tx.expired(IDEMPOTENCY, now, limit):
        tx.delete(IDEMPOTENCY, namespace, place)
