"""Reads a log as it grows, and only what is durable."""

from __future__ import annotations

from pathlib import Path

from keystead.audit.segments import Segment, durable_size, list_segments, parse_frame, read_lines
from keystead.errors import IntegrityFailure

BATCH_LINES = 500
BATCH_BYTES = 1 << 20


class Follower:
    """A place in a log; ``index`` is the next entry to be read."""

    def __init__(self, directory: Path, index: int) -> None:
        self._directory = directory
        self.index = index
        self._segment: Segment | None = None
        self._offset = 0

    def available(self) -> int:
        """How many durable entries are there to be read."""
        return max(0, (durable_size(self._directory) or 0) - self.index)

    def read(self) -> list[bytes]:
        """The next lines, as many as are durable and fit a batch; empty if there are none.

        Raises AuditUnavailable if a segment cannot be read; IntegrityFailure if the entry
        with this index is not where it should be.
        """
        lines: list[bytes] = []
        bytes_left = BATCH_BYTES
        left = min(self.available(), BATCH_LINES)
        while left > 0 and self._locate():
            assert self._segment is not None
            for line in read_lines(self._segment.path, self._offset):
                if not line.whole or parse_frame(line.data)[0] != self.index:
                    raise IntegrityFailure("The audit log is out of order", index=self.index)
                lines.append(line.data)
                self._offset += len(line.data) + 1
                self.index += 1
                left -= 1
                bytes_left -= len(line.data)
                if left == 0 or bytes_left <= 0:
                    return lines
            self._segment = None
        return lines

    def _locate(self) -> bool:
        """Find the segment and offset of the next entry; false if there is none yet."""
        if self._segment is not None:
            return True
        candidates = [s for s in list_segments(self._directory) if s.first <= self.index]
        if not candidates:
            return False
        segment = candidates[-1]
        offset = 0
        position = segment.first
        for line in read_lines(segment.path):
            if position == self.index:
                self._segment, self._offset = segment, offset
                return True
            if not line.whole:
                break
            offset += len(line.data) + 1
            position += 1
        return False
