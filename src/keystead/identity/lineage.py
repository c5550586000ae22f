"""What a token may claim, by what it hangs on: its parents up to a log-in method or an orphan.

A token holds only while all above it hold, and a child's roles are those of its parent, or
fewer, or more only where they were granted. Nothing is copied down, so what changes above
holds for all below at once, and revoking one record ends a whole tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from keystead.errors import Unauthenticated
from keystead.identity.cidr import Networks, parse_all
from keystead.identity.entities import ENTITY, behind
from keystead.identity.principal import EntityInfo
from keystead.identity.records import METHODS, TOKEN, Method, TokenRecord
from keystead.identity.roles import Standing, closure, method_of, standing

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

StandingOf = Callable[["Reader", str, str, Iterable[str]], Standing]

Place = tuple[str, str, str]
"""Where a record is: kind, namespace, identifier."""


@dataclass(frozen=True, slots=True)
class Authority:
    """What a token gives. ``given`` are its roles before groups and included roles are added;
    ``deadline`` (Unix seconds) and ``networks`` hold for it and all above it; ``depends_on``
    are the records above it. ``entity`` is who is behind it, with the ``entity_roles`` that
    this gives, which are among ``roles`` too."""

    principal: str
    namespace: str
    given: frozenset[str]
    roles: frozenset[str]
    groups: frozenset[str]
    root: bool
    deadline: float
    networks: tuple[Networks, ...]
    depends_on: tuple[Place, ...]
    parent_accessor: str = ""
    entity: EntityInfo | None = None
    entity_roles: frozenset[str] = frozenset()


def incarnation(principal: str, method: Method) -> str:
    """What the tokens of a log-in method hang on; other after each change that revokes them."""
    return f"{principal}@{method.incarnation}"


def trace(
    reader: Reader, token: TokenRecord, now: float, standing_of: StandingOf = standing
) -> Authority:
    """What the token gives now; raises Unauthenticated if it or any above it holds no more.

    Uses are not checked here: a token of limited uses has none below it, and its last use is
    spent before the request that it is for.
    """
    line = [token]
    depends_on: list[Place] = []
    while parent_id := line[-1].parent_token:
        parent = reader.get(TOKEN, "", parent_id)
        if parent is None:
            raise Unauthenticated
        line.append(parent)
        depends_on.append((TOKEN.name, "", parent_id))
    for record in line:
        _require_alive(record, now)
    parent_accessor = line[1].accessor if len(line) > 1 else ""
    authority = _first(reader, line.pop(), tuple(depends_on), standing_of)
    while line:
        authority = descend(reader, line.pop(), authority, standing_of)
    return replace(authority, parent_accessor=parent_accessor)


def _require_alive(record: TokenRecord, now: float) -> None:
    if record.expires_at is not None and record.expires_at <= now:
        raise Unauthenticated


def _first(
    reader: Reader, record: TokenRecord, depends_on: tuple[Place, ...], standing_of: StandingOf
) -> Authority:
    """A token that is no child: from a log-in, an orphan or root."""
    given = record.roles or []
    if record.method:
        method = method_of(reader, record.namespace, record.principal)
        if method is None or incarnation(record.principal, method) != record.parent:
            raise Unauthenticated
        given = method.roles
        name = record.principal.partition("/")[2]
        depends_on += ((METHODS[record.method].name, record.namespace, name),)
    if record.without_groups or record.root:
        roles, groups = closure(reader, record.namespace, given), frozenset[str]()
    else:
        roles, groups = standing_of(reader, record.namespace, record.principal, given)
    authority = Authority(
        principal=record.principal,
        namespace=record.namespace,
        given=frozenset(given),
        roles=roles,
        groups=groups,
        root=record.root,
        deadline=inf if record.expires_at is None else record.expires_at,
        networks=_networks(record),
        depends_on=depends_on,
    )
    return _with_entity(reader, record, authority)


def _with_entity(reader: Reader, record: TokenRecord, authority: Authority) -> Authority:
    """What a token gives with what its entity adds, which is nothing to a token that was
    narrowed to fewer roles. Raises Unauthenticated if the entity is gone or disabled."""
    if not record.entity:
        return authority
    known = behind(reader, record.namespace, record.entity)
    if known is None or known.disabled:
        raise Unauthenticated
    roles = frozenset() if record.without_groups else known.roles
    places = {record.entity, known.info.id}
    return replace(
        authority,
        roles=authority.roles | closure(reader, record.namespace, roles),
        entity=known.info,
        entity_roles=roles,
        depends_on=authority.depends_on
        + tuple((ENTITY.name, record.namespace, place) for place in places),
    )


def descend(
    reader: Reader, record: TokenRecord, above: Authority, standing_of: StandingOf = standing
) -> Authority:
    """What a child gives, by what its parent gives."""
    inherited = above.roles if above.namespace == record.namespace else frozenset[str]()
    groups = frozenset[str]()
    if record.roles is None:
        given, roles = above.given & inherited, inherited
    else:
        given = frozenset(record.roles)
        roles = closure(reader, record.namespace, given)
        if not above.root:
            roles &= inherited.union(record.granted)
    if record.principal == above.principal and record.roles is None:
        groups = above.groups
    elif not (record.without_groups or record.root):
        own = standing_of(reader, record.namespace, record.principal, ())
        roles, groups = roles | own.roles, own.groups
    authority = Authority(
        principal=record.principal,
        namespace=record.namespace,
        given=given,
        roles=roles,
        groups=groups,
        root=record.root and above.root,
        deadline=min(above.deadline, inf if record.expires_at is None else record.expires_at),
        networks=above.networks + _networks(record),
        depends_on=above.depends_on,
    )
    return _with_entity(reader, record, authority)


def _networks(record: TokenRecord) -> tuple[Networks, ...]:
    return (parse_all(record.bound_cidrs),) if record.bound_cidrs else ()
