"""Is the whole log what was written? Answered from the files alone.

Every entry is checked for its canonical form, its index, and its link to the entry
before; every checkpoint for its signature and for its root over all entries up to its
size. Entries after the last checkpoint rest on their links only: whoever can write the
folder could have replaced or removed them, which ``against``, a checkpoint kept elsewhere,
narrows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from keystead.audit import checkpoint as signing
from keystead.audit import checkpoints
from keystead.audit import note as notes
from keystead.audit.merkle import CompactRange, leaf_hash
from keystead.audit.note import Checkpoint
from keystead.audit.segments import (
    CHECKPOINTS,
    LOG_VKEY,
    MAX_LINE_BYTES,
    NO_PREV,
    Line,
    Segment,
    list_segments,
    parse_frame,
    read_lines,
)
from keystead.errors import AuditUnavailable, IntegrityFailure, VerificationFailed

MAX_FINDINGS = 10_000
PROGRESS_ENTRIES = 10_000

Kind = Literal["altered", "dropped", "reordered", "truncated", "checkpoint", "unsigned"]

_GRACE_SECONDS = (0.01, 0.05, 0.2)  # for a line that a live writer is in the middle of


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


class Report(NamedTuple):
    """``covered`` is how many entries a good checkpoint signs. With
    ``trust_on_first_use`` the vkey came from the log's own folder, so that the signatures
    prove only that one key made them all. ``unlisted`` findings were too many to keep."""

    size: int
    root: bytes
    segments: int
    checkpoints: int
    covered: int
    vkey: str
    trust_on_first_use: bool
    findings: tuple[Finding, ...]
    unlisted: int

    @property
    def sound(self) -> bool:
        return not self.findings


def verify(
    directory: Path,
    vkey: str | None = None,
    against: bytes | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify a log's folder, in bounded memory; while it is written, as it was at the call.

    ``against`` is a checkpoint note kept elsewhere: the log must contain its tree.
    ``progress`` is called now and then with the number of entries read. Raises
    VerificationFailed for a malformed ``vkey``, AuditUnavailable if a file cannot be read.
    """
    findings = _Findings()
    key_text = vkey or _own_vkey(directory)
    key = _parse_key(key_text, findings, own=vkey is None)
    signed = _Signed(directory, key, against, findings)
    chain = _Chain(findings)
    segments = list_segments(directory)
    ends = {segment: segment.path.stat().st_size for segment in segments}
    for segment in segments:
        chain.enter(segment)
        for line in _lines(segment, ends[segment]):
            chain.take(line)
            signed.compare(chain)
            if progress is not None and chain.tree.size % PROGRESS_ENTRIES == 0:
                progress(chain.tree.size)
    chain.finish()
    signed.finish(chain)
    return Report(
        chain.tree.size,
        chain.tree.root(),
        len(segments),
        signed.count,
        signed.covered,
        key_text,
        vkey is None,
        tuple(findings.kept),
        findings.unlisted,
    )


class _Findings:
    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.unlisted = 0

    def add(self, finding: Finding) -> None:
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append(finding)
        else:
            self.unlisted += 1


class _Chain:
    """The entries: canonical form, index sequence and links, one line after the other."""

    def __init__(self, findings: _Findings) -> None:
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


class _Signed:
    """The checkpoints, in step with the entries."""

    def __init__(
        self,
        directory: Path,
        key: signing.VerifierKey | None,
        against: bytes | None,
        findings: _Findings,
    ) -> None:
        self.count = 0
        self.covered = 0
        self._findings = findings
        self._key = key
        self._broken = False
        # Taken before the entries are listed: what it signs is then among them.
        self._kept = self._read(directory, _settled_length(directory))
        self._next = next(self._kept, None)
        self._outside = self._check(against) if against is not None else None
        if self._next is not None and self._next.size == 0:
            self._advance()

    def compare(self, chain: _Chain) -> None:
        """Hold the tree as it now is against the checkpoints of its size.

        Once entries are missing, which the chain reports, roots say no more.
        """
        size, whole = chain.end, chain.tree.size == chain.end
        while self._next is not None and self._next.size <= size:
            if whole and self._next.size < size:
                self._wrong(self._next.size, "checkpoints are out of order")
            elif whole and self._agrees(self._next, chain, "its checkpoint", self.covered):
                self.covered = size
            self._advance()
        if whole and self._outside is not None and self._outside.size == size:
            self._agrees(self._outside, chain, "the checkpoint kept elsewhere", 0)

    def finish(self, chain: _Chain) -> None:
        size = chain.end
        promised = self._outside.size if self._outside is not None else 0
        while self._next is not None:
            promised = max(promised, self._next.size)
            self._advance()
        if promised > size:
            what = f"a checkpoint signs {promised} entries, the log has {size}"
            self._findings.add(Finding("truncated", size, promised - 1, what))
        if size and not self.count:
            self._findings.add(Finding("unsigned", 0, size - 1, "no checkpoint signs the log"))

    def _agrees(self, signed: Checkpoint, chain: _Chain, name: str, first: int) -> bool:
        if chain.tree.root() == signed.root:
            return True
        if not self._broken:
            self._broken = True  # every later root differs too
            what = f"the entries are not what {name} of {signed.size} entries signs"
            self._findings.add(Finding("altered", first, signed.size - 1, what))
        return False

    def _advance(self) -> None:
        self._next = next(self._kept, None)

    def _read(self, directory: Path, length: int) -> Iterator[Checkpoint]:
        if length == 0:
            return
        try:
            for signed in notes.read_notes(directory / CHECKPOINTS, length):
                self.count += 1
                good = self._check(signed)
                if good is not None:
                    yield good
        except VerificationFailed as error:
            self._wrong(self.covered, error.message)
        except OSError as error:
            raise AuditUnavailable(f"Checkpoints cannot be read: {error.strerror}") from error

    def _check(self, signed: bytes) -> Checkpoint | None:
        try:
            if self._key is None:
                return notes.parse_checkpoint(signed)
            return signing.verify(signed, self._key)
        except VerificationFailed as error:
            self._wrong(self.covered, error.message)
            return None

    def _wrong(self, size: int, what: str) -> None:
        self._findings.add(Finding("checkpoint", size, size, what, CHECKPOINTS, self.count))


def _own_vkey(directory: Path) -> str:
    try:
        text = (directory / LOG_VKEY).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return ""
    return text.removesuffix("\n")


def _parse_key(text: str, findings: _Findings, *, own: bool) -> signing.VerifierKey | None:
    try:
        return signing.parse_vkey(text)
    except VerificationFailed as error:
        if not own:
            raise
        findings.add(Finding("checkpoint", 0, 0, f"log.vkey: {error.message}", LOG_VKEY))
        return None


def _settled_length(directory: Path) -> int:
    try:
        return checkpoints.settled_length(directory)
    except OSError as error:
        raise AuditUnavailable(f"Checkpoints cannot be read: {error.strerror}") from error


def _lines(segment: Segment, end: int) -> Iterator[Line]:
    """The lines that start before ``end``; one that is being written is waited for."""
    for line in read_lines(segment.path):
        if line.offset >= end:
            return
        yield line if line.whole else _settled(segment, line)


def _settled(segment: Segment, line: Line) -> Line:
    for seconds in _GRACE_SECONDS:
        time.sleep(seconds)
        again = next(read_lines(segment.path, line.offset), line)
        if again.whole or again == line:
            return again
        line = again
    return line


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
