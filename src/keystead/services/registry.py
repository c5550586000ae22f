"""Which function carries out which operation: exactly one each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from keystead.operations import Effect, Operation

if TYPE_CHECKING:
    from keystead.services.scope import Scope
    from keystead.store.transaction import Reader, Transaction

OperationT = TypeVar("OperationT", bound=Operation[Any])
ReplyT = TypeVar("ReplyT")

Use = Callable[[OperationT, "Scope"], ReplyT]
Read = Callable[[OperationT, "Scope", "Reader"], ReplyT]
Change = Callable[[OperationT, "Scope", "Transaction"], ReplyT]
Control = Callable[[OperationT, "Scope"], Awaitable[ReplyT]]
Ask = Callable[[OperationT, "Scope"], Awaitable[ReplyT]]
Handler = Callable[..., Any]

HANDLERS: dict[type[Operation[Any]], Handler] = {}
ASKS: dict[type[Operation[Any]], Handler] = {}
BEFORE: dict[type[Operation[Any]], Handler] = {}
AT_HAND: dict[type[Operation[Any]], Handler] = {}


def _register(operation: type[Operation[Any]], handler: Handler, *effects: Effect) -> None:
    if operation.effect not in effects:
        raise TypeError(f"{operation.__name__} has another effect: {operation.effect}")
    if operation in HANDLERS:
        raise TypeError(f"{operation.__name__} is served twice")
    HANDLERS[operation] = handler


def uses(
    operation: type[OperationT],
) -> Callable[[Use[OperationT, ReplyT]], Use[OperationT, ReplyT]]:
    """Register a function that works on cached keys only. Runs on the event loop or, for slow
    keys, in the thread pool; it must not block."""

    def register(handler: Use[OperationT, ReplyT]) -> Use[OperationT, ReplyT]:
        _register(operation, handler, Effect.USE)
        return handler

    return register


def reads(
    operation: type[OperationT],
) -> Callable[[Read[OperationT, ReplyT]], Read[OperationT, ReplyT]]:
    """Register a function that reads storage; runs in a storage thread."""

    def register(handler: Read[OperationT, ReplyT]) -> Read[OperationT, ReplyT]:
        _register(operation, handler, Effect.READ)
        return handler

    return register


def changes(
    operation: type[OperationT],
) -> Callable[[Change[OperationT, ReplyT]], Change[OperationT, ReplyT]]:
    """Register a function that runs inside one transaction, in a storage thread.

    It may run again if the transaction has to be retried, so it must change nothing but the
    transaction (and ``scope.details``).
    """

    def register(handler: Change[OperationT, ReplyT]) -> Change[OperationT, ReplyT]:
        _register(operation, handler, Effect.CHANGE)
        return handler

    return register


def controls(
    operation: type[OperationT],
) -> Callable[[Control[OperationT, ReplyT]], Control[OperationT, ReplyT]]:
    """Register a coroutine function that changes or reads the server itself, on the event loop."""

    def register(handler: Control[OperationT, ReplyT]) -> Control[OperationT, ReplyT]:
        _register(operation, handler, Effect.CONTROL, Effect.OBSERVE)
        return handler

    return register


def before(
    operation: type[OperationT],
) -> Callable[[Read[OperationT, ReplyT]], Read[OperationT, ReplyT]]:
    """Register slow work (a password hash, RSA generation) to be done before the transaction.

    Runs in the thread pool after policy has permitted; its result is ``scope.prepared``.
    """

    def register(handler: Read[OperationT, ReplyT]) -> Read[OperationT, ReplyT]:
        BEFORE[operation] = handler
        return handler

    return register


def asks(
    operation: type[OperationT],
) -> Callable[[Ask[OperationT, ReplyT]], Ask[OperationT, ReplyT]]:
    """Register a coroutine function that asks another server before the transaction.

    Runs on the event loop after policy has permitted, before ``before``, which finds its
    result as ``scope.prepared``; without a ``before`` the transaction does.
    """

    def register(handler: Ask[OperationT, ReplyT]) -> Ask[OperationT, ReplyT]:
        ASKS[operation] = handler
        return handler

    return register


def at_hand(
    operation: type[OperationT],
) -> Callable[[Use[OperationT, ReplyT | None]], Use[OperationT, ReplyT | None]]:
    """Register a function that answers a read from memory, on the event loop, after policy has
    permitted it; None: what it needs is not at hand, so storage is read."""

    def register(handler: Use[OperationT, ReplyT | None]) -> Use[OperationT, ReplyT | None]:
        AT_HAND[operation] = handler
        return handler

    return register
