"""Where a log ends: its tree head and the place of its last line.

``state`` saves the head at the last checkpoint, so that opening a log replays only what
came after. It is a hint: it counts only if its root is the one that the checkpoint signs,
and whatever it leads to that does not fit is replayed from the first entry.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keystead.audit import disk
from keystead.audit.merkle import CompactRange, leaf_hash
from keystead.audit.note import Checkpoint
from keystead.audit.segments import (
    NO_PREV,
    Segment,
    list_segments,
    parse_frame,
    read_lines,
    segment_path,
)
from keystead.errors import AuditUnavailable, IntegrityFailure

STATE = "state"


@dataclass(slots=True)
class Head:
    """``prev`` is the last leaf hash in hex; ``length`` and ``last_offset`` are bytes in
    the last segment: its end, and the start of the last line."""

    segment: Segment
    tree: CompactRange = field(default_factory=CompactRange)
    prev: bytes = NO_PREV
    length: int = 0
    last_offset: int = 0


class _State(msgspec.Struct):
    size: int
    peaks: list[str]
    segment: int
    offset: int


def save(directory: Path, head: Head) -> None:
    """Remember this head as the one last signed. Raises OSError."""
    peaks = [peak.hex() for peak in head.tree.peaks]
    state = _State(head.tree.size, peaks, head.segment.first, head.last_offset)
    disk.replace(directory / STATE, msgspec.json.encode(state))


def restore(directory: Path, signed: Checkpoint | None) -> Head:
    """Find the head of a log by replay: index sequence, chain and the last checkpoint's root.

    Raises IntegrityFailure, naming the index, if entries are altered or missing;
    AuditUnavailable if a segment cannot be read.
    """
    saved = _load(directory, signed)
    if saved is not None:
        try:
            return _replay(directory, signed, _resume(directory, saved))
        except IntegrityFailure:
            pass  # the whole log decides what is wrong
    return _replay(directory, signed, Head(Segment(0, segment_path(directory, 0))))


def cut_torn_line(directory: Path) -> int:
    """Cut off a last line without newline, and say how many bytes it had. Raises OSError."""
    segments = list_segments(directory)
    if not segments:
        return 0
    with segments[-1].path.open("rb+") as file:
        length = os.fstat(file.fileno()).st_size
        whole = _end_of_last_line(file.fileno(), length)
        if whole < length:
            file.truncate(whole)
            os.fsync(file.fileno())
    return length - whole


def _load(directory: Path, signed: Checkpoint | None) -> _State | None:
    if signed is None:
        return None
    try:
        state = msgspec.json.decode((directory / STATE).read_bytes(), type=_State)
        root = _tree(state).root()
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    usable = state.size == signed.size and state.offset >= 0 and state.segment >= 0
    return state if usable and root == signed.root else None


def _tree(state: _State) -> CompactRange:
    return CompactRange(state.size, map(bytes.fromhex, state.peaks))


def _resume(directory: Path, state: _State) -> Head:
    """The head that a state describes; its last line gives the chain's end."""
    segment = Segment(state.segment, segment_path(directory, state.segment))
    unusable = IntegrityFailure("The saved state does not fit the log", index=state.size)
    try:
        line = next(read_lines(segment.path, state.offset))
    except (StopIteration, AuditUnavailable):
        raise unusable from None
    if not line.whole or parse_frame(line.data)[0] != state.size - 1:
        raise unusable
    prev = leaf_hash(line.data).hex().encode()
    length = state.offset + len(line.data) + 1
    return Head(segment, _tree(state), prev, length, state.offset)


def _replay(directory: Path, signed: Checkpoint | None, head: Head) -> Head:
    for segment in list_segments(directory):
        if segment.first < head.segment.first:
            continue
        if segment.first > head.segment.first or head.tree.size == 0:
            if segment.first != head.tree.size:
                raise IntegrityFailure("Audit entries are missing", index=head.tree.size)
            head.segment, head.length, head.last_offset = segment, 0, 0
        _replay_segment(signed, head)
    if signed is not None and head.tree.size < signed.size:
        raise IntegrityFailure("Audit entries are missing", index=head.tree.size)
    return head


def _replay_segment(signed: Checkpoint | None, head: Head) -> None:
    tree = head.tree
    for line in read_lines(head.segment.path, head.length):
        try:
            index, prev = parse_frame(line.data)
        except IntegrityFailure:
            raise IntegrityFailure("An audit entry is damaged", index=tree.size) from None
        if not line.whole:
            raise IntegrityFailure("An audit entry is damaged", index=tree.size)
        if index != tree.size:
            raise IntegrityFailure("The audit log is out of order", index=tree.size)
        if prev != head.prev:
            raise IntegrityFailure("An audit entry was altered", index=max(0, index - 1))
        leaf = leaf_hash(line.data)
        tree.append(leaf)
        head.prev = leaf.hex().encode()
        head.last_offset, head.length = line.offset, line.offset + len(line.data) + 1
        if signed is not None and tree.size == signed.size and tree.root() != signed.root:
            raise IntegrityFailure("The log does not match its checkpoint", index=index)


def _end_of_last_line(fd: int, length: int) -> int:
    """Just after the last newline, searching back from the end."""
    end = length
    while end:
        start = max(0, end - (1 << 16))
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
