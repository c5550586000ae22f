"""Decisions: may this principal do this to that, now?

A request is judged by the policies of the resource's namespace and of every namespace above
it, together: one forbid decides, whoever wrote it; else one permit does; else the answer is
no. A namespace's policies are never asked about anything outside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from keystead.identity.principal import Principal
from keystead.policy.context import DecisionContext, Glance, Reads, cedar_context
from keystead.policy.entities import PolicyResource, entities, uid
from keystead.policy.level import Level, Verdict
from keystead.policy.schema import PRINCIPAL, SERVER_WIDE, actions, entity_type

__all__ = ["Decision", "DecisionContext", "PolicyEngine", "PolicyResource"]

MAX_CACHED = 100_000
"""Decisions kept; when there are more, all are forgotten."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, one phrase why, and the statements (``name#0``) that decided.

    Statements of namespaces below the root are named ``namespace:name#0``. ``silent``: it is
    not allowed only because no statement says anything.
    """

    allowed: bool
    reason: str
    policies: tuple[str, ...] = ()
    silent: bool = False


class _Court:
    """The levels that judge what happens in one namespace, the root's first."""

    __slots__ = ("glances", "levels", "namespaces", "place")

    def __init__(self, place: str, levels: Mapping[str, Level | None]) -> None:
        self.place = place
        self.namespaces = frozenset(levels)
        self.levels = tuple(levels.values())
        self.glances: dict[str, tuple[Glance, ...]] = {}

    def levels_for(self, action: str) -> tuple[Level | None, ...]:
        return self.levels[:1] if _server_wide(action) else self.levels

    def learn(self, action: str) -> tuple[Glance, ...]:
        reads = Reads()
        for level in self.levels_for(action):
            if level is not None:
                reads |= level.reads(action)
        glances = self.glances[action] = reads.glances()
        return glances


class _State:
    """What was loaded, and the decisions made from it. Replaced as a whole, never changed:
    a decision cannot outlive the policies it was made from."""

    __slots__ = ("cache", "courts", "levels", "names")

    def __init__(self, names: Mapping[str, str], levels: Mapping[str, Level | None]) -> None:
        self.names = dict(names)
        self.levels = dict(levels)
        self.cache: dict[tuple[Hashable, ...], Decision] = {}
        by_name = {name: identifier for identifier, name in names.items()}
        self.courts = {
            identifier: _Court(name, {i: self.levels[i] for i in _path(name, by_name)})
            for identifier, name in names.items()
        }


def _server_wide(action: str) -> bool:
    known = actions().get(action)
    return known is not None and known.kind in SERVER_WIDE


def _path(name: str, by_name: Mapping[str, str]) -> list[str]:
    """The identifiers of the namespaces from the root down to the one with that full name."""
    parts = name.split("/") if name else []
    names = ["/".join(parts[:count]) for count in range(len(parts) + 1)]
    return [by_name[found] for found in names if found in by_name]


class PolicyEngine:
    """Decides. Safe to ask from any thread; ``load`` and ``invalidate`` take turns.

    ``generation`` counts what has been loaded or invalidated; ``hits`` and ``misses`` count
    decisions that were and were not at hand (nearly: threads may race).
    """

    def __init__(self) -> None:
        self._state = _State({}, {})
        self.generation = 0
        self.hits = 0
        self.misses = 0

    def load(
        self,
        namespaces: Mapping[str, str],
        policies: Mapping[str, Mapping[str, str] | None],
    ) -> None:
        """Replace everything: names of namespaces and texts of policies, by identifier.

        The root namespace is the one called ``""``. ``policies`` None: they cannot be read
        now (a sealed namespace), so nothing is permitted in that namespace or below it; the
        same where a text does not parse.
        """
        old = self._state
        levels = {}
        for identifier, name in namespaces.items():
            texts = policies.get(identifier, {})
            kept = old.levels.get(identifier)
            same = kept is not None and kept.name == name and kept.texts == texts
            levels[identifier] = kept if same else Level.of(name, texts)
        self._state = _State(namespaces, levels)
        self.generation += 1

    def invalidate(self) -> None:
        """Forget every decision."""
        self._state = _State(self._state.names, self._state.levels)
        self.generation += 1

    def at_hand(
        self, principal: Principal, action: str, resource: PolicyResource
    ) -> Decision | None:
        """A decision that was made before and that no circumstance of a request can change.

        None: ask ``decide``. Called for every request, before its circumstances are gathered.
        """
        state = self._state
        court = state.courts.get(resource.namespace)
        if court is None or court.glances.get(action) != ():
            return None
        decision = state.cache.get((principal.cache_key, action, resource.cache_key))
        if decision is not None:
            self.hits += 1
        return decision

    def decide(
        self,
        principal: Principal,
        action: str,
        resource: PolicyResource,
        context: DecisionContext,
    ) -> Decision:
        """Judge one request. What cannot be judged is denied; nothing is raised."""
        state = self._state
        court = state.courts.get(resource.namespace)
        if court is None:
            return Decision(False, "there is no such namespace")
        glances = court.glances.get(action)
        if glances is None:
            glances = court.learn(action)
        key: tuple[Hashable, ...] = (principal.cache_key, action, resource.cache_key)
        if glances:
            key += tuple([glance(context) for glance in glances])
        decision = state.cache.get(key)
        if decision is not None:
            self.hits += 1
            return decision
        self.misses += 1
        decision = _judge(state, court, principal, action, resource, context)
        if len(state.cache) >= MAX_CACHED:
            state.cache.clear()
        state.cache[key] = decision
        return decision


def _judge(
    state: _State,
    court: _Court,
    principal: Principal,
    action: str,
    resource: PolicyResource,
    context: DecisionContext,
) -> Decision:
    home = state.names.get(principal.namespace)
    server_wide = _server_wide(action)
    if home is None or not (server_wide or principal.namespace in court.namespaces):
        return Decision(False, "the principal belongs to another namespace")
    levels = court.levels_for(action)
    if None in levels:
        return Decision(False, "the policies of this namespace cannot be read")
    place = "" if server_wide else court.place
    known = entities(principal, home, action, resource, place, context.encryption_context)
    request = {
        "principal": uid(PRINCIPAL, home, principal.name),
        "action": {"type": "Action", "id": action},
        "resource": uid(entity_type(resource.kind), place, resource.name),
        "context": cedar_context(context),
    }
    return _combine([level.judge(request, known) for level in levels if level is not None])


def _combine(verdicts: list[Verdict]) -> Decision:
    """One decision from the verdicts of all levels. A statement that fails denies, since it
    might have been a forbid."""
    forbids = tuple(name for verdict in verdicts for name in verdict.forbids)
    if forbids:
        return Decision(False, "forbidden by " + ", ".join(forbids), forbids)
    errors = [error for verdict in verdicts for error in verdict.errors]
    if errors:
        return Decision(False, "a policy cannot be evaluated: " + errors[0])
    permits = tuple(name for verdict in verdicts for name in verdict.permits)
    if permits:
        return Decision(True, "permitted by " + ", ".join(permits), permits)
    return Decision(False, "nothing permits it", silent=True)
