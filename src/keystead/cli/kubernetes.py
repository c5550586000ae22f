"""Log-ins of Kubernetes workloads."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import read_bytes, read_secret
from keystead.cli.limits import limit_options, limits_from
from keystead.cli.session import Session, pass_session


@click.group(cls=Group)
def kubernetes() -> None:
    """Who logs in with a Kubernetes service account.

    Mount the method first: keystead mount create auth/kubernetes --type kubernetes. A role is
    called NAME at that mount, and PATH/NAME at the mount auth/PATH.
    """


@kubernetes.group()
def cluster() -> None:
    """Which cluster a mount trusts."""


@cluster.command(
    examples=["keystead kubernetes cluster write kubernetes --host https://k8s:6443 --ca ca.pem"]
)
@click.argument("mount")
@click.option("--host", required=True, metavar="URL", help="The API server.")
@click.option("--ca", metavar="FILE", help="Authorities that count for it, PEM.")
@click.option("--reviewer-token-file", metavar="FILE", help="What reviews are asked with.")
@click.option("--public-key", multiple=True, metavar="FILE", help="Check signatures too, PEM.")
@click.option("--issuer", default="", help="What a token must name as issuer.")
@click.option("--outside", is_flag=True, help="Keystead is no pod of that cluster.")
@pass_session
def write(
    session: Session,
    /,
    mount: str,
    host: str,
    ca: str | None,
    reviewer_token_file: str | None,
    public_key: tuple[str, ...],
    issuer: str,
    outside: bool,
) -> None:
    """Say which cluster a mount trusts."""
    from keystead.operations.kubernetes_auth import KubernetesCluster, WriteKubernetesCluster

    token = read_secret(reviewer_token_file, "Token") if reviewer_token_file else ""
    said = KubernetesCluster(
        kubernetes_host=host,
        kubernetes_ca_cert=read_bytes(ca).decode("ascii", "replace") if ca else "",
        token_reviewer_jwt=token.strip(),
        pem_keys=[read_bytes(path).decode("ascii", "replace") for path in public_key],
        issuer=issuer,
        disable_iss_validation=not issuer,
        disable_local_ca_jwt=outside,
    )
    reply = session.client(WriteKubernetesCluster(mount=mount, cluster=said))
    session.show(reply, brief="kubernetes_host")


@cluster.command(examples=["keystead kubernetes cluster show kubernetes"])
@click.argument("mount")
@pass_session
def show(session: Session, mount: str) -> None:
    """Show which cluster a mount trusts."""
    from keystead.operations.kubernetes_auth import ShowKubernetesCluster

    session.show(session.client(ShowKubernetesCluster(mount=mount)), brief="kubernetes_host")


@kubernetes.group()
def role() -> None:
    """Which service accounts log in, and as what."""


@role.command(
    "write",
    examples=[
        "keystead kubernetes role write shop --service-account shop --in-namespace prod --role shop"
    ],
)
@click.argument("name")
@click.option("--service-account", multiple=True, required=True, help="Name or pattern with *.")
@click.option("--in-namespace", multiple=True, required=True, help="Its namespace, or a pattern.")
@click.option("--audience", default="", help="Whom a token must be for.")
@click.option("--role", "roles", multiple=True, help="Role that they have, repeatable.")
@limit_options
@pass_session
def write_role(
    session: Session,
    /,
    name: str,
    service_account: tuple[str, ...],
    in_namespace: tuple[str, ...],
    audience: str,
    roles: tuple[str, ...],
    **limits: object,
) -> None:
    """Create or replace a role."""
    from keystead.operations.kubernetes_auth import KubernetesDemands, WriteKubernetesRole

    demands = KubernetesDemands(
        bound_service_account_names=list(service_account),
        bound_service_account_namespaces=list(in_namespace),
        audience=audience,
    )
    operation = WriteKubernetesRole(
        name=name, demands=demands, roles=list(roles), limits=limits_from(limits)
    )
    session.show(session.client(operation), brief="name")


@role.command("show", examples=["keystead kubernetes role show shop"])
@click.argument("name")
@pass_session
def show_role(session: Session, name: str) -> None:
    """Show a role."""
    from keystead.operations.kubernetes_auth import ShowKubernetesRole

    session.show(session.client(ShowKubernetesRole(name=name)), brief="name")


@role.command("list", examples=["keystead kubernetes role list"])
@click.option("--mount", default="kubernetes", show_default=True, help="The mount, without auth/.")
@pass_session
def list_roles(session: Session, mount: str) -> None:
    """List the roles of a mount."""
    from keystead.operations.kubernetes_auth import ListKubernetesRoles

    session.show(session.client(ListKubernetesRoles(mount=mount)), brief="names")


@role.command("delete", examples=["keystead kubernetes role delete shop"])
@click.argument("name")
@pass_session
def delete_role(session: Session, name: str) -> None:
    """Delete a role and revoke its tokens."""
    from keystead.operations.kubernetes_auth import DeleteKubernetesRole

    session.client(DeleteKubernetesRole(name=name))
    session.say(f"Role {name} is deleted.")
