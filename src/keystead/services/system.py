"""The server itself: initialize, unseal, seal, rekey, rotate the keyring."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid

import msgspec

from keystead.errors import Conflict, InvalidRequest, KeysteadError, NotInitialized
from keystead.identity.credentials import new_service_token
from keystead.operations import Done
from keystead.operations.system import (
    CancelGenerateRoot,
    CancelRekey,
    CeremonyStatus,
    ContinueGenerateRoot,
    ContinueRekey,
    Initialize,
    Initialized,
    KeyringView,
    RewrapRoot,
    RotateKeyring,
    Seal,
    SealStatus,
    ShowGenerateRoot,
    ShowKeyring,
    ShowRekey,
    ShowStatus,
    StartGenerateRoot,
    StartRekey,
    Unseal,
    VerifyRekey,
)
from keystead.policy.starter import write_starter_policies
from keystead.seal.contents import KeyringContents
from keystead.seal.keyring import SYSTEM, Keyring
from keystead.seal.root import RootKey
from keystead.services import ceremonies
from keystead.services.house import House
from keystead.services.namespace_directory import NAMESPACE, NamespaceRecord, all_namespaces
from keystead.services.registry import before, changes, controls, reads
from keystead.services.scope import Scope
from keystead.services.seal_state import renewed
from keystead.store.store import SealRow
from keystead.store.transaction import Reader, Transaction

_TOKEN_BYTES = len(new_service_token())
_PAD_ALPHABET = string.ascii_letters + string.digits


@controls(ShowStatus)
async def show_status(operation: ShowStatus, scope: Scope) -> SealStatus:
    await scope.house.seal.look()
    return _status(scope.house)


@controls(Initialize)
async def initialize(operation: Initialize, scope: Scope) -> Initialized:
    house = scope.house

    def furnish(tx: Transaction) -> str:
        write_starter_policies(tx, scope.now)
        return house.authenticator.issue_root(tx)

    return await house.seal.initialize(operation.shares, operation.threshold, furnish)


@controls(Unseal)
async def unseal(operation: Unseal, scope: Scope) -> SealStatus:
    seal = scope.house.seal
    if operation.reset:
        seal.forget_shares()
    if operation.share:
        await seal.give_share(operation.share)
    elif not operation.reset:
        raise InvalidRequest("Give a share, or reset.")
    return _status(scope.house)


@controls(Seal)
async def seal(operation: Seal, scope: Scope) -> SealStatus:
    await scope.house.seal.seal_now()
    return _status(scope.house)


def _status(house: House) -> SealStatus:
    return msgspec.structs.replace(
        house.seal.status(),
        node=house.node,
        storage=house.store.database,
        cluster_id="" if house.seal.sealed else cluster_id(house),
    )


def cluster_id(house: House) -> str:
    """A UUID (RFC 9562, version 8) that names the database, the same on every node."""
    founded = f"keystead cluster {house.namespaces.founded_at!r}"
    known = bytearray(hashlib.sha256(founded.encode()).digest()[:16])
    known[6] = known[6] & 0x0F | 0x80
    known[8] = known[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(known)))


# --- ceremonies ---------------------------------------------------------------------------


@controls(StartRekey)
async def start_rekey(operation: StartRekey, scope: Scope) -> CeremonyStatus:
    return await scope.house.store.write(
        lambda tx: ceremonies.start_rekey(
            tx, scope.now, operation.shares, operation.threshold, verify=operation.verify
        ),
        request_id=scope.call.request_id,
    )


@controls(ContinueRekey)
async def continue_rekey(operation: ContinueRekey, scope: Scope) -> CeremonyStatus:
    house = scope.house
    outcome = await house.store.write(
        lambda tx: ceremonies.continue_rekey(
            tx, house.seal, scope.now, operation.nonce, operation.share
        ),
        request_id=scope.call.request_id,
    )
    if isinstance(outcome, CeremonyStatus) and outcome.complete:
        await house.seal.refresh()
    return _status_or_raise(outcome)


@controls(VerifyRekey)
async def verify_rekey(operation: VerifyRekey, scope: Scope) -> CeremonyStatus:
    house = scope.house
    outcome = await house.store.write(
        lambda tx: ceremonies.verify_rekey(
            tx, house.seal, scope.now, operation.nonce, operation.share
        ),
        request_id=scope.call.request_id,
    )
    if isinstance(outcome, CeremonyStatus) and outcome.complete:
        await house.seal.refresh()
    return _status_or_raise(outcome)


@controls(ShowRekey)
async def show_rekey(operation: ShowRekey, scope: Scope) -> CeremonyStatus:
    return await _show(scope, ceremonies.REKEY)


@controls(ShowGenerateRoot)
async def show_generate_root(operation: ShowGenerateRoot, scope: Scope) -> CeremonyStatus:
    status = await _show(scope, ceremonies.GENERATE_ROOT)
    return msgspec.structs.replace(status, pad_length=_TOKEN_BYTES)


async def _show(scope: Scope, which: str) -> CeremonyStatus:
    return await scope.house.store.read(lambda reader: ceremonies.show(reader, which, scope.now))


@controls(CancelRekey)
async def cancel_rekey(operation: CancelRekey, scope: Scope) -> CeremonyStatus:
    return await scope.house.store.write(
        lambda tx: ceremonies.cancel(tx, ceremonies.REKEY), request_id=scope.call.request_id
    )


@controls(StartGenerateRoot)
async def start_generate_root(operation: StartGenerateRoot, scope: Scope) -> CeremonyStatus:
    pad = operation.one_time_pad or _random_pad()
    if len(pad) != _TOKEN_BYTES:
        raise InvalidRequest(
            f"The one-time pad must be as long as a token: {_TOKEN_BYTES} bytes.",
            length_bytes=_TOKEN_BYTES,
        )
    status = await scope.house.store.write(
        lambda tx: ceremonies.start_generate_root(tx, scope.now, pad),
        request_id=scope.call.request_id,
    )
    return status if operation.one_time_pad else msgspec.structs.replace(status, one_time_pad=pad)


def _random_pad() -> bytes:
    return "".join(secrets.choice(_PAD_ALPHABET) for _ in range(_TOKEN_BYTES)).encode()


@controls(ContinueGenerateRoot)
async def continue_generate_root(operation: ContinueGenerateRoot, scope: Scope) -> CeremonyStatus:
    house = scope.house
    outcome = await house.store.write(
        lambda tx: ceremonies.continue_generate_root(
            tx,
            house.seal,
            scope.now,
            operation.nonce,
            operation.share,
            house.authenticator.issue_root,
        ),
        request_id=scope.call.request_id,
    )
    return _status_or_raise(outcome)


@controls(CancelGenerateRoot)
async def cancel_generate_root(operation: CancelGenerateRoot, scope: Scope) -> CeremonyStatus:
    return await scope.house.store.write(
        lambda tx: ceremonies.cancel(tx, ceremonies.GENERATE_ROOT),
        request_id=scope.call.request_id,
    )


def _status_or_raise(outcome: CeremonyStatus | KeysteadError) -> CeremonyStatus:
    if isinstance(outcome, KeysteadError):
        raise outcome
    return outcome


# --- keyring and root key -----------------------------------------------------------------


@reads(ShowKeyring)
def show_keyring(operation: ShowKeyring, scope: Scope, reader: Reader) -> KeyringView:
    return _keyring_view(scope.house.keyring.contents)


@changes(RotateKeyring)
def rotate_keyring(operation: RotateKeyring, scope: Scope, tx: Transaction) -> KeyringView:
    """The new version comes into use everywhere as each worker follows this change."""
    row, root, contents = _present(scope, tx)
    present = Keyring()
    present.load(contents)
    rotated = contents.rotated(scope.now)
    for id, record in all_namespaces(tx).items():
        tx.put(NAMESPACE, SYSTEM, id, _rewrapped(id, record, present, rotated))
    tx.put_seal_row(renewed(row, root, rotated))
    return _keyring_view(rotated)


@before(RewrapRoot)
def wrap_new_root(operation: RewrapRoot, scope: Scope, reader: Reader) -> tuple[RootKey, bytes]:
    """Outside the transaction, for the seal may have to ask another server."""
    seal = scope.house.seal.seal
    if not seal.automatic:
        raise Conflict(
            f"The root key of a {seal.type} seal is replaced by a rekey.",
            hint="keystead operator rekey",
        )
    root = RootKey.generate()
    return root, seal.wrap(root.material)


@changes(RewrapRoot)
def rewrap_root(operation: RewrapRoot, scope: Scope, tx: Transaction) -> Done:
    row, _, contents = _present(scope, tx)
    root, wrapped = scope.prepared
    tx.put_seal_row(renewed(row, root, contents, root=wrapped))
    return Done()


def _present(scope: Scope, tx: Transaction) -> tuple[SealRow, RootKey, KeyringContents]:
    """What holds inside this transaction, which may be newer than what memory holds."""
    row = tx.seal_row()
    if row is None:
        raise NotInitialized
    root = scope.house.seal.root_of(row)
    return row, root, root.unwrap(row)


def _rewrapped(
    id: str, record: NamespaceRecord, present: Keyring, rotated: KeyringContents
) -> NamespaceRecord:
    keks = [present.rewrap_kek(id, kek, rotated) for kek in record.keks]
    return msgspec.structs.replace(record, keks=keks)


def _keyring_view(contents: KeyringContents) -> KeyringView:
    return KeyringView(
        active=contents.active.number,
        versions=[version.number for version in contents.versions],
        rotated_at=contents.active.created_at,
    )
