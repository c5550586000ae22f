"""Shares as bytes, for protocols that carry no words.

A share of 33 words (SLIP-39: ten bits each) is 42 bytes: the words' numbers one after the
other, the most significant bit first, and six zero bits. Nothing is lost: the checksum of the
share is among the words.
"""

from __future__ import annotations

import base64
import binascii

# It ships no types.
from shamir_mnemonic import MnemonicError  # type: ignore[import-untyped]
from shamir_mnemonic.wordlist import (  # type: ignore[import-untyped]
    mnemonic_from_indices,
    mnemonic_to_indices,
)

from keystead.errors import UnsealFailed

WORDS = 33
BYTES = 42
_WORD_BITS = 10
_PADDING_BITS = BYTES * 8 - WORDS * _WORD_BITS


def pack_share(words: str) -> bytes:
    """The 42 bytes of a share; raises UnsealFailed for what is no share of 33 words."""
    try:
        numbers = list(mnemonic_to_indices(words))
    except MnemonicError:
        raise UnsealFailed("That is not a share.") from None
    if len(numbers) != WORDS:
        raise UnsealFailed("That is not a share.")
    packed = 0
    for number in numbers:
        packed = packed << _WORD_BITS | number
    return (packed << _PADDING_BITS).to_bytes(BYTES, "big")


def unpack_share(packed: bytes) -> str:
    """The words of a share; raises UnsealFailed. The share's checksum is not looked at."""
    number = int.from_bytes(packed, "big")
    if len(packed) != BYTES or number & ((1 << _PADDING_BITS) - 1):
        raise UnsealFailed("That is not a share.")
    number >>= _PADDING_BITS
    shifts = range((WORDS - 1) * _WORD_BITS, -1, -_WORD_BITS)
    mask = (1 << _WORD_BITS) - 1
    words: str = mnemonic_from_indices([number >> shift & mask for shift in shifts])
    return words


def share_of(text: str) -> str:
    """The words of a share that is given as words, as hexadecimal digits or as base64.

    Raises UnsealFailed for anything else.
    """
    if " " in text.strip():
        return text
    for decode in (bytes.fromhex, _from_base64):
        try:
            return unpack_share(decode(text.strip()))
        except (ValueError, UnsealFailed):
            continue
    raise UnsealFailed("'key' must be a valid hex or base64 string")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
