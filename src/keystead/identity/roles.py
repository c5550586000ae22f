"""The roles that a principal has: its own, its groups', and those that roles include."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from keystead.identity.records import GROUP, MEMBERSHIP, METHODS, ROLE, Method

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

_PAGE = 1_000


class Standing(NamedTuple):
    """What a principal is in its namespace."""

    roles: frozenset[str]
    groups: frozenset[str] = frozenset()


def closure(reader: Reader, namespace: str, roles: Iterable[str]) -> frozenset[str]:
    """The roles with all that they include, directly or not. Circles do no harm."""
    found: set[str] = set()
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        if role not in found:
            found.add(role)
            record = reader.get(ROLE, namespace, role)
            waiting += record.includes if record else ()
    return frozenset(found)


def groups_of(reader: Reader, namespace: str, principal: str) -> frozenset[str]:
    """The groups that a principal is a member of."""
    groups: list[str] = []
    after = ""
    while page := reader.list(MEMBERSHIP, namespace, parent=principal, after=after, limit=_PAGE):
        after = page[-1][0]
        groups += [member.group for _, member in page]
        if len(page) < _PAGE:
            break
    return frozenset(groups)


def standing(reader: Reader, namespace: str, principal: str, roles: Iterable[str] = ()) -> Standing:
    """What a principal with these roles of its own has in all."""
    groups = groups_of(reader, namespace, principal)
    all_roles = set(roles)
    for group in groups:
        record = reader.get(GROUP, namespace, group)
        all_roles.update(record.roles if record else ())
    return Standing(closure(reader, namespace, all_roles), groups)


def method_of(reader: Reader, namespace: str, principal: str) -> Method | None:
    """The log-in method behind ``user/…``, ``approle/…`` and so on, if there is one."""
    method, _, name = principal.partition("/")
    kind = METHODS.get(method)
    record: Method | None = reader.get(kind, namespace, name) if kind else None
    return record
