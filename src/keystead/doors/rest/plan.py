"""How requests of one route become operations; worked out once a route, when first asked."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from keystead.doors.rest.routes import ROUTES, Route
from keystead.doors.rest.text import decode_text, parse_query
from keystead.errors import InvalidRequest
from keystead.operations import Input, Operation

_PLACE = re.compile(r"\{(\w+)\}")
_QUERY_METHODS: Final = frozenset({"GET", "DELETE"})
_CACHED_PATHS = 4096


def _input_struct(
    operation: type[Operation[Any]], suffix: str, names: tuple[str, ...]
) -> type[Any]:
    """Make a struct of some of an operation's fields, with their types and limits."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for info in msgspec.structs.fields(operation):
        if info.name not in names:
            continue
        if info.required:
            fields.append((info.name, info.type))
        elif info.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=info.default_factory)
            fields.append((info.name, info.type, default))
        else:
            fields.append((info.name, info.type, info.default))
    return msgspec.defstruct(
        operation.__name__ + suffix,
        fields,
        bases=(Input,),
        module=__name__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


class Plan:
    """One route, ready to read requests.

    ``path`` and ``rest`` are structs of the operation's fields: those in the path, and the
    others, which stand in the query string if ``in_query`` and in the JSON body if not.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self.operation = route.operation
        self.status = route.status
        self.in_query = route.method in _QUERY_METHODS
        self.path_names: tuple[str, ...] = tuple(_PLACE.findall(route.path))
        self._path_values = functools.lru_cache(_CACHED_PATHS)(self._read_path)

    @functools.cached_property
    def path(self) -> type[Any]:
        return _input_struct(self.operation, "Path", self.path_names)

    @functools.cached_property
    def rest(self) -> type[Any]:
        names = (n for n in self.operation.__struct_fields__ if n not in self.path_names)
        return _input_struct(self.operation, "Query" if self.in_query else "Request", tuple(names))

    @functools.cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        return msgspec.json.Decoder(self.rest).decode

    def read(self, segments: tuple[bytes, ...], query: bytes, body: bytes) -> Operation[Any]:
        """Return the operation that a request asks for; raises InvalidRequest."""
        try:
            values = self._path_values(segments) if segments else {}
            if self.in_query:
                if body:
                    raise InvalidRequest("A request of this method takes no body.")
                rest = msgspec.convert(parse_query(query), self.rest, strict=False)
            elif query:
                raise InvalidRequest("This takes no query parameters.")
            else:
                rest = self._decode(body or b"{}")
        except UnicodeDecodeError:
            raise InvalidRequest("The body is not UTF-8.") from None
        except msgspec.DecodeError as error:
            raise InvalidRequest(f"{error}.") from None
        except RecursionError:
            raise InvalidRequest("The body is nested too deeply.") from None
        return self.operation(**values, **msgspec.structs.asdict(rest))

    def _read_path(self, segments: tuple[bytes, ...]) -> dict[str, str]:
        texts = map(decode_text, segments)
        named = dict(zip(self.path_names, texts, strict=True))
        return msgspec.structs.asdict(msgspec.convert(named, self.path))


@functools.cache
def plans() -> tuple[Plan, ...]:
    """Return a plan for each route."""
    return tuple(map(Plan, ROUTES))
