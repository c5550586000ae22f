"""Snapshots: the whole database in a file, taken and put back while the server serves.

What is put back is as it was then, except:

- a key or key version that was destroyed since stays destroyed, a removed one removed;
- a namespace that was deleted since stays deleted, and one made since stays, empty;
- tokens, leases, wrapped replies and ceremonies are what they are now: no token that was
  revoked lives again, and no credential that is out there is forgotten;
- the seal is what it is now: a rekey is not undone.

The audit log is no part of the database and stays whole.
"""

from __future__ import annotations

import asyncio
import io
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import msgspec

import keystead
from keystead.errors import IntegrityFailure, InvalidRequest, NotInitialized
from keystead.identity.records import TOKEN
from keystead.operations.snapshots import (
    RestoredSnapshot,
    RestoreSnapshot,
    Snapshot,
    TakeSnapshot,
)
from keystead.seal.keyring import SYSTEM, Keyring
from keystead.services.audit_log import AUDIT_KEY
from keystead.services.ceremonies import CEREMONY
from keystead.services.keys.records import (
    ALIAS,
    KEY,
    MATERIAL,
    REMOVED_KEY,
    RESERVATION,
    ROTATION,
    KeyRecord,
    material_id,
)
from keystead.services.keys.states import State
from keystead.services.keys.usage import USAGE
from keystead.services.leases.records import HOLDER, STAGES, SWEEP
from keystead.services.namespace_directory import NAMESPACE, ROOT, all_namespaces
from keystead.services.namespaces import TOMBSTONE
from keystead.services.registry import before, changes, controls
from keystead.services.scope import Scope
from keystead.services.system import cluster_id
from keystead.services.wrapping import WRAPPED
from keystead.store.archive import Manifest, Spool, read_archive, write_archive
from keystead.store.kinds import Kind
from keystead.store.rows import Row, open_row, seal_row

if TYPE_CHECKING:
    from keystead.services.house import House
    from keystead.store.transaction import Reader, Transaction

AS_NOW: Final = frozenset(
    kind.name
    for kind in (
        TOKEN,
        *STAGES,
        HOLDER,
        SWEEP,
        WRAPPED,
        CEREMONY,
        AUDIT_KEY,
        TOMBSTONE,
        REMOVED_KEY,
    )
)
"""Kinds that a restore leaves alone."""

ADDED: Final = frozenset({NAMESPACE.name, RESERVATION.name})
"""Kinds of which what is there now counts, and only what is missing is put back: a namespace
has all the keys that it had then, and messages once counted stay so."""

OF_KEYS: Final = frozenset(kind.name for kind in (KEY, MATERIAL, ALIAS, ROTATION, USAGE))
_ROOT_ALONE: Final = "a snapshot is of the whole server: ask in the root namespace"
_AT_ONCE: Final = 500
_MOST_NAMESPACES: Final = 1_000_000


class RestorationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot was put back; times in Unix seconds."""

    at: float
    taken_at: float
    change: int


RESTORATION = Kind("restoration", RestorationRecord)
"""Every cache starts anew when it hears of one."""


class Checked(NamedTuple):
    """A snapshot whose every row opens, and the keyring with every namespace's key."""

    manifest: Manifest
    rows: Spool
    opened: Keyring


class Destroyed(NamedTuple):
    """What is destroyed now, by namespace and record id: keys of which at least a version is,
    the places of material, and keys that were removed altogether."""

    keys: dict[tuple[str, str], KeyRecord]
    material: set[tuple[str, str]]
    removed: set[tuple[str, str]]

    def has_removed(self, row: Row) -> bool:
        """Whether a row is of a key that is gone, or of what belongs to one."""
        places = (row.namespace, row.id), (row.namespace, row.parent)
        return row.kind in OF_KEYS and any(place in self.removed for place in places)


# --- take ---------------------------------------------------------------------------------


@controls(TakeSnapshot)
async def take_snapshot(operation: TakeSnapshot, scope: Scope) -> Snapshot:
    """In a thread and on a connection of its own: it may take longer than a request may wait
    for the database."""
    if scope.namespace != ROOT:
        raise InvalidRequest(_ROOT_ALONE)
    house, file = scope.house, io.BytesIO()
    manifest = await asyncio.to_thread(
        house.store.read_now, lambda reader: take(reader, house, scope.now, file)
    )
    scope.details["rows"] = manifest.rows
    return Snapshot(archive=file.getvalue(), rows=manifest.rows, change=manifest.change)


def take(reader: Reader, house: House, now: float, file: BinaryIO) -> Manifest:
    """Write what one read transaction sees to a file; others go on meanwhile."""
    row = reader.seal_row()
    if row is None:
        raise NotInitialized
    manifest = Manifest(
        version=keystead.__version__,
        taken_at=now,
        cluster_id=cluster_id(house),
        change=reader.last_change(),
        rows=0,
        seal_type=row.seal_type,
        generation=row.generation,
    )
    return write_archive(file, manifest, reader.rows(), house.keyring)


# --- put back -----------------------------------------------------------------------------


@before(RestoreSnapshot)
def check_snapshot(operation: RestoreSnapshot, scope: Scope, reader: Reader) -> Checked:
    """1. The archive is whole, and of this keyring. 2. Know the key of every namespace that
    will be there. 3. Every row opens. Nothing is changed before that."""
    if scope.namespace != ROOT:
        raise InvalidRequest(_ROOT_ALONE)
    keyring = scope.house.keyring
    spool = Spool()
    file = io.BytesIO(operation.archive)
    manifest = read_archive(file, len(operation.archive), spool, keyring)  # 1
    opened = _open_all(spool, reader, keyring)  # 2
    for row in spool:  # 3
        if row.namespace and opened.is_sealed(row.namespace):
            continue  # of a namespace that is gone for good
        open_sealed(row, opened)
    return Checked(manifest, spool, opened)


@changes(RestoreSnapshot)
def restore_snapshot(operation: RestoreSnapshot, scope: Scope, tx: Transaction) -> RestoredSnapshot:
    checked: Checked = scope.prepared
    destroyed = _destroyed(tx.with_sealer(checked.opened), checked.opened)
    gone = _gone(tx)
    tx.delete_kinds(AS_NOW | ADDED)
    restored = 0
    rows = iter(checked.rows)
    while page := list(islice(rows, _AT_ONCE)):
        wanted = [row for row in page if row.kind not in AS_NOW and row.namespace not in gone]
        wanted = [row for row in wanted if not destroyed.has_removed(row)]
        added = [row for row in wanted if row.kind in ADDED and row.id not in gone]
        tx.add_rows(added)
        changed = [
            _as_destroyed(r, checked.opened, destroyed) for r in wanted if r.kind not in ADDED
        ]
        tx.put_rows(changed)
        restored += len(added) + len(changed)
    manifest = checked.manifest
    tx.put(
        RESTORATION,
        SYSTEM,
        f"{scope.now:017.6f}",
        RestorationRecord(at=scope.now, taken_at=manifest.taken_at, change=manifest.change),
    )
    scope.details["rows"] = restored
    scope.details["taken_at"] = int(manifest.taken_at)
    return RestoredSnapshot(rows=restored, taken_at=manifest.taken_at, change=manifest.change)


def open_sealed(row: Row, keyring: Keyring) -> bytes:
    """A row's plaintext; raises InvalidRequest unless it is what Keystead wrote there."""
    try:
        return keyring.open(row.namespace, msgspec.msgpack.encode(tuple(row[:-1])), row.blob)
    except IntegrityFailure:
        raise InvalidRequest(f"A {row.kind} in the snapshot is not what Keystead wrote.") from None


def _open_all(spool: Spool, reader: Reader, keyring: Keyring) -> Keyring:
    """A keyring with the keys of all namespaces that are there now or were there then.

    Those that are gone for good are as if sealed. Where both know one, what is now counts: it
    has every key that there was then.
    """
    opened = Keyring()
    opened.load(keyring.contents)
    gone = _gone(reader)
    keks = {id: record.keks for id, record in all_namespaces(reader).items()}
    for row in spool:
        if row.kind == NAMESPACE.name and row.id not in keks and row.id not in gone:
            keks[row.id] = open_row(opened, NAMESPACE, row).keks
    strange = {row.namespace for row in spool if row.namespace} - keks.keys()
    opened.load_namespaces(keks, frozenset(strange))
    return opened


def _gone(reader: Reader) -> set[str]:
    """The identifiers of the namespaces that were deleted for good."""
    return {id for id, _ in reader.list(TOMBSTONE, SYSTEM, limit=_MOST_NAMESPACES)}


def _destroyed(reader: Reader, opened: Keyring) -> Destroyed:
    found = Destroyed({}, set(), set())
    for namespace in all_namespaces(reader):
        after = ""
        while removed := reader.list(REMOVED_KEY, namespace, after=after, limit=_AT_ONCE):
            after = removed[-1][0]
            found.removed.update((namespace, key_id) for key_id, _ in removed)
        after = ""
        while page := reader.list(KEY, namespace, after=after, limit=_AT_ONCE):
            after = page[-1][0]
            for key_id, record in page:
                gone = [v.version for v in record.versions if v.state is State.DESTROYED]
                if gone:
                    found.keys[namespace, key_id] = record
                    found.material.update((namespace, material_id(key_id, n)) for n in gone)
    return found


def _as_destroyed(row: Row, opened: Keyring, destroyed: Destroyed) -> Row:
    """The row, without what has been destroyed since. It keeps its change number."""
    place = row.namespace, row.id
    if row.kind == KEY.name and (now := destroyed.keys.get(place)) is not None:
        merged = _merged(open_row(opened, KEY, row), now)
        return Row(**seal_row(opened, KEY, row.namespace, row.id, merged, row.change))
    if row.kind == MATERIAL.name and place in destroyed.material:
        emptied = msgspec.structs.replace(open_row(opened, MATERIAL, row), material=b"")
        return Row(**seal_row(opened, MATERIAL, row.namespace, row.id, emptied, row.change))
    return row


def _merged(then: KeyRecord, now: KeyRecord) -> KeyRecord:
    """A key as it was then, but for the versions that are destroyed now; a key that is
    destroyed as a whole stays so, under the name that it had then."""
    if now.state is State.DESTROYED:
        return msgspec.structs.replace(now, name=then.name)
    gone = {v.version: v for v in now.versions if v.state is State.DESTROYED}
    return msgspec.structs.replace(
        then, versions=[gone.get(version.version, version) for version in then.versions]
    )
