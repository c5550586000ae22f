"""What commands list that no single reply has."""

from __future__ import annotations

from keystead.operations.base import Reply


class ListedPolicy(Reply, frozen=True):
    """A policy's name, and the language it is written in: ``cedar`` or ``vault``."""

    name: str
    language: str


class ListedPolicies(Reply, frozen=True):
    policies: list[ListedPolicy]
