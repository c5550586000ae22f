"""Random bytes, from the operating system's generator."""

from __future__ import annotations

import os

from keystead.operations.cryptography import (
    GenerateRandom,
    GenerateRandomBatch,
    Outcome,
    Random,
    Results,
)
from keystead.services.registry import uses
from keystead.services.scope import Scope


@uses(GenerateRandom)
def generate_random(operation: GenerateRandom, scope: Scope) -> Random:
    return Random(random=os.urandom(operation.length))


@uses(GenerateRandomBatch)
def generate_random_batch(operation: GenerateRandomBatch, scope: Scope) -> Results[Random]:
    scope.details["items"] = len(operation.items)
    return Results(
        results=[Outcome(value=Random(random=os.urandom(item.length))) for item in operation.items]
    )
