"""Groups of principals that share roles."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.session import Session, pass_session


@click.group(cls=Group)
def group() -> None:
    """Groups of principals that share roles."""


@group.command(
    examples=["keystead group write shop --member user/alice --member approle/till --role shop"]
)
@click.argument("name")
@click.option("--member", "members", multiple=True, help="Principal in it, repeatable.")
@click.option("--role", "roles", multiple=True, help="Role that its members have, repeatable.")
@pass_session
def write(session: Session, name: str, members: tuple[str, ...], roles: tuple[str, ...]) -> None:
    """Create or replace a group: all its members and roles."""
    session.show(session.client.groups.write(name, members=members, roles=roles), brief="name")


@group.command(examples=["keystead group show shop"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a group."""
    session.show(session.client.groups.show(name), brief="name")


@group.command("list", examples=["keystead group list"])
@pass_session
def list_groups(session: Session) -> None:
    """List groups."""
    from keystead.operations.identity import ListGroups

    session.show_all(ListGroups(limit=1000), brief="name", columns=())


@group.command(examples=["keystead group delete shop"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a group; its members lose its roles."""
    session.client.groups.delete(name)
    session.say(f"Group {name} is deleted.")
