"""Log-in mounts of type ``cert``: TLS client certificates."""

from __future__ import annotations

from typing import Any, Final

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
from keystead.errors import InvalidRequest, NotFound, Unauthenticated
from keystead.operations.certificate_auth import (
    DeleteRevocationList,
    ListRevocationLists,
    RevocationListNames,
    ShowCertificateSettings,
    ShowRevocationList,
    WriteCertificateSettings,
    WriteRevocationList,
)
from keystead.operations.identity import (
    CertificateRoleNames,
    CertificateRoleView,
    DeleteCertificateRole,
    ListCertificateRoles,
    LoginCertificate,
    ShowCertificateRole,
    TokenLimits,
    WriteCertificateRole,
)

ENGINE = Engine("cert")

_USUAL = "cert"
_LISTS: Final = {
    "allowed_names": "allowed_names",
    "allowed_common_names": "allowed_common_names",
    "allowed_dns_sans": "allowed_dns_names",
    "allowed_email_sans": "allowed_emails",
    "allowed_uri_sans": "allowed_uris",
    "allowed_organizational_units": "allowed_units",
    "required_extensions": "required_extensions",
    "allowed_metadata_extensions": "metadata_extensions",
}
"""What Vault calls the lists of a certificate role, and what Keystead does."""
_WITHOUT_OCSP: Final = {
    "ocsp_ca_certificates": "",
    "ocsp_enabled": False,
    "ocsp_fail_open": False,
    "ocsp_query_all_servers": False,
    "ocsp_servers_override": None,
}


# --- roles ------------------------------------------------------------------------------


@ENGINE.write("certs/{name}", grants=True)
async def write_role(request: VaultRequest, name: str) -> None:
    """What the request leaves out stays as it is."""
    if request.boolean("ocsp_enabled"):
        raise InvalidRequest("'ocsp_enabled' is not supported: write CRLs to crls/")
    full = role_name(request, _USUAL, name)
    try:
        present = await request.perform(ShowCertificateRole(name=full))
    except NotFound:
        present = CertificateRoleView(
            name=full,
            ca_pem="",
            roles=[],
            allowed_common_names=[],
            allowed_dns_names=[],
            allowed_uris=[],
            limits=TokenLimits(),
            display_name=name,
        )
    lists = {ours: request.strings(their, getattr(present, ours)) for their, ours in _LISTS.items()}
    roles, limits = token_policies(request, present.roles), token_limits(request, present.limits)
    try:
        await request.perform(
            WriteCertificateRole(
                name=full,
                ca_pem=request.text("certificate", present.ca_pem),
                roles=roles,
                limits=limits,
                display_name=request.text("display_name", present.display_name) or name,
                **lists,
            )
        )
    except InvalidRequest as error:
        if "PEM" in error.message:
            raise InvalidRequest("failed to parse certificate") from None
        raise


@ENGINE.read("certs/{name}")
async def read_role(request: VaultRequest, name: str) -> dict[str, Any]:
    try:
        role = await request.perform(ShowCertificateRole(name=role_name(request, _USUAL, name)))
    except NotFound:
        raise NotFound from None
    return {
        "certificate": role.ca_pem,
        "display_name": role.display_name or name,
        **{their: getattr(role, ours) for their, ours in _LISTS.items()},
        **_WITHOUT_OCSP,
        **token_members(role.roles, role.limits),
    }


@ENGINE.list("certs")
async def list_roles(request: VaultRequest) -> dict[str, Any]:
    return await _keys(request, ListCertificateRoles)


@ENGINE.delete("certs/{name}")
async def delete_role(request: VaultRequest, name: str) -> None:
    try:
        await request.perform(DeleteCertificateRole(name=role_name(request, _USUAL, name)))
    except NotFound:
        return


# --- revocation lists and settings ------------------------------------------------------


@ENGINE.write("crls/{name}")
async def write_crl(request: VaultRequest, name: str) -> None:
    if request.text("url"):
        raise InvalidRequest("'url' is not supported: write the CRL itself to 'crl'")
    crl = request.text("crl")
    if not crl:
        raise InvalidRequest("one of 'crl' or 'url' must be provided")
    await request.perform(WriteRevocationList(name=role_name(request, _USUAL, name), crl=crl))


@ENGINE.read("crls/{name}")
async def read_crl(request: VaultRequest, name: str) -> dict[str, Any]:
    try:
        found = await request.perform(ShowRevocationList(name=role_name(request, _USUAL, name)))
    except NotFound:
        raise _no_crl(name) from None
    return {"serials": {serial: {} for serial in found.serials}}


@ENGINE.list("crls")
async def list_crls(request: VaultRequest) -> dict[str, Any]:
    return await _keys(request, ListRevocationLists)


@ENGINE.delete("crls/{name}")
async def delete_crl(request: VaultRequest, name: str) -> None:
    try:
        await request.perform(DeleteRevocationList(name=role_name(request, _USUAL, name)))
    except NotFound:
        raise _no_crl(name) from None


@ENGINE.write("config")
async def write_config(request: VaultRequest) -> None:
    present = await request.perform(ShowCertificateSettings(mount=_short(request)))
    await request.perform(
        WriteCertificateSettings(
            mount=_short(request),
            disable_binding=request.boolean("disable_binding", present.disable_binding),
            enable_identity_alias_metadata=request.boolean(
                "enable_identity_alias_metadata", present.enable_identity_alias_metadata
            ),
        )
    )


@ENGINE.read("config")
async def read_config(request: VaultRequest) -> dict[str, Any]:
    settings = await request.perform(ShowCertificateSettings(mount=_short(request)))
    return {
        "disable_binding": settings.disable_binding,
        "enable_identity_alias_metadata": settings.enable_identity_alias_metadata,
        "ocsp_cache_size": 0,
    }


# --- log-in -----------------------------------------------------------------------------


@ENGINE.write("login", public=True)
async def login(request: VaultRequest) -> Answer:
    if request.call.client_certificate is None:
        raise InvalidRequest("client certificate must be supplied")
    name = request.text("name")
    operation = LoginCertificate(
        name=role_name(request, _USUAL, name) if name else None, mount=_short(request)
    )
    try:
        return login_answer(await request.perform(operation))
    except Unauthenticated:
        raise InvalidRequest("invalid certificate or no client certificate supplied") from None


def _short(request: VaultRequest) -> str:
    """The mount's path below ``auth/``; empty for the usual one."""
    mount = mount_path(request)
    return "" if mount == _USUAL else mount


async def _keys(
    request: VaultRequest, listing: type[ListCertificateRoles] | type[ListRevocationLists]
) -> dict[str, Any]:
    keys: list[str] = []
    after = ""
    found: CertificateRoleNames | RevocationListNames
    while True:
        found = await request.perform(listing(mount=_short(request), after=after, limit=1000))
        keys += [name.rpartition("/")[2] for name in found.names]
        if not (after := found.next):
            break
    if not keys:
        raise NotFound
    return {"keys": keys}


def _no_crl(name: str) -> InvalidRequest:
    return InvalidRequest(f"no such CRL {name}")
