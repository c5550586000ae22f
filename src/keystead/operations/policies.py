"""Policies: what principals may do, in Cedar."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply

PolicyName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$(?!\n)")]
PolicyText = Annotated[str, Meta(min_length=1, max_length=262_144)]


class PolicyView(Reply, frozen=True):
    """A policy as written; one text may hold several Cedar statements."""

    name: str
    text: str
    description: str = ""
    written_at: float = 0.0


class PolicyNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class PolicyErrors(Reply, frozen=True):
    """What is wrong with a policy text; an empty list: it is valid."""

    errors: list[str]


class ValidatePolicy(Operation[PolicyErrors], frozen=True, kw_only=True):
    """Check a policy text against the schema without writing it."""

    action: ClassVar[str] = "policy:validate"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ

    text: PolicyText


class WritePolicy(Operation[PolicyView], frozen=True, kw_only=True):
    """Create or replace a policy. A text that the schema refuses is not written."""

    action: ClassVar[str] = "policy:write"
    kind: ClassVar[str] = "policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PolicyName
    text: PolicyText
    description: Annotated[str, Meta(max_length=1024)] = ""


class ShowPolicy(Operation[PolicyView], frozen=True, kw_only=True):
    """Show a policy as it was written."""

    action: ClassVar[str] = "policy:show"
    kind: ClassVar[str] = "policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: PolicyName


class ListPolicies(Page, Operation[PolicyNames], frozen=True, kw_only=True):
    """List policies."""

    action: ClassVar[str] = "policy:list"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ


class DeletePolicy(Operation[Done], frozen=True, kw_only=True):
    """Delete a policy."""

    action: ClassVar[str] = "policy:delete"
    kind: ClassVar[str] = "policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PolicyName


class Explanation(Reply, frozen=True):
    """A decision and the policies that made it (``name#statement``).

    With no policies named, a denial is the default: nothing permits the request.
    """

    allowed: bool
    reason: str
    policies: list[str] = []
    errors: list[str] = []


class ExplainDecision(Operation[Explanation], frozen=True, kw_only=True):
    """Say whether a principal may do something, and which policies decide."""

    action: ClassVar[str] = "policy:why"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("principal", "asked_action")

    principal: Annotated[str, Meta(max_length=256)]
    asked_action: Annotated[str, Meta(max_length=128)]
    resource_kind: str = "key"
    resource_name: str = ""
    roles: list[str] = []
    source_ip: str = ""
    context: dict[str, str] = {}


class PolicySchema(Reply, frozen=True):
    """The Cedar schema, as JSON: every action, resource kind and context attribute."""

    cedar_schema: dict[str, Any]


class ShowPolicySchema(Operation[PolicySchema], frozen=True, kw_only=True):
    """Show the schema that policies are checked against."""

    action: ClassVar[str] = "policy:schema"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ
