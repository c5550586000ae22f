"""The life of a key: which states follow which, and what each allows (NIST SP 800-57 part 1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final

from keystead.errors import KeyStateForbids


class State(StrEnum):
    """A state of a key or of a key version."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    PENDING_DESTRUCTION = "pending-destruction"
    DESTROYED = "destroyed"


class Purpose(Enum):
    """What material is wanted for: to protect something new, or to process what is protected."""

    PROTECT = "protect"
    PROCESS = "process"


ALLOWS: Final[Mapping[State, frozenset[Purpose]]] = {
    State.PRE_ACTIVE: frozenset(),
    State.ACTIVE: frozenset({Purpose.PROTECT, Purpose.PROCESS}),
    State.SUSPENDED: frozenset(),
    State.DEACTIVATED: frozenset({Purpose.PROCESS}),
    State.COMPROMISED: frozenset({Purpose.PROCESS}),
    State.PENDING_DESTRUCTION: frozenset(),
    State.DESTROYED: frozenset(),
}

FOLLOWS: Final[Mapping[State, frozenset[State]]] = {
    State.PRE_ACTIVE: frozenset(
        {State.ACTIVE, State.COMPROMISED, State.PENDING_DESTRUCTION},
    ),
    State.ACTIVE: frozenset(
        {State.SUSPENDED, State.DEACTIVATED, State.COMPROMISED, State.PENDING_DESTRUCTION}
    ),
    State.SUSPENDED: frozenset(
        {State.ACTIVE, State.DEACTIVATED, State.COMPROMISED, State.PENDING_DESTRUCTION}
    ),
    State.DEACTIVATED: frozenset({State.COMPROMISED, State.PENDING_DESTRUCTION}),
    State.COMPROMISED: frozenset({State.PENDING_DESTRUCTION}),
    # Restoring never gives back more than there was: see ``restored``.
    State.PENDING_DESTRUCTION: frozenset(
        {State.SUSPENDED, State.DEACTIVATED, State.COMPROMISED, State.DESTROYED}
    ),
    State.DESTROYED: frozenset(),
}

# When a key and one of its versions differ, the state nearer the front holds for the version.
_STRICTEST: Final = (
    State.DESTROYED,
    State.PENDING_DESTRUCTION,
    State.SUSPENDED,
    State.PRE_ACTIVE,
    State.COMPROMISED,
    State.DEACTIVATED,
    State.ACTIVE,
)


def effective(key: State, version: State) -> State:
    """The state that holds for a version of a key: the stricter of the two."""
    return min(key, version, key=_STRICTEST.index)


def move(current: State, to: State) -> State:
    """Return ``to`` if it may follow ``current``; else raise KeyStateForbids."""
    if to not in FOLLOWS[current]:
        allowed = sorted(FOLLOWS[current] - {State.DESTROYED})
        raise KeyStateForbids(
            f"A key that is {current} cannot become {to}.",
            hint=f"From {current} a key can become: {', '.join(allowed) or 'nothing else'}.",
            state=current,
            to=to,
        )
    return to


def restored(before_scheduling: State) -> State:
    """The state in which a key comes back when its destruction is cancelled."""
    if before_scheduling in (State.DEACTIVATED, State.COMPROMISED):
        return before_scheduling
    return State.SUSPENDED
