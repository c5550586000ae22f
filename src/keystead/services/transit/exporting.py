"""Give out what may leave of transit keys, in Vault's forms: base64 and PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from keystead.crypto.transit import importing as wrapping
from keystead.crypto.transit.types import TransitType
from keystead.crypto.transit.wire import encode
from keystead.errors import ExportForbidden, InvalidRequest, NotFound
from keystead.operations.transit import (
    ExportedTransitKey,
    ExportTransitKey,
    ExportWrappedKey,
)
from keystead.services.keys.cache import load
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.registry import reads, uses
from keystead.services.scope import Scope
from keystead.services.transit.keyring import opened, settings_of, type_of
from keystead.services.transit.views import chain_pem, raw_public

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

EXPORTS = ("encryption-key", "signing-key", "hmac-key", "public-key", "certificate-chain")
_OPEN_EXPORTS = ("public-key", "certificate-chain")


@uses(ExportTransitKey)
def export_transit_key(operation: ExportTransitKey, scope: Scope) -> ExportedTransitKey:
    """Give out what is asked of each version that may still process; raises ExportForbidden."""
    key: Key = scope.target
    what, type_ = operation.export, type_of(key)
    if what not in EXPORTS:
        raise InvalidRequest(f"invalid export type: {what}")
    if what not in _OPEN_EXPORTS:
        _require_exportable(key)
    _require_fits(type_, what)
    versions = _versions(key, operation.version)
    texts = {v.number: _text(key, v, type_, what) for v in versions}
    if operation.version:
        scope.key_version = versions[0].number
    return ExportedTransitKey(name=_name(key), type=type_.name, keys=texts)


def _require_exportable(key: Key) -> None:
    if not key.record.exportable:
        raise ExportForbidden("private key material is not exportable", key=key.record.name)


def _require_fits(type_: TransitType, what: str) -> None:
    if what == "encryption-key" and not type_.encrypts:
        raise InvalidRequest("encryption not supported for the key")
    if what in ("signing-key", "certificate-chain") and not type_.signs:
        raise InvalidRequest("signing not supported for the key")
    if what == "public-key" and type_.symmetric:
        raise InvalidRequest(f"unknown key type {type_.name} for export type public-key")


def _versions(key: Key, wanted: str) -> list[KeyVersion]:
    """The versions asked for: all that may still process, ``latest``, or one by its number."""
    least = settings_of(key.record).min_decryption_version
    if not wanted:
        return [v for n, v in sorted(key.versions.items()) if n >= least and v.may_process]
    if wanted == "latest":
        number = len(key.record.versions)
    elif wanted.isascii() and wanted.isdigit():
        number = int(wanted)
    else:
        raise InvalidRequest("invalid key version")
    if number < least:
        raise InvalidRequest("version for export is below minimum decryption version")
    version = key.versions.get(number)
    if version is None:
        raise InvalidRequest("version does not exist or cannot be found")
    if not version.may_process:
        raise key.state_forbids(number, version)
    return [version]


def _text(key: Key, version: KeyVersion, type_: TransitType, what: str) -> str:
    if what == "certificate-chain":
        if not version.certificates:
            raise NotFound("selected key version does not have a certificate chain imported")
        return chain_pem(version.certificates).strip()
    if what == "hmac-key":
        return encode(version.hmac_key.reveal())
    handle = opened(key, version)
    if what == "public-key":
        return _public_text(type_, handle.public)
    if version.public_only:
        return _public_text(type_, handle.public)
    if type_.symmetric or type_.name.startswith("mldsa-"):
        return encode(version.reveal())
    if type_.name == "ed25519":
        return encode(version.reveal() + raw_public(type_, version.public or b""))
    pem: bytes = handle.private.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return pem.decode().strip()


def _public_text(type_: TransitType, public: Any) -> str:
    if not (type_.rsa or type_.ecdsa):
        return encode(public.public_bytes_raw())
    pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode().strip()


def _name(key: Key) -> str:
    return key.record.name.rpartition("/")[2]


@reads(ExportWrappedKey)
def export_wrapped_key(
    operation: ExportWrappedKey, scope: Scope, reader: Reader
) -> ExportedTransitKey:
    """Give out an exportable key, wrapped for whoever holds the destination's private key."""
    destination = load(reader, scope.namespace, operation.destination)
    if destination is None:
        raise InvalidRequest("no such destination key to export to")
    source = load(reader, scope.namespace, operation.key)
    if source is None:
        raise InvalidRequest("no such source key for export")
    _require_exportable(source)
    wrapping_type, type_ = type_of(destination), type_of(source)
    if not wrapping_type.rsa:
        raise InvalidRequest(
            f"key wrapping is not supported for key type {wrapping_type.name}; must be a rsa key"
        )
    public = opened(destination, destination.protecting(destination.usage)).public
    texts: dict[int, str] = {}
    for version in _versions(source, operation.version):
        if version.public_only:
            raise InvalidRequest("a version without a private key cannot be wrapped")
        material = version.reveal()
        private = opened(source, version).private
        plain = wrapping.for_wrapping(type_, material, private)
        texts[version.number] = encode(wrapping.wrap(public, plain, operation.hash_function))
    return ExportedTransitKey(name=_name(source), type=type_.name, keys=texts)
