"""Response wrapping: a reply is kept under a token that opens it once."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Access, Effect, Operation, Reply

WrappingToken = Annotated[str, Meta(max_length=8192)]
Lifetime = Annotated[int, Meta(ge=1)]
"""In seconds; of more than 32 days, 32 days remain."""


class WrapInfo(Reply, frozen=True):
    """A wrapping token, and what is known of it. ``creation_time`` is RFC 3339."""

    token: str
    accessor: str
    ttl_seconds: int
    creation_time: str
    creation_path: str


class WrappingView(Reply, frozen=True):
    """What may be known of a wrapping token without opening it."""

    creation_path: str
    creation_time: str
    creation_ttl_seconds: int


class Unwrapped(Reply, frozen=True):
    """The reply as it was wrapped, byte for byte."""

    payload: bytes


class WrapReply(Operation[WrapInfo], frozen=True, kw_only=True):
    """Keep the reply to a request that has been answered. Doors ask this for whoever was
    answered: it takes no right but the one to the reply."""

    action: ClassVar[str] = "wrapping:wrap-reply"
    kind: ClassVar[str] = "wrapping"
    names: ClassVar[str | None] = "creation_path"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True
    audited: ClassVar[tuple[str, ...]] = ("ttl_seconds",)

    payload: bytes
    ttl_seconds: Lifetime
    creation_path: str


class WrapData(Operation[WrapInfo], frozen=True, kw_only=True):
    """Keep something that the caller brings, for whoever the token is handed to."""

    action: ClassVar[str] = "wrapping:wrap"
    kind: ClassVar[str] = "wrapping"
    effect: ClassVar[Effect] = Effect.CHANGE
    secret_reply: ClassVar[bool] = True
    audited: ClassVar[tuple[str, ...]] = ("ttl_seconds",)

    payload: bytes
    ttl_seconds: Lifetime
    creation_path: str = "sys/wrapping/wrap"


class UnwrapReply(Operation[Unwrapped], frozen=True, kw_only=True):
    """Fetch what is kept under a wrapping token, which is spent by that."""

    action: ClassVar[str] = "wrapping:unwrap"
    kind: ClassVar[str] = "wrapping"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    token: WrappingToken


class RewrapReply(Operation[WrapInfo], frozen=True, kw_only=True):
    """Exchange a wrapping token for a new one of the same lifetime."""

    action: ClassVar[str] = "wrapping:rewrap"
    kind: ClassVar[str] = "wrapping"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    token: WrappingToken


class ShowWrapping(Operation[WrappingView], frozen=True, kw_only=True):
    """Show where a wrapping token comes from, without spending it."""

    action: ClassVar[str] = "wrapping:show"
    kind: ClassVar[str] = "wrapping"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.ANYONE

    token: WrappingToken
