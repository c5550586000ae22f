"""Policy texts: cut into statements, checked, and made ready to be judged by.

Cedar is a recursive parser in native code: text that nests deeply enough would overflow its
stack and end the process. So the text is cut into statements here first, and one that is too
long or too deeply nested is refused before Cedar sees it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import cedarpy

from keystead.errors import InvalidRequest
from keystead.policy.context import Reads, reads_of
from keystead.policy.entities import qualified
from keystead.policy.schema import parsed_schema

MAX_STATEMENT = 4096
"""Characters in one statement."""
MAX_DEPTH = 32
"""Brackets within brackets."""
MAX_DOTS = 200
"""Dots in one statement: what ``has a.b.c`` costs Cedar grows with their cube."""

_LISTED_ERRORS = 3
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n\r]*|[()\[\]{};."]')
_BLANK = re.compile(r"(?:\s|//[^\n\r]*)*+")
_CLOSES = {")": "(", "]": "[", "}": "{"}
_POSITION = re.compile(r"^for policy `policy0`, ")


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one statement and the line, from 1, that it begins on."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One Cedar policy in JSON form, with all identifiers qualified.

    ``actions`` are those (or their groups) that it is limited to; None: it is not.
    """

    body: dict[str, Any]
    actions: frozenset[str] | None
    reads: Reads

    def concerns(self, names: frozenset[str]) -> bool:
        """Whether it can apply to the action that is called, or is in the groups, ``names``."""
        return self.actions is None or not self.actions.isdisjoint(names)


def errors_in(text: str) -> list[str]:
    """What is wrong with a policy text, each with its line; nothing if it is valid."""
    try:
        sources = cut(text)
    except InvalidRequest as error:
        return [error.message]
    return [f"line {source.line}: {error}" for source in sources for error in _errors(source)]


def compile_policy(text: str, namespace: str) -> list[Statement]:
    """The statements of a policy of the namespace with that full name.

    Raises InvalidRequest if the text does not parse. The schema is not consulted: what is
    stored was valid when it was written.
    """
    return [_compile(source, namespace) for source in cut(text)]


def cut(text: str) -> list[Source]:
    """Cut a policy text into its statements.

    Raises InvalidRequest for text that is not Unicode, has no statement, or has one that is
    beyond the limits or not closed.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The policy is not valid Unicode text.") from None
    sources: list[Source] = []
    start, line = 0, 1
    ends = [token.end() for token in _TOKEN.finditer(text) if token[0] == ";"]
    for end in (*ends, len(text)):
        begin = _skip_blank(text, start)
        line += text.count("\n", start, begin)
        if begin < end:
            sources.append(Source(line, text[begin:end]))
            _require_bounds(sources[-1])
            line += text.count("\n", begin, end)
            start = end
    if not sources:
        raise InvalidRequest("The policy has no statement.")
    return sources


def _skip_blank(text: str, start: int) -> int:
    blank = _BLANK.match(text, start)
    return blank.end() if blank else start


def _require_bounds(source: Source) -> None:
    """Raise InvalidRequest for a statement that must not reach Cedar."""
    if len(source.text) > MAX_STATEMENT:
        raise _beyond(source, f"the statement is longer than {MAX_STATEMENT} characters")
    opened: list[str] = []
    dots = 0
    for token in _TOKEN.finditer(source.text):
        mark = token[0]
        if mark in _CLOSES.values():
            opened.append(mark)
        elif mark in _CLOSES and (not opened or opened.pop() != _CLOSES[mark]):
            raise _beyond(source, f"there is a {mark} that closes nothing")
        elif mark == '"':
            raise _beyond(source, "a string is not closed")
        dots += mark == "."
        if dots > MAX_DOTS:
            raise _beyond(source, f"there are more than {MAX_DOTS} dots in the statement")
        if len(opened) > MAX_DEPTH:
            raise _beyond(source, f"more than {MAX_DEPTH} brackets are open at once")


def _beyond(source: Source, problem: str) -> InvalidRequest:
    return InvalidRequest(f"line {source.line}: {problem}", line=source.line)


def _errors(source: Source) -> list[str]:
    try:
        _parse(source)
    except InvalidRequest as error:
        return [error.message]
    result = cedarpy.validate_policies(source.text, parsed_schema(), release_gil=True)
    if result.validation_passed:
        return []
    # Cedar repeats an error for each action and type that a statement can apply to.
    errors = sorted({_POSITION.sub("", error.error) for error in result.errors})
    more = len(errors) - _LISTED_ERRORS
    return errors[:_LISTED_ERRORS] + ([f"and {more} more such errors"] if more > 0 else [])


def _parse(source: Source) -> dict[str, Any]:
    """The statement in Cedar's JSON form. Raises InvalidRequest."""
    try:
        text = cedarpy.policies_to_json_str(source.text)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    try:
        cedarpy.PolicySet.from_json_str(text, release_gil=True)
    except ValueError:
        raise InvalidRequest("the statement is nested too deeply; split it") from None
    found = json.loads(text)
    if found["templates"] or len(found["staticPolicies"]) != 1:
        raise InvalidRequest("a statement must not have slots such as ?principal")
    (body,) = found["staticPolicies"].values()
    return dict(body)


def _compile(source: Source, namespace: str) -> Statement:
    body = _parse(source)
    _qualify(body, namespace)
    return Statement(body, _actions(body["action"]), reads_of(_conditions(body)))


def _conditions(body: dict[str, Any]) -> list[Any]:
    return [condition["body"] for condition in body["conditions"]]


def _actions(scope: dict[str, Any]) -> frozenset[str] | None:
    if scope["op"] == "All":
        return None
    named = scope["entities"] if "entities" in scope else [scope["entity"]]
    return frozenset(entity["id"] for entity in named)


def _qualify(body: dict[str, Any], namespace: str) -> None:
    """Qualify every identifier in place, in the scope and in the conditions."""
    for scope in (body["principal"], body["resource"]):
        for holder in (scope, scope.get("in", {})):
            if "entity" in holder:
                _rename(holder["entity"], namespace)
    for condition in _conditions(body):
        _qualify_expression(condition, namespace)


def _qualify_expression(expression: Any, namespace: str) -> None:
    operands = expression.values() if isinstance(expression, dict) else expression
    if isinstance(expression, dict):
        value = expression.get("Value")
        if isinstance(value, dict) and "__entity" in value:
            _rename(value["__entity"], namespace)
            return
    elif not isinstance(expression, list):
        return
    for operand in operands:
        _qualify_expression(operand, namespace)


def _rename(entity: dict[str, str], namespace: str) -> None:
    if entity["type"] != "Action":
        entity["id"] = qualified(namespace, entity["type"], entity["id"])
