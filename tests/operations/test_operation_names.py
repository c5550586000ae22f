"""Names are what their patterns say, to the last character."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keystead.operations import Operation
from keystead.operations.identity import WriteRole, WriteUser
from keystead.operations.keys import CreateKey
from keystead.operations.namespaces import CreateNamespace
from keystead.operations.policies import WritePolicy

NAMED: list[tuple[type[Operation[Any]], dict[str, Any]]] = [
    (CreateKey, {}),
    (CreateNamespace, {}),
    (WritePolicy, {"text": "x"}),
    (WriteRole, {}),
    (WriteUser, {}),
]


@pytest.mark.parametrize(("operation", "rest"), NAMED)
@pytest.mark.parametrize("end", ["\n", "\0", " ", "é", "\u2028"])
def test_a_name_does_not_end_in_what_its_pattern_does_not_allow(
    operation: type[Operation[Any]], rest: dict[str, Any], end: str
) -> None:
    assert msgspec.convert({"name": "abc", **rest}, operation)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": f"abc{end}", **rest}, operation)
