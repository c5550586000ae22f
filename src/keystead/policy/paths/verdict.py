"""What path policies say of a request."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from keystead.call import PathRequest
from keystead.identity.principal import Principal


class PathVerdict(Enum):
    """``DENIED`` is an explicit deny; ``SILENT`` leaves the answer to other policies."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SILENT = "silent"


class PathJudge(Protocol):
    """What the gate asks of path policies."""

    def decide(self, principal: Principal, namespace: str, request: PathRequest) -> PathVerdict:
        """Judge a request in a namespace (its identifier). Never called for root."""

    def reaches(self, principal: Principal, namespace: str, prefix: str) -> bool:
        """Whether any policy of the principal allows anything at or below a path."""


class NoPaths:
    """A house without path policies: they say nothing."""

    def decide(self, principal: Principal, namespace: str, request: PathRequest) -> PathVerdict:
        return PathVerdict.SILENT

    def reaches(self, principal: Principal, namespace: str, prefix: str) -> bool:
        return False
