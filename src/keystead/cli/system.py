"""The server's seal: status, init, unseal, seal."""

from __future__ import annotations

import click

from keystead.cli.command import Command
from keystead.cli.exit_codes import UNAVAILABLE
from keystead.cli.inputs import read_secret
from keystead.cli.session import Session, pass_session


@click.command(cls=Command, examples=["keystead status", "keystead status -o json"])
@pass_session
def status(session: Session) -> int:
    """Show whether the server is initialized and unsealed.

    Exits 0 if it serves and 6 if it is sealed or does not answer.
    """
    reply = session.client.system.status()
    session.show(reply)
    return UNAVAILABLE if reply.sealed else 0


@click.command(
    cls=Command,
    examples=["keystead init", "keystead init --shares 5 --threshold 3 -o json > shares.json"],
)
@click.option("--shares", default=5, show_default=True, help="How many shares to make.")
@click.option("--threshold", default=3, show_default=True, help="How many of them unseal.")
@pass_session
def init(session: Session, shares: int, threshold: int) -> None:
    """Initialize a new server: its root key, the shares, the first root token.

    They are shown this once. Give each share to another person.
    """
    reply = session.client.system.initialize(shares=shares, threshold=threshold)
    if session.json or session.quiet:
        session.show(reply, brief="root_token")
        return
    for number, share in enumerate(reply.shares, 1):
        click.echo(f"Share {number}:  {share}")
    click.echo(f"\nRoot token:  {reply.root_token}")
    session.say(
        f"\nShown only now: {threshold} of these {shares} shares unseal the server."
        "\nNext: keystead unseal"
    )


@click.command(
    cls=Command, examples=["keystead unseal", "keystead unseal --share-file share-1.txt"]
)
@click.option("--share-file", metavar="FILE", help="Read the share here; - is standard input.")
@click.option("--reset", is_flag=True, help="Forget the shares given before.")
@pass_session
def unseal(session: Session, share_file: str | None, reset: bool) -> None:
    """Give one unseal share, from a prompt, a file or standard input.

    Each holder gives one; the last that is needed unseals the server.
    """
    share = "" if reset else read_secret(share_file, "Unseal share").strip()
    session.show(session.client.system.unseal(share=share, reset=reset))


@click.command(cls=Command, examples=["keystead seal"])
@pass_session
def seal(session: Session) -> None:
    """Seal the server: it forgets every key until it is unsealed again."""
    session.show(session.client.system.seal())
