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
from typing import NamedTuple

from keystead.audit import checkpoint as signing
from keystead.audit import checkpoints
from keystead.audit import note as notes
from keystead.audit.chain import Chain, Finding, Findings
from keystead.audit.note import Checkpoint
from keystead.audit.segments import CHECKPOINTS, LOG_VKEY, Line, Segment, list_segments, read_lines
from keystead.errors import AuditUnavailable, VerificationFailed

PROGRESS_ENTRIES = 10_000

_GRACE_SECONDS = (0.01, 0.05, 0.2)  # for a line that a live writer is in the middle of


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
    findings = Findings()
    key_text = vkey or _own_vkey(directory)
    key = _parse_key(key_text, findings, own=vkey is None)
    signed = _Signed(directory, key, against, findings)
    chain = Chain(findings)
    segments = list_segments(directory)
    ends = {segment: _length(segment) for segment in segments}
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


class _Signed:
    """The checkpoints, in step with the entries."""

    def __init__(
        self,
        directory: Path,
        key: signing.VerifierKey | None,
        against: bytes | None,
        findings: Findings,
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

    def compare(self, chain: Chain) -> None:
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

    def finish(self, chain: Chain) -> None:
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

    def _agrees(self, signed: Checkpoint, chain: Chain, name: str, first: int) -> bool:
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


def _parse_key(text: str, findings: Findings, *, own: bool) -> signing.VerifierKey | None:
    try:
        return signing.parse_vkey(text)
    except VerificationFailed as error:
        if not own:
            raise
        findings.add(Finding("checkpoint", 0, 0, f"log.vkey: {error.message}", LOG_VKEY))
        return None


def _length(segment: Segment) -> int:
    try:
        return segment.path.stat().st_size
    except OSError as error:
        raise AuditUnavailable(f"A segment cannot be read: {error.strerror}") from error


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
