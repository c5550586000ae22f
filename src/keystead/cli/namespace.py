"""Namespaces: tenants, each under a key-encryption key of its own."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.session import Session, pass_session


@click.group(cls=Group)
def namespace() -> None:
    """Tenants, each under a key of its own."""


@namespace.command(examples=["keystead namespace create acme", "keystead namespace create acme/eu"])
@click.argument("name")
@pass_session
def create(session: Session, name: str) -> None:
    """Create a namespace. Work in it with --namespace or KEYSTEAD_NAMESPACE."""
    session.show(session.client.namespaces.create(name), brief="id")


@namespace.command(examples=["keystead namespace show acme"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a namespace."""
    session.show(session.client.namespaces.show(name), brief="id")


@namespace.command("list", examples=["keystead namespace list"])
@pass_session
def list_namespaces(session: Session) -> None:
    """List namespaces."""
    from keystead.operations.namespaces import ListNamespaces

    session.show_all(ListNamespaces(limit=1000), brief="name", columns=())


@namespace.command(examples=["keystead namespace seal acme"])
@click.argument("name")
@pass_session
def seal(session: Session, name: str) -> None:
    """Seal a namespace: nothing in it is served until it is unsealed."""
    session.show(session.client.namespaces.seal(name), brief="sealed")


@namespace.command(examples=["keystead namespace unseal acme"])
@click.argument("name")
@pass_session
def unseal(session: Session, name: str) -> None:
    """Unseal a namespace."""
    session.show(session.client.namespaces.unseal(name), brief="sealed")


@namespace.command("rotate-kek", examples=["keystead namespace rotate-kek acme"])
@click.argument("name")
@pass_session
def rotate_kek(session: Session, name: str) -> None:
    """Give a namespace a new key-encryption key."""
    session.show(session.client.namespaces.rotate_kek(name), brief="kek_version")


@namespace.command(examples=["keystead namespace delete acme --confirm acme"])
@click.argument("name")
@click.option("--confirm", help="The name once more; without it you are asked.")
@pass_session
def delete(session: Session, name: str, confirm: str | None) -> None:
    """Delete a namespace for good: its key is destroyed, and with it all it protects."""
    repeated = confirm or click.prompt(f"This cannot be undone. Repeat the name {name}", err=True)
    session.client.namespaces.delete(name, repeated)
    session.say(f"Namespace {name} is deleted.")
