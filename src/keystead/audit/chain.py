"""The chain of entries, followed line by line: what is wrong, and with which entry."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from keystead.audit.merkle import CompactRange, leaf_hash
from keystead.audit.segments import MAX_LINE_BYTES, NO_PREV, Line, Segment, parse_frame
from keystead.errors import IntegrityFailure

Kind = Literal["altered", "dropped", "reordered", "truncated", "checkpoint", "unsigned"]

MAX_FINDINGS = 10_000


class Finding(NamedTuple):
    """One thing that is wrong with the entries ``first`` to ``last``.

    ``segment`` is a file name, ``line`` counts from 1; empty and 0 where there is none.
    """

    kind: Kind
    first: int
    last: int
    what: str
    segment: str = ""
    line: int = 0


class Findings:
    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.unlisted = 0

    def add(self, finding: Finding) -> None:
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append(finding)
        else:
            self.unlisted += 1


class Chain:
    """The entries: canonical form, index sequence and links, one line after the other."""

    def __init__(self, findings: Findings) -> None:
        self.tree = CompactRange()
        self.expected = 0
        self._findings = findings
        self._prev: bytes | None = NO_PREV  # None where it is not known
        self._damaged = 0  # lines since the last good frame, each in place of an entry
        self._gaps: list[tuple[int, int]] = []
        self._segment = ""
        self._line = 0

    @property
    def end(self) -> int:
        """How many entries the log seems to have."""
        return self.expected + self._damaged

    def enter(self, segment: Segment) -> None:
        self._segment, self._line = segment.path.name, 0
        if segment.first > self.end:
            self._gaps.append((self.end, segment.first))
            self.expected, self._prev, self._damaged = segment.first, None, 0
        elif segment.first < self.end:
            self._find("reordered", segment.first, f"the segment starts before entry {self.end}")

    def take(self, line: Line) -> None:
        self._line += 1
        leaf = leaf_hash(line.data)
        self.tree.append(leaf)
        try:
            index, prev = parse_frame(line.data)
        except IntegrityFailure:
            self._damage(line, "not an entry")
            return
        if not line.whole:
            self._damage(line, "the entry breaks off")
            return
        place = self._place(index, prev)
        if place is None:
            return
        if not _is_canonical(line.data):
            self._find("altered", place, "not canonical JSON")
        self.expected = place + 1
        self._prev = leaf.hex().encode()
        self._damaged = 0

    def finish(self) -> None:
        for start, end in self._gaps:
            self._findings.add(Finding("dropped", start, end - 1, "missing from the log"))

    def _place(self, index: int, prev: bytes) -> int | None:
        """Where a line belongs, or None if it has been accounted for out of its place."""
        linked = prev == self._prev
        if index == self.expected:
            if not linked and self._prev is not None and index > 0:
                self._find("altered", index - 1, f"its hash is not the one in entry {index}")
            elif not linked and self._prev is not None:
                self._find("altered", index, "the first entry names an entry before it")
            return index
        if linked:
            self._find("altered", self.expected, f"it claims to be entry {index}")
            return self.expected
        if index > self.expected:
            if self.end < index:
                self._gaps.append((self.end, index))
            return index
        self._out_of_order(index)
        return None

    def _out_of_order(self, index: int) -> None:
        for position, (start, end) in enumerate(self._gaps):
            if start <= index < end:
                rest = [(start, index), (index + 1, end)]
                self._gaps[position : position + 1] = [gap for gap in rest if gap[0] < gap[1]]
                self._find("reordered", index, f"found before entry {self.expected}")
                return
        self._find("reordered", index, f"found again before entry {self.expected}")

    def _damage(self, line: Line, what: str) -> None:
        """A line that says nothing of its place stands for the expected entry."""
        torn = not line.whole and len(line.data) < MAX_LINE_BYTES
        self._find("truncated" if torn else "altered", self.end, what)
        self._damaged += 1
        self._prev = None

    def _find(self, kind: Kind, index: int, what: str) -> None:
        self._findings.add(Finding(kind, index, index, what, self._segment, self._line))


def _is_canonical(line: bytes) -> bool:
    """Whether the entry's own fields are as ``entry.encode`` writes them."""
    rest = b"{" + line[line.index(b'","') + 2 :]
    try:
        fields = _decode(rest)
        return "index" not in fields and "prev" not in fields and _encode(fields) == rest
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, object]).decode
