"""Namespaces: tenants, each under a key-encryption key of its own."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply

NamespaceName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(/[a-z0-9][a-z0-9-]{0,62}){0,7}$(?!\n)")
]

MetadataName = Annotated[str, Meta(min_length=1, max_length=128)]
MetadataValue = Annotated[str, Meta(max_length=512)]
CustomMetadata = Annotated[dict[MetadataName, MetadataValue], Meta(max_length=64)]


class NamespaceView(Reply, frozen=True):
    name: str
    id: str
    sealed: bool
    created_at: float
    kek_version: int = 1
    custom_metadata: dict[str, str] = {}


class NamespacePage(Reply, frozen=True):
    namespaces: list[NamespaceView]
    next: str = ""


class CreateNamespace(Operation[NamespaceView], frozen=True, kw_only=True):
    """Create a namespace, with a key-encryption key of its own."""

    action: ClassVar[str] = "namespace:create"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: NamespaceName
    custom_metadata: CustomMetadata = {}


class DescribeNamespace(Operation[NamespaceView], frozen=True, kw_only=True):
    """Change a namespace's custom metadata: what is null goes, what is not named stays."""

    action: ClassVar[str] = "namespace:describe"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: NamespaceName
    custom_metadata: Annotated[dict[MetadataName, MetadataValue | None], Meta(max_length=64)]


class ShowNamespace(Operation[NamespaceView], frozen=True, kw_only=True):
    """Show a namespace."""

    action: ClassVar[str] = "namespace:show"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: NamespaceName


class ListNamespaces(Page, Operation[NamespacePage], frozen=True, kw_only=True):
    """List namespaces."""

    action: ClassVar[str] = "namespace:list"
    kind: ClassVar[str] = "namespace"
    effect: ClassVar[Effect] = Effect.READ


class SealNamespace(Operation[NamespaceView], frozen=True, kw_only=True):
    """Seal a namespace: nothing in it is served until it is unsealed."""

    action: ClassVar[str] = "namespace:seal"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: NamespaceName


class UnsealNamespace(Operation[NamespaceView], frozen=True, kw_only=True):
    """Unseal a namespace."""

    action: ClassVar[str] = "namespace:unseal"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: NamespaceName


class RotateNamespaceKek(Operation[NamespaceView], frozen=True, kw_only=True):
    """Give a namespace a new key-encryption key for what is written from now on."""

    action: ClassVar[str] = "namespace:rotate-kek"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: NamespaceName


class DeleteNamespace(Operation[Done], frozen=True, kw_only=True):
    """Delete a namespace for good: its key-encryption key is destroyed, then its records.

    ``confirm`` must repeat the name.
    """

    action: ClassVar[str] = "namespace:delete"
    kind: ClassVar[str] = "namespace"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: NamespaceName
    confirm: str
