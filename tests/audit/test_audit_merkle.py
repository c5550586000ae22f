"""The Merkle tree against published vectors, and against its definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    fill,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from keystead.errors import VerificationFailed

LEAVES = [leaf_hash(b"%d" % n) for n in range(70)]


@pytest.fixture(scope="module")
def tree(load_vectors: Callable[[str], Any]) -> Any:
    return load_vectors("rfc6962_merkle.json")


def unhex(values: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


def test_roots_are_the_published_ones(tree: Any) -> None:
    leaves = [leaf_hash(data) for data in unhex(tree["leaves"])]
    assert EMPTY_ROOT.hex() == tree["empty_root"]
    assert [root(leaves[: n + 1]).hex() for n in range(8)] == tree["roots"]


def test_inclusion_proofs_are_the_published_ones(tree: Any) -> None:
    leaves = [leaf_hash(data) for data in unhex(tree["leaves"])]
    assert tree["inclusion"]
    for case in tree["inclusion"]:
        index, size, proof = case["index"], case["size"], unhex(case["proof"])
        assert inclusion_proof(index, leaves[:size]) == proof
        verify_inclusion(leaves[index], index, size, proof, unhex(tree["roots"])[size - 1])


def test_consistency_proofs_are_the_published_ones(tree: Any) -> None:
    leaves = [leaf_hash(data) for data in unhex(tree["leaves"])]
    roots = unhex(tree["roots"])
    assert tree["consistency"]
    for case in tree["consistency"]:
        old, new, proof = case["old"], case["new"], unhex(case["proof"])
        assert consistency_proof(old, leaves[:new]) == proof
        verify_consistency(old, roots[old - 1], new, roots[new - 1], proof)


def test_the_incremental_root_is_the_defined_root_at_every_size() -> None:
    growing = CompactRange()
    for size in range(len(LEAVES) + 1):
        assert growing.root() == defined_root(LEAVES[:size])
        assert CompactRange(growing.size, growing.peaks).root() == growing.root()
        if size < len(LEAVES):
            growing.append(LEAVES[size])


def test_every_inclusion_proof_holds_and_only_for_its_own_leaf() -> None:
    for size in range(1, len(LEAVES) + 1):
        head = root(LEAVES[:size])
        for index in range(size):
            proof = inclusion_proof(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, proof, head)
            if size > 1:
                with pytest.raises(VerificationFailed):
                    verify_inclusion(LEAVES[index - 1], index, size, proof, head)
                with pytest.raises(VerificationFailed):
                    verify_inclusion(LEAVES[index], (index + 1) % size, size, proof, head)


def test_every_consistency_proof_holds_and_only_for_its_own_roots() -> None:
    roots = [root(LEAVES[:size]) for size in range(len(LEAVES) + 1)]
    for new in range(1, len(LEAVES) + 1):
        for old in range(new + 1):
            proof = consistency_proof(old, LEAVES[:new])
            verify_consistency(old, roots[old], new, roots[new], proof)
            with pytest.raises(VerificationFailed):
                verify_consistency(old, LEAVES[-1][::-1], new, roots[new], proof)
            if 0 < old < new:
                with pytest.raises(VerificationFailed):
                    verify_consistency(old, roots[old], new, LEAVES[-1][::-1], proof)


@given(st.integers(2, 70), st.data())
def test_a_proof_with_any_bit_flipped_or_any_part_missing_or_added_fails(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    head, old_head = root(LEAVES[:size]), root(LEAVES[:old])
    inclusion = inclusion_proof(index, LEAVES[:size])
    consistency = consistency_proof(old, LEAVES[:size])
    for proof, check in (
        (inclusion, lambda p: verify_inclusion(LEAVES[index], index, size, p, head)),
        (consistency, lambda p: verify_consistency(old, old_head, size, head, p)),
    ):
        at = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        flipped = (int.from_bytes(proof[at], "big") ^ (1 << bit)).to_bytes(32, "big")
        for wrong in (
            [*proof[:at], flipped, *proof[at + 1 :]],
            [*proof[:at], *proof[at + 1 :]],
            [*proof, head],
            [head, *proof],
            [*proof, b""],
        ):
            with pytest.raises(VerificationFailed):
                check(wrong)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 2)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(VerificationFailed):
        inclusion_ranges(index, size)
    with pytest.raises(VerificationFailed):
        verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


def test_too_few_leaves_do_not_make_a_proof() -> None:
    with pytest.raises(VerificationFailed):
        fill(inclusion_ranges(1, 9), LEAVES[:5])
