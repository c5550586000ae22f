"""A walk through the catalogue: every operation is denied by default, audited, measured and
documented, and exactly one function serves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keystead.doors.rest.openapi import document
from keystead.doors.rest.routes import ROUTES
from keystead.errors import PermissionDenied, Unauthenticated
from keystead.operations import Access, Effect, Operation, catalogue, identity, keys, reply_type
from keystead.policy.schema import actions, cedar_schema
from keystead.services import load_services
from keystead.services.registry import HANDLERS
from keystead.telemetry.families import OPERATIONS

load_services()

ALL = catalogue()
DECIDED = [operation for operation in ALL if operation.access is Access.POLICY]
INTERNAL = {keys.ReapKeys, identity.ReapTokens}
FOR_EVERYONE = {"system:generate-random", "policy:schema", "policy:validate"}
POLICIES_PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def minimal(type_: Any, name: str = "") -> Any:
    """The least value of a type, from what msgspec knows of it."""
    known = msgspec.inspect.type_info(type_) if isinstance(type_, type) else type_
    match known:
        case msgspec.inspect.StructType(cls=cls, fields=fields):
            given = {f.name: minimal(f.type, f.name) for f in fields if f.required}
            if issubclass(cls, Operation) and cls.names:
                given.setdefault(cls.names, "thing")  # decrypt may leave its key out
            return cls(**given)
        case msgspec.inspect.StrType(min_length=least, pattern=pattern):
            text = "thing" if pattern or not least else "t" * least
            assert pattern is None or __import__("re").search(pattern, text), name
            return text
        case msgspec.inspect.BytesType(min_length=least):
            return bytes(least or 0)
        case msgspec.inspect.IntType(ge=least):
            return least or 0
        case msgspec.inspect.ListType(item_type=item, min_length=least):
            return [minimal(item, name)] * (least or 0)
        case msgspec.inspect.DictType():
            return {}
    raise AssertionError(f"{name}: no value of {known}")


@pytest.fixture(scope="module")
def nobody(shared: Any) -> str:
    """The token of a principal about whom no policy says anything."""
    return str(shared.token(name="nobody"))


def counted(node: Any, action: str, outcome: str) -> float:
    wanted = f'{OPERATIONS.name}_count{{action="{action}",outcome="{outcome}"'
    lines = node.house.metrics.render().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


def test_the_catalogue_is_what_is_served() -> None:
    assert set(HANDLERS) == set(ALL)
    assert len(ALL) > 100


@pytest.mark.parametrize("operation", DECIDED, ids=lambda o: o.__name__)
def test_what_no_policy_permits_is_denied_audited_and_measured(
    shared: Any, nobody: str, operation: type[Operation[Any]]
) -> None:
    if operation.action in FOR_EVERYONE:
        pytest.skip("the starter policies permit this to everyone")
    asked = minimal(operation)
    before = counted(shared, operation.action, "denied")
    seen = len(shared.log())
    assert isinstance(shared.refusal(asked, nobody), PermissionDenied)
    assert counted(shared, operation.action, "denied") == before + 1
    (entry,) = shared.log()[seen:]
    assert (entry.action, entry.principal) == (operation.action, "token/nobody")
    assert (entry.outcome, entry.reason) == ("denied", "permission-denied")
    assert (entry.resource.kind, entry.resource.name) == (
        operation.kind,
        asked.resource().name,
    )
    assert entry.source_ip == "127.0.0.1"
    assert not entry.root
    assert entry.request_id


@pytest.mark.parametrize("action", sorted(FOR_EVERYONE))
def test_what_the_starter_policies_permit_to_everyone_is_denied_without_them(
    node: Any, action: str
) -> None:
    nobody = node.token(name="nobody")
    operations = [minimal(operation) for operation in ALL if operation.action == action]
    for operation in operations:
        node.do(operation, nobody)
    node.policy("permit (principal, action, resource is User);", name="self")
    for operation in operations:
        assert isinstance(node.refusal(operation, nobody), PermissionDenied)


@pytest.mark.parametrize(
    "operation", [o for o in ALL if o.access is not Access.ANYONE], ids=lambda o: o.__name__
)
@pytest.mark.parametrize("token", ["", "kst_nonsense", "unknown"])
def test_a_stranger_is_refused_and_that_is_audited(
    shared: Any, operation: type[Operation[Any]], token: str
) -> None:
    seen = len(shared.log())
    assert isinstance(shared.refusal(minimal(operation), token), Unauthenticated)
    (entry,) = shared.log()[seen:]
    assert (entry.action, entry.principal, entry.outcome, entry.reason) == (
        operation.action,
        "anonymous",
        "denied",
        "unauthenticated",
    )


def test_only_these_operations_ask_for_no_token() -> None:
    assert {operation.action for operation in ALL if operation.access is Access.ANYONE} == {
        "approle:login",
        "certificate-role:login",
        "user:login",
        "system:status",
        "system:initialize",
        "system:unseal",
        "system:continue-rekey",
        "system:start-generate-root",
        "system:continue-generate-root",
    }


@pytest.mark.parametrize("operation", ALL, ids=lambda o: o.__name__)
def test_every_operation_is_described(operation: type[Operation[Any]]) -> None:
    assert operation.__doc__
    assert operation.__doc__[0].isupper()
    assert reply_type(operation) is not None
    assert operation.action.startswith(operation.kind + ":")
    assert operation.names is None or operation.names in operation.__struct_fields__
    assert set(operation.audited) <= set(operation.__struct_fields__)


@pytest.mark.parametrize("operation", ALL, ids=lambda o: o.__name__)
def test_every_operation_has_one_route_and_a_place_in_the_documents(
    operation: type[Operation[Any]],
) -> None:
    routes = [route for route in ROUTES if route.operation is operation]
    assert len(routes) == (0 if operation in INTERNAL else 1)
    for route in routes:
        assert route.method.lower() in document()["paths"][route.path]
    if operation.access is Access.POLICY:
        assert operation.action in actions()
        assert operation.action in cedar_schema()[""]["actions"]
        assert f"`{operation.action}`" in POLICIES_PAGE.read_text()


@pytest.mark.parametrize("operation", ALL, ids=lambda o: o.__name__)
def test_no_operation_audits_bytes_or_what_sounds_like_a_secret(
    operation: type[Operation[Any]],
) -> None:
    fields = {f.name: f.type for f in msgspec.inspect.type_info(operation).fields}
    for name in operation.audited:
        assert not isinstance(fields[name], msgspec.inspect.BytesType)
        assert not {"password", "token", "share", "secret_id", "text"} & {name}


def test_an_operation_and_its_batch_have_one_action_and_one_effect() -> None:
    by_name = {operation.__name__: operation for operation in ALL}
    for name, batch in by_name.items():
        if name.endswith("Batch"):
            single = by_name[name.removesuffix("Batch")]
            assert (batch.action, batch.effect) == (single.action, single.effect)
            assert batch.secret_reply == single.secret_reply
    uses = {o.__name__ for o in ALL if o.effect is Effect.USE and not o.__name__.endswith("Batch")}
    alone = {"ExportKey", "AttestPublicKey"}
    assert {name for name in uses if f"{name}Batch" not in by_name} == alone


def test_the_schema_is_json() -> None:
    json.dumps(cedar_schema())
