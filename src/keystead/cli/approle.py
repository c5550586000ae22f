"""AppRoles: how applications log in."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration, in_option, read_secret
from keystead.cli.limits import limit_options, limits_from
from keystead.cli.session import Session, pass_session


@click.group(cls=Group)
def approle() -> None:
    """Applications that log in with an identifier."""


@approle.command(
    examples=[
        "keystead approle write ci --role deployer --ttl 15m",
        "keystead approle write edge --role edge --secret-id-ttl 24h --secret-id-max-uses 1",
    ]
)
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="Role that it has, repeatable.")
@click.option("--no-secret-id", is_flag=True, help="The role identifier alone logs in.")
@click.option("--secret-id-ttl", type=duration, default="0", help="How long they hold.")
@click.option("--secret-id-max-uses", type=int, default=0, help="Log-ins that each is good for.")
@click.option("--secret-id-cidr", multiple=True, help="Where they work, repeatable.")
@limit_options
@pass_session
def write(
    session: Session,
    /,
    name: str,
    roles: tuple[str, ...],
    no_secret_id: bool,
    secret_id_ttl: int,
    secret_id_max_uses: int,
    secret_id_cidr: tuple[str, ...],
    **limits: object,
) -> None:
    """Create or replace an AppRole."""
    reply = session.client.approles.write(
        name,
        roles=roles,
        bind_secret_id=not no_secret_id,
        secret_id_ttl_seconds=secret_id_ttl,
        secret_id_max_uses=secret_id_max_uses,
        secret_id_bound_cidrs=secret_id_cidr,
        limits=limits_from(limits),
    )
    session.show(reply, brief="role_id")


@approle.command(examples=["keystead approle show ci", "keystead approle show ci -q"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show an AppRole and its role identifier."""
    session.show(session.client.approles.show(name), brief="role_id")


@approle.command("list", examples=["keystead approle list"])
@pass_session
def list_approles(session: Session) -> None:
    """List AppRoles by name."""
    from keystead.operations.identity import ListAppRoles

    session.show_all(ListAppRoles(limit=1000), brief="name", columns=())


@approle.command(examples=["keystead approle delete ci"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete an AppRole, its secret identifiers and its tokens."""
    session.client.approles.delete(name)
    session.say(f"AppRole {name} is deleted.")


@approle.group("secret-id")
def secret_id() -> None:
    """Secret identifiers, with which an AppRole logs in."""


@secret_id.command("create", examples=["keystead approle secret-id create ci -q > secret-id.txt"])
@click.argument("name")
@click.option("--ttl", type=duration, default="0", help="How long it holds.")
@click.option("--max-uses", type=int, default=0, help="Log-ins that it is good for.")
@click.option("--cidr", "cidrs", multiple=True, help="Where it works, repeatable.")
@pass_session
def create_secret_id(
    session: Session, name: str, ttl: int, max_uses: int, cidrs: tuple[str, ...]
) -> None:
    """Make a secret identifier. It is shown this once."""
    reply = session.client.approles.create_secret_id(
        name, ttl_seconds=ttl, max_uses=max_uses, bound_cidrs=cidrs
    )
    session.show(reply, brief="secret_id")


@secret_id.command("list", examples=["keystead approle secret-id list ci"])
@click.argument("name")
@pass_session
def list_secret_ids(session: Session, name: str) -> None:
    """List secret identifiers by accessor."""
    session.show(session.client.approles.list_secret_ids(name), brief="accessor")


@secret_id.command("find", examples=["keystead approle secret-id find ci --in ci.secret"])
@click.argument("name")
@in_option
@pass_session
def find_secret_id(session: Session, name: str, source: str) -> None:
    """Show what is known of a secret identifier, read from standard input or a file."""
    text = read_secret(source, "Secret identifier").strip()
    session.show(session.client.approles.find_secret_id(name, text), brief="accessor")


@secret_id.command("destroy", examples=["keystead approle secret-id destroy ci 5Kd0…"])
@click.argument("name")
@click.argument("accessor")
@pass_session
def destroy_secret_id(session: Session, name: str, accessor: str) -> None:
    """Destroy a secret identifier by its accessor."""
    session.client.approles.destroy_secret_id(name, accessor)
    session.say("The secret identifier is destroyed.")
