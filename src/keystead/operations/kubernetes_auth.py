"""Log-ins of Kubernetes workloads with the token of their service account."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.discreet import Discreet
from keystead.operations.base import Access, Done, Effect, Input, Operation, Page, Reply
from keystead.operations.identity import IssuedToken, Roles, TokenLimits
from keystead.operations.jwt_auth import LoginMount, MountedRole, Pem, Text, Texts, Token


class KubernetesCluster(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """The cluster that a mount trusts.

    ``kubernetes_host`` is the API server's URL, ``kubernetes_ca_cert`` the authorities that
    count for it (PEM). ``token_reviewer_jwt`` is what reviews are asked with; without it, the
    token under review itself, or that of the pod that Keystead runs in unless
    ``disable_local_ca_jwt``. ``pem_keys`` (PEM) check signatures besides.
    """

    kubernetes_host: Text
    kubernetes_ca_cert: Pem = ""
    token_reviewer_jwt: Token = ""
    pem_keys: Annotated[list[Pem], Meta(max_length=64)] = []
    issuer: Text = ""
    disable_iss_validation: bool = True
    disable_local_ca_jwt: bool = False


class KubernetesClusterView(Reply, frozen=True, omit_defaults=False):
    """The cluster that a mount trusts; the reviewer's token is never shown."""

    kubernetes_host: str
    kubernetes_ca_cert: str
    token_reviewer_jwt_set: bool
    pem_keys: list[str]
    issuer: str
    disable_iss_validation: bool
    disable_local_ca_jwt: bool


class KubernetesDemands(Input, frozen=True, kw_only=True, omit_defaults=True):
    """Which service accounts log in as a role.

    In names and namespaces ``*`` stands for anything; both must fit. ``audience`` is what the
    token must be for. ``alias_name_source`` says what the entity is known by:
    ``serviceaccount_uid`` or ``serviceaccount_name``.
    """

    bound_service_account_names: Texts = []
    bound_service_account_namespaces: Texts = []
    audience: Text = ""
    alias_name_source: str = "serviceaccount_uid"


class KubernetesRoleView(Reply, frozen=True):
    name: str
    roles: list[str]
    demands: KubernetesDemands
    limits: TokenLimits


class KubernetesRoleNames(Reply, frozen=True):
    names: list[str]


class WriteKubernetesCluster(Operation[KubernetesClusterView], frozen=True, kw_only=True):
    """Say which cluster a mount trusts."""

    action: ClassVar[str] = "kubernetes-cluster:write"
    kind: ClassVar[str] = "kubernetes-cluster"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.CHANGE

    mount: LoginMount
    cluster: KubernetesCluster


class ShowKubernetesCluster(Operation[KubernetesClusterView], frozen=True, kw_only=True):
    """Show which cluster a mount trusts."""

    action: ClassVar[str] = "kubernetes-cluster:show"
    kind: ClassVar[str] = "kubernetes-cluster"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.READ

    mount: LoginMount


class WriteKubernetesRole(Operation[KubernetesRoleView], frozen=True, kw_only=True):
    """Create or replace a role: which service accounts log in as it, and what they get."""

    action: ClassVar[str] = "kubernetes-role:write"
    kind: ClassVar[str] = "kubernetes-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MountedRole
    demands: KubernetesDemands
    roles: Roles = []
    limits: TokenLimits = TokenLimits()


class ShowKubernetesRole(Operation[KubernetesRoleView], frozen=True, kw_only=True):
    """Show a role."""

    action: ClassVar[str] = "kubernetes-role:show"
    kind: ClassVar[str] = "kubernetes-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MountedRole


class ListKubernetesRoles(Page, Operation[KubernetesRoleNames], frozen=True, kw_only=True):
    """List the roles of a mount, by their names there."""

    action: ClassVar[str] = "kubernetes-role:list"
    kind: ClassVar[str] = "kubernetes-role"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: LoginMount = "kubernetes"


class DeleteKubernetesRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a role and revoke its tokens."""

    action: ClassVar[str] = "kubernetes-role:delete"
    kind: ClassVar[str] = "kubernetes-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MountedRole


class LoginKubernetes(Operation[IssuedToken], frozen=True, kw_only=True):
    """Log in with a service account's token."""

    action: ClassVar[str] = "kubernetes-role:login"
    kind: ClassVar[str] = "kubernetes-role"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("mount", "role")
    secret_reply: ClassVar[bool] = True

    mount: LoginMount = "kubernetes"
    role: Text
    jwt: Token
