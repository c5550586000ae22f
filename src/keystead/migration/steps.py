"""What a migration is made of: one step for each thing that is copied."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    """What became of one thing.

    ``COPIED``; ``PRESENT``, equal already; ``SKIPPED``, cannot be copied and a note says
    why; ``DIFFERS``, there is another of that name; ``FAILED``, refused by one side.
    ``PLANNED`` in a dry run: it would be copied.
    """

    COPIED = "copied"
    PRESENT = "present"
    PLANNED = "planned"
    SKIPPED = "skipped"
    DIFFERS = "differs"
    FAILED = "failed"


class Result(NamedTuple):
    """The outcome of a step, and what a person should know of it."""

    outcome: Outcome
    note: str = ""


class Step(NamedTuple):
    """One thing to copy. ``run`` is given whether this is a dry run."""

    kind: str
    name: str
    run: Callable[[bool], Result]


class Done(NamedTuple):
    """A step that was carried out."""

    kind: str
    name: str
    outcome: str
    note: str


def settle(same: bool, exists: bool, dry_run: bool, copy: Callable[[], object]) -> Result:
    """The usual way: leave what is equal, do not overwrite what is another, else copy."""
    if same:
        return Result(Outcome.PRESENT)
    if exists:
        return Result(Outcome.DIFFERS, "there is another of that name; it was left alone")
    if dry_run:
        return Result(Outcome.PLANNED)
    copy()
    return Result(Outcome.COPIED)


def skip(note: str, dry_run: bool) -> Result:
    """A step for what cannot be copied."""
    return Result(Outcome.SKIPPED, note)
