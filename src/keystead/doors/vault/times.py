"""Times and durations as Vault writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float | None) -> str:
    """A time (Unix seconds) in UTC with microseconds (RFC 3339, 5.6); None is empty."""
    if seconds is None:
        return ""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat(timespec='microseconds')[:-6]}Z"


def duration(seconds: int) -> str:
    """A duration such as ``0s``, ``1m30s``, ``1h0m0s`` or ``-1s``."""
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{rest}s"
    return f"{sign}{minutes}m{rest}s" if minutes else f"{sign}{rest}s"
