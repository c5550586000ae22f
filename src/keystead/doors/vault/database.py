"""The database engine: config, roles, creds, static-roles, static-creds."""

from __future__ import annotations

from typing import Any, Final

from keystead.doors.vault.engine import Answer, Engine, Lease, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import rfc3339
from keystead.errors import InvalidRequest, NotFound, UpstreamUnavailable
from keystead.operations.database import (
    ConfigureDatabase,
    DatabaseNames,
    DatabaseView,
    DeleteDatabase,
    DeleteDatabaseRole,
    DeleteStaticRole,
    IssueDatabaseCredentials,
    ListDatabaseRoles,
    ListDatabases,
    ListStaticRoles,
    ReadStaticCredentials,
    ReloadDatabases,
    ResetDatabase,
    RotateDatabaseRoot,
    RotateStaticRole,
    ShowDatabase,
    ShowDatabaseRole,
    ShowStaticRole,
    WriteDatabaseRole,
    WriteStaticRole,
)

ENGINE = Engine("database")

_TEXTS: Final = {
    "plugin": "plugin_name",
    "connection_url": "connection_url",
    "username": "username",
    "password": "password",
    "password_policy": "password_policy",
    "username_template": "username_template",
    "tls_ca": "tls_ca",
    "tls_certificate": "tls_certificate",
    "tls_private_key": "private_key",
    "tls_server_name": "tls_server_name",
    "password_authentication": "password_authentication",
    "plugin_version": "plugin_version",
}
"""Fields of the operation by what Vault calls them."""

_SHOWN: Final = {
    "connection_url": "connection_url",
    "username": "username",
    "username_template": "username_template",
    "disable_escaping": "disable_escaping",
    "max_open_connections": "max_open_connections",
    "max_idle_connections": "max_idle_connections",
    "tls_ca": "tls_ca",
    "tls_certificate": "tls_certificate",
    "tls_server_name": "tls_server_name",
    "tls_skip_verify": "tls_skip_verify",
    "password_authentication": "password_authentication",
}
"""Connection details that are shown when they are set."""


# --- connections --------------------------------------------------------------------------


@ENGINE.write("config/{name}")
async def configure(request: VaultRequest, name: str) -> Reply:
    given: dict[str, Any] = {
        field: request.text(theirs) for field, theirs in _TEXTS.items() if request.has(theirs)
    }
    # The MySQL plugin has certificate and key in one field.
    if request.has("tls_certificate_key"):
        given["tls_certificate"] = given["tls_private_key"] = request.text("tls_certificate_key")
    if request.has("allowed_roles"):
        given["allowed_roles"] = request.strings("allowed_roles")
    rotation = _statements(request, "root_rotation_statements")
    if rotation is None:
        rotation = _statements(request, "root_credentials_rotate_statements")
    for field in ("verify_connection", "disable_escaping", "tls_skip_verify"):
        if request.has(field):
            given[field] = request.boolean(field)
    for field in ("max_open_connections", "max_idle_connections"):
        if request.has(field):
            given[field] = request.integer(field)
    if request.has("max_connection_lifetime"):
        given["max_connection_lifetime_seconds"] = request.seconds("max_connection_lifetime")
    try:
        await request.perform(
            ConfigureDatabase(
                name=_whole(request, name), root_rotation_statements=rotation, **given
            )
        )
    except (InvalidRequest, UpstreamUnavailable) as error:
        what = "error verifying connection: " if isinstance(error, UpstreamUnavailable) else ""
        told = f"error creating database object: {what}{error.message}"
        raise InvalidRequest(told) from None
    return None


@ENGINE.read("config/{name}")
async def show_config(request: VaultRequest, name: str) -> Reply:
    view = await request.perform(ShowDatabase(name=_whole(request, name)))
    return {
        "allowed_roles": view.allowed_roles,
        "connection_details": _details(view),
        "password_policy": view.password_policy,
        "plugin_name": view.plugin,
        "plugin_version": view.plugin_version,
        "root_credentials_rotate_statements": view.root_rotation_statements,
        "verify_connection": view.verify_connection,
    }


def _details(view: DatabaseView) -> dict[str, Any]:
    details = {theirs: value for field, theirs in _SHOWN.items() if (value := getattr(view, field))}
    if view.max_connection_lifetime_seconds:
        details["max_connection_lifetime"] = f"{view.max_connection_lifetime_seconds}s"
    return details


@ENGINE.list("config")
async def list_configs(request: VaultRequest) -> Reply:
    return await _names(request, ListDatabases)


@ENGINE.delete("config/{name}")
async def delete_config(request: VaultRequest, name: str) -> Reply:
    await request.perform(DeleteDatabase(name=_whole(request, name)))
    return None


@ENGINE.write("reset/{name}")
async def reset(request: VaultRequest, name: str) -> Reply:
    await request.perform(ResetDatabase(name=_whole(request, name)))
    return None


@ENGINE.write("reload/{plugin}")
async def reload(request: VaultRequest, plugin: str) -> Reply:
    reloaded = await request.perform(ReloadDatabases(mount=request.mount.prefix, plugin=plugin))
    return {"connections": reloaded.names, "count": len(reloaded.names)}


@ENGINE.write("rotate-root/{name}")
async def rotate_root(request: VaultRequest, name: str) -> Reply:
    await request.perform(RotateDatabaseRoot(name=_whole(request, name)))
    return None


# --- accounts for a time ------------------------------------------------------------------


@ENGINE.write("roles/{name}")
@ENGINE.patch("roles/{name}")
async def write_role(request: VaultRequest, name: str) -> Reply:
    given: dict[str, Any] = {}
    if request.has("db_name"):
        given["database"] = request.text("db_name")
    for field in (
        "creation_statements", "revocation_statements", "rollback_statements", "renew_statements"
    ):  # fmt: skip
        given[field] = _statements(request, field)
    for field in ("default_ttl", "max_ttl"):
        if request.has(field):
            given[f"{field}_seconds"] = request.seconds(field)
    given |= _credential(request)
    await request.perform(WriteDatabaseRole(name=_whole(request, name), **given))
    return None


@ENGINE.read("roles/{name}")
async def show_role(request: VaultRequest, name: str) -> Reply:
    view = await request.perform(ShowDatabaseRole(name=_whole(request, name)))
    shown: dict[str, Any] = {
        "creation_statements": view.creation_statements,
        "credential_type": view.credential_type,
        "db_name": view.database,
        "default_ttl": view.default_ttl_seconds,
        "max_ttl": view.max_ttl_seconds,
        "renew_statements": view.renew_statements,
        "revocation_statements": view.revocation_statements,
        "rollback_statements": view.rollback_statements,
    }
    return shown | _config_of(view.credential_config)


@ENGINE.list("roles")
async def list_roles(request: VaultRequest) -> Reply:
    return await _names(request, ListDatabaseRoles)


@ENGINE.delete("roles/{name}")
async def delete_role(request: VaultRequest, name: str) -> Reply:
    await request.perform(DeleteDatabaseRole(name=_whole(request, name)))
    return None


@ENGINE.read("creds/{name}")
async def creds(request: VaultRequest, name: str) -> Reply:
    made = await request.perform(IssueDatabaseCredentials(name=_whole(request, name)))
    return Answer(
        data={"username": made.username} | _secret(made.password, made.rsa_private_key),
        lease=Lease(made.lease_id, made.lease_seconds, made.renewable),
        warnings=made.warnings or None,
    )


# --- accounts that stay -------------------------------------------------------------------


@ENGINE.write("static-roles/{name}")
@ENGINE.patch("static-roles/{name}")
async def write_static_role(request: VaultRequest, name: str) -> Reply:
    given: dict[str, Any] = {"rotation_statements": _statements(request, "rotation_statements")}
    for field, theirs in (
        ("database", "db_name"),
        ("username", "username"),
        ("rotation_schedule", "rotation_schedule"),
    ):
        if request.has(theirs):
            given[field] = request.text(theirs)
    for field in ("rotation_period", "rotation_window"):
        if request.has(field):
            given[f"{field}_seconds"] = request.seconds(field)
    given |= _credential(request)
    skip = request.boolean("skip_import_rotation")
    await request.perform(
        WriteStaticRole(name=_whole(request, name), skip_import_rotation=skip, **given)
    )
    return None


@ENGINE.read("static-roles/{name}")
async def show_static_role(request: VaultRequest, name: str) -> Reply:
    view = await request.perform(ShowStaticRole(name=_whole(request, name)))
    shown: dict[str, Any] = {
        "credential_type": view.credential_type,
        "db_name": view.database,
        "last_vault_rotation": rfc3339(view.last_rotated_at) if view.last_rotated_at else None,
        "rotation_statements": view.rotation_statements,
        "username": view.username,
    }
    shown |= _rotation(
        view.rotation_period_seconds, view.rotation_schedule, view.rotation_window_seconds
    )
    return shown | _config_of(view.credential_config)


@ENGINE.list("static-roles")
async def list_static_roles(request: VaultRequest) -> Reply:
    return await _names(request, ListStaticRoles)


@ENGINE.delete("static-roles/{name}")
async def delete_static_role(request: VaultRequest, name: str) -> Reply:
    await request.perform(DeleteStaticRole(name=_whole(request, name)))
    return None


@ENGINE.read("static-creds/{name}")
async def static_creds(request: VaultRequest, name: str) -> Reply:
    held = await request.perform(ReadStaticCredentials(name=_whole(request, name)))
    shown: dict[str, Any] = {
        "last_vault_rotation": rfc3339(held.last_rotated_at),
        "ttl": held.ttl_seconds,
        "username": held.username,
    }
    shown |= _rotation(
        held.rotation_period_seconds, held.rotation_schedule, held.rotation_window_seconds
    )
    return shown | _secret(held.password, held.rsa_private_key)


@ENGINE.write("rotate-role/{name}")
async def rotate_role(request: VaultRequest, name: str) -> Reply:
    await request.perform(RotateStaticRole(name=_whole(request, name)))
    return None


# --- shapes -------------------------------------------------------------------------------


def _whole(request: VaultRequest, name: str) -> str:
    return f"{request.mount.path}{name}"


async def _names(
    request: VaultRequest, operation: type[ListDatabases | ListDatabaseRoles | ListStaticRoles]
) -> Reply:
    """All names; raises NotFound if there are none."""
    keys: list[str] = []
    after = ""
    while True:
        asked = operation(mount=request.mount.prefix, after=after, limit=1000)
        page: DatabaseNames = await request.perform(asked)
        keys += page.names
        if not (after := page.next):
            break
    if not keys:
        raise NotFound
    return {"keys": keys}


def _statements(request: VaultRequest, name: str) -> list[str] | None:
    """SQL as one text or a list of them; commas divide nothing."""
    value = request.body.get(name)
    if isinstance(value, str):
        return [value] if value else []
    return None if value is None else request.strings(name)


def _credential(request: VaultRequest) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if request.has("credential_type"):
        given["credential_type"] = request.text("credential_type")
        if given["credential_type"] not in ("password", "rsa_private_key"):
            raise InvalidRequest(f"invalid credential_type: {given['credential_type']}")
    if request.has("credential_config"):
        given["credential_config"] = request.mapping("credential_config")
    return given


def _config_of(config: dict[str, str]) -> dict[str, Any]:
    return {"credential_config": config} if config else {}


def _secret(password: str, private_key: str) -> dict[str, str]:
    return {"rsa_private_key": private_key} if private_key else {"password": password}


def _rotation(period: int, schedule: str, window: int) -> dict[str, Any]:
    """Vault shows what there is: a period, or a schedule with its window."""
    if not schedule:
        return {"rotation_period": period}
    return {"rotation_schedule": schedule} | ({"rotation_window": window} if window else {})
