"""What path policies say of a request."""

from __future__ import annotations

from enum import Enum


class PathVerdict(Enum):
    """``DENIED`` is an explicit deny; ``SILENT`` leaves the answer to other policies."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SILENT = "silent"
