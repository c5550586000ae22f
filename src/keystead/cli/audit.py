"""The audit log: query, follow, prove, verify."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keystead.cli.command import Group
from keystead.cli.exit_codes import NOT_GENUINE
from keystead.cli.inputs import duration, read_bytes
from keystead.cli.session import Session, pass_session

if TYPE_CHECKING:
    from keystead.audit.chain import Finding

COLUMNS = ("index", "time", "principal", "action", "resource", "outcome", "reason", "source_ip")
FOLLOW_SECONDS = 30


def moment(text: str) -> str:
    """Read a time: RFC 3339, or how long ago (15m, 2h, 7d)."""
    if not text or "T" in text:
        return text
    ago = timedelta(seconds=duration(text))
    return (datetime.now(UTC) - ago).isoformat().replace("+00:00", "Z")


@click.group(cls=Group)
def audit() -> None:
    """Query, prove and verify the audit log."""


@audit.command(
    examples=[
        "keystead audit query --key orders --outcome denied --since 24h",
        "keystead audit query --principal user/alice --action key:decrypt -o json",
    ]
)
@click.option("--principal", default="", help="Who, as user/alice.")
@click.option("--key", default="", help="A key's name or identifier.")
@click.option("--action", "audit_action", default="", help="What, as key:encrypt.")
@click.option("--outcome", default="", help="ok, denied or failed.")
@click.option("--since", type=moment, default="", help="RFC 3339, or how long ago: 24h.")
@click.option("--until", type=moment, default="", help="RFC 3339, or how long ago: 1h.")
@click.option("--ip", "source_ip", default="", help="From this address.")
@click.option("--trace", "trace_id", default="", help="Of this trace.")
@click.option("--request", "request_id", default="", help="Of this request.")
@click.option("--limit", default=100, show_default=True, help="At most so many entries.")
@click.option("--oldest-first", is_flag=True, help="Begin with the oldest.")
@pass_session
def query(session: Session, /, oldest_first: bool, limit: int, **filters: Any) -> None:
    """Find entries of the audit log, the newest first."""
    found: list[dict[str, Any]] = []
    after: int | None = None
    while len(found) < limit:
        reply = session.client.audit.query(
            newest_first=not oldest_first,
            limit=min(limit - len(found), 1000),
            after=after,
            **filters,
        )
        found += reply.entries
        after = reply.next
        if after is None:
            break
    _print(session, found)


@audit.command(examples=["keystead audit tail", "keystead audit tail --follow -o json"])
@click.option("--lines", "-n", default=20, show_default=True, help="Entries to begin with.")
@click.option("--follow", "-f", is_flag=True, help="Print entries as they come, until Ctrl-C.")
@pass_session
def tail(session: Session, lines: int, follow: bool) -> None:
    """Print the newest entries; as JSON, one a line."""
    log = session.client.audit
    newest = log.query(newest_first=True, limit=max(lines, 1)).entries
    last = newest[0]["index"] if newest else -1
    _print_lines(session, newest[:lines][::-1])
    while follow:
        reply = log.query(after=last, wait_seconds=FOLLOW_SECONDS)
        if reply.entries:
            last = reply.entries[-1]["index"]
            _print_lines(session, reply.entries)


@audit.command(examples=["keystead audit prove 4711 > proof.json"])
@click.argument("index", type=int)
@pass_session
def prove(session: Session, index: int) -> None:
    """Print, as JSON, the proof that entry INDEX is in the log (RFC 6962)."""
    from keystead.cli.render import print_json

    print_json(session.client.audit.prove(index).proof)


@audit.command(examples=["keystead audit checkpoint > checkpoint.txt"])
@pass_session
def checkpoint(session: Session) -> None:
    """Print the newest signed checkpoint; kept elsewhere, it shows later what was cut off."""
    reply = session.client.audit.checkpoint()
    if session.json:
        session.show(reply)
    else:
        click.echo(reply.note, nl=not reply.note.endswith("\n"))
        session.say(f"Its verifier key: {reply.verifier_key}")


@audit.command(
    examples=[
        "keystead audit verify",
        "keystead audit verify --dir /var/lib/keystead/audit --against checkpoint.txt",
    ]
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Verify this folder here, without a server.",
)
@click.option("--vkey", help="With --dir: the log's verifier key, known from elsewhere.")
@click.option("--against", metavar="FILE", help="With --dir: a checkpoint kept elsewhere.")
@pass_session
def verify(session: Session, folder: Path | None, vkey: str | None, against: str | None) -> int:
    """Verify the whole audit log. Exits 0 only if all is sound, else 5.

    Every entry that was altered, dropped, reordered or cut off is named.
    """
    if folder is None:
        if vkey or against:
            raise click.UsageError("--vkey and --against go with --dir.")
        report = session.client.audit.verify()
    else:
        report = _verify_here(session, folder, vkey, against)
    session.show(report)
    if not report.sound:
        click.echo("keystead: the audit log is not sound", err=True)
        return NOT_GENUINE
    session.say("The audit log is sound.")
    return 0


def _verify_here(session: Session, folder: Path, vkey: str | None, against: str | None) -> Any:
    """Verify a folder; the report is of the type that the server answers with."""
    from keystead.audit.verify import verify as verify_folder
    from keystead.operations.audit import AuditReport

    kept = read_bytes(against) if against else None
    with _counting(session) as progress:
        report = verify_folder(folder, vkey, kept, progress)
    findings = [_sentence(finding) for finding in report.findings]
    if report.unlisted:
        findings.append(f"{report.unlisted} more findings are not listed")
    first_use = "taken from the log's own folder: it proves only that one key made all signatures"
    return AuditReport(
        sound=report.sound,
        entries=report.size,
        checkpoints=report.checkpoints,
        root_hash=report.root.hex(),
        findings=findings,
        key_trust=first_use if report.trust_on_first_use else "given",
    )


def _sentence(finding: Finding) -> str:
    place = f"{finding.segment}:{finding.line}: " if finding.segment else ""
    last = f" to {finding.last}" if finding.last != finding.first else ""
    return f"{place}entry {finding.first}{last} {finding.kind}: {finding.what}"


@contextmanager
def _counting(session: Session) -> Iterator[Callable[[int], None]]:
    """Count entries on standard error if that is a terminal."""

    if session.quiet or session.json or not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console

    with Console(stderr=True).status("Verifying…") as shown:
        yield lambda count: shown.update(f"Verifying… {count:,} entries")


def _print(session: Session, entries: Sequence[dict[str, Any]]) -> None:
    from keystead.cli import render

    if session.json:
        render.print_json({"entries": list(entries)})
    elif session.quiet:
        for entry in entries:
            click.echo(entry["index"])
    elif not entries:
        session.say("No entry is like that.")
    else:
        render.print_rows(COLUMNS, map(_cells, entries))


def _print_lines(session: Session, entries: Sequence[dict[str, Any]]) -> None:
    from keystead.cli import render

    for entry in entries:
        if session.json:
            render.print_line(entry)
        else:
            click.echo("  ".join(cell for cell in _cells(entry) if cell))
    sys.stdout.flush()


def _cells(entry: dict[str, Any]) -> list[str]:
    from keystead.cli.render import text

    resource = entry.get("resource", {})
    named = resource.get("name") or resource.get("id") or ""
    shown = entry | {
        "time": entry.get("time", "")[:19] + "Z",
        "principal": entry.get("principal_name") or entry.get("principal"),
        "resource": "/".join(filter(None, (resource.get("kind"), named))),
        "outcome": entry.get("outcome") or entry.get("phase"),
    }
    return [text(column, shown.get(column)) for column in COLUMNS]
