"""Key-value stores with versions: kv version 2."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from keystead.doors.vault.engine import Answer, Engine, Raw, Reply
from keystead.doors.vault.kv1 import folder, listing_part, query_integer
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import duration, rfc3339
from keystead.errors import InvalidRequest, NotFound, UnsupportedOperation
from keystead.operations.mounts import AskUnknownPath
from keystead.operations.secrets import (
    ConfigureSecretStore,
    DeleteSecret,
    DestroySecret,
    ListSecretDetails,
    PatchSecret,
    PatchSecretMetadata,
    PurgeSecret,
    ReadSecret,
    ReadSubkeys,
    SecretVersion,
    SecretView,
    ShowSecret,
    ShowSecretStore,
    UndeleteSecret,
    WriteSecret,
    WriteSecretMetadata,
)

ENGINE = Engine("kv-v2")

_PARTS: Final = frozenset(
    {"config", "data", "delete", "undelete", "destroy", "metadata", "detailed-metadata", "subkeys"}
)
_MERGE_PATCH: Final = b"application/merge-patch+json"
_encode = msgspec.json.Encoder().encode


class _Options(msgspec.Struct):
    cas: int | str | None = None


class _Write(msgspec.Struct):
    data: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    options: _Options | None = None

    @property
    def value(self) -> dict[str, Any]:
        """What is to be written; raises InvalidRequest if nothing is said of it."""
        if self.data is msgspec.UNSET:
            raise InvalidRequest("no data provided")
        return self.data or {}

    @property
    def cas(self) -> int | None:
        """The version that must be the newest; raises InvalidRequest if it is no number."""
        cas = self.options.cas if self.options else None
        try:
            return None if cas is None else int(cas)
        except ValueError:
            raise InvalidRequest("error parsing check-and-set parameter") from None


# --- values -----------------------------------------------------------------------------


@ENGINE.read("data/{path*}")
async def read_data(request: VaultRequest, path: str) -> Reply:
    version = max(0, query_integer(request, "version"))
    secret = await request.perform(ReadSecret(name=request.mount.path + path, version=version))
    data = {"data": secret.data, "metadata": _version(secret.version)}
    return data if secret.data is not None else Answer(status=404, data=data)


@ENGINE.write("data/{path*}")
async def write_data(request: VaultRequest, path: str) -> Reply:
    body = request.decode(_Write)
    operation = WriteSecret(name=request.mount.path + path, data=body.value, cas=body.cas)
    return _version(await request.perform(operation))


@ENGINE.patch("data/{path*}")
async def patch_data(request: VaultRequest, path: str) -> Reply:
    if (refusal := _refuse_patch(request)) is not None:
        return refusal
    body = request.decode(_Write)
    operation = PatchSecret(name=request.mount.path + path, data=body.value, cas=body.cas)
    return _version(await request.perform(operation))


@ENGINE.delete("data/{path*}")
async def delete_newest(request: VaultRequest, path: str) -> Reply:
    await request.perform(DeleteSecret(name=request.mount.path + path))
    return None


@ENGINE.write("delete/{path*}", capability="update")
async def delete_versions(request: VaultRequest, path: str) -> Reply:
    versions = _versions(request, "No version number provided")
    await request.perform(DeleteSecret(name=request.mount.path + path, versions=versions))
    return None


@ENGINE.write("undelete/{path*}", capability="update")
async def undelete_versions(request: VaultRequest, path: str) -> Reply:
    versions = _versions(request, "No version number provided")
    await request.perform(UndeleteSecret(name=request.mount.path + path, versions=versions))
    return None


@ENGINE.write("destroy/{path*}", capability="update")
async def destroy_versions(request: VaultRequest, path: str) -> Reply:
    versions = _versions(request, "no version number provided")
    await request.perform(DestroySecret(name=request.mount.path + path, versions=versions))
    return None


@ENGINE.read("subkeys/{path*}")
async def read_subkeys(request: VaultRequest, path: str) -> Reply:
    version = max(0, query_integer(request, "version"))
    depth = query_integer(request, "depth")
    reply = await request.perform(
        ReadSubkeys(
            name=request.mount.path + path, version=version, depth=depth if depth >= 0 else 1
        )
    )
    data = {"subkeys": reply.subkeys, "metadata": _version(reply.version)}
    return data if reply.subkeys is not None else Answer(status=404, data=data)


# --- metadata ---------------------------------------------------------------------------


@ENGINE.read("metadata/{path*}")
async def read_metadata(request: VaultRequest, path: str) -> Reply:
    return _metadata(await request.perform(ShowSecret(name=request.mount.path + path)))


@ENGINE.write("metadata/{path*}")
async def write_metadata(request: VaultRequest, path: str) -> Reply:
    await request.perform(
        WriteSecretMetadata(
            name=request.mount.path + path,
            max_versions=request.integer("max_versions") if request.has("max_versions") else None,
            cas_required=request.boolean("cas_required") if request.has("cas_required") else None,
            delete_version_after_seconds=(
                request.seconds("delete_version_after")
                if request.has("delete_version_after")
                else None
            ),
            custom_metadata=(
                request.mapping("custom_metadata") if request.has("custom_metadata") else None
            ),
        )
    )
    return None


@ENGINE.patch("metadata/{path*}")
async def patch_metadata(request: VaultRequest, path: str) -> Reply:
    if (refusal := _refuse_patch(request)) is not None:
        return refusal
    patch: dict[str, Any] = {}
    for name, field, read in (
        ("max_versions", "max_versions", request.integer),
        ("cas_required", "cas_required", request.boolean),
        ("delete_version_after", "delete_version_after_seconds", request.seconds),
        ("custom_metadata", "custom_metadata", _custom_patch(request)),
    ):
        if name in request.body:
            patch[field] = read(name) if request.has(name) else None
    await request.perform(PatchSecretMetadata(name=request.mount.path + path, patch=patch))
    return None


@ENGINE.delete("metadata/{path*}")
async def delete_metadata(request: VaultRequest, path: str) -> Reply:
    await request.perform(PurgeSecret(name=request.mount.path + path))
    return None


@ENGINE.list("metadata", "metadata/{path*}")
async def list_metadata(request: VaultRequest, path: str = "") -> Reply:
    return {"keys": await folder(request, path)}


@ENGINE.list("detailed-metadata", "detailed-metadata/{path*}")
async def list_detailed(request: VaultRequest, path: str = "") -> Reply:
    after, limit = listing_part(request)
    operation = ListSecretDetails(folder=request.mount.path + path, after=after, limit=limit)
    infos = (await request.perform(operation)).secrets
    if not infos:
        raise NotFound
    details = {info.name: _metadata(info.secret) if info.secret else {} for info in infos}
    return {"keys": list(details), "key_info": details}


# --- the store --------------------------------------------------------------------------


@ENGINE.read("config")
async def read_config(request: VaultRequest) -> Reply:
    store = await request.perform(ShowSecretStore(store=request.mount.prefix))
    return {
        "max_versions": store.max_versions,
        "cas_required": store.cas_required,
        "delete_version_after": duration(store.delete_version_after_seconds),
    }


@ENGINE.write("config", capability="update")
async def write_config(request: VaultRequest) -> Reply:
    after: int | None = None
    if request.has("delete_version_after"):
        negative = request.text("delete_version_after").startswith("-")
        after = -1 if negative else request.seconds("delete_version_after")
    await request.perform(
        ConfigureSecretStore(
            store=request.mount.prefix,
            max_versions=request.integer("max_versions") if request.has("max_versions") else None,
            cas_required=request.boolean("cas_required") if request.has("cas_required") else None,
            delete_version_after_seconds=after,
        )
    )
    return None


@ENGINE.read("{path*}")
@ENGINE.write("{path*}")
@ENGINE.delete("{path*}")
async def other(request: VaultRequest, path: str) -> Reply:
    """Paths as they would be in a store without versions: a common mistake."""
    first, slash, _ = path.partition("/")
    if first in _PARTS and (slash or first == "config"):
        raise UnsupportedOperation
    with suppress(NotFound):
        await request.perform(AskUnknownPath(path=request.mount.path + path, reason="-"))
    return Answer(status=404, warnings=[_INVALID_PATH])


_INVALID_PATH: Final = (
    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate "
    "API endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation."
)


# --- shapes -----------------------------------------------------------------------------


def _version(version: SecretVersion) -> dict[str, Any]:
    return {
        "created_time": rfc3339(version.created_at),
        "custom_metadata": version.custom_metadata or None,
        "deletion_time": rfc3339(version.deletion_at),
        "destroyed": version.destroyed,
        "version": version.version,
    }


def _metadata(secret: SecretView) -> dict[str, Any]:
    return {
        "cas_required": secret.cas_required,
        "created_time": rfc3339(secret.created_at),
        "current_version": secret.current_version,
        "custom_metadata": secret.custom_metadata or None,
        "delete_version_after": duration(secret.delete_version_after_seconds),
        "max_versions": secret.max_versions,
        "oldest_version": secret.oldest_version,
        "updated_time": rfc3339(secret.updated_at),
        "versions": {
            str(v.version): {
                "created_time": rfc3339(v.created_at),
                "deletion_time": rfc3339(v.deletion_at),
                "destroyed": v.destroyed,
            }
            for v in secret.versions
        },
    }


def _versions(request: VaultRequest, missing: str) -> list[int]:
    """The numbers of versions in the body; raises InvalidRequest if there are none."""
    given = request.body.get("versions")
    texts = [str(given)] if isinstance(given, int) else request.strings("versions")
    if not texts:
        raise InvalidRequest(missing)
    try:
        numbers = [int(text[:20]) for text in texts]
    except ValueError:
        raise InvalidRequest(
            'Field validation failed: error converting input for field "versions"',
            field="versions",
        ) from None
    if min(numbers) < 1 or len(numbers) > 1000:
        raise InvalidRequest("versions must be up to 1000 positive numbers", field="versions")
    return numbers


def _custom_patch(request: VaultRequest) -> Any:
    """How a patch of custom metadata is read: null removes an entry, the rest is text."""

    def read(name: str) -> dict[str, str | None]:
        given = request.body[name]
        removed: Mapping[str, Any] = given if isinstance(given, dict) else {}
        texts = request.mapping(name)
        return {key: None if removed.get(key, "") is None else t for key, t in texts.items()}

    return read


def _refuse_patch(request: VaultRequest) -> Answer | None:
    """The refusal of a body that does not say that it is a JSON merge patch."""
    given = request.headers.get(b"content-type", b"")
    if given.partition(b";")[0].strip().lower() == _MERGE_PATCH:
        return None
    if not given:
        raise InvalidRequest("mime: no media type")
    shown = given.decode("ascii", "replace")[:80]
    message = f"PATCH requires Content-Type of {_MERGE_PATCH.decode()}, provided {shown}"
    return Answer(raw=Raw(b"application/json", _encode({"errors": [message]}), 415))
