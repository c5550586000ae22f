"""Log-in mounts of type ``kubernetes``."""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.doors.vault.engine import Answer, Engine
from keystead.doors.vault.logins import (
    login_answer,
    mount_path,
    role_name,
    token_limits,
    token_members,
    token_policies,
)
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.identity import TokenLimits
from keystead.operations.kubernetes_auth import (
    DeleteKubernetesRole,
    KubernetesCluster,
    KubernetesDemands,
    KubernetesRoleView,
    ListKubernetesRoles,
    LoginKubernetes,
    ShowKubernetesCluster,
    ShowKubernetesRole,
    WriteKubernetesCluster,
    WriteKubernetesRole,
)

ENGINE = Engine("kubernetes")

_USUAL = "kubernetes"


@ENGINE.write("config", grants=True)
async def write_config(request: VaultRequest) -> None:
    cluster = KubernetesCluster(
        kubernetes_host=request.text("kubernetes_host"),
        kubernetes_ca_cert=request.text("kubernetes_ca_cert"),
        token_reviewer_jwt=request.text("token_reviewer_jwt"),
        pem_keys=request.strings("pem_keys"),
        issuer=request.text("issuer"),
        disable_iss_validation=request.boolean("disable_iss_validation", True),
        disable_local_ca_jwt=request.boolean("disable_local_ca_jwt"),
    )
    await request.perform(WriteKubernetesCluster(mount=mount_path(request), cluster=cluster))


@ENGINE.read("config")
async def read_config(request: VaultRequest) -> dict[str, Any]:
    cluster = await request.perform(ShowKubernetesCluster(mount=mount_path(request)))
    return msgspec.structs.asdict(cluster)


@ENGINE.write("role/{name}", grants=True)
async def write_role(request: VaultRequest, name: str) -> None:
    """What the request leaves out stays as it is."""
    if request.text("bound_service_account_namespace_selector"):
        raise InvalidRequest("'bound_service_account_namespace_selector' is not supported")
    full = role_name(request, _USUAL, name)
    try:
        present = await request.perform(ShowKubernetesRole(name=full))
    except NotFound:
        present = KubernetesRoleView(
            name=full, roles=[], demands=KubernetesDemands(), limits=TokenLimits()
        )
    old = present.demands
    demands = KubernetesDemands(
        bound_service_account_names=request.strings(
            "bound_service_account_names", old.bound_service_account_names
        ),
        bound_service_account_namespaces=request.strings(
            "bound_service_account_namespaces", old.bound_service_account_namespaces
        ),
        audience=request.text("audience", old.audience),
        alias_name_source=request.text("alias_name_source", old.alias_name_source),
    )
    await request.perform(
        WriteKubernetesRole(
            name=full,
            demands=demands,
            roles=token_policies(request, present.roles),
            limits=token_limits(request, present.limits),
        )
    )


@ENGINE.read("role/{name}")
async def read_role(request: VaultRequest, name: str) -> dict[str, Any]:
    role = await request.perform(ShowKubernetesRole(name=role_name(request, _USUAL, name)))
    demands = msgspec.structs.asdict(role.demands)
    if not demands["audience"]:
        del demands["audience"]
    demands["bound_service_account_namespace_selector"] = ""
    return demands | token_members(role.roles, role.limits)


@ENGINE.list("role")
async def list_roles(request: VaultRequest) -> dict[str, Any]:
    names = (await request.perform(ListKubernetesRoles(mount=mount_path(request)))).names
    if not names:
        raise NotFound
    return {"keys": names}


@ENGINE.delete("role/{name}")
async def delete_role(request: VaultRequest, name: str) -> None:
    await request.perform(DeleteKubernetesRole(name=role_name(request, _USUAL, name)))


@ENGINE.write("login", public=True)
async def login(request: VaultRequest) -> Answer:
    operation = LoginKubernetes(
        mount=mount_path(request), role=request.text("role"), jwt=request.text("jwt")
    )
    return login_answer(await request.perform(operation))
