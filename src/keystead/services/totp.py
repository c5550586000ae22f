"""One-time passwords at mounts of type ``totp``."""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from keystead.crypto.totp import (
    LONGEST_KEY_BYTES,
    CodeUsed,
    Totp,
    decode_key,
    encode_url,
    parse_url,
    require_settings,
)
from keystead.discreet import Discreet
from keystead.errors import InvalidRequest, NotFound, VerificationFailed
from keystead.operations import Done
from keystead.operations.totp import (
    DeleteTotpKey,
    GenerateTotpCode,
    ListTotpKeys,
    ShowTotpKey,
    TotpCode,
    TotpKeyNames,
    TotpKeyView,
    TotpVerdict,
    VerifyTotpCode,
    WriteTotpKey,
    WrittenTotpKey,
)
from keystead.services.mounts import keep_under_mounts
from keystead.services.qr import qr_png
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

_WIDEST_QR = 4_000


class TotpKeyRecord(Discreet, frozen=True, kw_only=True):
    """A key; the record id is ``<mount uuid>/<name>``. ``last`` is the period of the last
    code that was accepted."""

    totp: Totp
    issuer: str
    account: str
    last: int = -1


TOTP_KEY = Kind("totp-key", TotpKeyRecord)
keep_under_mounts(TOTP_KEY)


class _Place(NamedTuple):
    id: str
    name: str


@changes(WriteTotpKey)
def write_key(operation: WriteTotpKey, scope: Scope, tx: Transaction) -> WrittenTotpKey:
    """A key that was made here is shown now and never again."""
    place = _place(scope, operation.name)
    record = _generated(operation) if operation.generate else _imported(operation)
    present = tx.get(TOTP_KEY, scope.namespace, place.id)
    scope.narrow("create" if present is None else "update")
    tx.put(TOTP_KEY, scope.namespace, place.id, record)
    if not (operation.generate and operation.exported):
        return WrittenTotpKey()
    url = encode_url(record.totp, record.issuer, record.account)
    return WrittenTotpKey(url=url, barcode=qr_png(url, min(operation.qr_size, _WIDEST_QR)))


def _generated(operation: WriteTotpKey) -> TotpKeyRecord:
    if operation.url:
        raise InvalidRequest("a url should not be passed if generate is true")
    if operation.key:
        raise InvalidRequest("a key should not be passed if generate is true")
    if not 0 < operation.key_size <= LONGEST_KEY_BYTES:
        raise InvalidRequest("the key_size value must be greater than zero")
    if not operation.issuer:
        raise InvalidRequest("the issuer value is required for generated keys")
    if not operation.account_name:
        raise InvalidRequest("the account_name value is required for generated keys")
    return _record(operation, os.urandom(operation.key_size))


def _imported(operation: WriteTotpKey) -> TotpKeyRecord:
    if operation.url:
        url = parse_url(operation.url)
        operation = msgspec.structs.replace(
            operation,
            key=url.secret,
            issuer=url.issuer or operation.issuer,
            account_name=url.account or operation.account_name,
            algorithm=url.algorithm or operation.algorithm,
            digits=operation.digits if url.digits is None else url.digits,
            period=operation.period if url.period is None else url.period,
        )
    return _record(operation, decode_key(operation.key))


def _record(operation: WriteTotpKey, key: bytes) -> TotpKeyRecord:
    require_settings(
        algorithm=operation.algorithm,
        digits=operation.digits,
        period=operation.period,
        skew=operation.skew,
    )
    totp = Totp(
        key=key,
        algorithm=operation.algorithm,
        digits=operation.digits,
        period=operation.period,
        skew=operation.skew,
    )
    return TotpKeyRecord(totp=totp, issuer=operation.issuer, account=operation.account_name)


@reads(ShowTotpKey)
def show_key(operation: ShowTotpKey, scope: Scope, reader: Reader) -> TotpKeyView:
    record = reader.get(TOTP_KEY, scope.namespace, _place(scope, operation.name).id)
    if record is None:
        raise NotFound
    return TotpKeyView(
        account_name=record.account,
        algorithm=record.totp.algorithm,
        digits=record.totp.digits,
        issuer=record.issuer,
        period=record.totp.period,
    )


@reads(ListTotpKeys)
def list_keys(operation: ListTotpKeys, scope: Scope, reader: Reader) -> TotpKeyNames:
    prefix = _place(scope, f"{operation.mount.strip('/')}/x").id[:-1]
    after = prefix + operation.after if operation.after else ""
    page = reader.list(TOTP_KEY, scope.namespace, prefix=prefix, after=after, limit=operation.limit)
    names = [id.removeprefix(prefix) for id, _ in page]
    return TotpKeyNames(names=names, next=names[-1] if len(page) == operation.limit else "")


@changes(DeleteTotpKey)
def delete_key(operation: DeleteTotpKey, scope: Scope, tx: Transaction) -> Done:
    tx.delete(TOTP_KEY, scope.namespace, _place(scope, operation.name).id)
    return Done()


@reads(GenerateTotpCode)
def generate_code(operation: GenerateTotpCode, scope: Scope, reader: Reader) -> TotpCode:
    _, record = _find(reader, scope, operation.name)
    period = record.totp.period
    ends = (int(scope.now) // period + 1) * period
    return TotpCode(
        code=record.totp.code(scope.now), made_at=int(scope.now), expires_at=ends, period=period
    )


@changes(VerifyTotpCode)
def verify_code(operation: VerifyTotpCode, scope: Scope, tx: Transaction) -> TotpVerdict:
    """A code that is accepted is used up durably, for every worker and node."""
    place, record = _find(tx, scope, operation.name)
    if not operation.code:
        raise InvalidRequest("the code value is required")
    if len(operation.code) != record.totp.digits:
        raise InvalidRequest("invalid number of digits for the code")
    try:
        last = record.totp.verify(operation.code, scope.now, record.last)
    except CodeUsed:
        raise InvalidRequest("code already used; wait until the next time period") from None
    except VerificationFailed:
        return TotpVerdict(valid=False)
    tx.put(TOTP_KEY, scope.namespace, place.id, msgspec.structs.replace(record, last=last))
    return TotpVerdict(valid=True)


def _find(reader: Reader, scope: Scope, name: str) -> tuple[_Place, TotpKeyRecord]:
    place = _place(scope, name)
    record = reader.get(TOTP_KEY, scope.namespace, place.id)
    if record is None:
        raise InvalidRequest(f"unknown key: {place.name}")
    return place, record


def _place(scope: Scope, name: str) -> _Place:
    """Where a key is kept; raises NotFound if its mount is none of this type."""
    found = scope.house.mounts.find(scope.call.namespace, name)
    mount, short = found.mount, found.rest
    if mount is None or mount.type != "totp" or found.namespace != scope.call.namespace:
        raise NotFound(f"There are no one-time passwords at {name}.")
    if not short or not short.isprintable():
        raise InvalidRequest("A key needs a name that can be printed.")
    return _Place(f"{mount.uuid}/{short}", short)
