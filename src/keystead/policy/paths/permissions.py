"""What may be done at a path, and with which parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CAPABILITIES: Final[Mapping[str, int]] = {
    name: 1 << place
    for place, name in enumerate(
        (
            "create", "delete", "deny", "list", "patch", "read", "recover", "scan",
            "subscribe", "sudo", "update",
        )
    )
}  # fmt: skip
"""Those that a policy can name, each a bit. Nothing here asks for recover, scan or subscribe."""

DENY: Final = CAPABILITIES["deny"]
SUDO: Final = CAPABILITIES["sudo"]
LEGACY: Final[Mapping[str, tuple[str, ...]]] = {
    "deny": ("deny",),
    "read": ("read", "list"),
    "write": ("create", "read", "update", "delete", "list"),
    "sudo": ("create", "read", "update", "delete", "list", "sudo"),
}
"""What ``policy = "…"`` stands for."""

_NEEDED: Final = {**CAPABILITIES, "write": CAPABILITIES["create"] | CAPABILITIES["update"]}
_WITH_PARAMETERS: Final = frozenset({"read", "create", "update", "patch", "write"})

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Permissions:
    """The rights at one path.

    ``capabilities`` are bits. ``allowed`` and ``denied`` are values by lower-case parameter
    name: none listed means all, and the name ``*`` every parameter. ``required`` are
    lower-case names. Wrapping lifetimes are in seconds; 0: no bound.
    """

    capabilities: int = 0
    allowed: Mapping[str, Values] | None = None
    denied: Mapping[str, Values] | None = None
    required: frozenset[str] = frozenset()
    min_wrapping_ttl: int = 0
    max_wrapping_ttl: int = 0

    @property
    def denies(self) -> bool:
        return bool(self.capabilities & DENY)

    def names(self) -> list[str]:
        """The capabilities by name, sorted."""
        if self.denies:
            return ["deny"]
        return [name for name, bit in CAPABILITIES.items() if self.capabilities & bit]

    def give(self, capability: str, *, sudo: bool) -> bool:
        """Whether a capability is among these, with sudo besides if that is needed."""
        if self.denies or (sudo and not self.capabilities & SUDO):
            return False
        return bool(self.capabilities & _NEEDED.get(capability, 0))

    def constrain(self, capability: str) -> bool:
        """Whether it depends on more than the capability what is allowed."""
        if self.min_wrapping_ttl or self.max_wrapping_ttl:
            return True
        listed = self.allowed or self.denied or self.required
        return bool(listed) and capability in _WITH_PARAMETERS

    def admit(
        self, capability: str, parameters: Callable[[], Mapping[str, Any]], wrap_ttl: int | None
    ) -> bool:
        """Whether a request is within the constraints."""
        if self.max_wrapping_ttl and not (wrap_ttl and wrap_ttl <= self.max_wrapping_ttl):
            return False
        if self.min_wrapping_ttl and not (wrap_ttl and wrap_ttl >= self.min_wrapping_ttl):
            return False
        if capability not in _WITH_PARAMETERS:
            return True
        return not (self.allowed or self.denied or self.required) or self._admit(parameters())

    def _admit(self, given: Mapping[str, Any]) -> bool:
        if not all(name in given for name in self.required):
            return False
        if not given:
            return True
        denied, allowed = self.denied or {}, self.allowed or {}
        if "*" in denied or any(
            name.lower() in denied and _listed(value, denied[name.lower()])
            for name, value in given.items()
        ):
            return False
        if not allowed or set(allowed) == {"*"}:
            return True
        return all(
            _listed(value, allowed[name.lower()]) if name.lower() in allowed else "*" in allowed
            for name, value in given.items()
        )

    def merged(self, other: Permissions) -> Permissions:
        """The rights of both together, as where two policies name the same path.

        A deny is all that is left of them. The shorter of two wrapping lifetimes counts, and
        a parameter with no values in one has none in both.
        """
        if self.denies or other.denies:
            return DENIED
        return Permissions(
            capabilities=self.capabilities | other.capabilities,
            allowed=_merged(self.allowed, other.allowed),
            denied=_merged(self.denied, other.denied),
            required=self.required | other.required,
            min_wrapping_ttl=_shorter(self.min_wrapping_ttl, other.min_wrapping_ttl),
            max_wrapping_ttl=_shorter(self.max_wrapping_ttl, other.max_wrapping_ttl),
        )


DENIED: Final = Permissions(DENY)


def _merged(
    one: Mapping[str, Values] | None, other: Mapping[str, Values] | None
) -> Mapping[str, Values] | None:
    if not one or not other:
        return one or other
    both = {
        name: one[name] + other[name] if one[name] and other[name] else ()
        for name in one
        if name in other
    }
    return {**one, **other, **both}


def _shorter(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


def _listed(value: Any, values: Sequence[Any]) -> bool:
    return not values or any(_matches(pattern, value) for pattern in values)


def _matches(pattern: Any, value: Any) -> bool:
    """Texts match with an asterisk at either end; everything else if it is equal in kind too."""
    if isinstance(pattern, str) and isinstance(value, str):
        return _glob(pattern, value)
    if isinstance(pattern, bool) or isinstance(value, bool):
        return pattern is value
    return bool(pattern == value)


def _glob(pattern: str, value: str) -> bool:
    if len(pattern) < 2:
        return pattern == value
    before, after = pattern.startswith("*"), pattern.endswith("*")
    if before and after:
        return pattern[1:-1] in value
    if before:
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if after else value == pattern
