"""Log-ins with tokens of other issuers, and with browsers."""

from __future__ import annotations

from typing import Any

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration, pair, read_bytes, read_secret
from keystead.cli.limits import limit_options, limits_from
from keystead.cli.session import Session, pass_session


@click.group(cls=Group)
def jwt() -> None:
    """Who logs in with a signed token (JWT) or at an OpenID provider.

    Mount the method first: keystead mount create auth/jwt --type jwt. A role is called NAME
    at the mount auth/jwt, and PATH/NAME at the mount auth/PATH.
    """


# --- whom a mount trusts ------------------------------------------------------------------


@jwt.group()
def issuer() -> None:
    """Whom a mount trusts to sign tokens."""


@issuer.command(
    examples=[
        "keystead jwt issuer write jwt --jwks-url https://ci.example/keys --issuer https://ci.example",
        "keystead jwt issuer write oidc --oidc-url https://id.example --client-id keystead"
        " --client-secret-file secret.txt --default-role staff",
    ]
)
@click.argument("mount")
@click.option("--jwks-url", default="", metavar="URL", help="Where the issuer's key set is.")
@click.option("--oidc-url", default="", metavar="URL", help="The OpenID provider's own URL.")
@click.option("--public-key", multiple=True, metavar="FILE", help="Its key, PEM, repeatable.")
@click.option("--ca", metavar="FILE", help="Authorities that count for that server, PEM.")
@click.option("--issuer", "bound_issuer", default="", help="What a token must name as issuer.")
@click.option("--algorithm", multiple=True, help="Signature algorithm that counts, repeatable.")
@click.option("--default-role", default="", help="The role of who names none.")
@click.option("--client-id", default="", help="What Keystead is called at the provider.")
@click.option("--client-secret-file", metavar="FILE", help="And its secret; - is standard input.")
@pass_session
def write(
    session: Session,
    /,
    mount: str,
    jwks_url: str,
    oidc_url: str,
    public_key: tuple[str, ...],
    ca: str | None,
    bound_issuer: str,
    algorithm: tuple[str, ...],
    default_role: str,
    client_id: str,
    client_secret_file: str | None,
) -> None:
    """Say whom a mount trusts, by one of key set, OpenID provider and keys."""
    from keystead.operations.jwt_auth import JwtIssuer, WriteJwtIssuer

    ca_pem = read_bytes(ca).decode("ascii", "replace") if ca else ""
    said = JwtIssuer(
        jwks_url=jwks_url,
        jwks_ca_pem=ca_pem if jwks_url else "",
        oidc_discovery_url=oidc_url,
        oidc_discovery_ca_pem=ca_pem if oidc_url else "",
        oidc_client_id=client_id,
        oidc_client_secret=read_secret(client_secret_file, "Secret") if client_secret_file else "",
        jwt_validation_pubkeys=[read_bytes(path).decode("ascii", "replace") for path in public_key],
        bound_issuer=bound_issuer,
        jwt_supported_algs=list(algorithm),
        default_role=default_role,
    )
    session.show(session.client(WriteJwtIssuer(mount=mount, issuer=said)), brief="bound_issuer")


@issuer.command(examples=["keystead jwt issuer show jwt"])
@click.argument("mount")
@pass_session
def show(session: Session, mount: str) -> None:
    """Show whom a mount trusts."""
    from keystead.operations.jwt_auth import ShowJwtIssuer

    session.show(session.client(ShowJwtIssuer(mount=mount)), brief="bound_issuer")


# --- roles --------------------------------------------------------------------------------


@jwt.group()
def role() -> None:
    """Which tokens log in, and as what."""


@role.command(
    "write",
    examples=[
        "keystead jwt role write ci --user-claim sub --audience keystead"
        " --claim project=shop --role builder",
        "keystead jwt role write oidc/staff --user-claim email --role staff"
        " --redirect http://localhost:8250/oidc/callback",
    ],
)
@click.argument("name")
@click.option("--user-claim", default="sub", show_default=True, help="The claim that says who.")
@click.option("--audience", multiple=True, help="Whom a token must be for, repeatable.")
@click.option("--subject", default="", help="Whom a token must speak of.")
@click.option(
    "--claim", type=pair, multiple=True, metavar="NAME=VALUE",
    help="What a token must claim; of several values of a name, one.",
)  # fmt: skip
@click.option("--glob", is_flag=True, help="In claims, * stands for anything.")
@click.option("--groups-claim", default="", help="The claim that names the user's groups.")
@click.option(
    "--keep", type=pair, multiple=True, metavar="CLAIM=NAME", help="Claim to keep as metadata."
)
@click.option("--redirect", multiple=True, metavar="URL", help="Where browsers may come back to.")
@click.option("--scope", multiple=True, help="What to ask the provider for besides openid.")
@click.option("--max-age", type=duration, default="0", help="How old a session there may be.")
@click.option("--role", "roles", multiple=True, help="Role that they have, repeatable.")
@limit_options
@pass_session
def write_role(
    session: Session,
    /,
    name: str,
    user_claim: str,
    audience: tuple[str, ...],
    subject: str,
    claim: tuple[tuple[str, str], ...],
    glob: bool,
    groups_claim: str,
    keep: tuple[tuple[str, str], ...],
    redirect: tuple[str, ...],
    scope: tuple[str, ...],
    max_age: int,
    roles: tuple[str, ...],
    **limits: object,
) -> None:
    """Create or replace a role. With --redirect it is for browsers."""
    from keystead.operations.jwt_auth import JwtDemands, WriteJwtRole

    bound: dict[str, Any] = {}
    for claimed, value in claim:
        bound.setdefault(claimed, []).append(value)
    demands = JwtDemands(
        role_type="oidc" if redirect else "jwt",
        user_claim=user_claim,
        bound_audiences=list(audience),
        bound_subject=subject,
        bound_claims=bound,
        bound_claims_type="glob" if glob else "string",
        groups_claim=groups_claim,
        claim_mappings=dict(keep),
        allowed_redirect_uris=list(redirect),
        oidc_scopes=list(scope),
        max_age=max_age,
    )
    operation = WriteJwtRole(
        name=name, demands=demands, roles=list(roles), limits=limits_from(limits)
    )
    session.show(session.client(operation), brief="name")


@role.command("show", examples=["keystead jwt role show ci"])
@click.argument("name")
@pass_session
def show_role(session: Session, name: str) -> None:
    """Show a role."""
    from keystead.operations.jwt_auth import ShowJwtRole

    session.show(session.client(ShowJwtRole(name=name)), brief="name")


@role.command("list", examples=["keystead jwt role list", "keystead jwt role list --mount oidc"])
@click.option("--mount", default="jwt", show_default=True, help="The mount, without auth/.")
@pass_session
def list_roles(session: Session, mount: str) -> None:
    """List the roles of a mount."""
    from keystead.operations.jwt_auth import ListJwtRoles

    session.show(session.client(ListJwtRoles(mount=mount)), brief="names")


@role.command("delete", examples=["keystead jwt role delete ci"])
@click.argument("name")
@pass_session
def delete_role(session: Session, name: str) -> None:
    """Delete a role and revoke its tokens."""
    from keystead.operations.jwt_auth import DeleteJwtRole

    session.client(DeleteJwtRole(name=name))
    session.say(f"Role {name} is deleted.")
