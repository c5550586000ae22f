"""Path policies: what principals may do, by path, as clients of Vault write it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Operation, Page, Reply
from keystead.operations.policies import PolicyErrors, PolicyNames, PolicyText

PathPolicyName = Annotated[
    str,
    Meta(pattern=r"^[^\s\x00-\x1f\x7fA-Z](?:[^\x00-\x1f\x7fA-Z]{0,126}[^\s\x00-\x1f\x7fA-Z])?$"),
]
Paths = Annotated[
    list[Annotated[str, Meta(max_length=4_096)]], Meta(min_length=1, max_length=1_000)
]


class PathPolicyView(Reply, frozen=True):
    """A path policy as written. It speaks for the role that is called like it."""

    name: str
    text: str
    written_at: float = 0.0


class ValidatePathPolicy(Operation[PolicyErrors], frozen=True, kw_only=True):
    """Check the text of a path policy without writing it."""

    action: ClassVar[str] = "policy:validate"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ

    text: PolicyText


class WritePathPolicy(Operation[PathPolicyView], frozen=True, kw_only=True):
    """Create or replace a path policy, in HCL or JSON."""

    action: ClassVar[str] = "policy:write"
    kind: ClassVar[str] = "policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PathPolicyName
    text: PolicyText


class ShowPathPolicy(Operation[PathPolicyView], frozen=True, kw_only=True):
    """Show a path policy as it was written."""

    action: ClassVar[str] = "policy:show"
    kind: ClassVar[str] = "policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: PathPolicyName


class ListPathPolicies(Page, Operation[PolicyNames], frozen=True, kw_only=True):
    """List path policies."""

    action: ClassVar[str] = "policy:list"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ


class DeletePathPolicy(Operation[Done], frozen=True, kw_only=True):
    """Delete a path policy."""

    action: ClassVar[str] = "policy:delete"
    kind: ClassVar[str] = "policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PathPolicyName


class PathCapabilities(Reply, frozen=True):
    """Sorted capabilities by path: ``root`` alone for root, ``deny`` alone for none."""

    capabilities: dict[str, list[str]]


class ShowCapabilities(Operation[PathCapabilities], frozen=True, kw_only=True):
    """Say what path policies let a token do at some paths. It is named by its text or its
    accessor."""

    action: ClassVar[str] = "policy:capabilities"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("accessor",)

    paths: Paths
    token: Annotated[str, Meta(max_length=8_192)] = ""
    accessor: Annotated[str, Meta(max_length=256)] = ""


class ShowOwnCapabilities(Operation[PathCapabilities], frozen=True, kw_only=True):
    """Say what path policies let the caller do at some paths."""

    action: ClassVar[str] = "policy:own-capabilities"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.OBSERVE
    access: ClassVar[Access] = Access.HOLDER

    paths: Paths


class PathRight(Reply, frozen=True):
    """What may be done at a path, and within which bounds. Lifetimes are in seconds."""

    capabilities: list[str]
    allowed_parameters: dict[str, list[Any]] = {}
    denied_parameters: dict[str, list[Any]] = {}
    required_parameters: list[str] = []
    min_wrapping_ttl: int = 0
    max_wrapping_ttl: int = 0


class PathRights(Reply, frozen=True):
    """All of a caller's rights by path: at ``exact`` ones, and at all that begin with one of
    ``globs`` or match one of ``patterns``. ``root``: it may do anything."""

    root: bool = False
    exact: dict[str, PathRight] = {}
    globs: dict[str, PathRight] = {}
    patterns: dict[str, PathRight] = {}


class ShowOwnRights(Operation[PathRights], frozen=True, kw_only=True):
    """Show what path policies let the caller do, by paths seen from its home namespace."""

    action: ClassVar[str] = "policy:own-rights"
    kind: ClassVar[str] = "policy"
    effect: ClassVar[Effect] = Effect.OBSERVE
    access: ClassVar[Access] = Access.HOLDER
