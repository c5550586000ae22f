"""All that the policies of one caller say, put together: from a path to its permissions."""

from __future__ import annotations

from collections.abc import Iterable

from keystead.identity.principal import EntityInfo
from keystead.policy.paths.document import Rules
from keystead.policy.paths.patterns import Pattern, pattern_of
from keystead.policy.paths.permissions import Permissions
from keystead.policy.paths.templates import UnfilledTemplate, fill


class Acl:
    """The rules of several policies. Those for the same path are merged; of the others the
    most specific one that matches speaks alone."""

    __slots__ = ("_ordered", "exact", "wide")

    def __init__(self, policies: Iterable[Rules], entity: EntityInfo | None = None) -> None:
        found: dict[Pattern, Permissions] = {}
        for rules in policies:
            for rule in rules:
                try:
                    pattern = pattern_of(
                        rule.path, (lambda text: fill(text, entity)) if rule.templated else str
                    )
                except UnfilledTemplate:
                    continue
                known = found.get(pattern)
                found[pattern] = rule.permissions if known is None else known.merged(rule[1])
        self.exact = {
            pattern.text: permissions
            for pattern, permissions in found.items()
            if not pattern.glob and not pattern.segments
        }
        wide = [item for item in found.items() if item[0].glob or item[0].segments]
        self.wide = sorted(wide, key=lambda item: item[0].rank, reverse=True)
        self._ordered = [
            (pattern.beginning, pattern if pattern.segments else None, permissions)
            for pattern, permissions in self.wide
        ]

    def find(self, path: str, *, listing: bool) -> Permissions | None:
        """The permissions at a path without a leading slash. The path of a listing may end
        in a slash that a rule leaves out."""
        if (found := self.exact.get(path)) is not None:
            return found
        bare = path.removesuffix("/") if listing else path
        if (found := self.exact.get(bare)) is not None:
            return found
        found = self._most_specific(path)
        return self._most_specific(bare) if found is None and bare != path else found

    def reaches(self, prefix: str) -> bool:
        """Whether a rule that gives anything may match a path at or below a prefix."""
        rules = [(Pattern(text, glob=False), given) for text, given in self.exact.items()]
        return any(
            given.capabilities and not given.denies and pattern.reaches(prefix)
            for pattern, given in (*rules, *self.wide)
        )

    def _most_specific(self, path: str) -> Permissions | None:
        for beginning, pattern, permissions in self._ordered:
            if path.startswith(beginning) and (pattern is None or pattern.matches(path)):
                return permissions
        return None
