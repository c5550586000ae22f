"""What the gate must know of each operation type, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keystead.operations import Access, Effect, Operation
from keystead.operations.keys import CreateKey, ImportKey
from keystead.services.keys.references import REENCRYPTING
from keystead.services.registry import ASKS, AT_HAND, BEFORE, Handler

_PRODUCES = frozenset(
    {
        "key:encrypt",
        "key:reencrypt",
        "key:generate-data-key",
        "key:generate-data-key-pair",
        "key:wrap",
    }
)
NO_CONTEXT: Final[Mapping[str, str]] = {}
_NO_CONTEXTS: Final = (NO_CONTEXT,)

Contexts = tuple[Mapping[str, str], ...]


class Shape:
    """One operation type: its handler, and the questions whose answers never change."""

    __slots__ = (
        "action",
        "asks",
        "at_hand",
        "audited",
        "before",
        "changing",
        "essential",
        "handler",
        "has_context",
        "has_items",
        "has_sources",
        "is_change",
        "is_read",
        "is_use",
        "led",
        "makes_key",
        "names_key",
        "needs_policy",
        "needs_principal",
        "needs_unsealed",
        "produces",
        "slow",
    )

    def __init__(self, operation: type[Operation[Any]], handler: Handler) -> None:
        fields = operation.__struct_fields__
        self.action = operation.action
        self.asks = ASKS.get(operation)
        self.at_hand = AT_HAND.get(operation)
        self.audited = operation.audited
        self.before = BEFORE.get(operation)
        self.changing = operation.effect in (Effect.CHANGE, Effect.CONTROL)
        # An operator can look and act though the audit disk is full: from its reserve.
        self.essential = operation.kind in ("system", "audit")
        self.handler = handler
        self.has_context = "context" in fields and operation.kind == "key"
        self.has_items = "items" in fields
        self.has_sources = operation in REENCRYPTING
        self.is_change = operation.effect is Effect.CHANGE
        self.is_read = operation.effect is Effect.READ
        self.is_use = operation.effect is Effect.USE
        self.led = operation.effect is Effect.CONTROL or operation.while_sealed
        self.makes_key = operation in (CreateKey, ImportKey)
        self.names_key = operation.kind == "key" and operation is not CreateKey
        self.needs_policy = operation.access is Access.POLICY
        self.needs_principal = operation.access is not Access.ANYONE
        self.needs_unsealed = not operation.while_sealed
        self.produces = operation.action in _PRODUCES
        self.slow = operation.action == "key:generate-data-key-pair"

    def contexts(self, operation: Any) -> Contexts:
        """The distinct encryption contexts of an operation: policy is asked about each, and
        about what has none as well."""
        if self.has_context:
            return (_context_of(operation),)
        if not self.has_items:
            return _NO_CONTEXTS
        if not operation.items or "context" not in operation.items[0].__struct_fields__:
            return _NO_CONTEXTS
        given = [context for item in operation.items if (context := _context_of(item))]
        if not given:
            return _NO_CONTEXTS
        distinct = {tuple(sorted(context.items())): context for context in given}
        if len(given) < len(operation.items):
            distinct[()] = NO_CONTEXT
        return tuple(distinct.values())


def _context_of(item: Any) -> Mapping[str, str]:
    """An item's encryption context; what is re-encrypted keeps its own unless given another."""
    context: Mapping[str, str] | None = getattr(item, "context", NO_CONTEXT)
    return item.source_context if context is None else context
