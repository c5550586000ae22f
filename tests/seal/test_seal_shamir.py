"""Sharing: any threshold of the shares joins to the secret, fewer tell nothing."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.crypto.material import KeyMaterial
from keystead.errors import InvalidRequest, UnsealFailed
from keystead.seal.shamir import ShamirSeal, join, read_share, split

sharings = st.integers(2, 16).flatmap(
    lambda shares: st.tuples(st.just(shares), st.integers(2, shares))
)


@given(
    secret=st.binary(min_size=32, max_size=32),
    sharing=sharings,
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=15, deadline=None)
def test_any_threshold_of_shares_joins_and_fewer_do_not(secret, sharing, order) -> None:  # type: ignore[no-untyped-def]
    count, threshold = sharing
    shares = split(KeyMaterial(secret), count, threshold)
    order.shuffle(shares)
    assert join(shares[:threshold]).reveal() == secret
    with pytest.raises(UnsealFailed):
        join(shares[: threshold - 1])


def test_every_choice_of_3_out_of_5_joins() -> None:
    secret = bytes(range(32))
    shares = split(KeyMaterial(secret), 5, 3)
    assert len(set(shares)) == 5
    assert all(len(share.split()) == 33 for share in shares)
    for chosen in itertools.combinations(shares, 3):
        assert join(chosen).reveal() == secret


def test_shares_of_two_splits_do_not_join() -> None:
    one, other = (split(KeyMaterial(bytes(32)), 3, 2) for _ in range(2))
    with pytest.raises(UnsealFailed):
        join([one[0], other[1]])
    with pytest.raises(UnsealFailed):
        join([one[0], one[0]])
    with pytest.raises(UnsealFailed):
        join([])


@pytest.mark.parametrize(
    ("shares", "threshold"), [(0, 0), (1, 0), (1, 2), (17, 2), (2, 1), (16, 17), (-1, -1)]
)
def test_sharings_that_are_none_are_refused(shares: int, threshold: int) -> None:
    with pytest.raises(InvalidRequest):
        split(KeyMaterial(bytes(32)), shares, threshold)


def test_one_of_one_is_a_sharing() -> None:
    (share,) = split(KeyMaterial(bytes(32)), 1, 1)
    assert join([share]).reveal() == bytes(32)


@given(position=st.integers(0, 32), word=st.sampled_from(["academic", "zero", "yoga"]))
@settings(max_examples=40, deadline=None)
def test_a_wrong_word_is_found_by_the_checksum(position: int, word: str) -> None:
    (share,) = split(KeyMaterial(bytes(32)), 1, 1)
    words = share.split()
    if words[position] != word:
        words[position] = word
        with pytest.raises(UnsealFailed):
            read_share(" ".join(words))


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(st.sampled_from(["academic", "acid"]), max_size=60).map(" ".join),
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_typed_raises_only_unseal_failed(text: str) -> None:
    with contextlib.suppress(UnsealFailed):
        read_share(text)


def test_the_spelling_of_a_share_does_not_matter() -> None:
    (share,) = split(KeyMaterial(bytes(32)), 1, 1)
    assert read_share(f" {share.upper()}\n".replace(" ", "  ")) == share


def test_a_shamir_seal_keeps_nothing() -> None:
    seal = ShamirSeal()
    assert seal.wrap(KeyMaterial(bytes(32))) == b""
    with pytest.raises(UnsealFailed):
        seal.unwrap(b"")
