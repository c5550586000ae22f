"""The policies of one namespace, compiled: one level of a decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from keystead.errors import InvalidRequest
from keystead.policy.context import Reads
from keystead.policy.schema import actions
from keystead.policy.statements import Statement, compile_policy


@dataclass(frozen=True, slots=True)
class Verdict:
    """The statements that permit and forbid, and what went wrong with others."""

    permits: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class Level:
    """One namespace's policies. ``name`` is its full name, ``texts`` the policies by name."""

    __slots__ = ("_policy_set", "_statements", "name", "texts")

    def __init__(self, name: str, texts: Mapping[str, str]) -> None:
        self.name = name
        self.texts = dict(texts)
        prefix = f"{name}:" if name else ""
        self._statements: dict[str, Statement] = {
            f"{prefix}{policy}#{number}": statement
            for policy, text in sorted(texts.items())
            for number, statement in enumerate(compile_policy(text, name))
        }
        bodies = {key: statement.body for key, statement in self._statements.items()}
        self._policy_set = cedarpy.PolicySet.from_json_str(
            json.dumps({"staticPolicies": bodies, "templates": {}, "templateLinks": []}),
            release_gil=True,
        )

    @classmethod
    def of(cls, name: str, texts: Mapping[str, str] | None) -> Level | None:
        """The level, or None if its policies cannot be read or do not parse."""
        if texts is None:
            return None
        try:
            return cls(name, texts)
        except InvalidRequest:
            return None

    def reads(self, action: str) -> Reads:
        """What the statements that can apply to an action read of the context."""
        known = actions().get(action)
        names = frozenset((action, *(known.groups if known else ())))
        reads = Reads()
        for statement in self._statements.values():
            if statement.concerns(names):
                reads |= statement.reads
        return reads

    def judge(self, request: dict[str, Any], entities: list[dict[str, Any]]) -> Verdict:
        """What these policies alone say about a request in Cedar's JSON form."""
        if not self._statements:
            return Verdict()
        try:
            result = cedarpy.is_authorized(request, self._policy_set, entities)
        except ValueError:
            return Verdict(errors=("the request cannot be put to Cedar",))
        deciding = tuple(sorted(result.diagnostics.reasons))
        return Verdict(
            permits=deciding if result.allowed else (),
            forbids=() if result.allowed else deciding,
            errors=tuple(result.diagnostics.errors),
        )
