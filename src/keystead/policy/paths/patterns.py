"""The paths that policies speak of: exact, with a glob at the end, with segments left open.

``a/b`` is that path; ``a/b*`` every path that begins so; ``a/+/c`` has anything, but no
slash, for its second segment. Where several match, the most specific one speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

Segment = str | None
"""A segment's text, or None for one that is left open."""

Rank = tuple[int, bool, int, int, str]

PLUS_ITSELF: Final = "\0"
"""A plus sign that leaves nothing open. No request's path has a zero character."""

_OPEN: Final = "+"


class Pattern(NamedTuple):
    """A path in a policy. ``glob``: longer paths match too. Of an open one (``segments``)
    the last segment is a beginning if it has a glob."""

    text: str
    glob: bool
    segments: tuple[Segment, ...] = ()

    def matches(self, path: str) -> bool:
        if not self.segments:
            return path.startswith(self.text) if self.glob else path == self.text
        found = path.split("/")
        count = len(self.segments)
        if len(found) < count or (len(found) > count and not self.glob):
            return False
        *firsts, last = zip(self.segments, found, strict=False)
        if not all(wanted is None or wanted == segment for wanted, segment in firsts):
            return False
        wanted, segment = last
        return wanted is None or (segment.startswith(wanted) if self.glob else segment == wanted)

    def reaches(self, prefix: str) -> bool:
        """Whether it may match a path at or below a prefix that ends in a slash."""
        if not self.segments:
            if self.text.startswith(prefix):
                return True
            return self.glob and prefix.startswith(self.text)
        above = prefix.rstrip("/").split("/")
        if len(self.segments) < len(above) and not self.glob:
            return False
        *firsts, last = self.segments
        for place, wanted in enumerate(firsts[: len(above)]):
            if wanted is not None and wanted != above[place]:
                return False
        if len(self.segments) > len(above) or last is None:
            return True
        found = above[len(firsts)]
        return found.startswith(last) if self.glob else found == last

    @property
    def rank(self) -> Rank:
        """Greater is more specific: where it first leaves something open, the later the
        better; without a glob rather than with one; with fewer open segments; longer."""
        count = sum(segment is None for segment in self.segments)
        return (len(self.beginning), not self.glob, -count, len(self.text), self.text)

    @property
    def beginning(self) -> str:
        """What comes before the first character that is left open: all that match begin so."""
        if None not in self.segments:
            return self.text
        closed = self.segments[: self.segments.index(None)]
        return "".join(f"{segment}/" for segment in closed)


def pattern_of(written: str, fill: Callable[[str], str] = str) -> Pattern:
    """The pattern that is written so. ``fill`` puts values into its text: these stand for
    themselves, whatever characters they have, if their plus signs are ``PLUS_ITSELF``."""
    path = written.removeprefix("/")
    glob = path.endswith("*")
    filled = fill(path.removesuffix("*"))
    text = filled.replace(PLUS_ITSELF, _OPEN)
    segments = filled.split("/")
    if _OPEN not in segments:
        return Pattern(text, glob)
    return Pattern(
        text,
        glob,
        tuple(None if s == _OPEN else s.replace(PLUS_ITSELF, _OPEN) for s in segments),
    )
