"""The circumstances of a request, and which of them a policy reads."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keystead.policy import schema

ENCRYPTION_CONTEXT = "encryption_context"
_UNKNOWN_IP = "::"
_LAST_SECOND = 253_402_300_799  # the end of the year 9999


@dataclass(slots=True)
class DecisionContext:
    """The circumstances of one request.

    ``now`` is in Unix seconds. ``source_ip`` is an address as text, empty where there is
    none; ``certificate_sha256`` is 64 hexadecimal digits or empty.
    """

    source_ip: str
    now: float
    door: str
    mfa: bool
    encryption_context: Mapping[str, str]
    certificate_sha256: str


Glance = Callable[[DecisionContext], Hashable]
"""Takes from a context what one policy attribute is made of."""

GLANCES: dict[str, Glance] = {
    "source_ip": lambda context: context.source_ip,
    "time": lambda context: _seconds(context),
    "hour": lambda context: _seconds(context) // 3600 % 24,
    "weekday": lambda context: (_seconds(context) // 86_400 + 3) % 7 + 1,
    "mfa": lambda context: context.mfa,
    "door": lambda context: context.door,
    "certificate_sha256": lambda context: context.certificate_sha256,
    ENCRYPTION_CONTEXT: lambda context: frozenset(context.encryption_context.items()),
}


def _seconds(context: DecisionContext) -> int:
    return min(max(int(context.now), 0), _LAST_SECOND)


def cedar_context(context: DecisionContext) -> dict[str, Any]:
    """The context in Cedar's JSON form; the encryption context itself is an entity's tags."""
    moment = datetime.fromtimestamp(_seconds(context), UTC)
    return {
        "source_ip": _extension("ip", _address(context.source_ip)),
        "time": _extension("datetime", moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
        "hour": GLANCES["hour"](context),
        "weekday": GLANCES["weekday"](context),
        "mfa": context.mfa,
        "door": context.door,
        "certificate_sha256": context.certificate_sha256,
        ENCRYPTION_CONTEXT: {"__entity": {"type": schema.ENCRYPTION_CONTEXT, "id": "request"}},
    }


def _extension(function: str, argument: str) -> dict[str, Any]:
    return {"__extn": {"fn": function, "arg": argument}}


def _address(text: str) -> str:
    """The address without its zone, IPv4 even where it came mapped into IPv6."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return _UNKNOWN_IP
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


@dataclass(frozen=True, slots=True)
class Reads:
    """The context attributes, and the entries of the encryption context, that are read.

    ``attributes`` has ``encryption_context`` only where all its entries may matter.
    """

    attributes: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()

    def __or__(self, other: Reads) -> Reads:
        return Reads(self.attributes | other.attributes, self.entries | other.entries)

    def glances(self) -> tuple[Glance, ...]:
        """What to take from a context so that equal takings mean equal decisions."""
        whole = ENCRYPTION_CONTEXT in self.attributes
        entries = () if whole else sorted(self.entries)
        return (
            *(GLANCES[name] for name in sorted(self.attributes)),
            *(_entry(name) for name in entries),
        )


EVERYTHING = Reads(frozenset(GLANCES))


def _entry(name: str) -> Glance:
    return lambda context: context.encryption_context.get(name)


def reads_of(expression: Any) -> Reads:
    """What an expression in Cedar's JSON form reads of the context."""
    if isinstance(expression, list):
        return _union(expression)
    if not isinstance(expression, dict):
        return Reads()
    reads = Reads()
    for operator, operands in expression.items():
        reads |= _reads_of_operation(operator, operands)
    return reads


def _reads_of_operation(operator: str, operands: Any) -> Reads:
    if operator == "Value":
        return Reads()
    if operator == "Record":
        return _union(operands.values())
    if operator == "Var":
        return EVERYTHING if operands == "context" else Reads()
    if operator in (".", "has") and operands["left"] == {"Var": "context"}:
        return Reads(frozenset({operands["attr"]}) & EVERYTHING.attributes)
    if operator in ("hasTag", "getTag") and operands["left"] == _THE_ENCRYPTION_CONTEXT:
        entry = operands["right"].get("Value")
        if isinstance(entry, str):
            return Reads(entries=frozenset({entry}))
    return reads_of(list(operands.values()) if isinstance(operands, dict) else operands)


_THE_ENCRYPTION_CONTEXT = {".": {"left": {"Var": "context"}, "attr": ENCRYPTION_CONTEXT}}


def _union(expressions: Any) -> Reads:
    reads = Reads()
    for expression in expressions:
        reads |= reads_of(expression)
    return reads
