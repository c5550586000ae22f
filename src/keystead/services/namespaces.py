"""Namespaces: made, sealed, rotated and shredded.

An operation's ``name`` is relative to the namespace in which it is asked, and so are the
names in the answers.
"""

from __future__ import annotations

import secrets

import msgspec

from keystead.errors import Conflict, InvalidRequest, NotFound
from keystead.operations import Done
from keystead.operations.namespaces import (
    CreateNamespace,
    DeleteNamespace,
    DescribeNamespace,
    ListNamespaces,
    NamespacePage,
    NamespaceView,
    RotateNamespaceKek,
    SealNamespace,
    ShowNamespace,
    UnsealNamespace,
)
from keystead.services.leases.records import STAGES
from keystead.services.namespace_directory import (
    NAMESPACE,
    ROOT,
    NamespaceRecord,
    Namespaces,
    all_namespaces,
)
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.store import Store
from keystead.store.transaction import Reader, Transaction

__all__ = ["NAMESPACE", "ROOT", "NamespaceRecord", "Namespaces", "all_namespaces", "sweep_remains"]


MAX_METADATA = 64


class RemainsRecord(msgspec.Struct, frozen=True):
    """A shredded namespace whose rows, which nobody can open any more, are still to go."""

    deleted_at: float


REMAINS = Kind("namespace-remains", RemainsRecord)


class TombstoneRecord(msgspec.Struct, frozen=True):
    """A namespace that is gone for good, whatever an old copy of the database says."""

    name: str
    deleted_at: float


TOMBSTONE = Kind("namespace-tombstone", TombstoneRecord)


@changes(CreateNamespace)
def create_namespace(operation: CreateNamespace, scope: Scope, tx: Transaction) -> NamespaceView:
    name = _whole_name(operation.name, scope)
    above, _, _ = name.rpartition("/")
    parent = tx.by_name(NAMESPACE, "", above)
    if parent is None:
        raise NotFound(f"There is no namespace {above} to put it in.", namespace=above)
    id = secrets.token_hex(16)
    record = NamespaceRecord(
        name=name,
        parent=parent[0],
        created_at=scope.now,
        keks=[scope.house.keyring.new_kek(id, 1)],
        custom_metadata=operation.custom_metadata,
    )
    tx.add(NAMESPACE, "", id, record)
    return _view(id, record, scope)


@changes(DescribeNamespace)
def describe_namespace(
    operation: DescribeNamespace, scope: Scope, tx: Transaction
) -> NamespaceView:
    _, record = _find(operation.name, scope, tx)
    merged = record.custom_metadata | operation.custom_metadata
    kept = {name: value for name, value in merged.items() if value is not None}
    if len(kept) > MAX_METADATA:
        raise InvalidRequest(f"At most {MAX_METADATA} entries of custom metadata.")
    return _replace(operation.name, scope, tx, custom_metadata=kept)


@reads(ShowNamespace)
def show_namespace(operation: ShowNamespace, scope: Scope, reader: Reader) -> NamespaceView:
    return _view(*_find(operation.name, scope, reader), scope)


@reads(ListNamespaces)
def list_namespaces(operation: ListNamespaces, scope: Scope, reader: Reader) -> NamespacePage:
    base = _whole_name("", scope)
    found = reader.list(
        NAMESPACE,
        "",
        by="name",
        prefix=base,
        after=base + operation.after if operation.after else "",
        limit=operation.limit + 2,  # one for the root namespace, one to know of a next page
    )
    views = [_view(id, record, scope) for id, record in found if id != ROOT]
    page = views[: operation.limit]
    return NamespacePage(namespaces=page, next=page[-1].name if len(views) > len(page) else "")


@changes(SealNamespace)
def seal_namespace(operation: SealNamespace, scope: Scope, tx: Transaction) -> NamespaceView:
    return _replace(operation.name, scope, tx, sealed=True)


@changes(UnsealNamespace)
def unseal_namespace(operation: UnsealNamespace, scope: Scope, tx: Transaction) -> NamespaceView:
    return _replace(operation.name, scope, tx, sealed=False)


@changes(RotateNamespaceKek)
def rotate_namespace_kek(
    operation: RotateNamespaceKek, scope: Scope, tx: Transaction
) -> NamespaceView:
    id, record = _find(operation.name, scope, tx)
    kek = scope.house.keyring.new_kek(id, record.kek_version + 1)
    return _replace(operation.name, scope, tx, keks=[*record.keks, kek])


@changes(DeleteNamespace)
def delete_namespace(operation: DeleteNamespace, scope: Scope, tx: Transaction) -> Done:
    """Its record goes, and with it the only copies of its KEK: from this commit on, its rows
    are noise. What is left of them is swept later."""
    if operation.confirm != operation.name:
        raise InvalidRequest("The confirmation does not repeat the name.")
    id, record = _find(operation.name, scope, tx)
    if tx.list(NAMESPACE, "", parent=id, limit=1):
        raise Conflict(
            f"Namespace {record.name} has namespaces in it.",
            hint="Delete those first.",
            namespace=record.name,
        )
    if any(tx.count(kind, id) for kind in STAGES):
        raise Conflict(
            f"Namespace {record.name} has leases that are not yet taken back.",
            hint="Revoke them first, or the accounts that were made would stay where they are.",
            namespace=record.name,
        )
    tx.delete(NAMESPACE, "", id)
    tx.add(REMAINS, "", id, RemainsRecord(scope.now))
    tx.add(TOMBSTONE, "", id, TombstoneRecord(record.name, scope.now))
    return Done()


async def sweep_remains(store: Store) -> None:
    """Remove the rows of shredded namespaces, some at a time. To be called now and then."""
    for id, _ in await store.read(lambda reader: reader.list(REMAINS, "")):
        while await store.write(lambda tx, id=id: tx.delete_namespace(id)):  # type: ignore[misc]
            pass
        await store.write(lambda tx, id=id: tx.delete(REMAINS, "", id))  # type: ignore[misc]


def _whole_name(name: str, scope: Scope) -> str:
    base = scope.house.namespaces.name_of(scope.namespace)
    return f"{base}/{name}" if base else name


def _find(name: str, scope: Scope, reader: Reader) -> tuple[str, NamespaceRecord]:
    """The namespace below the call's; never the root namespace, whose name is empty."""
    found = reader.by_name(NAMESPACE, "", _whole_name(name, scope)) if name else None
    if found is None:
        raise NotFound(f"There is no namespace {name}.", namespace=name)
    return found


def _replace(name: str, scope: Scope, tx: Transaction, **fields: object) -> NamespaceView:
    id, record = _find(name, scope, tx)
    record = msgspec.structs.replace(record, **fields)
    tx.put(NAMESPACE, "", id, record)
    return _view(id, record, scope)


def _view(id: str, record: NamespaceRecord, scope: Scope) -> NamespaceView:
    return NamespaceView(
        name=record.name.removeprefix(_whole_name("", scope)),
        id=id,
        sealed=record.sealed,
        created_at=record.created_at,
        kek_version=record.kek_version,
        custom_metadata=record.custom_metadata,
    )
