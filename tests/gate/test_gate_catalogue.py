"""Every operation in the catalogue: denied by default, audited, measured, documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from keystead.doors.rest.openapi import describe
from keystead.doors.rest.routes import ELSEWHERE, ROUTES
from keystead.errors import PermissionDenied, Unauthenticated
from keystead.operations import Access, Operation, catalogue, reply_type
from keystead.operations.cryptography import Decrypt
from keystead.policy.schema import actions, kinds, vocabulary
from keystead.services import load_services
from keystead.services.registry import HANDLERS

load_services()
ALL = catalogue()
POLICY = [op for op in ALL if op.access is Access.POLICY]
FOR_ALL = {"system:generate-random", "policy:schema", "policy:validate"}
"""What the starter policy ``self`` gives everyone."""

named = pytest.mark.parametrize("operation", ALL, ids=lambda op: op.__name__)


def counted(office: Any, action: str, outcome: str) -> float:
    text = office.house.metrics.render().decode()
    pattern = rf'_count{{action="{re.escape(action)}",outcome="{outcome}"[^}}]*}} (\S+)'
    return float(re.search(pattern, text)[1]) if re.search(pattern, text) else 0.0


@pytest.mark.parametrize("operation", POLICY, ids=lambda op: op.__name__)
def test_without_a_policy_it_is_denied_audited_and_counted(
    operation: type[Operation[Any]], shared_office: Any, make_smallest: Any
) -> None:
    office, action = shared_office, operation.action
    if action in FOR_ALL:
        pytest.skip("the starter policies permit this to everyone")
    token = office.token(name="nobody")
    asked = make_smallest(operation)
    if operation is Decrypt:
        asked = Decrypt(ciphertext=b"walk", key="walk-key")
    before, size = counted(office, action, "denied"), len(office.entries())
    with pytest.raises(PermissionDenied):
        office.perform(asked, token=token)
    written = office.entries()[size:]
    assert [e["outcome"] for e in written] == ["denied"]
    assert written[0]["action"] == action
    assert written[0]["principal"] == "token/nobody"
    assert written[0]["reason"] == "permission-denied"
    assert written[0]["source_ip"] == "10.0.0.1"
    assert written[0]["resource"]["kind"] == operation.kind
    assert counted(office, action, "denied") == before + 1


@pytest.mark.parametrize(
    "operation",
    [op for op in ALL if op.access is not Access.ANYONE],
    ids=lambda op: op.__name__,
)
def test_a_caller_without_a_credential_is_refused_and_audited(
    operation: type[Operation[Any]], shared_office: Any, make_smallest: Any
) -> None:
    size = len(shared_office.entries())
    with pytest.raises(Unauthenticated):
        shared_office.perform(make_smallest(operation), token="")
    (entry,) = shared_office.entries()[size:]
    assert (entry["action"], entry["outcome"]) == (operation.action, "denied")
    assert entry["reason"] == "unauthenticated"


@named
def test_it_has_one_handler_and_says_what_it_does_and_replies(
    operation: type[Operation[Any]],
) -> None:
    assert operation in HANDLERS
    assert operation.__doc__
    assert "__doc__" in operation.__dict__
    assert reply_type(operation)
    assert set(operation.audited) <= set(operation.__struct_fields__)


def test_nothing_is_served_that_is_not_in_the_catalogue() -> None:
    assert set(HANDLERS) == set(ALL)


@named
def test_it_can_be_asked_for_over_rest_and_is_described(operation: type[Operation[Any]]) -> None:
    routes = [route for route in ROUTES if route.operation is operation]
    assert len(routes) == (0 if operation in ELSEWHERE else 1)
    described = describe()["paths"]
    for route in routes:
        entry = described[route.path][route.method.lower()]
        assert entry.get("summary") or entry.get("description")


@pytest.mark.parametrize("operation", POLICY, ids=lambda op: op.__name__)
def test_policies_can_name_its_action_and_kind(operation: type[Operation[Any]]) -> None:
    if operation in ELSEWHERE:
        return
    assert operation.action in actions()
    assert operation.kind in kinds()
    assert operation.action in vocabulary()


def test_the_policy_guide_has_the_whole_vocabulary() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
    missing = {op.action for op in POLICY if op not in ELSEWHERE and op.action not in guide}
    assert not missing
