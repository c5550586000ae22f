"""Tokens."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration
from keystead.cli.limits import limit_options, limits_from
from keystead.cli.session import Session, pass_session

LIST_COLUMNS = ("accessor", "principal", "kind", "roles", "created_at", "expires_at", "root")


@click.group(cls=Group)
def token() -> None:
    """Create, look up, renew and revoke tokens."""


@token.command(
    examples=[
        "keystead token create --name deploy --role deployer --ttl 8h",
        "keystead token create --kind batch --ttl 15m -q",
    ]
)
@click.option("--name", help="Whose token; without it, your own.")
@click.option("--role", "roles", multiple=True, help="Role that it has, repeatable.")
@click.option(
    "--kind",
    type=click.Choice(["service", "batch"]),
    default="service",
    show_default=True,
    help="Stored and revocable, or self-contained.",
)
@click.option("--orphan", is_flag=True, help="Do not revoke it with yours.")
@limit_options
@pass_session
def create(
    session: Session,
    /,
    name: str | None,
    roles: tuple[str, ...],
    kind: str,
    orphan: bool,
    **limits: object,
) -> None:
    """Create a token. It is shown this once."""
    reply = session.client.tokens.create(
        name=name,
        roles=roles or None,
        token_kind=kind,
        orphan=orphan,
        limits=limits_from(limits),
    )
    session.show(reply, brief="token")


@token.command(examples=["keystead token lookup", "keystead token lookup 5Kd0…"])
@click.argument("accessor", required=False)
@pass_session
def lookup(session: Session, accessor: str | None) -> None:
    """Look up a token by its accessor, or your own."""
    tokens = session.client.tokens
    session.show(tokens.lookup(accessor) if accessor else tokens.lookup_self(), brief="accessor")


@token.command(examples=["keystead token renew", "keystead token renew 5Kd0… --increment 8h"])
@click.argument("accessor", required=False)
@click.option("--increment", type=duration, default="0", help="For how long; else its lifetime.")
@pass_session
def renew(session: Session, accessor: str | None, increment: int) -> None:
    """Renew a token by its accessor, or your own."""
    tokens = session.client.tokens
    if accessor:
        reply = tokens.renew(accessor, increment_seconds=increment)
    else:
        reply = tokens.renew_self(increment_seconds=increment)
    session.show(reply, brief="expires_at")


@token.command(examples=["keystead token revoke 5Kd0…", "keystead token revoke --self"])
@click.argument("accessor", required=False)
@click.option("--self", "own", is_flag=True, help="Revoke your own.")
@click.option("--orphan-children", is_flag=True, help="Let its children live on.")
@pass_session
def revoke(session: Session, accessor: str | None, own: bool, orphan_children: bool) -> None:
    """Revoke a token by its accessor, with its children."""
    if own == bool(accessor):
        raise click.UsageError("Give an accessor, or --self.")
    if accessor:
        session.client.tokens.revoke(accessor, orphan_children=orphan_children)
    else:
        session.client.tokens.revoke_self()
    session.say("The token is revoked.")


@token.command("list", examples=["keystead token list"])
@pass_session
def list_tokens(session: Session) -> None:
    """List stored tokens by accessor."""
    from keystead.operations.identity import ListTokens

    session.show_all(ListTokens(limit=1000), brief="accessor", columns=LIST_COLUMNS)
