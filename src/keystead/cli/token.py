"""Tokens."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration, read_secret
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
@click.option("--by", "made_by", default="", metavar="TOKEN_ROLE", help="Make it by a token role.")
@limit_options
@pass_session
def create(
    session: Session,
    /,
    name: str | None,
    roles: tuple[str, ...],
    kind: str,
    orphan: bool,
    made_by: str,
    **limits: object,
) -> None:
    """Create a token. It is shown this once."""
    reply = session.client.tokens.create(
        name=name,
        roles=roles or None,
        token_kind=kind,
        orphan=orphan,
        limits=limits_from(limits),
        token_role=made_by,
    )
    session.show(reply, brief="token")


@token.command(
    examples=[
        "keystead token lookup",
        "keystead token lookup 5Kd0…",
        "keystead token lookup --in found.token",
    ]
)
@click.argument("accessor", required=False)
@click.option("--in", "source", metavar="FILE", help="Of the token in this file; - reads input.")
@pass_session
def lookup(session: Session, accessor: str | None, source: str | None) -> None:
    """Look up a token by its accessor or its text, or your own."""
    tokens = session.client.tokens
    if source is not None:
        session.show(tokens.find(read_secret(source, "Token").strip()), brief="accessor")
        return
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


@token.group(cls=Group)
def role() -> None:
    """Token roles: the settings that tokens made by them have."""


@role.command(
    "write", examples=["keystead token role write ci --allow deploy --period 1h --orphan"]
)
@click.argument("name")
@click.option("--allow", "allowed", multiple=True, help="Role that may be asked for, repeatable.")
@click.option("--deny", "disallowed", multiple=True, help="Role that may not, repeatable.")
@click.option("--orphan", is_flag=True, help="The tokens have no parent.")
@click.option("--no-renewal", is_flag=True, help="The tokens cannot be renewed.")
@limit_options
@pass_session
def write_role(
    session: Session,
    /,
    name: str,
    allowed: tuple[str, ...],
    disallowed: tuple[str, ...],
    orphan: bool,
    no_renewal: bool,
    **limits: object,
) -> None:
    """Create or replace a token role. A * in a role to allow or deny stands for anything."""
    reply = session.client.token_roles.write(
        name,
        allowed=[text for text in allowed if "*" not in text],
        allowed_patterns=[text for text in allowed if "*" in text],
        disallowed=[text for text in disallowed if "*" not in text],
        disallowed_patterns=[text for text in disallowed if "*" in text],
        orphan=orphan,
        renewable=not no_renewal,
        limits=limits_from(limits),
    )
    session.show(reply, brief="name")


@role.command("show", examples=["keystead token role show ci"])
@click.argument("name")
@pass_session
def show_role(session: Session, name: str) -> None:
    """Show a token role."""
    session.show(session.client.token_roles.show(name), brief="name")


@role.command("list", examples=["keystead token role list"])
@pass_session
def list_roles(session: Session) -> None:
    """List token roles."""
    from keystead.operations.identity import ListTokenRoles

    session.show_all(ListTokenRoles(limit=1000), brief="name", columns=())


@role.command("delete", examples=["keystead token role delete ci"])
@click.argument("name")
@pass_session
def delete_role(session: Session, name: str) -> None:
    """Delete a token role. Tokens made by it stay."""
    session.client.token_roles.delete(name)
    session.say(f"Token role {name} is deleted.")
