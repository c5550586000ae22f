"""``sys/mounts``, ``sys/auth``, ``sys/remount``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

import keystead
from keystead.doors.vault.bare import repeated
from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest, seconds
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.mounts import (
    CreateMount,
    DeleteMount,
    ListMounts,
    MountConfig,
    MountTuning,
    MountView,
    MoveMount,
    ShowMount,
    TuneMount,
)

ENGINE = Engine("sys-mounts")

SERVER_TTL_SECONDS: Final = 32 * 86_400
BUILTIN_VERSION: Final = f"v{keystead.__version__}+builtin.keystead"

_SECONDS: Final = ("default_lease_ttl", "max_lease_ttl")
_LISTS: Final = (
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "passthrough_request_headers",
    "allowed_response_headers",
    "allowed_managed_keys",
)
_TEXTS: Final = ("listing_visibility", "token_type", "plugin_version", "identity_token_key")
_LOCKOUT: Final[dict[str, Callable[[object], int | bool]]] = {
    "lockout_threshold": lambda value: seconds(value, "lockout_threshold"),
    "lockout_duration": lambda value: seconds(value, "lockout_duration"),
    "lockout_counter_reset_duration": (
        lambda value: seconds(value, "lockout_counter_reset_duration")
    ),
    "lockout_disable": lambda value: value in (True, "true", "1"),
}
_RESERVED: Final = frozenset({"auth", "sys", "identity", "cubbyhole"})
_VISIBILITY: Final = ("", "hidden", "unauth")
_TOKEN_TYPES: Final = ("", "default-service", "default-batch", "service", "batch")


# --- all of them --------------------------------------------------------------------------


@ENGINE.read("mounts")
async def list_mounts(request: VaultRequest) -> Reply:
    page = await request.perform(ListMounts())
    return repeated({m.path: described(m) for m in page.mounts if not m.is_login})


@ENGINE.read("auth", sudo=True)
async def list_logins(request: VaultRequest) -> Reply:
    page = await request.perform(ListMounts())
    return repeated({m.path.removeprefix("auth/"): described(m) for m in page.mounts if m.is_login})


# --- one of them --------------------------------------------------------------------------


@ENGINE.read("mounts/{path*}")
async def read_mount(request: VaultRequest, path: str) -> Reply:
    if (tuned := _tuned(path)) is not None:
        return await _read_tuning(request, tuned)
    return await _read(request, path, f"No secret engine mount at {path}/")


@ENGINE.write("mounts/{path*}")
async def write_mount(request: VaultRequest, path: str) -> Reply:
    if (tuned := _tuned(path)) is not None:
        return await _tune(request, tuned)
    if _is_reserved(path):
        raise InvalidRequest(f'cannot mount "{path}/"')
    return await _create(request, path)


@ENGINE.delete("mounts/{path*}")
async def delete_mount(request: VaultRequest, path: str) -> Reply:
    if _is_reserved(path):
        raise InvalidRequest(f'cannot unmount "{path}/"')
    return await _delete(request, path)


@ENGINE.read("auth/{path*}", sudo=True)
async def read_login(request: VaultRequest, path: str) -> Reply:
    if (tuned := _tuned(path)) is not None:
        return await _read_tuning(request, f"auth/{tuned}")
    return await _read(request, f"auth/{path}", f"No auth engine at {path}/")


@ENGINE.write("auth/{path*}", sudo=True)
async def write_login(request: VaultRequest, path: str) -> Reply:
    if (tuned := _tuned(path)) is not None:
        return await _tune(request, f"auth/{tuned}")
    return await _create(request, f"auth/{path}")


@ENGINE.delete("auth/{path*}", sudo=True)
async def delete_login(request: VaultRequest, path: str) -> Reply:
    if path == "token":
        raise InvalidRequest("token credential backend cannot be disabled")
    return await _delete(request, f"auth/{path}")


def _is_reserved(path: str) -> bool:
    return path.partition("/")[0] in _RESERVED


def _tuned(path: str) -> str | None:
    """The mount's path if this is the path of its settings."""
    mount, slash, last = path.rpartition("/")
    return mount if slash and last == "tune" else None


async def _read(request: VaultRequest, path: str, missing: str) -> Reply:
    try:
        return repeated(described(await request.perform(ShowMount(path=path))))
    except NotFound:
        raise InvalidRequest(missing) from None


async def _create(request: VaultRequest, path: str) -> Reply:
    given = request.body
    type_ = given.get("type") or given.get("plugin_name")
    if not isinstance(type_, str):
        raise InvalidRequest("backend type must be specified as a string")
    config = given.get("config") or {}
    if not isinstance(config, dict):
        raise InvalidRequest("unable to convert given mount config information")
    await request.perform(
        CreateMount(
            path=path,
            type=type_,
            description=request.text("description"),
            config=msgspec.convert(_settings(config), MountConfig),
            options=request.mapping("options"),
            local=request.boolean("local"),
            seal_wrap=request.boolean("seal_wrap"),
            external_entropy_access=request.boolean("external_entropy_access"),
        )
    )
    return None


async def _delete(request: VaultRequest, path: str) -> Reply:
    """What is not there need not be taken away."""
    try:
        await request.perform(DeleteMount(path=path))
    except NotFound:
        return None
    return None


# --- settings -----------------------------------------------------------------------------


async def _read_tuning(request: VaultRequest, path: str) -> Reply:
    try:
        mount = await request.perform(ShowMount(path=path))
    except NotFound:
        raise _no_view(path) from None
    config = mount.config
    shown: dict[str, Any] = {
        "description": mount.description,
        "default_lease_ttl": config.default_lease_ttl or SERVER_TTL_SECONDS,
        "max_lease_ttl": config.max_lease_ttl or SERVER_TTL_SECONDS,
        "force_no_cache": config.force_no_cache,
        **_given(config, *_LISTS, "listing_visibility", "plugin_version", "identity_token_key"),
    }
    if mount.is_login:
        shown["token_type"] = config.token_type or "default-service"
        shown |= {f"user_{name}": value for name, value in _lockout(config).items()}
    if mount.options:
        shown["options"] = mount.options
    return repeated(shown)


async def _tune(request: VaultRequest, path: str) -> Reply:
    given = request.body
    tuning = MountTuning(**_settings(given))
    operation = TuneMount(
        path=path,
        description=request.text("description") if request.has("description") else None,
        config=tuning,
        options=request.mapping("options") if request.has("options") else None,
    )
    try:
        await request.perform(operation)
    except NotFound:
        raise _no_view(path) from None
    return None


def _no_view(path: str) -> InvalidRequest:
    return InvalidRequest(f'cannot fetch sysview for path "{path}/"')


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """A mount's settings among what was sent. Raises InvalidRequest."""
    found: dict[str, Any] = {}
    for name in _SECONDS:
        if given.get(name) not in (None, ""):
            found[name] = 0 if given[name] == "system" else seconds(given[name], name)
    for name in _LISTS:
        if given.get(name) is not None:
            found[name] = _list(given[name], name)
    for name in _TEXTS:
        if given.get(name) is not None:
            found[name] = str(given[name])
    if given.get("force_no_cache") is not None:
        found["force_no_cache"] = given["force_no_cache"] in (True, "true", "1")
    if isinstance(lockout := given.get("user_lockout_config"), dict):
        found["user_lockout"] = {
            name: _LOCKOUT[name](value) for name, value in lockout.items() if name in _LOCKOUT
        }
    if found.get("listing_visibility", "") not in _VISIBILITY:
        raise InvalidRequest(f"invalid listing_visibility {found['listing_visibility']}")
    if found.get("token_type", "") not in _TOKEN_TYPES:
        raise InvalidRequest(f"invalid value for 'token_type': {found['token_type']}")
    return found


def _list(value: object, name: str) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return value
    raise InvalidRequest(f"Field validation failed: {name} must be a list of strings", field=name)


# --- moving -------------------------------------------------------------------------------


@ENGINE.write("remount", sudo=True)
async def remount(request: VaultRequest) -> Reply:
    """Done when it is answered; its ``migration_id`` is the mount's own identifier."""
    source, target = request.text("from").strip("/"), request.text("to").strip("/")
    if not source or not target:
        raise InvalidRequest("both 'from' and 'to' path must be specified as a string")
    if source.startswith("auth/") != target.startswith("auth/"):
        raise InvalidRequest(f"cannot remount to destination {target}/")
    try:
        mount = await request.perform(MoveMount(path=source, target=target))
    except NotFound:
        raise InvalidRequest(f'no matching mount at "{source}/"') from None
    return repeated({"migration_id": mount.uuid})


@ENGINE.read("remount/status/{id}")
async def remount_status(request: VaultRequest, id: str) -> Reply:
    page = await request.perform(ListMounts())
    mount = next((m for m in page.mounts if m.uuid == id and m.moved_from), None)
    if mount is None:
        raise NotFound
    info = {
        "source_mount": mount.moved_from,
        "target_mount": mount.path,
        "status": "success",
    }
    return {"migration_id": id, "migration_info": info}


# --- how mounts are shown -----------------------------------------------------------------


def described(mount: MountView) -> dict[str, Any]:
    """A mount as Vault shows it."""
    config = mount.config
    shown: dict[str, Any] = {
        "default_lease_ttl": config.default_lease_ttl,
        "force_no_cache": config.force_no_cache,
        "max_lease_ttl": config.max_lease_ttl,
        **_given(config, *_LISTS, "listing_visibility", "plugin_version", "identity_token_key"),
    }
    if mount.is_login:
        shown["token_type"] = config.token_type or "default-service"
        if lockout := _lockout(config):
            shown["user_lockout_config"] = lockout
    described = {
        "accessor": mount.accessor,
        "config": shown,
        "description": mount.description,
        "external_entropy_access": mount.external_entropy_access,
        "local": mount.local,
        "options": None if mount.built_in else mount.options,
        "plugin_version": config.plugin_version,
        "running_plugin_version": BUILTIN_VERSION,
        "running_sha256": "",
        "seal_wrap": mount.seal_wrap,
        "type": mount.type,
        "uuid": mount.uuid,
    }
    if not mount.built_in:
        described["deprecation_status"] = "supported"
    return described


def _given(config: MountConfig, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(config, name))}


def _lockout(config: MountConfig) -> dict[str, Any]:
    if not config.user_lockout:
        return {}
    nothing = {
        "lockout_threshold": 0,
        "lockout_duration": 0,
        "lockout_counter_reset_duration": 0,
        "lockout_disable": False,
    }
    return nothing | config.user_lockout
