"""The Merkle tree of a log (RFC 6962 section 2.1, RFC 9162 section 2.1).

A hash is 32 bytes of SHA-256. A proof is a list of subtree hashes, so a proof is first
a list of leaf ranges (``inclusion_ranges``, ``consistency_ranges``): whoever holds the
leaves fills in the hash of each range, in one pass and without holding them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from hmac import compare_digest

from keystead.errors import VerificationFailed

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Range = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The head of a growing tree: the roots of its perfect subtrees, largest first."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        return tuple(self._peaks)

    def copy(self) -> CompactRange:
        return CompactRange(self.size, self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, size = self._peaks, self.size
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY_ROOT
        peaks = reversed(self._peaks)
        head = next(peaks)
        for peak in peaks:
            head = node_hash(peak, head)
        return head


def root(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees of an inclusion proof, lowest first (RFC 9162, 2.1.3.1).

    Raises VerificationFailed unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise VerificationFailed("The tree has no such leaf", index=index, size=size)
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, new_size: int) -> list[Range]:
    """The subtrees of a consistency proof, lowest first (RFC 9162, 2.1.4.1).

    Raises VerificationFailed unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size:
        raise VerificationFailed("The older tree is larger", old=old_size, new=new_size)
    if old_size in (0, new_size):
        return []
    ranges: list[Range] = []
    start, end = 0, new_size
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))
    return ranges[::-1]


def fill(ranges: Sequence[Range], leaves: Iterable[bytes]) -> list[bytes]:
    """The hash of each range, from all leaf hashes of the tree in one pass.

    The ranges must not overlap. Raises VerificationFailed if there are too few leaves.
    """
    hashes: dict[Range, bytes] = {}
    source = iter(leaves)
    position = 0
    for start, end in sorted(ranges):
        _skip(source, start - position)
        tree = CompactRange()
        for leaf in _take(source, end - start):
            tree.append(leaf)
        hashes[start, end] = tree.root()
        position = end
    return [hashes[each] for each in ranges]


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    return fill(inclusion_ranges(index, len(leaves)), leaves)


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    return fill(consistency_ranges(old_size, len(leaves)), leaves)


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes
) -> None:
    """Check that a leaf hash is in the tree at that index (RFC 9162, 2.1.3.2).

    Raises VerificationFailed if not.
    """
    _check_lengths(leaf, tree_root, *proof)
    if not 0 <= index < size:
        raise VerificationFailed("The tree has no such leaf", index=index, size=size)
    node, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationFailed("The inclusion proof is too long")
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or not compare_digest(computed, tree_root):
        raise VerificationFailed("The inclusion proof does not hold", index=index, size=size)


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree only appends to the old one (RFC 9162, 2.1.4.2).

    Raises VerificationFailed if not. An empty old tree is a prefix of every tree.
    """
    _check_lengths(old_root, new_root, *proof)
    failed = VerificationFailed("The consistency proof does not hold", old=old_size, new=new_size)
    if not 0 <= old_size <= new_size:
        raise failed
    if old_size in (0, new_size):
        known_old = EMPTY_ROOT if old_size == 0 else new_root
        if proof or not compare_digest(old_root, known_old):
            raise failed
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    if not path:
        raise failed
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise failed
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or not (compare_digest(old, old_root) and compare_digest(new, new_root)):
        raise failed


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (size > 1)."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_lengths(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise VerificationFailed("A hash has the wrong length")


def _take(source: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        try:
            yield next(source)
        except StopIteration:
            raise VerificationFailed("The log is shorter than the tree") from None


def _skip(source: Iterator[bytes], count: int) -> None:
    for _ in _take(source, count):
        pass
