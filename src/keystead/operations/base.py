"""What an operation is: a typed request that names its action, its resource and its inputs."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast

import msgspec

from keystead.discreet import Discreet

ReplyT = TypeVar("ReplyT", covariant=True)


class Input(Discreet, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that a caller sends. Unknown fields are refused; its repr shows no field."""


class Reply(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """A value that Keystead answers. Fields at their default are left out.

    Replies may hold plaintext, key material or tokens: the repr shows no field.
    """


class Done(Reply, frozen=True):
    """Nothing to say but that it is done."""


class Effect(Enum):
    """What carrying out an operation touches, which decides how the gate runs it."""

    USE = "use"  # cached keys only: no storage, no state change
    READ = "read"  # reads storage
    CHANGE = "change"  # one transaction between an audit intent and its outcome
    CONTROL = "control"  # changes the server itself (unseal, rekey): no one transaction
    OBSERVE = "observe"  # reads the server itself (status, audit log)


class Access(Enum):
    """Who may ask."""

    POLICY = "policy"  # whom a policy permits
    HOLDER = "holder"  # any authenticated principal, about itself
    ANYONE = "anyone"  # no credential: proves its own (log-in, shares) or reveals nothing


class Resource(msgspec.Struct, frozen=True, gc=False):
    """What an operation acts on, as policy and audit see it. ``name`` is empty for a whole kind."""

    kind: str
    name: str = ""


class Operation(Input, Generic[ReplyT], frozen=True, kw_only=True):
    """One thing Keystead can be asked to do; its parameter is the reply it gives.

    Class variables say what the gate must know: ``action`` (policy and audit name),
    ``kind`` of resource, the field that ``names`` the resource, its ``effect``, who has
    ``access``, and which fields are safe to be ``audited``. Plaintexts, key material and
    credentials are never among the audited fields. ``secret_reply`` marks replies that
    carry key material or credentials: they are kept out of logs and sealed when stored.
    """

    action: ClassVar[str]
    kind: ClassVar[str]
    effect: ClassVar[Effect]
    names: ClassVar[str | None] = None
    access: ClassVar[Access] = Access.POLICY
    audited: ClassVar[tuple[str, ...]] = ()
    secret_reply: ClassVar[bool] = False
    while_sealed: ClassVar[bool] = False

    def resource(self) -> Resource:
        return Resource(self.kind, getattr(self, self.names) if self.names else "")


class Problem(Reply, frozen=True):
    """Why one item of a batch failed: an error's stable code, and a sentence."""

    code: str
    message: str = ""


class Page(Input, frozen=True, kw_only=True):
    """One page of a listing: ``limit`` items (1 to 1,000) after the ``after`` cursor."""

    after: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


@functools.cache
def reply_type(operation: type[Operation[Any]]) -> type[Any]:
    """The type an operation answers with, read from its base ``Operation[Reply]``."""
    for cls in operation.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            origin = typing.get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Operation):
                (reply,) = typing.get_args(base)
                if not isinstance(reply, TypeVar):
                    return cast("type[Any]", reply)
    raise TypeError(f"{operation.__name__} does not say what it replies")


def _leaves(cls: type[Operation[Any]]) -> Iterator[type[Operation[Any]]]:
    for child in cls.__subclasses__():
        if "action" in child.__dict__:
            yield child
        yield from _leaves(child)


def catalogue() -> list[type[Operation[Any]]]:
    """Every operation that Keystead can be asked to do, by action and name."""
    return sorted(set(_leaves(Operation)), key=lambda o: (o.action, o.__name__))
