"""Decisions of path policies: may this caller do this at that path?

A caller's policies are those that are called like its roles, in its home namespace, and
``default``. They speak of that namespace and of those below it, by paths seen from there.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from keystead.call import PathRequest
from keystead.errors import InvalidRequest
from keystead.identity.principal import EntityInfo, Principal
from keystead.policy.paths.acl import Acl
from keystead.policy.paths.default import DEFAULT, DEFAULT_TEXT
from keystead.policy.paths.document import Rules, rules_of
from keystead.policy.paths.permissions import Permissions
from keystead.policy.paths.verdict import PathVerdict

MAX_DECISIONS: Final = 100_000
MAX_CALLERS: Final = 10_000
"""What is kept; when there is more, all is forgotten."""

Subject = tuple[str, frozenset[str], bool]

_ALLOWED, _DENIED, _SILENT = PathVerdict.ALLOWED, PathVerdict.DENIED, PathVerdict.SILENT


class _Policies:
    """The policies that one set of names means in one namespace, put together for the
    entities that have asked."""

    __slots__ = ("_acls", "_rules", "_templated")

    def __init__(self, rules: tuple[Rules, ...]) -> None:
        self._rules = rules
        self._templated = any(rule.templated for policy in rules for rule in policy)
        self._acls: dict[str, tuple[EntityInfo | None, Acl]] = {}

    def acl(self, entity: EntityInfo | None) -> Acl:
        if not self._templated:
            entity = None
        name = entity.id if entity is not None else ""
        known = self._acls.get(name)
        if known is not None and (known[0] is entity or known[0] == entity):
            return known[1]
        acl = Acl(self._rules, entity)
        if len(self._acls) >= MAX_CALLERS:
            self._acls.clear()
        self._acls[name] = entity, acl
        return acl


class _State:
    """What was loaded, and what was made of it. Replaced as a whole, never changed."""

    __slots__ = ("decisions", "names", "places", "rules", "subjects", "texts")

    def __init__(
        self,
        names: Mapping[str, str],
        texts: Mapping[str, Mapping[str, str] | None],
        rules: Mapping[str, Mapping[str, Rules] | None],
    ) -> None:
        self.names = dict(names)
        self.texts = dict(texts)
        self.rules = dict(rules)
        self.subjects: dict[Subject, _Policies | None] = {}
        self.decisions: dict[tuple[Acl, str, str, bool], PathVerdict | Permissions] = {}
        self.places: dict[tuple[str, str], str | None] = {}

    def known(self, namespace: str) -> dict[str, Rules]:
        """The rules of a namespace's policies by their texts."""
        texts, rules = self.texts.get(namespace) or {}, self.rules.get(namespace) or {}
        return {text: rules[name] for name, text in texts.items() if name in rules}

    def place(self, home: str, namespace: str) -> str | None:
        """What goes before a path of a namespace seen from another; None: it is not below."""
        pair = home, namespace
        if pair not in self.places:
            above, below = self.names.get(home), self.names.get(namespace)
            place = None
            if above is not None and below is not None:
                if above == below:
                    place = ""
                elif not above or below.startswith(above + "/"):
                    place = below[len(above) :].lstrip("/") + "/"
            self.places[pair] = place
        return self.places[pair]

    def policies(self, principal: Principal) -> _Policies | None:
        """The policies of a caller; None: they cannot be read."""
        roles, home = principal.roles, principal.namespace
        subject = home, roles, principal.without_default
        try:
            return self.subjects[subject]
        except KeyError:
            pass
        known = self.rules.get(home)
        found = None
        if known is not None:
            names = roles if principal.without_default else roles | {DEFAULT}
            found = _Policies(tuple(known[name] for name in sorted(names) if name in known))
        if len(self.subjects) >= MAX_CALLERS:
            self.subjects.clear()
        self.subjects[subject] = found
        return found


class PathPolicies:
    """Decides by path. Safe to ask from any thread.

    ``generation`` counts what has been loaded; ``hits`` and ``misses`` count decisions that
    were and were not at hand.
    """

    def __init__(self) -> None:
        self._state = _State({}, {}, {})
        self.generation = 0
        self.hits = 0
        self.misses = 0

    def load(
        self,
        namespaces: Mapping[str, str],
        texts: Mapping[str, Mapping[str, str] | None],
    ) -> None:
        """Replace everything: full names of namespaces, and their policies by name, by the
        namespaces' identifiers.

        Only what has changed is parsed. Policies None, or with a text that does not parse,
        cannot be read: to callers of that namespace every path is denied.
        """
        old = self._state
        rules: dict[str, Mapping[str, Rules] | None] = {}
        for namespace in namespaces:
            given = texts.get(namespace, {})
            rules[namespace] = _parsed(given, old.known(namespace))
        self._state = _State(namespaces, {n: texts.get(n, {}) for n in namespaces}, rules)
        self.generation += 1

    def decide(self, principal: Principal, namespace: str, request: PathRequest) -> PathVerdict:
        """Judge a request in the namespace with that identifier; nothing is raised but what
        ``request.parameters`` raises."""
        state = self._state
        policies = state.policies(principal)
        if policies is None:
            return _DENIED
        acl = policies.acl(principal.entity)
        path, capability = request.path, request.capability
        if namespace != principal.namespace:
            place = state.place(principal.namespace, namespace)
            if place is None:
                return _SILENT
            path = place + path
        key = acl, path, capability, request.sudo
        found = state.decisions.get(key)
        if found is None:
            self.misses += 1
            found = _judge(acl, path, capability, request.sudo)
            if len(state.decisions) >= MAX_DECISIONS:
                state.decisions.clear()
            state.decisions[key] = found
        else:
            self.hits += 1
        if isinstance(found, PathVerdict):
            return found
        admitted = found.admit(capability, request.parameters, request.wrap_ttl)
        return _ALLOWED if admitted else _SILENT

    def capabilities(self, principal: Principal, namespace: str, path: str) -> list[str]:
        """What a caller may do at a path, as sorted names: ``root`` alone for root, ``deny``
        alone for nothing."""
        if principal.root:
            return ["root"]
        acl, place = self._acl(principal, namespace)
        found = acl.find(place + path.lstrip("/"), listing=True) if acl is not None else None
        return (found.names() if found is not None else []) or ["deny"]

    def reaches(self, principal: Principal, namespace: str, prefix: str) -> bool:
        """Whether a caller may do anything at or below a path, which ends in a slash."""
        if principal.root:
            return True
        acl, place = self._acl(principal, namespace)
        return acl is not None and acl.reaches(place + prefix)

    def rights(self, principal: Principal) -> Acl | None:
        """All rules of a caller, by paths seen from its home namespace; None: unreadable."""
        policies = self._state.policies(principal)
        return None if policies is None else policies.acl(principal.entity)

    def _acl(self, principal: Principal, namespace: str) -> tuple[Acl | None, str]:
        place = self._state.place(principal.namespace, namespace)
        return (None, "") if place is None else (self.rights(principal), place)


def _parsed(
    texts: Mapping[str, str] | None, known: Mapping[str, Rules]
) -> Mapping[str, Rules] | None:
    if texts is None:
        return None
    rules = {DEFAULT: _default()}
    try:
        for name, text in texts.items():
            rules[name] = known[text] if text in known else rules_of(text)
    except InvalidRequest:
        return None
    return rules


@functools.cache
def _default() -> Rules:
    return rules_of(DEFAULT_TEXT)


def _judge(acl: Acl, path: str, capability: str, sudo: bool) -> PathVerdict | Permissions:
    """A verdict, or the permissions by whose constraints each request must be judged."""
    found = acl.find(path, listing=capability == "list")
    if found is None:
        return _SILENT
    if found.denies:
        return _DENIED
    if not found.give(capability, sudo=sudo):
        return _SILENT
    return found if found.constrain(capability) else _ALLOWED
