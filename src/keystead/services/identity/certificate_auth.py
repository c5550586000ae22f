"""What holds for all certificate roles of a log-in mount: revoked certificates, settings."""

from __future__ import annotations

import msgspec

from keystead.errors import NotFound
from keystead.identity.revocation_lists import REVOCATION_LIST, RevocationListRecord, parse
from keystead.operations import Done
from keystead.operations.certificate_auth import (
    CertificateSettings,
    DeleteRevocationList,
    ListRevocationLists,
    RevocationList,
    RevocationListNames,
    ShowCertificateSettings,
    ShowRevocationList,
    WriteCertificateSettings,
    WriteRevocationList,
)
from keystead.services.identity.mounted_names import joined, names_at, page
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

SETTINGS = Kind("certificate-settings", CertificateSettings)
_USUAL = "cert"


# --- revocation lists -------------------------------------------------------------------


@before(WriteRevocationList)
def parse_list(
    operation: WriteRevocationList, scope: Scope, reader: Reader
) -> RevocationListRecord:
    return parse(operation.crl)


@changes(WriteRevocationList)
def write_list(operation: WriteRevocationList, scope: Scope, tx: Transaction) -> RevocationList:
    """It counts for log-ins from now on; tokens that were issued before stay."""
    present = tx.get(REVOCATION_LIST, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    tx.put(REVOCATION_LIST, scope.namespace, operation.name, scope.prepared)
    return _view(operation.name, scope.prepared)


@reads(ShowRevocationList)
def show_list(operation: ShowRevocationList, scope: Scope, reader: Reader) -> RevocationList:
    return _view(operation.name, _find(reader, scope, operation.name))


@reads(ListRevocationLists)
def list_lists(operation: ListRevocationLists, scope: Scope, reader: Reader) -> RevocationListNames:
    names, more = page(
        reader,
        REVOCATION_LIST,
        scope.namespace,
        operation.mount,
        operation.after,
        operation.limit,
    )
    return RevocationListNames(names=names, next=more)


@changes(DeleteRevocationList)
def delete_list(operation: DeleteRevocationList, scope: Scope, tx: Transaction) -> Done:
    _find(tx, scope, operation.name)
    tx.delete(REVOCATION_LIST, scope.namespace, operation.name)
    return Done()


def lists_at(reader: Reader, namespace: str, mount: str) -> list[RevocationListRecord]:
    """The revocation lists of a mount."""
    names = names_at(reader, REVOCATION_LIST, namespace, mount)
    records = [reader.get(REVOCATION_LIST, namespace, name) for name in names]
    return [record for record in records if record is not None]


# --- settings ---------------------------------------------------------------------------


@changes(WriteCertificateSettings)
def write_settings(
    operation: WriteCertificateSettings, scope: Scope, tx: Transaction
) -> CertificateSettings:
    settings = CertificateSettings(
        disable_binding=operation.disable_binding,
        enable_identity_alias_metadata=operation.enable_identity_alias_metadata,
    )
    tx.put(SETTINGS, scope.namespace, operation.mount or _USUAL, settings)
    return settings


@reads(ShowCertificateSettings)
def show_settings(
    operation: ShowCertificateSettings, scope: Scope, reader: Reader
) -> CertificateSettings:
    return settings_at(reader, scope.namespace, operation.mount)


def settings_at(reader: Reader, namespace: str, mount: str) -> CertificateSettings:
    """What holds at a mount (empty: the usual one)."""
    return reader.get(SETTINGS, namespace, mount or _USUAL) or CertificateSettings()


# --- mounts -----------------------------------------------------------------------------


def forget_mount(tx: Transaction, namespace: str, mount: str) -> None:
    """Delete what is kept for a mount."""
    for name in names_at(tx, REVOCATION_LIST, namespace, mount):
        tx.delete(REVOCATION_LIST, namespace, name)
    tx.delete(SETTINGS, namespace, mount or _USUAL)


def move_mount(tx: Transaction, namespace: str, mount: str, target: str) -> None:
    """Keep for another mount what is kept for a mount."""
    settings = settings_at(tx, namespace, mount)
    names = names_at(tx, REVOCATION_LIST, namespace, mount)
    records = [(name, tx.get(REVOCATION_LIST, namespace, name)) for name in names]
    forget_mount(tx, namespace, mount)
    tx.put(SETTINGS, namespace, target or _USUAL, settings)
    for name, record in records:
        assert record is not None
        tx.put(REVOCATION_LIST, namespace, joined(target, name.rpartition("/")[2]), record)


def _find(reader: Reader, scope: Scope, name: str) -> RevocationListRecord:
    record = reader.get(REVOCATION_LIST, scope.namespace, name)
    if record is None:
        raise NotFound(f"There is no revocation list {name}.", name=name)
    return record


def _view(name: str, record: RevocationListRecord) -> RevocationList:
    fields = msgspec.structs.asdict(record)
    del fields["issuer_digest"]
    return RevocationList(name=name, **fields)
