"""A path policy as it is written: paths, and what may be done at each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from keystead.errors import InvalidRequest
from keystead.policy.paths.hcl import Body, Item, Place, parse, wrong
from keystead.policy.paths.permissions import CAPABILITIES, DENIED, LEGACY, Permissions, Values
from keystead.policy.paths.templates import is_templated

_KEYS: Final = frozenset(
    {
        "allowed_parameters", "capabilities", "comment", "denied_parameters",
        "max_wrapping_ttl", "min_wrapping_ttl", "policy", "required_parameters",
        "subscribe_event_types",
    }
)  # fmt: skip
_DURATION: Final = re.compile(
    r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII
)
_TOO_LONG: Final = 1 << 40


class Rule(NamedTuple):
    """One path of a policy, as written, and its permissions."""

    path: str
    permissions: Permissions
    templated: bool


Rules = tuple[Rule, ...]


def rules_of(text: str) -> Rules:
    """The rules of a policy text.

    Raises InvalidRequest with the line and column of what is wrong. What restricts a rule in
    a way that is not known here is wrong too: to leave it out would give rights away.
    """
    try:
        return tuple(_rule(*stanza) for item in parse(text) for stanza in _stanzas(item))
    except InvalidRequest as error:
        raise InvalidRequest(f"failed to parse policy: {error.message}") from None


def _stanzas(item: Item) -> Iterator[tuple[str, Body, Place]]:
    """The paths that an item of a policy is about; none if it is the policy's name."""
    first, *more = item.keys
    if first == "name" and not more and isinstance(item.value, str):
        return
    if first != "path":
        raise wrong(f'invalid key "{first[:64]}"', item.place)
    if not isinstance(item.value, Body) or len(more) > 1:
        raise wrong("expected a path and a block", item.place)
    if more:
        yield more[0], item.value, item.place
        return
    for stanza in item.value:
        if not isinstance(stanza.value, Body) or len(stanza.keys) > 1:
            raise wrong("expected a path and a block", stanza.place)
        yield stanza.keys[0], stanza.value, stanza.place


def _rule(path: str, body: Body, place: Place) -> Rule:
    shown = f'path "{path[:256]}": '
    if "+*" in path:
        raise wrong(f"{shown}invalid use of wildcards ('+*' is forbidden)", place)
    try:
        templated = is_templated(path)
    except InvalidRequest as error:
        raise wrong(shown + error.message, place) from None
    return Rule(path, _permissions(body, shown, place), templated)


def _permissions(body: Body, shown: str, place: Place) -> Permissions:
    given: dict[str, Item] = {}
    capabilities = 0
    for item in body:
        name = item.keys[0]
        if name not in _KEYS or len(item.keys) > 1:
            raise wrong(f'{shown}invalid key "{name[:64]}"', item.place)
        if name in ("capabilities", "policy"):
            capabilities |= _capabilities(item, shown)
        given[name] = item
    if capabilities & DENIED.capabilities:
        return DENIED
    least = _seconds(given.get("min_wrapping_ttl"), shown)
    most = _seconds(given.get("max_wrapping_ttl"), shown)
    if most and most < least:
        raise wrong(f"{shown}max_wrapping_ttl cannot be less than min_wrapping_ttl", place)
    return Permissions(
        capabilities=capabilities,
        allowed=_parameters(given.get("allowed_parameters"), shown),
        denied=_parameters(given.get("denied_parameters"), shown),
        required=_required(given.get("required_parameters"), shown),
        min_wrapping_ttl=least,
        max_wrapping_ttl=most,
    )


def _capabilities(item: Item, shown: str) -> int:
    if item.keys == ("policy",):
        if not isinstance(item.value, str) or item.value not in LEGACY:
            raise wrong(f'{shown}invalid policy "{_short(item.value)}"', item.place)
        names = LEGACY[item.value]
    else:
        names = tuple(_list(item, shown))
    bits = 0
    for name in names:
        if not isinstance(name, str) or name not in CAPABILITIES:
            raise wrong(f'{shown}invalid capability "{_short(name)}"', item.place)
        bits |= CAPABILITIES[name]
    return bits


def _parameters(item: Item | None, shown: str) -> Mapping[str, Values] | None:
    if item is None:
        return None
    if not isinstance(item.value, Body):
        raise wrong(f"{shown}{item.keys[0]} must be a block", item.place)
    found: dict[str, Values] = {}
    for member in item.value:
        name = member.keys[0].lower()
        values = [member.value] if isinstance(member.value, Body) else _list(member, shown)
        found[name] = found.get(name, ()) + tuple(_plain(value) for value in values)
    return found


def _required(item: Item | None, shown: str) -> frozenset[str]:
    names = _list(item, shown) if item is not None else []
    if item is not None and not all(isinstance(name, str) for name in names):
        raise wrong(f"{shown}required_parameters must be a list of texts", item.place)
    return frozenset(name.lower() for name in names)


def _list(item: Item, shown: str) -> list[Any]:
    if not isinstance(item.value, list):
        raise wrong(f"{shown}{item.keys[0][:64]} must be a list", item.place)
    return item.value


def _plain(value: Any) -> Any:
    """A value as the JSON of a request has it."""
    if isinstance(value, Body):
        return {member.keys[0]: _plain(member.value) for member in value}
    return [_plain(member) for member in value] if isinstance(value, list) else value


def _seconds(item: Item | None, shown: str) -> int:
    """A lifetime: a number of seconds, or a text such as ``90s`` or ``1h30m``."""
    if item is None:
        return 0
    value = item.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_LONG:
        return value
    if isinstance(value, str) and (written := _DURATION.fullmatch(value)):
        days, hours, minutes, seconds = (int(part or 0) for part in written.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    raise wrong(f"{shown}error parsing {item.keys[0]}: it must be a duration", item.place)


def _short(value: object) -> str:
    return value[:64] if isinstance(value, str) else type(value).__name__
