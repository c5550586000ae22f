"""Certificate roles: which TLS client certificates log in, and as what."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import read_secret
from keystead.cli.limits import limit_options, limits_from
from keystead.cli.session import Session, pass_session


@click.group("certificate-role", cls=Group)
def certificate_role() -> None:
    """Who logs in with a TLS certificate."""


@certificate_role.command(
    examples=["keystead certificate-role write web --ca ca.pem --dns '*.web.example' --role web"]
)
@click.argument("name")
@click.option("--ca", required=True, metavar="FILE", help="CA certificates that count, PEM.")
@click.option("--role", "roles", multiple=True, help="Role that they have, repeatable.")
@click.option("--common-name", multiple=True, help="Allowed common name, a pattern, repeatable.")
@click.option("--dns", multiple=True, help="Allowed DNS name, a pattern, repeatable.")
@click.option("--uri", multiple=True, help="Allowed URI, a pattern, repeatable.")
@limit_options
@pass_session
def write(
    session: Session,
    /,
    name: str,
    ca: str,
    roles: tuple[str, ...],
    common_name: tuple[str, ...],
    dns: tuple[str, ...],
    uri: tuple[str, ...],
    **limits: object,
) -> None:
    """Create or replace a certificate role.

    The CA certificates need the key usage keyCertSign. A certificate with no extended key
    usage, or with clientAuth among them, logs in if it has a name of every kind given.
    """
    reply = session.client.certificate_roles.write(
        name,
        read_secret(ca, "CA certificates"),
        roles=roles,
        allowed_common_names=common_name,
        allowed_dns_names=dns,
        allowed_uris=uri,
        limits=limits_from(limits),
    )
    session.show(reply, brief="name")


@certificate_role.command(examples=["keystead certificate-role show web"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a certificate role."""
    session.show(session.client.certificate_roles.show(name), brief="name")


@certificate_role.command("list", examples=["keystead certificate-role list"])
@pass_session
def list_certificate_roles(session: Session) -> None:
    """List certificate roles by name."""
    from keystead.operations.identity import ListCertificateRoles

    session.show_all(ListCertificateRoles(limit=1000), brief="name", columns=())


@certificate_role.command(examples=["keystead certificate-role delete web"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete a certificate role and revoke its tokens."""
    session.client.certificate_roles.delete(name)
    session.say(f"Certificate role {name} is deleted.")
