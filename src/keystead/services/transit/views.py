"""Transit keys as callers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keystead.crypto import public_pem
from keystead.crypto.specs import spec
from keystead.crypto.transit.handle import open_handle
from keystead.crypto.transit.signers import DerivedEd25519Signer
from keystead.crypto.transit.types import TYPES, TransitType
from keystead.crypto.transit.wire import encode
from keystead.operations.transit import (
    ListTransitKeys,
    ShowTransitKey,
    TransitKey,
    TransitNames,
    TransitVersion,
)
from keystead.services.keys.lifecycle import record_of
from keystead.services.keys.records import KEY, MATERIAL, KeyRecord, MaterialRecord
from keystead.services.keys.states import State
from keystead.services.registry import reads
from keystead.services.scope import Scope
from keystead.services.transit.keyring import settings_of
from keystead.services.transit.mounts import locate

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

_PAGE = 1000


def view(
    reader: Reader, namespace: str, key_id: str, record: KeyRecord, derivation: bytes = b""
) -> TransitKey:
    """Everything about a transit key but its material; raises NotFound if it is none."""
    settings = settings_of(record)
    type_ = TYPES[settings.type]
    rows = reader.list(MATERIAL, namespace, parent=key_id, limit=len(record.versions) + 1)
    materials = {row.version: row for _, row in rows}
    return TransitKey(
        name=record.name.rpartition("/")[2],
        type=settings.type,
        latest_version=len(record.versions),
        versions=[
            TransitVersion(
                version=v.version,
                created_at=v.created_at,
                public_key=_public(type_, record, materials[v.version], derivation),
                certificate_chain=chain_pem(materials[v.version].certificates),
            )
            for v in record.versions
            if v.version >= settings.min_decryption_version
            and v.version in materials
            and v.state is not State.DESTROYED
        ],
        derived=settings.derived,
        kdf=settings.kdf,
        convergent=settings.convergent,
        exportable=record.exportable,
        allow_plaintext_backup=settings.allow_plaintext_backup,
        deletion_allowed=settings.deletion_allowed,
        min_decryption_version=settings.min_decryption_version,
        min_encryption_version=settings.min_encryption_version,
        min_available_version=settings.min_available_version,
        auto_rotate_seconds=settings.auto_rotate_seconds,
        imported=settings.imported,
        allow_rotation=settings.allow_rotation,
        key_bytes=settings.key_bytes,
        soft_deleted=settings.soft_deleted,
        backed_up_at=settings.backed_up_at,
        backed_up_version=settings.backed_up_version,
        restored_at=settings.restored_at,
        restored_version=settings.restored_version,
        encrypts=type_.encrypts,
        signs=type_.signs,
        derives=type_.derives,
        curve=type_.curve,
    )


def public_text(type_: TransitType, public_der: bytes) -> str:
    """A public key as clients read it: PEM, or for Ed25519 and ML-DSA the raw key in base64."""
    if type_.rsa or type_.ecdsa:
        return public_pem(public_der)
    return encode(raw_public(type_, public_der))


def raw_public(type_: TransitType, public_der: bytes) -> bytes:
    """The raw public key of an Ed25519 or ML-DSA key."""
    raw: bytes = spec(type_.spec).form.load_public(public_der).public_bytes_raw()
    return raw


def chain_pem(certificates: list[bytes]) -> str:
    """A chain of certificates (DER) as PEM."""
    loaded = [x509.load_der_x509_certificate(der) for der in certificates]
    return "".join(c.public_bytes(Encoding.PEM).decode() for c in loaded)


def _public(type_: TransitType, record: KeyRecord, row: MaterialRecord, derivation: bytes) -> str:
    settings = settings_of(record)
    if row.public is None:
        return ""
    if not settings.derived:
        return public_text(type_, row.public)
    if not derivation:
        return ""
    handle = open_handle(type_, row.material, row.public, derived=True, kdf=settings.kdf)
    assert isinstance(handle.signer, DerivedEd25519Signer)
    return encode(handle.signer.derived(derivation).public_key().public_bytes_raw())


@reads(ShowTransitKey)
def show_transit_key(operation: ShowTransitKey, scope: Scope, reader: Reader) -> TransitKey:
    """Show a key; raises NotFound."""
    found = record_of(reader, scope, operation.key)
    return view(reader, scope.namespace, *found, operation.derivation)


@reads(ListTransitKeys)
def list_transit_keys(operation: ListTransitKeys, scope: Scope, reader: Reader) -> TransitNames:
    """All names below a mount, in order."""
    path = locate(scope, operation.mount).path
    names: list[str] = []
    after = ""
    while page := reader.list(
        KEY, scope.namespace, prefix=path, by="name", after=after, limit=_PAGE
    ):
        after = page[-1][1].name
        names += [record.name[len(path) :] for _, record in page if record.transit is not None]
    return TransitNames(names=names)
