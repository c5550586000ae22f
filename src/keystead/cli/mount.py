"""Mounts: where secrets engines and log-in methods answer."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import pair
from keystead.cli.session import Session, pass_session

_options = click.option(
    "--option", "options", type=pair, multiple=True, metavar="NAME=VALUE", help="Repeatable."
)


@click.group(cls=Group)
def mount() -> None:
    """Where secrets engines, and under auth/ log-in methods, answer."""


@mount.command(
    examples=["keystead mount create team/kv kv-v2", "keystead mount create auth/ci approle"]
)
@click.argument("path")
@click.argument("type_", metavar="TYPE")
@click.option("--description", default="", help="What it is for.")
@_options
@pass_session
def create(
    session: Session, path: str, type_: str, description: str, options: tuple[tuple[str, str], ...]
) -> None:
    """Mount a secrets engine, or under auth/ a log-in method."""
    reply = session.client.mounts.create(
        path, type_, description=description, options=dict(options)
    )
    session.show(reply, brief="path")


@mount.command("list", examples=["keystead mount list"])
@pass_session
def list_mounts(session: Session) -> None:
    """List the mounts of this namespace."""
    reply = session.client.mounts.list()
    session.show(reply, brief="path", columns=("path", "type", "accessor", "description"))


@mount.command(examples=["keystead mount show secret"])
@click.argument("path")
@pass_session
def show(session: Session, path: str) -> None:
    """Show a mount."""
    session.show(session.client.mounts.show(path), brief="path")


@mount.command(examples=["keystead mount tune secret --description 'of the shop'"])
@click.argument("path")
@click.option("--description", help="What it is for.")
@_options
@pass_session
def tune(
    session: Session, path: str, description: str | None, options: tuple[tuple[str, str], ...]
) -> None:
    """Change a mount's description or options."""
    reply = session.client.mounts.tune(path, description=description, options=dict(options) or None)
    session.show(reply, brief="path")


@mount.command(examples=["keystead mount move secret shop/secret"])
@click.argument("path")
@click.argument("target")
@pass_session
def move(session: Session, path: str, target: str) -> None:
    """Move a mount, with all that is at it, to another path."""
    session.show(session.client.mounts.move(path, target), brief="path")


@mount.command(examples=["keystead mount delete shop/secret --yes"])
@click.argument("path")
@click.confirmation_option("--yes", prompt="This deletes all that is at the mount. Go on?")
@pass_session
def delete(session: Session, path: str) -> None:
    """Take a mount away, with all that is at it."""
    session.client.mounts.delete(path)
    session.say(f"Mount {path} is gone.")
