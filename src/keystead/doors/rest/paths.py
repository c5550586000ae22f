"""From a path to a route: one dictionary look-up a segment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from keystead.doors.rest.plan import Plan
from keystead.doors.rest.routes import PREFIX

_BASE = PREFIX.encode() + b"/"


class Place:
    """One node of the tree of paths. A literal segment goes before a parameter."""

    __slots__ = ("literals", "methods", "parameter")

    def __init__(self) -> None:
        self.literals: dict[bytes, Place] = {}
        self.parameter: Place | None = None
        self.methods: dict[str, Plan] = {}

    def allow(self) -> bytes:
        """Return the value of the Allow header (RFC 9110, 10.2.1)."""
        methods = {"OPTIONS", *self.methods} | ({"HEAD"} if "GET" in self.methods else set())
        return ", ".join(sorted(methods)).encode()


class Found(NamedTuple):
    """A place and the segments that stand for its parameters, still percent-encoded."""

    place: Place
    segments: tuple[bytes, ...]


class Paths:
    """All the paths of a door."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._root = Place()
        for plan in plans:
            place = self._root
            for segment in plan.route.path.encode().removeprefix(_BASE).split(b"/"):
                if segment.startswith(b"{"):
                    place.parameter = place.parameter or Place()
                    place = place.parameter
                else:
                    place = place.literals.setdefault(segment, Place())
            if plan.route.method in place.methods:
                raise AssertionError(f"two routes: {plan.route.method} {plan.route.path}")
            place.methods[plan.route.method] = plan

    def find(self, path: bytes) -> Found | None:
        """Return the place of a raw path (as sent, without the query string), or None."""
        if not path.startswith(_BASE):
            return None
        place = self._root
        segments: tuple[bytes, ...] = ()
        for segment in path[len(_BASE) :].split(b"/"):
            following = place.literals.get(segment)
            if following is None:
                following = place.parameter
                if following is None or not segment:
                    return None
                segments += (segment,)
            place = following
        return Found(place, segments) if place.methods else None
