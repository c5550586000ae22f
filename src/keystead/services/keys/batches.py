"""Many items of one operation: each succeeds or fails by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from keystead.errors import KeysteadError
from keystead.operations import Problem
from keystead.operations.cryptography import Outcome, Results
from keystead.services.scope import Scope

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


def each(scope: Scope, items: Iterable[ItemT], act: Callable[[ItemT], ValueT]) -> Results[ValueT]:
    """Do ``act`` for every item and report item by item, in order.

    What the caller did wrong (a KeysteadError) fails its item; anything else fails the batch.
    """
    results: list[Outcome[ValueT]] = []
    failed = 0
    for item in items:
        try:
            results.append(Outcome(value=act(item)))
        except KeysteadError as error:
            failed += 1
            results.append(Outcome(error=Problem(code=error.code, message=error.message)))
    scope.details["items"] = len(results)
    if failed:
        scope.details["failed_items"] = failed
    return Results(results=results)
