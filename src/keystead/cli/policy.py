"""Policies, in Cedar."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import context_option, in_option, read_secret
from keystead.cli.session import Session, pass_session
from keystead.errors import InvalidRequest


@click.group(cls=Group)
def policy() -> None:
    """Write policies, and ask why they decide so."""


@policy.command(examples=["keystead policy validate --in shop.cedar"])
@in_option
@pass_session
def validate(session: Session, source: str) -> int:
    """Check a policy text without writing it. Exits 1 if something is wrong."""
    reply = session.client.policies.validate(read_secret(source, "Policy"))
    if session.json:
        session.show(reply)
    for error in () if session.json else reply.errors:
        click.echo(error, err=True)
    if not reply.errors:
        session.say("The policy is valid.")
    return 1 if reply.errors else 0


@policy.command(
    examples=[
        "keystead policy write shop --in shop.cedar",
        "keystead policy write shop < shop.cedar",
    ]
)
@click.argument("name")
@in_option
@click.option("--description", default="", help="What it is for.")
@pass_session
def write(session: Session, name: str, source: str, description: str) -> None:
    """Create or replace a policy from standard input or a file.

    A text that the schema refuses is not written.
    """
    text = read_secret(source, "Policy")
    session.client.policies.write(name, text, description=description)
    session.say(f"Policy {name} is written and in force.")


@policy.command("list", examples=["keystead policy list"])
@pass_session
def list_policies(session: Session) -> None:
    """List policies by name."""
    from keystead.operations.policies import ListPolicies

    session.show_all(ListPolicies(limit=1000), brief="name", columns=())


@policy.command(examples=["keystead policy show shop"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Print a policy as it was written."""
    reply = session.client.policies.show(name)
    if session.json:
        session.show(reply)
    else:
        click.echo(reply.text, nl=not reply.text.endswith("\n"))


@policy.command(examples=["keystead policy delete shop"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a policy."""
    session.client.policies.delete(name)
    session.say(f"Policy {name} is deleted.")


@policy.command(
    examples=[
        "keystead policy why user/alice key:encrypt orders",
        "keystead policy why approle/ci key:sign release --role signer --source-ip 10.0.0.7",
        "keystead policy why user/alice policy:list",
    ]
)
@click.argument("principal")
@click.argument("action")
@click.argument("resource", required=False, default="")
@click.option("--kind", help="Kind of the resource, if not the action's: key, policy, …")
@click.option("--role", "roles", multiple=True, help="As if it had this role too, repeatable.")
@click.option("--source-ip", default="", help="As if it asked from here.")
@context_option
@pass_session
def why(
    session: Session,
    principal: str,
    action: str,
    resource: str,
    kind: str | None,
    roles: tuple[str, ...],
    source_ip: str,
    context: dict[str, str],
) -> None:
    """Say whether PRINCIPAL may do ACTION on RESOURCE, and which policies decide."""
    if ":" not in action:
        raise InvalidRequest("An action has a kind and a verb, like key:encrypt.", action=action)
    reply = session.client.policies.why(
        principal,
        action,
        resource_kind=kind or action.partition(":")[0],
        resource_name=resource,
        roles=roles,
        source_ip=source_ip,
        context=context,
    )
    session.show(reply, brief="allowed")


@policy.command(examples=["keystead policy schema > schema.json"])
@pass_session
def schema(session: Session) -> None:
    """Print the Cedar schema that policies are checked against, as JSON."""
    from keystead.cli.render import print_json

    print_json(session.client.policies.schema().cedar_schema)
