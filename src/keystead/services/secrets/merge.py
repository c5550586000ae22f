"""JSON merge patch (RFC 7396), and the keys of an object without its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keystead.errors import InvalidRequest

MAX_DEPTH: Final = 128


def merge(target: Mapping[str, Any], patch: Mapping[str, Any], depth: int = 1) -> dict[str, Any]:
    """``target`` with the changes of ``patch``: null removes a member, an object changes
    one, everything else replaces one (RFC 7396, 2).

    Raises InvalidRequest beyond 128 objects within objects.
    """
    if depth > MAX_DEPTH:
        raise InvalidRequest("A patch is nested too deeply.", limit=MAX_DEPTH)
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
    if level > MAX_DEPTH:
        raise InvalidRequest("A secret is nested too deeply.", limit=MAX_DEPTH)
    deeper = level != depth
    return {
        name: subkeys(value, depth, level + 1) if isinstance(value, dict) and value and deeper
        else None
        for name, value in data.items()
    }  # fmt: skip
