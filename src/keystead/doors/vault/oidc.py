"""``identity/oidc/``: identity tokens for others who trust this server."""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.doors.vault.engine import Answer, Engine, Raw, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import NotFound
from keystead.operations.oidc_tokens import (
    ALGORITHMS,
    DeleteOidcKey,
    DeleteOidcRole,
    DiscoverOidc,
    IntrospectIdentityToken,
    IssueIdentityToken,
    ListOidcKeys,
    ListOidcRoles,
    ListPublicOidcKeys,
    RotateOidcKey,
    ShowOidcConfig,
    ShowOidcKey,
    ShowOidcRole,
    WriteOidcConfig,
    WriteOidcKey,
    WriteOidcRole,
)

ENGINE = Engine("oidc")

_WARNING = (
    'If "issuer" is set explicitly, all tokens must be validated against that address,'
    ' including those issued by secondary clusters. Setting issuer to "" will restore the'
    " default behavior of using the cluster's api_addr as the issuer."
)


@ENGINE.write("oidc/config")
async def write_config(request: VaultRequest) -> Reply:
    config = await request.perform(WriteOidcConfig(issuer=request.text("issuer")))
    return Answer(warnings=[_WARNING]) if config.issuer else None


@ENGINE.read("oidc/config")
async def read_config(request: VaultRequest) -> Reply:
    return {"issuer": (await request.perform(ShowOidcConfig())).issuer}


@ENGINE.read("oidc/.well-known/openid-configuration", public=True)
async def discover(request: VaultRequest) -> Reply:
    url = (await request.perform(DiscoverOidc())).url
    return _bare(
        {
            "issuer": url,
            "jwks_uri": f"{url}/.well-known/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
        }
    )


@ENGINE.read("oidc/.well-known/keys", public=True)
async def publish(request: VaultRequest) -> Reply:
    return _bare({"keys": (await request.perform(ListPublicOidcKeys())).keys})


@ENGINE.write("oidc/key/{name}")
async def write_key(request: VaultRequest, name: str) -> None:
    await request.perform(
        WriteOidcKey(
            name=name,
            algorithm=request.text("algorithm") or None,
            rotation_period=_seconds(request, "rotation_period"),
            verification_ttl=_seconds(request, "verification_ttl"),
            allowed_client_ids=request.strings("allowed_client_ids")
            if request.has("allowed_client_ids")
            else None,
        )
    )


@ENGINE.read("oidc/key/{name}")
async def read_key(request: VaultRequest, name: str) -> Reply:
    return msgspec.structs.asdict(await request.perform(ShowOidcKey(name=name)))


@ENGINE.list("oidc/key")
async def list_keys(request: VaultRequest) -> Reply:
    return {"keys": (await request.perform(ListOidcKeys(limit=1000))).names}


@ENGINE.delete("oidc/key/{name}")
async def delete_key(request: VaultRequest, name: str) -> None:
    await request.perform(DeleteOidcKey(name=name))


@ENGINE.write("oidc/key/{name}/rotate", capability="update")
async def rotate_key(request: VaultRequest, name: str) -> None:
    ttl = _seconds(request, "verification_ttl")
    await request.perform(RotateOidcKey(name=name, verification_ttl=ttl))


@ENGINE.write("oidc/role/{name}")
async def write_role(request: VaultRequest, name: str) -> None:
    await request.perform(
        WriteOidcRole(
            name=name,
            key=request.text("key") or None,
            template=request.text("template") if request.has("template") else None,
            ttl=_seconds(request, "ttl"),
            client_id=request.text("client_id") or None,
        )
    )


@ENGINE.read("oidc/role/{name}")
async def read_role(request: VaultRequest, name: str) -> Reply:
    return msgspec.structs.asdict(await request.perform(ShowOidcRole(name=name)))


@ENGINE.list("oidc/role")
async def list_roles(request: VaultRequest) -> Reply:
    names = (await request.perform(ListOidcRoles(limit=1000))).names
    if not names:
        raise NotFound
    return {"keys": names}


@ENGINE.delete("oidc/role/{name}")
async def delete_role(request: VaultRequest, name: str) -> None:
    await request.perform(DeleteOidcRole(name=name))


@ENGINE.read("oidc/token/{name}")
async def issue(request: VaultRequest, name: str) -> Reply:
    return msgspec.structs.asdict(await request.perform(IssueIdentityToken(name=name)))


@ENGINE.write("oidc/introspect", capability="update")
async def introspect(request: VaultRequest) -> Reply:
    told = await request.perform(
        IntrospectIdentityToken(token=request.text("token"), client_id=request.text("client_id"))
    )
    return _bare({"active": True} if told.active else {"active": False, "error": told.error})


def _bare(body: dict[str, Any]) -> Answer:
    """JSON without Vault's envelope, as clients of OpenID Connect expect it."""
    return Answer(raw=Raw(b"application/json", msgspec.json.encode(body)))


def _seconds(request: VaultRequest, name: str) -> int | None:
    return request.seconds(name) if request.has(name) else None
