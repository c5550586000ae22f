"""Query, follow, prove and verify this node's audit log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from keystead.audit.chain import Finding
from keystead.audit.checkpoints import last_note
from keystead.audit.proof import prove
from keystead.audit.query import Query, search
from keystead.audit.verify import verify
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.audit import (
    AuditEntries,
    AuditReport,
    CheckpointNote,
    InclusionProof,
    ProveEntry,
    QueryAudit,
    ShowCheckpoint,
    VerifyAudit,
)
from keystead.services.registry import controls
from keystead.services.scope import Scope

_POLL_SECONDS = 0.25
_LISTED_FINDINGS = 1000


@controls(QueryAudit)
async def query_audit(operation: QueryAudit, scope: Scope) -> AuditEntries:
    """Search the segments. A namespace sees its own entries; the root namespace sees all."""
    query = Query(
        principal=operation.principal,
        key=operation.key,
        action=operation.audit_action,
        outcome=operation.outcome,
        source_ip=operation.source_ip,
        request_id=operation.request_id,
        trace_id=operation.trace_id,
        namespace="" if scope.namespace == "root" else scope.namespace,
        since_ns=_time_ns("since", operation.since),
        until_ns=_time_ns("until", operation.until),
    )
    waited = 0.0
    while True:
        page = await asyncio.to_thread(
            search,
            scope.house.audit.directory,
            query,
            newest_first=operation.newest_first,
            limit=operation.limit,
            cursor=operation.after,
        )
        if page.records or waited >= operation.wait_seconds:
            break
        await asyncio.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
    entries = [msgspec.json.decode(record.line) for record in page.records]
    return AuditEntries(entries=entries, next=page.cursor)


def _time_ns(name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{name} is not an RFC 3339 time.", hint="For example 2026-11-24T06:00:00Z."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000) * 1000


@controls(ProveEntry)
async def prove_entry(operation: ProveEntry, scope: Scope) -> InclusionProof:
    proof = await asyncio.to_thread(prove, scope.house.audit.directory, operation.index)
    return InclusionProof(proof=msgspec.to_builtins(proof))


@controls(VerifyAudit)
async def verify_audit(operation: VerifyAudit, scope: Scope) -> AuditReport:
    audit = scope.house.audit
    report = await asyncio.to_thread(verify, audit.directory, audit.vkey)
    return AuditReport(
        sound=report.sound,
        entries=report.size,
        checkpoints=report.checkpoints,
        root_hash=report.root.hex(),
        findings=[_sentence(f) for f in report.findings[:_LISTED_FINDINGS]],
        key_trust="the key that this node signs with",
    )


def _sentence(finding: Finding) -> str:
    place = f"{finding.segment}:{finding.line}: " if finding.segment else ""
    span = f"entry {finding.first}"
    if finding.last != finding.first:
        span = f"entries {finding.first} to {finding.last}"
    return f"{place}{span} {finding.kind}: {finding.what}"


@controls(ShowCheckpoint)
async def show_checkpoint(operation: ShowCheckpoint, scope: Scope) -> CheckpointNote:
    audit = scope.house.audit
    newest = await asyncio.to_thread(last_note, audit.directory)
    if newest is None:
        raise NotFound("There is no checkpoint yet.", hint="Ask again in a few seconds.")
    return CheckpointNote(note=newest.decode(), verifier_key=audit.vkey)
