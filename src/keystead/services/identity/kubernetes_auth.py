"""Which cluster a mount trusts, which service accounts its roles are for, and the log-in."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from keystead.discreet import Discreet
from keystead.errors import (
    InvalidRequest,
    KeysteadError,
    NotFound,
    PermissionDenied,
    VerificationFailed,
)
from keystead.identity import jwt_claims
from keystead.identity.jwt import Claims, claims_unverified, from_pem, verify
from keystead.identity.jwt_fetch import ask, fetch, require_ca, require_url
from keystead.identity.records import KUBERNETES_ROLE, KubernetesRoleRecord
from keystead.operations import Done
from keystead.operations.identity import IssuedToken
from keystead.operations.kubernetes_auth import (
    DeleteKubernetesRole,
    KubernetesCluster,
    KubernetesClusterView,
    KubernetesDemands,
    KubernetesRoleNames,
    KubernetesRoleView,
    ListKubernetesRoles,
    LoginKubernetes,
    ShowKubernetesCluster,
    ShowKubernetesRole,
    WriteKubernetesCluster,
    WriteKubernetesRole,
)
from keystead.operations.mounts import MountView
from keystead.services.identity.entities_login import LoginAlias
from keystead.services.identity.issuing import issue_login, kept, shown
from keystead.services.identity.mounted_roles import MountedRoles, new_incarnation
from keystead.services.mounts import keep_under_mounts, on_move, on_unmount
from keystead.services.registry import asks, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its own token and its cluster's authority."""

_ALIASES: Final = ("serviceaccount_uid", "serviceaccount_name")


class KubernetesClusterRecord(Discreet, frozen=True):
    """Which cluster a mount trusts; the record id is the mount's uuid and ``/cluster``."""

    cluster: KubernetesCluster


KUBERNETES_CLUSTER = Kind("kubernetes-cluster", KubernetesClusterRecord)
ROLES = MountedRoles(KUBERNETES_ROLE, "kubernetes", ("kubernetes",))

keep_under_mounts(KUBERNETES_CLUSTER)
on_unmount("kubernetes")(ROLES.unmount)
on_move("kubernetes")(ROLES.move)


class ServiceAccount(NamedTuple):
    """Whom a token speaks of."""

    namespace: str
    name: str
    uid: str
    secret_name: str
    audiences: list[str]


class Proof(NamedTuple):
    """A service account that its cluster vouches for, to log in as a role."""

    mount: MountView
    name: str
    role: KubernetesRoleRecord
    account: ServiceAccount

    @property
    def alias(self) -> str:
        """What the entity is known by."""
        if self.role.demands.alias_name_source == "serviceaccount_name":
            return f"{self.account.namespace}/{self.account.name}"
        return self.account.uid

    @property
    def metadata(self) -> dict[str, str]:
        """What is kept of the service account."""
        return {
            "role": self.name.rpartition("/")[2],
            "service_account_name": self.account.name,
            "service_account_namespace": self.account.namespace,
            "service_account_secret_name": self.account.secret_name,
            "service_account_uid": self.account.uid,
        }


# --- the cluster ------------------------------------------------------------------------


@changes(WriteKubernetesCluster)
def write_cluster(
    operation: WriteKubernetesCluster, scope: Scope, tx: Transaction
) -> KubernetesClusterView:
    mount = ROLES.mount(tx, scope, operation.mount)
    cluster = operation.cluster
    if not cluster.kubernetes_host:
        raise InvalidRequest("no host provided")
    require_url(cluster.kubernetes_host)
    if cluster.disable_local_ca_jwt and not cluster.kubernetes_ca_cert:
        raise InvalidRequest("kubernetes_ca_cert must be given when disable_local_ca_jwt is true")
    if cluster.kubernetes_ca_cert:
        require_ca(cluster.kubernetes_ca_cert)
    from_pem(cluster.pem_keys)
    present = find_cluster(tx, scope, mount)
    scope.narrow("update" if present else "create")
    ROLES.require_grant(tx, scope, mount)
    record = KubernetesClusterRecord(cluster)
    tx.put(KUBERNETES_CLUSTER, scope.namespace, f"{mount.uuid}/cluster", record)
    return _cluster_view(cluster)


@reads(ShowKubernetesCluster)
def show_cluster(
    operation: ShowKubernetesCluster, scope: Scope, reader: Reader
) -> KubernetesClusterView:
    cluster = find_cluster(reader, scope, ROLES.mount(reader, scope, operation.mount))
    if cluster is None:
        raise NotFound("", mount=operation.mount)
    return _cluster_view(cluster)


def find_cluster(reader: Reader, scope: Scope, mount: MountView) -> KubernetesCluster | None:
    """Which cluster a mount trusts, if that is said."""
    record = reader.get(KUBERNETES_CLUSTER, scope.namespace, f"{mount.uuid}/cluster")
    return record.cluster if record else None


# --- roles ------------------------------------------------------------------------------


@changes(WriteKubernetesRole)
def write_role(operation: WriteKubernetesRole, scope: Scope, tx: Transaction) -> KubernetesRoleView:
    """Its tokens have its new roles at once; their lifetimes are what they were."""
    name = ROLES.normal(operation.name)
    mount = ROLES.mount_of(tx, scope, operation.name)
    _require_sensible(operation.demands)
    present = tx.get(KUBERNETES_ROLE, scope.namespace, name)
    record = KubernetesRoleRecord(
        incarnation=present.incarnation if present else new_incarnation(),
        mount=mount.uuid,
        demands=operation.demands,
        roles=operation.roles,
        limits=kept(operation.limits),
    )
    ROLES.put(tx, scope, name, record)
    return _view(name, record)


@reads(ShowKubernetesRole)
def show_role(operation: ShowKubernetesRole, scope: Scope, reader: Reader) -> KubernetesRoleView:
    name = ROLES.normal(operation.name)
    return _view(name, ROLES.find(reader, scope, name))


@reads(ListKubernetesRoles)
def list_roles(operation: ListKubernetesRoles, scope: Scope, reader: Reader) -> KubernetesRoleNames:
    mount = ROLES.mount(reader, scope, operation.mount)
    names = [name.rpartition("/")[2] for name, _ in ROLES.of(reader, scope.namespace, mount)]
    return KubernetesRoleNames(names=names)


@changes(DeleteKubernetesRole)
def delete_role(operation: DeleteKubernetesRole, scope: Scope, tx: Transaction) -> Done:
    ROLES.delete(tx, scope.namespace, ROLES.normal(operation.name))
    return Done()


def _require_sensible(demands: KubernetesDemands) -> None:
    names = demands.bound_service_account_names
    namespaces = demands.bound_service_account_namespaces
    if not names:
        raise InvalidRequest('"bound_service_account_names" can not be empty')
    if not namespaces:
        raise InvalidRequest('"bound_service_account_namespaces" can not be empty')
    if any("*" in patterns and len(patterns) > 1 for patterns in (names, namespaces)):
        raise InvalidRequest('can not mix "*" with values')
    if demands.alias_name_source not in _ALIASES:
        raise InvalidRequest(f"invalid alias_name_source, must be one of: {', '.join(_ALIASES)}")


# --- log-in -----------------------------------------------------------------------------


@asks(LoginKubernetes)
async def review(operation: LoginKubernetes, scope: Scope) -> Proof:
    """Hold the token against the role, then ask the cluster whether it still vouches for it.

    Whatever the cluster does not vouch for is denied without a reason.
    """
    if not operation.role:
        raise InvalidRequest("missing role")
    if not operation.jwt:
        raise InvalidRequest("missing jwt")
    mount, cluster, name, role = await scope.house.store.read(
        functools.partial(_find, operation, scope)
    )
    account = await ask(_account, operation.jwt, cluster, role.demands, scope.now)
    await ask(_review, operation.jwt, cluster, role.demands, account)
    return Proof(mount, name, role, account)


@changes(LoginKubernetes)
def login(operation: LoginKubernetes, scope: Scope, tx: Transaction) -> IssuedToken:
    proof: Proof = scope.prepared
    role = tx.get(KUBERNETES_ROLE, scope.namespace, proof.name)
    if role is None or (role.incarnation, role.demands) != (
        proof.role.incarnation,
        proof.role.demands,
    ):
        raise PermissionDenied
    account = proof.account
    scope.details["user"] = f"{account.namespace}/{account.name}"
    return issue_login(
        scope,
        tx,
        ROLES.principal(proof.name),
        role,
        display_name=ROLES.display_name(proof.mount, f"{account.namespace}-{account.name}"),
        metadata=proof.metadata,
        alias=LoginAlias(proof.mount, proof.alias, proof.metadata),
    )


def _find(
    operation: LoginKubernetes, scope: Scope, reader: Reader
) -> tuple[MountView, KubernetesCluster, str, KubernetesRoleRecord]:
    mount = ROLES.mount(reader, scope, operation.mount)
    name = ROLES.name(operation.mount, operation.role)
    known = "/" not in operation.role
    role = reader.get(KUBERNETES_ROLE, scope.namespace, name) if known else None
    if role is None:
        raise InvalidRequest(f'invalid role name "{operation.role}"')
    cluster = find_cluster(reader, scope, mount)
    if cluster is None:
        raise InvalidRequest("could not load backend configuration")
    return mount, cluster, name, role


def _account(
    jwt: str, cluster: KubernetesCluster, demands: KubernetesDemands, now: float
) -> ServiceAccount:
    """Whom the token speaks of, if the role is for that; the signature is checked only if the
    mount has keys, since the cluster is asked in any case. Raises PermissionDenied."""
    try:
        if cluster.pem_keys:
            claims = verify(jwt, from_pem(cluster.pem_keys))
        else:
            claims = claims_unverified(jwt)
        account = _parse(claims)
        jwt_claims.require_registered(
            claims,
            now,
            issuer="" if cluster.disable_iss_validation else cluster.issuer,
            audiences=[demands.audience] if demands.audience else (),
        )
    except VerificationFailed:
        raise PermissionDenied from None
    except InvalidRequest as error:
        raise PermissionDenied(error.message.removeprefix("error validating token: ")) from None
    if not _fits(account.namespace, demands.bound_service_account_namespaces):
        raise PermissionDenied("namespace not authorized")
    if not _fits(account.name, demands.bound_service_account_names):
        raise PermissionDenied("service account name not authorized")
    return account


def _parse(claims: Claims) -> ServiceAccount:
    """Read the claims of a bound token, or those of the old ones that were kept in secrets."""
    bound = _mapping(claims.get("kubernetes.io"))
    if bound:
        account = _mapping(bound.get("serviceaccount"))
        namespace, name, uid, secret = (
            bound.get("namespace"), account.get("name"), account.get("uid"), "",
        )  # fmt: skip
    else:
        old = "kubernetes.io/serviceaccount/"
        namespace, name, uid, secret = (
            claims.get(old + "namespace"),
            claims.get(old + "service-account.name"),
            claims.get(old + "service-account.uid"),
            claims.get(old + "secret.name", ""),
        )
    return ServiceAccount(
        _text(namespace), _text(name), _text(uid), _text(secret), jwt_claims.audiences_of(claims)
    )


def _review(
    jwt: str, cluster: KubernetesCluster, demands: KubernetesDemands, account: ServiceAccount
) -> None:
    """Have the cluster review the token (authentication.k8s.io/v1 TokenReview). Blocks.

    Raises PermissionDenied unless it vouches for the token, this service account and one of
    the audiences.
    """
    audiences = [demands.audience] if demands.audience else account.audiences
    spec: dict[str, Any] = {"token": jwt}
    if audiences:
        spec["audiences"] = audiences
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    url = cluster.kubernetes_host.rstrip("/") + "/apis/authentication.k8s.io/v1/tokenreviews"
    try:
        answer = fetch(url, _authority(cluster), bearer=_reviewer(cluster, jwt), json=body)
    except KeysteadError:
        raise PermissionDenied from None
    status = _mapping(_mapping(answer.body).get("status"))
    user = _mapping(status.get("user"))
    if answer.status not in (200, 201) or status.get("authenticated") is not True:
        raise PermissionDenied
    if audiences and not set(audiences) & set(_strings(status.get("audiences"))):
        raise PermissionDenied
    expected = f"system:serviceaccount:{account.namespace}:{account.name}"
    if user.get("username") != expected or not account.uid or user.get("uid") != account.uid:
        raise PermissionDenied


def _reviewer(cluster: KubernetesCluster, jwt: str) -> str:
    if cluster.token_reviewer_jwt:
        return cluster.token_reviewer_jwt
    return (not cluster.disable_local_ca_jwt and _read(POD / "token")) or jwt


def _authority(cluster: KubernetesCluster) -> str:
    if cluster.kubernetes_ca_cert or cluster.disable_local_ca_jwt:
        return cluster.kubernetes_ca_cert
    return _read(POD / "ca.crt")


def _read(path: Path) -> str:
    """A file of the pod, read anew each time: the cluster replaces it. Empty if not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _fits(value: str, patterns: list[str]) -> bool:
    return bool(value) and any(jwt_claims.fits_stars(value, pattern) for pattern in patterns)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _cluster_view(cluster: KubernetesCluster) -> KubernetesClusterView:
    return KubernetesClusterView(
        kubernetes_host=cluster.kubernetes_host,
        kubernetes_ca_cert=cluster.kubernetes_ca_cert,
        token_reviewer_jwt_set=bool(cluster.token_reviewer_jwt),
        pem_keys=cluster.pem_keys,
        issuer=cluster.issuer,
        disable_iss_validation=cluster.disable_iss_validation,
        disable_local_ca_jwt=cluster.disable_local_ca_jwt,
    )


def _view(name: str, record: KubernetesRoleRecord) -> KubernetesRoleView:
    return KubernetesRoleView(
        name=name, roles=record.roles, demands=record.demands, limits=shown(record.limits)
    )
