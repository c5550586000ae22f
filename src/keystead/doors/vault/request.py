"""A request as the handlers of the Vault door see it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from keystead.call import Call
from keystead.errors import InvalidRequest
from keystead.operations import Operation
from keystead.operations.base import ReplyT
from keystead.operations.mounts import MountView, Place

BodyT = TypeVar("BodyT")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_SECONDS: Final[Mapping[str, float]] = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86_400,
}  # fmt: skip
_decode = msgspec.json.Decoder().decode


_decoders: dict[Any, Callable[[bytes], Any]] = {}


def _decoder(type_: type[BodyT]) -> Callable[[bytes], BodyT]:
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_).decode
    return decoder


class Gate(Protocol):
    """Carries out operations; raises a KeysteadError."""

    def perform(self, operation: Operation[ReplyT], call: Call) -> Awaitable[ReplyT]: ...


class Mounts(Protocol):
    """What a door must know of mounts, in memory. Namespaces are given by their full names."""

    @property
    def generation(self) -> int:
        """Changes whenever something about mounts does."""

    def outdated(self) -> bool:
        """Whether something has been committed since the last ``catch_up``."""

    async def catch_up(self) -> None:
        """Hear of it. What cannot be heard of now is left to the gate."""

    def find(self, namespace: str, path: str) -> Place:
        """Where a path, seen from a namespace, leads."""

    def all(self, namespace: str) -> Iterable[MountView]:
        """The mounts of a namespace."""

    def by_accessor(self, namespace: str, accessor: str) -> MountView | None:
        """A mount of a namespace by its accessor."""


class VaultRequest:
    """One request below a mount.

    ``path`` is what follows the mount, without slashes at its ends; ``query`` the last value
    of each query parameter. ``raw`` is the body as sent. ``headers`` by lower-case name.
    """

    __slots__ = (
        "_body", "_gate", "call", "headers", "method", "mount", "mounts", "path", "query", "raw",
    )  # fmt: skip

    def __init__(
        self,
        *,
        gate: Gate,
        call: Call,
        method: str,
        mount: MountView,
        mounts: Mounts,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[bytes, bytes],
        raw: bytes,
    ) -> None:
        self._gate = gate
        self._body: dict[str, Any] | None = None
        self.call = call
        self.method = method
        self.mount = mount
        self.mounts = mounts
        self.path = path
        self.query = query
        self.headers = headers
        self.raw = raw

    def perform(self, operation: Operation[ReplyT]) -> Awaitable[ReplyT]:
        """Have the gate carry out an operation for this request's caller."""
        return self._gate.perform(operation, self.call)

    def decode(self, type_: type[BodyT]) -> BodyT:
        """The body as a struct; an empty one is ``{}``. Raises InvalidRequest."""
        try:
            body = _decoder(type_)(self.raw or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(f"error parsing JSON: {error}") from None
        return body

    @property
    def body(self) -> dict[str, Any]:
        """The body as a dictionary; raises InvalidRequest if it is none."""
        if self._body is None:
            try:
                body = _decode(self.raw or b"{}")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise InvalidRequest("error parsing JSON") from None
            if body is None:
                body = {}
            if not isinstance(body, dict):
                raise InvalidRequest("error parsing JSON: it must be an object")
            self._body = body
        return self._body

    def has(self, name: str) -> bool:
        """Whether the body has a value for it that is not null."""
        return self.body.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers and booleans are taken as they are written."""
        value = self.body.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int | float):
            return str(value)
        raise _expected(name, "a string")

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number, or a string that is one."""
        value = self.body.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str | float):
            try:
                whole = int(value)
            except (ValueError, OverflowError):
                raise _expected(name, "an integer") from None
            if float(value) == whole:
                return whole
        raise _expected(name, "an integer")

    def boolean(self, name: str, default: bool = False) -> bool:
        """A boolean, or a string or number that stands for one."""
        value = self.body.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        if value in ("true", "True", "TRUE", "1", "t", "T", 1):
            return True
        if value in ("false", "False", "FALSE", "0", "f", "F", 0):
            return False
        raise _expected(name, "a boolean")

    def seconds(self, name: str, default: int = 0) -> int:
        """A duration in seconds: a number, or a text such as ``90s``, ``1h30m``, ``1d``."""
        value = self.body.get(name)
        return default if value is None or value == "" else seconds(value, name)

    def strings(self, name: str, default: list[str] | None = None) -> list[str]:
        """A list of strings, or one string with commas between them."""
        value = self.body.get(name)
        if value is None:
            return list(default or [])
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, list) and all(isinstance(v, str | int | float) for v in value):
            return [str(v) for v in value]
        raise _expected(name, "a list of strings")

    def mapping(self, name: str, default: dict[str, str] | None = None) -> dict[str, str]:
        """A dictionary of strings."""
        value = self.body.get(name)
        if value is None:
            return dict(default or {})
        if isinstance(value, dict) and not any(isinstance(v, dict | list) for v in value.values()):
            return {k: _written(v) for k, v in value.items()}
        raise _expected(name, "a dictionary of strings")


def seconds(value: object, name: str) -> int:
    """Vault's duration: seconds as a number or in a text, or a text with units.

    Raises InvalidRequest naming the field.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 <= value < 1 << 53:
            return int(value)
        raise _expected(name, "a duration")
    if not isinstance(value, str):
        raise _expected(name, "a duration")
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    found = _DURATION.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        raise _expected(name, "a duration")
    total = sum(float(number) * _SECONDS[unit] for number, unit in found)
    if total >= 1 << 53:
        raise _expected(name, "a duration")
    return int(total)


def _written(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _expected(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"Field validation failed: {name} must be {what}", field=name)
