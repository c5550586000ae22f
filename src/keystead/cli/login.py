"""Logging in and out: the token is kept for later commands."""

from __future__ import annotations

import os

import click

from keystead.cli.command import Command
from keystead.cli.inputs import read_secret
from keystead.cli.session import Session, pass_session, token_file
from keystead.operations.identity import IssuedToken, MfaRequirement
from keystead.operations.jwt_auth import LoginJwt
from keystead.operations.kubernetes_auth import LoginKubernetes
from keystead.operations.mfa import ValidateMfa

POD_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path


@click.command(
    cls=Command,
    examples=[
        "keystead login --method userpass --user alice",
        "keystead login --method approle --role-id 8f2c… --secret-file secret-id.txt",
        "keystead login --method cert --client-certificate me.pem --client-key me.key",
        "keystead login --method oidc --role staff",
        "keystead login --method jwt --role ci --secret-file token.jwt",
        "keystead login --method kubernetes --role shop",
        "keystead login --method token",
    ],
)
@click.option(
    "--method",
    type=click.Choice(["userpass", "approle", "cert", "jwt", "oidc", "kubernetes", "token"]),
    default="userpass",
    show_default=True,
    help="How to prove who you are.",
)
@click.option("--user", help="userpass: the user's name.")
@click.option("--role-id", help="approle: the role identifier.")
@click.option("--role", help="cert, jwt, oidc, kubernetes: the role to log in as.")
@click.option("--mount", help="jwt, oidc, kubernetes: the mount, if not auth/METHOD.")
@click.option("--port", default=8250, show_default=True, help="oidc: where the browser comes back.")
@click.option(
    "--secret-file",
    "--password-file",
    "secret_file",
    metavar="FILE",
    help="Read the password, secret identifier or token here; - is standard input.",
)
@pass_session
def login(
    session: Session,
    method: str,
    user: str | None,
    role_id: str | None,
    role: str | None,
    mount: str | None,
    port: int,
    secret_file: str | None,
) -> None:
    """Log in; the token is kept in ~/.keystead-token (or KEYSTEAD_TOKEN_FILE), mode 0600.

    KEYSTEAD_TOKEN, if set, wins over the kept one.
    """
    client = session.client
    client.use_token("")
    issued: IssuedToken | None = None
    if method == "userpass":
        name = user or click.prompt("User", err=True)
        issued = client.users.login(name, read_secret(secret_file, "Password"))
    elif method == "approle":
        identifier = role_id or click.prompt("Role identifier", err=True)
        secret = read_secret(secret_file, "Secret identifier")
        issued = client.approles.login(identifier, secret_id=secret)
    elif method == "cert":
        issued = client.certificate_roles.login(name=role)
    elif method == "oidc":
        from keystead.cli import browser

        issued = browser.log_in(client, mount or method, role or "", port)
    elif method == "jwt":
        jwt = read_secret(secret_file, "Token").strip()
        issued = client(LoginJwt(mount=mount or method, role=role or "", jwt=jwt))
    elif method == "kubernetes":
        jwt = read_secret(secret_file or POD_TOKEN, "Token").strip()
        issued = client(LoginKubernetes(mount=mount or method, role=role or "", jwt=jwt))
    if issued and issued.mfa is not None:
        issued = client(_second_factor(issued.mfa))
    token = issued.token if issued else read_secret(secret_file, "Token").strip()
    client.use_token(token)
    info = issued.info if issued else client.tokens.lookup_self()
    _keep(token)
    session.show(info, brief="principal")
    session.say(f"The token is kept in {token_file()}")
    if "KEYSTEAD_TOKEN" in os.environ:
        session.say("KEYSTEAD_TOKEN is set and wins over it: unset it to use this log-in.")


@click.command(cls=Command, examples=["keystead logout"])
@pass_session
def logout(session: Session) -> None:
    """Revoke the token that is in use and delete the kept one."""
    session.client.tokens.revoke_self()
    token_file().unlink(missing_ok=True)
    session.say("The token is revoked.")


def _second_factor(waiting: MfaRequirement) -> ValidateMfa:
    """Ask for one code for each demand, of the first method that would do."""
    codes = {}
    for choices in waiting.constraints.values():
        method = choices[0]
        if method.id not in codes:
            codes[method.id] = [read_secret(None, f"Code of {method.name or method.id}").strip()]
    return ValidateMfa(request_id=waiting.request_id, codes=codes)


def _keep(token: str) -> None:
    """Write the token file whole, mode 0600."""
    from keystead.client.atomic import new_file

    with new_file(token_file(), replace=True) as file:
        file.write(token.encode() + b"\n")
