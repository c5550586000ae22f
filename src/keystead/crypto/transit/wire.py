"""How the transit engine writes bytes: ``vault:v3:`` and base64, of a key's third version."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final, NamedTuple

from keystead.errors import InvalidRequest

PREFIX: Final = "vault:v"

_URLSAFE: Final = str.maketrans("+/", "-_")
_STANDARD: Final = str.maketrans("-_", "+/")
_LONGEST_VERSION: Final = 10  # decimal digits


class Framed(NamedTuple):
    """A version and what follows it, still encoded."""

    version: int
    encoded: str


def frame(version: int, body: bytes, *, urlsafe: bool = False) -> str:
    """Write a ciphertext, a signature or an HMAC of a version."""
    encoded = b2a_base64(body, newline=False).decode()
    if urlsafe:
        encoded = encoded.translate(_URLSAFE).rstrip("=")
    return f"{PREFIX}{version}:{encoded}"


def split(text: str, what: str) -> Framed:
    """Split ``vault:vN:…``; ``what`` (``ciphertext``, ``signature``, …) is for the error.

    Raises InvalidRequest. The version may be any whole number, also one that no key has.
    """
    if not text.startswith(PREFIX):
        to_verify = " to verify" if what == "HMAC" else ""
        raise InvalidRequest(f"invalid {what}{to_verify}: no prefix")
    number, colon, encoded = text[len(PREFIX) :].partition(":")
    if not colon:
        raise InvalidRequest(f"invalid {what}: wrong number of fields")
    digits = number[1:] if number[:1] in ("+", "-") else number
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_VERSION):
        raise InvalidRequest(f"invalid {what}: version number could not be decoded")
    return Framed(int(number), encoded)


def decode(text: str) -> bytes:
    """Decode standard base64; raises InvalidRequest."""
    try:
        return a2b_base64(text, strict_mode=True) if text else b""
    except (Error, ValueError):
        raise InvalidRequest("illegal base64 data") from None


def decode_urlsafe(text: str) -> bytes:
    """Decode URL-safe base64 without padding (RFC 4648, 5); raises InvalidRequest."""
    if "=" in text or "+" in text or "/" in text:
        raise InvalidRequest("illegal base64 data")
    return decode(text.translate(_STANDARD) + "=" * (-len(text) % 4))


def encode(data: bytes) -> str:
    """Standard base64 in one line."""
    return b2a_base64(data, newline=False).decode()
