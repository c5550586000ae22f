"""Users that log in with a name and a password."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import read_secret
from keystead.cli.limits import limit_options, limits_from
from keystead.cli.session import Session, pass_session

_password_file = click.option(
    "--password-file", metavar="FILE", help="Read the password here; - is standard input."
)


@click.group(cls=Group)
def user() -> None:
    """Users that log in with a password."""


@user.command(
    examples=[
        "keystead user write alice --role shop --ttl 8h",
        "keystead user write alice --role shop --role audit --keep-password",
    ]
)
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="Role that the user has, repeatable.")
@_password_file
@click.option("--keep-password", is_flag=True, help="Replace an existing user's roles alone.")
@limit_options
@pass_session
def write(
    session: Session,
    /,
    name: str,
    roles: tuple[str, ...],
    password_file: str | None,
    keep_password: bool,
    **limits: object,
) -> None:
    """Create or replace a user. The password is asked for: 12 characters or more."""
    password = None if keep_password else read_secret(password_file, "Password", confirm=True)
    reply = session.client.users.write(
        name, password=password, roles=roles, limits=limits_from(limits)
    )
    session.show(reply, brief="name")


@user.command(examples=["keystead user password alice"])
@click.argument("name")
@_password_file
@pass_session
def password(session: Session, name: str, password_file: str | None) -> None:
    """Set a user's password and revoke the user's tokens."""
    session.client.users.set_password(
        name, read_secret(password_file, "New password", confirm=True)
    )
    session.say(f"The password of {name} is set; the user's tokens are revoked.")


@user.command(examples=["keystead user show alice"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a user."""
    session.show(session.client.users.show(name), brief="name")


@user.command("list", examples=["keystead user list"])
@pass_session
def list_users(session: Session) -> None:
    """List users by name."""
    from keystead.operations.identity import ListUsers

    session.show_all(ListUsers(limit=1000), brief="name", columns=())


@user.command(examples=["keystead user delete alice"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a user and revoke the user's tokens."""
    session.client.users.delete(name)
    session.say(f"User {name} is deleted.")
