"""Bring keys into a transit mount: wrapped for it, as public keys, or agreed with a peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm as NotInLibrary
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from keystead.crypto import public_der, public_pem
from keystead.crypto.keys import generate
from keystead.crypto.material import KeyMaterial
from keystead.crypto.specs import spec
from keystead.crypto.transit import importing as wrapping
from keystead.crypto.transit.derivation import agreed_key
from keystead.crypto.transit.types import TYPES, TransitType, transit_type
from keystead.discreet import Discreet
from keystead.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from keystead.operations.transit import (
    DeriveTransitKey,
    ImportTransitKey,
    ImportTransitVersion,
    ImportWrappingKey,
    MakeImportWrappingKey,
    ShowImportWrappingKey,
    TransitKey,
)
from keystead.services.keys.cache import find_record, load
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.keys.lifecycle import add_version, record_of
from keystead.services.keys.records import (
    MATERIAL,
    MaterialRecord,
    TransitSettings,
    material_id,
)
from keystead.services.mounts import keep_under_mounts
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.services.transit.keyring import opened, settings_of, to_process, type_of
from keystead.services.transit.keys import (
    new_record,
    require_derivable,
    require_period,
    store_new,
)
from keystead.services.transit.mounts import locate, require_name
from keystead.services.transit.views import view
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_WRAPPING_SPEC = "rsa-4096"


class MountWrappingKey(Discreet, frozen=True):
    """The private key under which keys are wrapped for a mount. The record id is the mount's
    uuid and ``/wrapping``."""

    material: bytes


MOUNT_WRAPPING_KEY = Kind("transit-wrapping-key", MountWrappingKey)
keep_under_mounts(MOUNT_WRAPPING_KEY)


Brought = KeyMaterial | bytes
"""What an import brings: material in its form at rest, or a public key (DER) alone."""


# --- the wrapping key -------------------------------------------------------------------


def _wrapping_key(reader: Reader, scope: Scope, mount: str) -> KeyMaterial | None:
    place = f"{locate(scope, mount).uuid}/wrapping"
    found = reader.get(MOUNT_WRAPPING_KEY, scope.namespace, place)
    return None if found is None else KeyMaterial(found.material)


def _public(material: KeyMaterial) -> ImportWrappingKey:
    public = public_der(spec(_WRAPPING_SPEC), material)
    assert public is not None
    return ImportWrappingKey(public_key=public_pem(public))


@reads(ShowImportWrappingKey)
def show_wrapping_key(
    operation: ShowImportWrappingKey, scope: Scope, reader: Reader
) -> ImportWrappingKey:
    """Show a mount's wrapping key; raises NotFound."""
    material = _wrapping_key(reader, scope, operation.mount)
    if material is None:
        raise NotFound("There is no wrapping key yet.", mount=operation.mount)
    return _public(material)


@before(MakeImportWrappingKey)
def generate_wrapping_key(
    operation: MakeImportWrappingKey, scope: Scope, reader: Reader
) -> KeyMaterial:
    present = _wrapping_key(reader, scope, operation.mount)
    return present or generate(spec(_WRAPPING_SPEC))


@changes(MakeImportWrappingKey)
def make_wrapping_key(
    operation: MakeImportWrappingKey, scope: Scope, tx: Transaction
) -> ImportWrappingKey:
    """Make a mount's wrapping key, unless another did so first."""
    material = _wrapping_key(tx, scope, operation.mount)
    if material is None:
        made: KeyMaterial = scope.prepared
        place = f"{locate(scope, operation.mount).uuid}/wrapping"
        tx.put(MOUNT_WRAPPING_KEY, scope.namespace, place, MountWrappingKey(made.reveal()))
        material = made
    return _public(material)


# --- importing --------------------------------------------------------------------------


def _bring(
    operation: ImportTransitKey | ImportTransitVersion,
    type_: TransitType,
    scope: Scope,
    reader: Reader,
) -> Brought:
    """Unwrap and check what an import brings; raises InvalidRequest or DecryptionFailed."""
    if operation.wrapped and operation.public_key:
        raise InvalidRequest(
            "only one of the following fields, ciphertext and public_key, can be set"
        )
    if not operation.wrapped:
        return wrapping.check_public(type_, operation.public_key)
    wrapping_key = _wrapping_key(reader, scope, operation.mount)
    if wrapping_key is None:
        raise InvalidRequest("error importing key: wrapping key was nil")
    key = wrapping.unwrap(wrapping_key, operation.wrapped, operation.hash_function)
    return wrapping.check(type_, key.reveal())


@before(ImportTransitKey)
def bring_key(operation: ImportTransitKey, scope: Scope, reader: Reader) -> Brought:
    type_ = TYPES.get(operation.type.lower())
    if type_ is None:
        raise InvalidRequest(f"unknown key type: {operation.type}")
    require_name(locate(scope, operation.mount), operation.name)
    require_period(operation.auto_rotate_seconds)
    require_derivable(type_, derived=operation.derived, convergent=False)
    if operation.auto_rotate_seconds and not operation.allow_rotation:
        raise InvalidRequest("allow_rotation must be set to true if auto-rotation is enabled")
    if find_record(reader, scope.namespace, operation.name) is not None:
        raise InvalidRequest(
            "the import path cannot be used with an existing key; use import-version to rotate "
            "an existing imported key"
        )
    brought = _bring(operation, type_, scope, reader)
    if operation.derived and isinstance(brought, bytes):
        raise InvalidRequest("unable to import only public key for derived Ed25519 key")
    return brought


@changes(ImportTransitKey)
def import_key(operation: ImportTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    """Create a key from what was brought."""
    brought: Brought = scope.prepared
    type_ = transit_type(operation.type.lower())
    settings = TransitSettings(
        type=type_.name,
        derived=operation.derived,
        allow_plaintext_backup=operation.allow_plaintext_backup,
        auto_rotate_seconds=operation.auto_rotate_seconds,
        imported=True,
        allow_rotation=operation.allow_rotation,
        key_bytes=len(brought) if type_.name == "hmac" else 0,
    )
    record = new_record(
        operation.name, type_, settings, exportable=operation.exportable, now=scope.now
    )
    return store_new(tx, scope, record, brought)


@before(ImportTransitVersion)
def bring_version(operation: ImportTransitVersion, scope: Scope, reader: Reader) -> Brought:
    _, record = record_of(reader, scope, operation.key)
    settings = settings_of(record)
    if not settings.imported:
        raise InvalidRequest("the import_version endpoint can only be used with an imported key")
    if settings.convergent:
        raise InvalidRequest(
            "import_version cannot be used on keys with convergent encryption enabled"
        )
    return _bring(operation, TYPES[settings.type], scope, reader)


@changes(ImportTransitVersion)
def import_version(operation: ImportTransitVersion, scope: Scope, tx: Transaction) -> TransitKey:
    """Add a version, or complete one of which only the public key is here."""
    key_id, record = record_of(tx, scope, operation.key)
    brought: Brought = scope.prepared
    number = operation.version or len(record.versions)
    place = material_id(key_id, number)
    row = tx.get(MATERIAL, scope.namespace, place)
    if operation.version is not None:
        _require_incomplete(row, brought)
    if row is not None and row.public_only and isinstance(brought, KeyMaterial):
        if public_der(spec(record.spec), brought) == row.public:
            complete = msgspec.structs.replace(row, material=brought.reveal(), public_only=False)
            tx.put(MATERIAL, scope.namespace, place, complete)
            scope.key_version = number
            return view(tx, scope.namespace, key_id, record)
        if operation.version is not None:
            raise InvalidRequest("cannot import key, key pair does not match")
    add_version(tx, scope, key_id, record, brought, origin="imported")
    return view(tx, scope.namespace, *record_of(tx, scope, operation.key))


def _require_incomplete(row: MaterialRecord | None, brought: Brought) -> None:
    if row is None:
        raise InvalidRequest("no such key version")
    if not row.public_only:
        raise InvalidRequest("private key imported, key version cannot be updated")
    if isinstance(brought, bytes):
        raise InvalidRequest(
            "cannot add a public key to a key version that already has a public key set"
        )


# --- agreeing ---------------------------------------------------------------------------


@before(DeriveTransitKey)
def agree(operation: DeriveTransitKey, scope: Scope, reader: Reader) -> KeyMaterial:
    """The key that follows from an ECDH agreement; raises InvalidRequest.

    On a path, whoever may ask for derived keys there may use any base key, as with Vault.
    """
    type_ = TYPES.get(operation.type.lower())
    if type_ is None or not type_.aead:
        raise InvalidRequest(f"unknown key type {operation.type}")
    require_name(locate(scope, operation.mount), operation.name)
    if find_record(reader, scope.namespace, operation.name) is not None:
        raise Conflict(f"Key {operation.name} exists.", key=operation.name)
    base = load(reader, scope.namespace, operation.base_key)
    if base is None:
        raise InvalidRequest("specified base key not found")
    if scope.call.path is None and not scope.permits("key:agree", base.resource):
        raise PermissionDenied(action="key:agree", resource=base.record.name)
    shared_secret = _exchange(base, operation.base_version, operation.peer_public_key)
    return KeyMaterial(agreed_key(shared_secret, type_.key_bytes))


def _exchange(base: Key, wanted: int, peer_pem: str) -> bytes:
    type_ = type_of(base)
    if not type_.ecdsa:
        raise InvalidRequest(f"base key type {type_.name} does not support key agreement")
    private = opened(base, _base_version(base, wanted)).private
    if private is None:
        raise InvalidRequest("no private key in the base key version")
    try:
        peer = load_pem_public_key(peer_pem.encode())
    except (ValueError, TypeError, NotInLibrary):
        raise InvalidRequest("failed to parse supplied peer public key PEM") from None
    if not isinstance(peer, ec.EllipticCurvePublicKey):
        raise InvalidRequest("supplied peer public key is not an ECDSA key")
    if peer.curve.name != private.curve.name:
        raise InvalidRequest(
            f"base private key type {type_.name} does not match peer public key curve"
        )
    secret: bytes = private.exchange(ec.ECDH(), peer)
    return secret


def _base_version(base: Key, wanted: int) -> KeyVersion:
    if wanted < 0:
        raise InvalidRequest("requested version of the base key is negative")
    if wanted > len(base.record.versions):
        raise InvalidRequest(
            "requested version of the base key is higher than the latest key version"
        )
    return to_process(base, wanted or base.primary, "base key")


@changes(DeriveTransitKey)
def derive_key(operation: DeriveTransitKey, scope: Scope, tx: Transaction) -> TransitKey:
    """Create a key from what was agreed; it can be given out or copied by nobody."""
    type_ = transit_type(operation.type.lower())
    settings = TransitSettings(type=type_.name, imported=True)
    record = new_record(operation.name, type_, settings, exportable=False, now=scope.now)
    return store_new(tx, scope, record, scope.prepared)
