"""Cubbyholes: what a token keeps for itself, as long as it holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Operation, Reply

CubbyholePath = Annotated[str, Meta(max_length=1024)]


class CubbyholeValue(Reply, frozen=True):
    data: dict[str, Any]


class CubbyholeNames(Reply, frozen=True):
    """What is in a folder; names of folders in it end in a slash."""

    names: list[str]


class ReadCubbyhole(Operation[CubbyholeValue], frozen=True, kw_only=True):
    """Read what the caller's token keeps at a path."""

    action: ClassVar[str] = "cubbyhole:read"
    kind: ClassVar[str] = "cubbyhole"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.HOLDER
    secret_reply: ClassVar[bool] = True

    path: CubbyholePath


class ListCubbyhole(Operation[CubbyholeNames], frozen=True, kw_only=True):
    """List what the caller's token keeps in a folder."""

    action: ClassVar[str] = "cubbyhole:list"
    kind: ClassVar[str] = "cubbyhole"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.HOLDER

    path: CubbyholePath = ""


class WriteCubbyhole(Operation[Done], frozen=True, kw_only=True):
    """Keep something with the caller's token, for that token alone and as long as it holds."""

    action: ClassVar[str] = "cubbyhole:write"
    kind: ClassVar[str] = "cubbyhole"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.HOLDER

    path: CubbyholePath
    data: dict[str, Any]


class DeleteCubbyhole(Operation[Done], frozen=True, kw_only=True):
    """Remove what the caller's token keeps at a path."""

    action: ClassVar[str] = "cubbyhole:delete"
    kind: ClassVar[str] = "cubbyhole"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.HOLDER

    path: CubbyholePath
