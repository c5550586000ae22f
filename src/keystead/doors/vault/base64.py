"""Base64 as Vault's clients write it."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from keystead.errors import InvalidRequest

_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def decode(text: str) -> bytes:
    """Decode standard base64, in one line or several.

    Raises InvalidRequest that says where a decoder that goes by groups of four gives up.
    """
    try:
        return a2b_base64(text, strict_mode=True)
    except (Error, ValueError):
        joined = text.replace("\n", "").replace("\r", "")
    try:
        return a2b_base64(joined, strict_mode=True) if joined else b""
    except (Error, ValueError):
        place = _first_illegal(text)
        raise InvalidRequest(f"illegal base64 data at input byte {place}") from None


def encode(data: bytes) -> str:
    """Standard base64 in one line."""
    return b2a_base64(data, newline=False).decode()


def _first_illegal(text: str) -> int:
    raw = text.rstrip("=").encode("utf-8", "replace")
    for place, byte in enumerate(raw):
        if byte not in _ALPHABET and byte not in b"\r\n":
            return place
    return len(raw) // 4 * 4
