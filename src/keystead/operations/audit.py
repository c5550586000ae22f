"""The audit log: query it, prove entries of it, verify it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from keystead.operations.base import Effect, Operation, Reply


class AuditEntries(Reply, frozen=True):
    """Entries as they stand in the log; ``next`` is the index to go on ``after``."""

    entries: list[dict[str, Any]]
    next: int | None = None


class QueryAudit(Operation[AuditEntries], frozen=True, kw_only=True):
    """Find entries. Times are RFC 3339; ``after`` is an index; an empty filter takes all.

    ``wait_seconds`` holds the reply until an entry comes (at most 30): to follow the log.
    """

    action: ClassVar[str] = "audit:query"
    kind: ClassVar[str] = "audit"
    effect: ClassVar[Effect] = Effect.OBSERVE

    principal: str = ""
    key: str = ""
    audit_action: str = ""
    outcome: str = ""
    source_ip: str = ""
    request_id: str = ""
    trace_id: str = ""
    since: str = ""
    until: str = ""
    after: int | None = None
    newest_first: bool = False
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    wait_seconds: Annotated[int, Meta(ge=0, le=30)] = 0


class InclusionProof(Reply, frozen=True):
    """Proof that an entry is in the log of a signed checkpoint (RFC 6962, C2SP)."""

    proof: dict[str, Any]


class ProveEntry(Operation[InclusionProof], frozen=True, kw_only=True):
    """Prove that the entry at ``index`` is in the log."""

    action: ClassVar[str] = "audit:prove"
    kind: ClassVar[str] = "audit"
    effect: ClassVar[Effect] = Effect.OBSERVE
    audited: ClassVar[tuple[str, ...]] = ("index",)

    index: Annotated[int, Meta(ge=0)]


class AuditReport(Reply, frozen=True):
    """The verdict on the whole log and every finding; ``sound`` only without findings."""

    sound: bool
    entries: int
    checkpoints: int
    root_hash: str
    findings: list[str] = []
    key_trust: str = ""


class VerifyAudit(Operation[AuditReport], frozen=True, kw_only=True):
    """Verify this node's whole log."""

    action: ClassVar[str] = "audit:verify"
    kind: ClassVar[str] = "audit"
    effect: ClassVar[Effect] = Effect.OBSERVE


class CheckpointNote(Reply, frozen=True):
    """The newest checkpoint (C2SP signed note) and the key to verify it with."""

    note: str
    verifier_key: str


class ShowCheckpoint(Operation[CheckpointNote], frozen=True, kw_only=True):
    """Show the newest checkpoint; a new one is made every few seconds while entries come."""

    action: ClassVar[str] = "audit:checkpoint"
    kind: ClassVar[str] = "audit"
    effect: ClassVar[Effect] = Effect.OBSERVE
