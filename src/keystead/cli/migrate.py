"""Moving in from another system."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from keystead.cli.command import Group
from keystead.cli.session import Session, pass_session, saved_token

if TYPE_CHECKING:
    from keystead.migration.steps import Done

_OUTCOMES = ("copied", "planned", "present", "skipped", "differs", "failed")
_KINDS = ("mount", "login", "policy", "login-config", "role", "secret", "key")


@click.group(cls=Group)
def migrate() -> None:
    """Copy what another system holds into Keystead."""


@migrate.command(
    examples=[
        "keystead migrate vault --address https://vault:8200 --token-file old.token --dry-run",
        "keystead --address https://keystead:8200 migrate vault --address https://vault:8200",
    ]
)
@click.option(
    "--address", "source", required=True, envvar="VAULT_ADDR", metavar="URL",
    help="The Vault or OpenBao to copy from. [env: VAULT_ADDR]",
)  # fmt: skip
@click.option(
    "--token",
    "source_token",
    envvar="VAULT_TOKEN",
    help="Its token; other users can see it. [env: VAULT_TOKEN]",
)
@click.option("--token-file", metavar="FILE", help="Its token in a file; - is standard input.")
@click.option("--source-namespace", default="", help="Its namespace.")
@click.option("--source-ca", metavar="FILE", help="Its certificate authority, in PEM.")
@click.option("--only", multiple=True, type=click.Choice(_KINDS), help="Only these; repeatable.")
@click.option("--dry-run", is_flag=True, help="Compare and say what would be copied.")
@pass_session
def vault(
    session: Session,
    source: str,
    source_token: str | None,
    token_file: str | None,
    source_namespace: str,
    source_ca: str | None,
    only: tuple[str, ...],
    dry_run: bool,
) -> int:
    """Copy mounts, policies, log-in roles, secrets and exportable transit keys.

    Secrets of version 2 are copied with all their versions. Nothing is changed on the source,
    and nothing that is here already is overwritten. Run it again to resume, and once more to
    see that both sides agree. Exits 1 if anything differs or failed.
    """
    from keystead.migration.vault import Migration
    from keystead.migration.vault_api import VaultApi

    ours = session.client
    old = VaultApi(
        source, _token(source_token, token_file), namespace=source_namespace, ca_file=source_ca
    )
    new = VaultApi(
        ours.address, saved_token(), namespace=session.namespace or "", ca_file=session.ca_file
    )
    migration = Migration(old, new, frozenset(only))
    steps = list(migration.steps())
    done = [migration.run(step, dry_run=dry_run) for step in _watched(session, steps)]
    _report(session, done)
    return 1 if any(d.outcome in ("differs", "failed") for d in done) else 0


def _token(given: str | None, path: str | None) -> str:
    from keystead.cli.inputs import read_secret

    if given and path is None:
        return given
    return read_secret(path, "Token of the source")


def _watched(session: Session, steps: list[Any]) -> Iterator[Any]:
    """The steps, with a progress bar on a terminal."""
    if session.quiet or session.json or not sys.stderr.isatty():
        yield from steps
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(steps, "Copying", console=Console(stderr=True), transient=True)


def _report(session: Session, done: list[Done]) -> None:
    if session.json:
        import msgspec

        click.echo(msgspec.json.encode({"steps": [d._asdict() for d in done]}).decode())
        return
    if not session.quiet:
        from rich.console import Console
        from rich.table import Table

        table = Table("kind", *_OUTCOMES)
        for kind, counts in _counts(done):
            table.add_row(kind, *(str(counts[outcome]) for outcome in _OUTCOMES))
        Console().print(table)
    for told in done:
        if told.note:
            click.echo(f"{told.kind} {told.name}: {told.outcome}: {told.note}", err=True)


def _counts(done: Iterable[Done]) -> Iterator[tuple[str, Counter[str]]]:
    counts: dict[str, Counter[str]] = {}
    for told in done:
        counts.setdefault(told.kind, Counter())[told.outcome] += 1
    yield from counts.items()
