"""Policies: in Cedar, and by path as Vault's clients write them."""

from __future__ import annotations

from typing import Any, Final

import click

from keystead.cli.command import Group
from keystead.cli.inputs import context_option, in_option, read_secret
from keystead.cli.session import Session, pass_session
from keystead.errors import FixRequest, InvalidRequest, NotFound

_VAULT: Final = "vault"
_language_option = click.option(
    "--language",
    type=click.Choice(["cedar", _VAULT]),
    help="Cedar, or paths and capabilities as Vault has them. Left out: told by the file name.",
)
_which_option = click.option(
    "--language",
    type=click.Choice(["cedar", _VAULT]),
    help="Which, where policies of both languages have the name. Left out: cedar, else vault.",
)


def _is_vault(language: str | None, source: str) -> bool:
    return language == _VAULT or (language is None and source.lower().endswith(".hcl"))


@click.group(cls=Group)
def policy() -> None:
    """Write policies, and ask why they decide so."""


@policy.command(
    examples=[
        "keystead policy validate --in shop.cedar",
        "keystead policy validate --in shop.hcl",
    ]
)
@in_option
@_language_option
@pass_session
def validate(session: Session, source: str, language: str | None) -> int:
    """Check a policy text without writing it. Exits 1 if something is wrong."""
    from keystead.operations.path_policies import ValidatePathPolicy
    from keystead.operations.policies import ValidatePolicy

    text = read_secret(source, "Policy")
    if _is_vault(language, source):
        reply = session.client(ValidatePathPolicy(text=text))
    else:
        reply = session.client(ValidatePolicy(text=text))
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
        "keystead policy write shop --in shop.hcl",
    ]
)
@click.argument("name")
@in_option
@click.option("--description", default="", help="What it is for; Cedar only.")
@_language_option
@pass_session
def write(session: Session, name: str, source: str, description: str, language: str | None) -> None:
    """Create or replace a policy from standard input or a file.

    A text that is not valid is not written. A policy by paths speaks for the role of its name.
    """
    from keystead.operations.path_policies import WritePathPolicy

    text = read_secret(source, "Policy")
    if _is_vault(language, source):
        if description:
            raise InvalidRequest("A policy by paths has no description; comments are kept.")
        session.client(WritePathPolicy(name=name, text=text))
    else:
        session.client.policies.write(name, text, description=description)
    session.say(f"Policy {name} is written and in force.")


@policy.command("list", examples=["keystead policy list"])
@pass_session
def list_policies(session: Session) -> None:
    """List policies of both languages by name."""
    from keystead.cli.listings import ListedPolicies, ListedPolicy
    from keystead.operations.path_policies import ListPathPolicies
    from keystead.operations.policies import ListPolicies

    listings: tuple[tuple[str, Any], ...] = (
        ("cedar", ListPolicies(limit=1000)),
        (_VAULT, ListPathPolicies(limit=1000)),
    )
    policies = [
        ListedPolicy(name=name, language=language)
        for language, operation in listings
        for page in session.client.pages(operation)
        for name in page.names
    ]
    reply = ListedPolicies(policies=sorted(policies, key=lambda policy: policy.name))
    session.show(reply, brief="name", columns=("name", "language"))


@policy.command(examples=["keystead policy show shop"])
@click.argument("name")
@_which_option
@pass_session
def show(session: Session, name: str, language: str | None) -> None:
    """Print a policy as it was written."""
    from keystead.operations.path_policies import ShowPathPolicy
    from keystead.operations.policies import ShowPolicy

    reply = _either(session, language, ShowPolicy(name=name), ShowPathPolicy(name=name))
    if session.json:
        session.show(reply)
    else:
        click.echo(reply.text, nl=not reply.text.endswith("\n"))


@policy.command(examples=["keystead policy delete shop"])
@click.argument("name")
@_which_option
@pass_session
def delete(session: Session, name: str, language: str | None) -> None:
    """Delete a policy."""
    from keystead.operations.path_policies import DeletePathPolicy
    from keystead.operations.policies import DeletePolicy

    _either(session, language, DeletePolicy(name=name), DeletePathPolicy(name=name))
    session.say(f"Policy {name} is deleted.")


def _either(session: Session, language: str | None, cedar: Any, vault: Any) -> Any:
    """Ask for the policy of that language; without one for Cedar's, or else for the other."""
    if language == _VAULT:
        return session.client(vault)
    try:
        return session.client(cedar)
    except NotFound as missing:
        if language is not None:
            raise
        try:
            return session.client(vault)
        except FixRequest:
            raise missing from None


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
