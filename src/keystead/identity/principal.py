"""Who is asking, as policy and audit see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AliasInfo:
    """One name of an entity at one log-in mount."""

    mount_accessor: str
    name: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group that an entity is in, directly or through another group."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """Who is behind a token, whichever way it logged in, for templated policies."""

    id: str
    name: str
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    aliases: tuple[AliasInfo, ...] = ()
    groups: tuple[GroupInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    ``name`` says how it came in (``user/alice``, ``approle/ci``, ``root``); ``namespace``
    is the identifier of its home namespace; ``roles`` are all it has, with those its groups
    give and those its roles include. ``accessor`` names its token without being it.
    ``uses_limited``: each request must spend one use before it is served.
    ``entity`` is who is behind the token, where one is known. ``without_default``: the path
    policy ``default``, which speaks for everybody, does not speak for it.
    ``cache_key`` is equal for callers about whom policy cannot decide differently.
    """

    name: str
    namespace: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    accessor: str = ""
    root: bool = False
    mfa: bool = False
    expires_at: float | None = None
    token_parent: str = ""
    uses_limited: bool = False
    entity: EntityInfo | None = None
    without_default: bool = False
    cache_key: tuple[object, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        key = (self.namespace, self.name, self.roles, self.groups, self.mfa)
        object.__setattr__(self, "cache_key", key)


ANONYMOUS = Principal(name="anonymous", namespace="")
