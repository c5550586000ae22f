"""The transit engine: its keys' life. What they are used for is in ``transit_use``."""

from __future__ import annotations

from typing import Any, Final

from keystead.doors.vault import transit_use
from keystead.doors.vault.base64 import decode
from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import rfc3339
from keystead.doors.vault.transit_use import use, word
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.transit import (
    BackUpTransitKey,
    ConfigureTransit,
    ConfigureTransitKey,
    CreateTransitKey,
    DeleteTransitKey,
    DeriveTransitKey,
    ExportTransitKey,
    ExportWrappedKey,
    ImportTransitKey,
    ImportTransitVersion,
    ListTransitKeys,
    MakeImportWrappingKey,
    RestoreTransitKey,
    RotateTransitKey,
    SetCertificateChain,
    ShowImportWrappingKey,
    ShowTransitKey,
    ShowTransitSettings,
    SignCsr,
    SoftDeleteTransitKey,
    TransitKey,
    TrimTransitKey,
    UndeleteTransitKey,
)

ENGINE = Engine("transit")
ENGINE.include(transit_use.ENGINE)

_KDFS: Final = {"hkdf": "hkdf_sha256", "counter": "hmac-sha256-counter"}
_ML_DSA: Final = "ml-dsa"
_NO_KEY: Final = "no existing key named {} could be found"


def _key(request: VaultRequest, name: str) -> str:
    return request.mount.path + name


# --- a key's life -----------------------------------------------------------------------


@ENGINE.list("keys")
async def list_keys(request: VaultRequest) -> Reply:
    found = await request.perform(ListTransitKeys(mount=request.mount.path))
    if not found.names:
        raise NotFound
    return {"keys": found.names}


@ENGINE.write("keys/{name}", capability="update")
async def create(request: VaultRequest, name: str) -> Reply:
    key = await request.perform(
        CreateTransitKey(
            name=_key(request, name),
            mount=request.mount.path,
            type=_type(request),
            derived=request.boolean("derived"),
            convergent=request.boolean("convergent_encryption"),
            exportable=request.boolean("exportable"),
            allow_plaintext_backup=request.boolean("allow_plaintext_backup"),
            auto_rotate_seconds=request.seconds("auto_rotate_period"),
            key_bytes=request.integer("key_size"),
        )
    )
    return _shown(key)


def _type(request: VaultRequest) -> str:
    """The key type; Vault's ML-DSA has its size in another field."""
    type_ = word(request.text("type", "aes256-gcm96") or "aes256-gcm96")
    if type_ != _ML_DSA:
        return type_
    return f"mldsa-{word(request.text('parameter_set', '44'))}"


@ENGINE.read("keys/{name}")
async def read(request: VaultRequest, name: str) -> Reply:
    derivation = decode(request.query.get("context", ""))
    try:
        key = await request.perform(ShowTransitKey(key=_key(request, name), derivation=derivation))
    except NotFound:
        raise NotFound from None
    return _shown(key)


@ENGINE.delete("keys/{name}")
async def delete(request: VaultRequest, name: str) -> Reply:
    problem = f"error deleting policy {name}: "
    try:
        operation = DeleteTransitKey(key=_key(request, name))
        await use(request, operation, "could not delete key; not found")
    except InvalidRequest as error:
        raise InvalidRequest(problem + error.message) from None
    return None


@ENGINE.write("keys/{name}/config", capability="update")
async def configure(request: VaultRequest, name: str) -> Reply:
    period = request.seconds("auto_rotate_period") if request.has("auto_rotate_period") else None
    operation = ConfigureTransitKey(
        key=_key(request, name),
        min_decryption_version=_integer(request, "min_decryption_version"),
        min_encryption_version=_integer(request, "min_encryption_version"),
        deletion_allowed=_boolean(request, "deletion_allowed"),
        exportable=_boolean(request, "exportable"),
        allow_plaintext_backup=_boolean(request, "allow_plaintext_backup"),
        auto_rotate_seconds=period,
    )
    return _shown(await use(request, operation, _NO_KEY.format(name)))


def _integer(request: VaultRequest, name: str) -> int | None:
    return request.integer(name) if request.has(name) else None


def _boolean(request: VaultRequest, name: str) -> bool | None:
    return request.boolean(name) if request.has(name) else None


@ENGINE.write("keys/{name}/rotate", capability="update")
async def rotate(request: VaultRequest, name: str) -> Reply:
    operation = RotateTransitKey(key=_key(request, name))
    return _shown(await use(request, operation, "key not found"))


@ENGINE.write("keys/{name}/trim", capability="update")
async def trim(request: VaultRequest, name: str) -> Reply:
    if not request.has("min_available_version"):
        raise InvalidRequest("missing min_available_version")
    wanted = request.integer("min_available_version")
    operation = TrimTransitKey(key=_key(request, name), min_available_version=wanted)
    return _shown(await use(request, operation, "invalid key name"))


@ENGINE.delete("keys/{name}/soft-delete")
async def soft_delete(request: VaultRequest, name: str) -> Reply:
    operation = SoftDeleteTransitKey(key=_key(request, name))
    return _shown(await use(request, operation, _NO_KEY.format(name)))


@ENGINE.write("keys/{name}/soft-delete-restore", capability="update")
async def undelete(request: VaultRequest, name: str) -> Reply:
    operation = UndeleteTransitKey(key=_key(request, name))
    return _shown(await use(request, operation, _NO_KEY.format(name)))


# --- how a key is shown -----------------------------------------------------------------


def _shown(key: TransitKey) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": key.name,
        "type": key.type,
        "keys": _versions(key),
        "latest_version": key.latest_version,
        "derived": key.derived,
        "exportable": key.exportable,
        "allow_plaintext_backup": key.allow_plaintext_backup,
        "deletion_allowed": key.deletion_allowed,
        "min_decryption_version": key.min_decryption_version,
        "min_encryption_version": key.min_encryption_version,
        "min_available_version": key.min_available_version,
        "auto_rotate_period": key.auto_rotate_seconds,
        "imported_key": key.imported,
        "soft_deleted": key.soft_deleted,
        "supports_encryption": key.encrypts,
        "supports_decryption": key.encrypts,
        "supports_signing": key.signs,
        "supports_derivation": key.derives,
    }
    if key.derived:
        data |= {"kdf": _KDFS[key.kdf], "convergent_encryption": key.convergent}
        if key.kdf == "counter":
            data["kdf_mode"] = data["kdf"]
        if key.convergent:
            data["convergent_encryption_version"] = -1
    if key.key_bytes:
        data["key_size"] = key.key_bytes
    if key.imported:
        data["imported_key_allow_rotation"] = key.allow_rotation
    if key.backed_up_at is not None:
        data["backup_info"] = {
            "time": rfc3339(key.backed_up_at), "version": key.backed_up_version,
        }  # fmt: skip
    if key.restored_at is not None:
        data["restore_info"] = {
            "time": rfc3339(key.restored_at), "version": key.restored_version,
        }  # fmt: skip
    return data


def _versions(key: TransitKey) -> dict[str, Any]:
    if not key.curve:
        return {str(v.version): int(v.created_at) for v in key.versions}
    return {
        str(v.version): {
            "name": key.curve,
            "public_key": v.public_key,
            "creation_time": rfc3339(v.created_at),
            "certificate_chain": v.certificate_chain,
        }
        for v in key.versions
    }


# --- bringing and taking keys -----------------------------------------------------------


@ENGINE.read("wrapping_key")
async def wrapping_key(request: VaultRequest) -> Reply:
    """Show the wrapping key; the first who asks has it made."""
    mount = request.mount.path
    try:
        found = await request.perform(ShowImportWrappingKey(mount=mount))
    except NotFound:
        found = await request.perform(MakeImportWrappingKey(mount=mount))
    return {"public_key": found.public_key}


def _wrapped(request: VaultRequest) -> bytes:
    return decode(request.text("ciphertext"))


@ENGINE.write("keys/{name}/import", capability="update")
async def import_key(request: VaultRequest, name: str) -> Reply:
    if request.has("convergent_encryption"):
        raise InvalidRequest("import cannot be used on keys with convergent encryption enabled")
    await request.perform(
        ImportTransitKey(
            name=_key(request, name),
            mount=request.mount.path,
            wrapped=_wrapped(request) if request.has("ciphertext") else b"",
            public_key=request.text("public_key"),
            hash_function=word(request.text("hash_function", "SHA256")),
            type=_type(request),
            derived=request.boolean("derived"),
            exportable=request.boolean("exportable"),
            allow_plaintext_backup=request.boolean("allow_plaintext_backup"),
            allow_rotation=request.boolean("allow_rotation"),
            auto_rotate_seconds=request.seconds("auto_rotate_period"),
        )
    )
    return None


@ENGINE.write("keys/{name}/import_version", capability="update")
async def import_version(request: VaultRequest, name: str) -> Reply:
    operation = ImportTransitVersion(
        key=_key(request, name),
        mount=request.mount.path,
        wrapped=_wrapped(request) if request.has("ciphertext") else b"",
        public_key=request.text("public_key"),
        hash_function=word(request.text("hash_function", "SHA256")),
        version=_integer(request, "version"),
    )
    missing = f"no key found with name {name}; to import a new key, use the import/ endpoint"
    await use(request, operation, missing)
    return None


@ENGINE.write("derive-key/{name}", capability="update")
async def derive_key(request: VaultRequest, name: str) -> Reply:
    algorithm = request.text("key_derivation_algorithm", "ecdh")
    if algorithm != "ecdh":
        raise InvalidRequest(f"key derivation algorithm {algorithm} not supported")
    if not request.text("peer_public_key"):
        raise InvalidRequest("peer public key not provided")
    await request.perform(
        DeriveTransitKey(
            name=_key(request, name),
            mount=request.mount.path,
            base_key=_key(request, request.text("base_key_name"))[:255],
            peer_public_key=request.text("peer_public_key"),
            base_version=request.integer("base_key_version"),
            type=word(request.text("derived_key_type", "aes256-gcm96")),
        )
    )
    return None


@ENGINE.read("export/{export}/{name}", "export/{export}/{name}/{version}")
async def export(request: VaultRequest, export: str, name: str, version: str = "") -> Reply:
    found = await _or_bare_404(
        request,
        ExportTransitKey(key=_key(request, name), export=word(export), version=word(version)),
    )
    return _exported(found)


async def _or_bare_404(request: VaultRequest, operation: ExportTransitKey) -> Any:
    try:
        return await request.perform(operation)
    except NotFound as error:
        if error.details.get("key") == operation.key:
            raise NotFound from None
        raise InvalidRequest(error.message) from None


def _exported(found: Any) -> dict[str, Any]:
    keys = {str(version): text for version, text in found.keys.items()}
    return {"name": found.name, "type": found.type, "keys": keys}


@ENGINE.read("byok-export/{destination}/{name}", "byok-export/{destination}/{name}/{version}")
async def byok_export(
    request: VaultRequest, destination: str, name: str, version: str = ""
) -> Reply:
    found = await use(
        request,
        ExportWrappedKey(
            key=_key(request, name),
            destination=_key(request, destination)[:255],
            hash_function=word(request.query.get("hash", "SHA256")),
            version=word(version),
        ),
        "no such source key for export",
    )
    return _exported(found)


@ENGINE.read("backup/{name}")
async def backup(request: VaultRequest, name: str) -> Reply:
    operation = BackUpTransitKey(key=_key(request, name))
    return {"backup": (await use(request, operation, f'key "{name}" not found')).backup}


@ENGINE.write("restore", "restore/{name}", capability="update")
async def restore(request: VaultRequest, name: str = "") -> Reply:
    if not request.text("backup"):
        raise InvalidRequest("'backup' must be supplied")
    await request.perform(
        RestoreTransitKey(
            key=_key(request, name) if name else "",
            mount=request.mount.path,
            backup=request.text("backup"),
            force=request.boolean("force"),
        )
    )
    return None


# --- certificates -----------------------------------------------------------------------


@ENGINE.write("keys/{name}/csr", capability="update")
async def csr(request: VaultRequest, name: str) -> Reply:
    operation = SignCsr(
        key=_key(request, name),
        template=request.text("csr"),
        key_version=request.integer("version"),
    )
    made = await use(request, operation, f"key with provided name '{name}' not found")
    return {"name": made.name, "type": made.type, "csr": made.csr}


@ENGINE.write("keys/{name}/set-certificate", capability="update")
async def set_certificate(request: VaultRequest, name: str) -> Reply:
    operation = SetCertificateChain(
        key=_key(request, name),
        chain=request.text("certificate_chain"),
        version=request.integer("version"),
    )
    return _shown(await use(request, operation, f"key with provided name '{name}' not found"))


# --- a mount's settings -----------------------------------------------------------------


@ENGINE.read("config/keys")
async def read_config(request: VaultRequest) -> Reply:
    found = await request.perform(ShowTransitSettings(mount=request.mount.path))
    return {"disable_upsert": found.disable_upsert}


@ENGINE.write("config/keys", capability="update")
async def write_config(request: VaultRequest) -> Reply:
    wanted = request.boolean("disable_upsert")
    found = await request.perform(ConfigureTransit(mount=request.mount.path, disable_upsert=wanted))
    return {"disable_upsert": found.disable_upsert}


@ENGINE.read("cache-config")
async def read_cache_config(request: VaultRequest) -> Reply:
    found = await request.perform(ShowTransitSettings(mount=request.mount.path))
    return {"size": found.cache_size}


@ENGINE.write("cache-config", capability="update")
async def write_cache_config(request: VaultRequest) -> Reply:
    size = request.integer("size")
    if size < 0:
        raise InvalidRequest("size must be 0 or a value greater or equal to 10")
    found = await request.perform(ConfigureTransit(mount=request.mount.path, cache_size=size))
    return {"size": found.cache_size}
