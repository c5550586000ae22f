"""Random texts have their length, their alphabet, and no favourites."""

from __future__ import annotations

from collections import Counter

import pytest

from keystead.crypto.random_text import random_text


@pytest.mark.parametrize("length", [0, 1, 20, 1000])
def test_a_text_has_its_length_and_no_character_but_the_alphabets(length: int) -> None:
    text = random_text("abc-", length)
    assert len(text) == length
    assert set(text) <= set("abc-")


@pytest.mark.parametrize("size", [2, 63, 100, 200])
def test_every_character_is_about_as_frequent(size: int) -> None:
    alphabet = "".join(map(chr, range(256, 256 + size)))
    seen = Counter(random_text(alphabet, 2000 * size))
    assert len(seen) == size
    # 2,000 expected each, with a standard deviation of 45: eight of them happen never.
    assert all(abs(count - 2000) < 360 for count in seen.values())
