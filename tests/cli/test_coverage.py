"""Every operation of the catalogue can be asked for, or is left out on purpose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keystead.operations import Operation, catalogue

CLI = Path(__file__).parents[2] / "src" / "keystead" / "cli"
SOURCE = "\n".join(path.read_text() for path in sorted(CLI.glob("*.py")))
LEFT_OUT = {
    "ReapKeys": "the scheduler asks this of itself",
    "ReapTokens": "the scheduler asks this of itself",
    **{
        operation.__name__: "batches are for programs"
        for operation in catalogue()
        if operation.__name__.endswith("Batch")
    },
}


def method(operation: type[Operation[object]]) -> str:
    verb = operation.action.partition(":")[2].replace("-", "_")
    if operation.__name__.endswith("Batch"):
        verb += "_batch"
    return verb + "_" if verb == "import" else verb


def resource(operation: type[Operation[object]]) -> str:
    kind = operation.kind.replace("-", "_")
    return {"policy": "policies", "audit": "audit", "system": "system"}.get(kind, kind + "s")


@pytest.mark.parametrize("operation", catalogue(), ids=lambda o: o.__name__)
def test_an_operation_is_reachable_or_left_out_on_purpose(
    operation: type[Operation[object]],
) -> None:
    called = re.search(
        rf"\b(client\.{resource(operation)}|tokens|log)\s*\.\s*{method(operation)}\(", SOURCE
    )
    listed = re.search(rf"\b{operation.__name__}\(", SOURCE)
    assert bool(called or listed) != (operation.__name__ in LEFT_OUT)
