"""What ``{{identity.…}}`` in a policy's path stands for: something of the caller's entity."""

from __future__ import annotations

from typing import Final

from keystead.errors import InvalidRequest
from keystead.identity.principal import EntityInfo
from keystead.policy.paths.patterns import PLUS_ITSELF

_OPENS: Final = "{{"
_CLOSES: Final = "}}"


class UnfilledTemplate(Exception):
    """The caller has no entity, or its entity nothing of that name: the path is nowhere."""


def is_templated(text: str) -> bool:
    """Whether a text has templates. Raises InvalidRequest where braces are not paired."""
    before, *pieces = text.split(_OPENS)
    if _CLOSES in before or any(piece.count(_CLOSES) != 1 for piece in pieces):
        raise InvalidRequest(
            "failed to validate policy templating: unbalanced templating characters"
        )
    return bool(pieces)


def fill(text: str, entity: EntityInfo | None) -> str:
    """The text with every template's value. Plus signs of values are ``PLUS_ITSELF``.

    Raises UnfilledTemplate.
    """
    before, *pieces = text.split(_OPENS)
    filled = [before]
    for piece in pieces:
        selector, _, after = piece.partition(_CLOSES)
        filled += (_value(selector.strip(), entity).replace("+", PLUS_ITSELF), after)
    return "".join(filled)


def _value(selector: str, entity: EntityInfo | None) -> str:
    if entity is None:
        raise UnfilledTemplate
    found: str | None = None
    if rest := _after("identity.entity.", selector):
        found = _of_entity(rest, entity)
    elif rest := _after("identity.groups.ids.", selector):
        identifier, _, field = rest.rpartition(".")
        groups = {group.id: group.name for group in entity.groups}
        found = groups.get(identifier) if field == "name" else None
    elif rest := _after("identity.groups.names.", selector):
        name, _, field = rest.rpartition(".")
        groups = {group.name: group.id for group in entity.groups}
        found = groups.get(name) if field == "id" else None
    if not found:
        raise UnfilledTemplate
    return found


def _of_entity(selector: str, entity: EntityInfo) -> str | None:
    if selector == "id":
        return entity.id
    if selector == "name":
        return entity.name
    if key := _after("metadata.", selector):
        return entity.metadata.get(key)
    if rest := _after("aliases.", selector):
        accessor, _, field = rest.partition(".")
        for alias in entity.aliases:
            if alias.mount_accessor == accessor:
                if field == "name":
                    return alias.name
                return alias.metadata.get(_after("metadata.", field))
    return None


def _after(prefix: str, text: str) -> str:
    """What follows a prefix, or nothing if the text begins otherwise."""
    return text[len(prefix) :] if text.startswith(prefix) else ""
