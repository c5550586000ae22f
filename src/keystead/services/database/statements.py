"""SQL as administrators write it, with places for what Keystead fills in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from keystead.errors import InvalidRequest

UNFIT: Final = re.compile("[\\x00-\\x1f'\"`\\\\;]")
"""What could end the quotes around a value, whichever way a database quotes."""

_MULTILINE: Final = frozenset({"public_key"})


def fill(statements: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """The statements with ``{{name}}`` and the like replaced; empty ones are left out.

    A value that could be more than a value is refused: InvalidRequest naming its place.
    """
    for place, value in values.items():
        if place not in _MULTILINE and UNFIT.search(value):
            raise InvalidRequest(f"This {place} cannot be put into SQL.", field=place)
    filled = []
    for statement in statements:
        for place, value in values.items():
            statement = statement.replace("{{" + place + "}}", value)
        if statement.strip().strip(";").strip():
            filled.append(statement)
    return filled


def redact(message: str, secrets: Iterable[str]) -> str:
    """A message without the secrets that a database may have repeated in it."""
    for secret in secrets:
        if secret:
            message = message.replace(secret, "[secret]")
    return " ".join(message.split())[:300]
