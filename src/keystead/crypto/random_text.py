"""Random texts over an alphabet, without bias and with one request to the operating system."""

from __future__ import annotations

import os


def random_text(alphabet: str, length: int) -> str:
    """``length`` characters, each equally likely; the alphabet has at most 256."""
    fair = 256 - 256 % len(alphabet)
    found: list[str] = []
    while len(found) < length:
        drawn = os.urandom(length - len(found) + 16)
        found += [alphabet[byte % len(alphabet)] for byte in drawn if byte < fair]
    return "".join(found[:length])
