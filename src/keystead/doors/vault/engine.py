"""The route table of one kind of mount, and what its handlers answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    pass

READ: Final = "read"
LIST: Final = "list"
WRITE: Final = "write"
DELETE: Final = "delete"
PATCH: Final = "patch"


class Lease(NamedTuple):
    """What a reply is leased for: ``seconds``, and under which id it can be renewed."""

    id: str
    seconds: int
    renewable: bool


class Raw(NamedTuple):
    """A body that is sent as it is, without Vault's envelope."""

    content_type: bytes
    body: bytes
    status: int = 200


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A reply in Vault's envelope; ``top`` are members of the envelope besides ``data``.

    ``status`` None: 200. ``wrap_info`` is set only where the reply is one to be unwrapped.
    """

    data: Any = None
    auth: Any = None
    wrap_info: Any = None
    warnings: list[str] | None = None
    lease: Lease | None = None
    status: int | None = None
    top: Mapping[str, Any] = {}
    raw: Raw | None = None


Reply = Answer | Mapping[str, Any] | None
Handler = Callable[..., Awaitable[Reply]]


class Route(NamedTuple):
    """One path of an engine, for one method."""

    handler: Handler
    capability: str
    sudo: bool
    public: bool
    grants: bool | frozenset[str]
    segments: tuple[str, ...]
    rest: bool
    literals: int


class Match(NamedTuple):
    """A route, and what the path's placeholders stand for."""

    route: Route
    arguments: dict[str, str]


Routes = list[tuple[str, Route]]


class Engine:
    """Routes by method and path. A literal segment goes before a placeholder, and a
    placeholder before one that takes the rest of the path.

    Patterns: ``keys/{name}/config``; ``data/{path*}`` takes the rest, which is not empty.
    The empty pattern is the mount itself.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._routes: dict[str, dict[str, list[Route]]] = {}

    def read(self, *patterns: str, **options: Any) -> Callable[[Handler], Handler]:
        """Answer GET."""
        return self._register(READ, patterns, options)

    def list(self, *patterns: str, **options: Any) -> Callable[[Handler], Handler]:
        """Answer LIST, and GET with ``?list=true``."""
        return self._register(LIST, patterns, options)

    def write(self, *patterns: str, **options: Any) -> Callable[[Handler], Handler]:
        """Answer POST and PUT."""
        return self._register(WRITE, patterns, options)

    def delete(self, *patterns: str, **options: Any) -> Callable[[Handler], Handler]:
        """Answer DELETE."""
        return self._register(DELETE, patterns, options)

    def patch(self, *patterns: str, **options: Any) -> Callable[[Handler], Handler]:
        """Answer PATCH."""
        return self._register(PATCH, patterns, options)

    def include(self, other: Engine) -> None:
        """Answer for another engine too, by its routes."""
        for method, by_first in other._routes.items():
            for first, routes in by_first.items():
                for route in routes:
                    self._add(method, first, route)

    def routes(self) -> Routes:
        """Every route with its method."""
        return [
            (method, route)
            for method, by_first in self._routes.items()
            for routes in by_first.values()
            for route in routes
        ]

    def match(self, method: str, path: str) -> Match | None:
        """The route for a method and a path below the mount, without slashes at its ends."""
        by_first = self._routes.get(method)
        if by_first is None:
            return None
        segments = path.split("/")
        for first in (segments[0], ""):
            for route in by_first.get(first, ()):
                if (arguments := _fit(route, segments)) is not None:
                    return Match(route, arguments)
        return None

    def knows(self, path: str) -> bool:
        """Whether any method is answered at this path."""
        return any(self.match(method, path) is not None for method in self._routes)

    def _register(
        self, method: str, patterns: tuple[str, ...], options: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            for pattern in patterns:
                self._add(
                    method, _first_literal(pattern), _route(handler, method, pattern, **options)
                )
            return handler

        return register

    def _add(self, method: str, first: str, route: Route) -> None:
        routes = self._routes.setdefault(method, {}).setdefault(first, [])
        routes.append(route)
        routes.sort(key=lambda r: (r.rest, -r.literals, -len(r.segments)))


def _route(
    handler: Handler,
    method: str,
    pattern: str,
    *,
    capability: str = "",
    sudo: bool = False,
    public: bool = False,
    grants: bool | frozenset[str] = False,
) -> Route:
    segments = tuple(pattern.split("/"))
    return Route(
        handler=handler,
        capability=capability or method,
        sudo=sudo,
        public=public,
        grants=grants,
        segments=segments,
        rest=segments[-1].endswith("*}"),
        literals=sum(not segment.startswith("{") for segment in segments),
    )


def _first_literal(pattern: str) -> str:
    first = pattern.partition("/")[0]
    return "" if first.startswith("{") else first


def _fit(route: Route, segments: list[str]) -> dict[str, str] | None:
    wanted = route.segments
    if len(segments) != len(wanted) and not (route.rest and len(segments) > len(wanted)):
        return None
    arguments: dict[str, str] = {}
    for place, want in enumerate(wanted):
        if not want.startswith("{"):
            if want != segments[place]:
                return None
        elif want.endswith("*}"):
            arguments[want[1:-2]] = "/".join(segments[place:])
        else:
            arguments[want[1:-1]] = segments[place]
    return arguments if all(arguments.values()) else None
