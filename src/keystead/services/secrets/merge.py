"""JSON objects: merge patches (RFC 7396), keys without values, and how deep is too deep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keystead.errors import InvalidRequest

MAX_DEPTH: Final = 256
"""Of objects and lists within each other."""


def require_shallow(value: Any, depth: int = 1) -> None:
    """Raise InvalidRequest for what is nested deeper than every reader can follow."""
    if depth > MAX_DEPTH:
        raise InvalidRequest("The value is nested too deeply.", limit=MAX_DEPTH)
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            require_shallow(inner, depth + 1)


def merge(target: Mapping[str, Any], patch: Mapping[str, Any], depth: int = 1) -> dict[str, Any]:
    """``target`` with the changes of ``patch``: null removes a member, an object changes
    one, everything else replaces one (RFC 7396, 2).

    Raises InvalidRequest for a patch that is nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise InvalidRequest("The patch is nested too deeply.", limit=MAX_DEPTH)
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            present = merged.get(name)
            inner = present if isinstance(present, dict) else {}
            merged[name] = merge(inner, value, depth + 1)
        else:
            merged[name] = value
    return merged


def subkeys(data: Mapping[str, Any], depth: int, level: int = 1) -> dict[str, Any]:
    """The keys of an object, and of objects in it down to ``depth`` (0: however deep), with
    null in place of every value. An empty object counts as a value."""
    deeper = level != depth
    return {
        name: subkeys(value, depth, level + 1) if isinstance(value, dict) and value and deeper
        else None
        for name, value in data.items()
    }  # fmt: skip
