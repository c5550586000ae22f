"""Roles, which policies speak of."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.session import Session, pass_session


@click.group(cls=Group)
def role() -> None:
    """Roles, which policies speak of."""


@role.command(examples=["keystead role write lead --include shop --description 'Shop leads'"])
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@click.option("--include", "includes", multiple=True, help="Role that it has too, repeatable.")
@pass_session
def write(session: Session, name: str, description: str, includes: tuple[str, ...]) -> None:
    """Create or replace a role."""
    reply = session.client.roles.write(name, description=description, includes=includes)
    session.show(reply, brief="name")


@role.command("list", examples=["keystead role list"])
@pass_session
def list_roles(session: Session) -> None:
    """List roles."""
    from keystead.operations.identity import ListRoles

    session.show_all(ListRoles(limit=1000), brief="name", columns=())


@role.command(examples=["keystead role delete lead"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a role."""
    session.client.roles.delete(name)
    session.say(f"Role {name} is deleted.")
