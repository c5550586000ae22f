"""Every operation of the catalogue can be asked for, or is left out on purpose."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from keystead.doors.rest.routes import ELSEWHERE
from keystead.operations import Operation, catalogue

CLI = Path(__file__).parents[2] / "src" / "keystead" / "cli"
SOURCE = "\n".join(path.read_text() for path in sorted(CLI.glob("*.py")))
LEFT_OUT = {
    **{operation.__name__: "the server or another protocol asks this" for operation in ELSEWHERE},
    **{
        operation.__name__: "batches are for programs"
        for operation in catalogue()
        if operation.__name__.endswith("Batch")
    },
}
BY_CALL = {
    "quota", "audit-device", "password-policy", "revocation-list", "certificate-settings",
}  # fmt: skip
"""Kinds that are administered seldom: ``keystead call`` asks for any operation."""
BY_CALL_TOO = {
    "DescribeNamespace", "HashBytes", "ShowGenerateRoot", "ShowRekey", "ShowServer", "VerifyRekey",
    "ShowCapabilities", "ShowOwnCapabilities", "ShowOwnRights",
}  # fmt: skip


def _generator() -> Any:
    path = Path(__file__).parents[2] / "tools" / "generate_client.py"
    spec = importlib.util.spec_from_file_location("_client_generator", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


@pytest.mark.parametrize("operation", catalogue(), ids=lambda o: o.__name__)
def test_an_operation_is_reachable_or_left_out_on_purpose(
    operation: type[Operation[object]],
) -> None:
    called = re.search(
        rf"\b(client\.{GENERATOR.attribute(operation.kind)}|tokens|log)\s*\."
        rf"\s*{GENERATOR.method_name(operation)}\(",
        SOURCE,
    )
    listed = re.search(rf"\b{operation.__name__}\(", SOURCE)
    if operation.__name__ in LEFT_OUT:
        assert not called
        assert not listed
    else:
        by_call = operation.kind in BY_CALL or operation.__name__ in BY_CALL_TOO
        assert called or listed or by_call
