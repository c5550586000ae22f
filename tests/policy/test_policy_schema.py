"""The vocabulary of policies follows the catalogue, and the documentation follows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cedarpy import Entities

from keystead.identity.principal import Principal
from keystead.operations import Access, catalogue
from keystead.policy.context import GLANCES, DecisionContext, cedar_context
from keystead.policy.entities import PolicyResource, entities
from keystead.policy.schema import (
    CONTEXT,
    actions,
    cedar_schema,
    groups,
    kinds,
    parsed_schema,
    vocabulary,
)
from keystead.policy.statements import errors_in

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```cedar\n(.*?)```", PAGE, re.DOTALL)


def test_policies_can_name_exactly_the_actions_that_policy_decides() -> None:
    decided = {o.action for o in catalogue() if o.access is Access.POLICY}
    besides = {"role:grant", "token:create-named", "token:create-orphan", "token-role:use"}
    assert set(actions()) == decided | besides


def test_operations_that_share_an_action_share_its_kind_and_groups() -> None:
    for operation in catalogue():
        if operation.access is Access.POLICY:
            assert actions()[operation.action].kind == operation.kind


def test_no_group_is_called_like_an_action() -> None:
    assert not set(groups()) & {operation.action for operation in catalogue()}


def test_every_action_is_in_the_group_of_its_kind() -> None:
    for action in actions().values():
        assert f"{action.kind}:*" in action.groups


@pytest.mark.parametrize("action", ["key:export", "role:grant"])
def test_what_breaks_other_rules_is_in_no_group_but_its_kinds(action: str) -> None:
    assert actions()[action].groups == (f"{action.partition(':')[0]}:*",)


def test_every_context_attribute_is_given_and_can_be_part_of_a_cache_key() -> None:
    context = DecisionContext("10.0.0.1", 0.0, "rest", False, {}, "")
    assert set(cedar_context(context)) == set(CONTEXT) == set(GLANCES)


@pytest.mark.parametrize("kind", kinds())
def test_the_entities_of_a_decision_are_what_the_schema_says(kind: str) -> None:
    principal = Principal("user/a", "a1", frozenset({"r"}), frozenset({"g"}))
    tags = {"t": "x"} if kind == "key" else {}
    resource = PolicyResource(kind, "a2", "thing", {}, tags, (kind,))
    action = next(action.name for action in actions().values() if action.kind == kind)
    found = entities(principal, "team-a", action, resource, "team-a/sub", {"t": "x"})
    handle = Entities.from_json_str(json.dumps(found), parsed_schema())
    assert len(handle) >= len(found)


def test_the_schema_is_plain_json() -> None:
    assert json.loads(json.dumps(cedar_schema())) == cedar_schema()


def test_the_documented_vocabulary_is_the_catalogues() -> None:
    _, _, documented = PAGE.partition("<!-- vocabulary -->\n")
    assert documented == vocabulary()


def test_every_context_attribute_is_documented() -> None:
    for name in CONTEXT:
        assert f"`context.{name}`" in PAGE


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_documented_example_is_valid(example: str) -> None:
    assert errors_in(example) == []


def test_there_are_documented_examples() -> None:
    assert len(EXAMPLES) >= 4
