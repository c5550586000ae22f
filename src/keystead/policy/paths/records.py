"""What the store keeps of path policies."""

from __future__ import annotations

import msgspec

from keystead.store.kinds import Kind


class PathPolicyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A policy as written; the record id is its name. ``written_at`` is in Unix seconds."""

    text: str
    written_at: float = 0.0


PATH_POLICY = Kind("path-policy", PathPolicyRecord)
