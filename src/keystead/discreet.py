"""Structs that do not show what they hold."""

from __future__ import annotations

from typing import Any

import msgspec


class Discreet(msgspec.Struct, frozen=True):
    """A struct for plaintext, key material and credentials: its repr, rich's too, has no field."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
