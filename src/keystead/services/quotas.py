"""Quotas: written, shown, deleted; and the leases counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from keystead.errors import InvalidRequest, NotFound, Overloaded
from keystead.operations import Done
from keystead.operations.quotas import (
    DeleteLeaseLimit,
    DeleteRateLimit,
    LeaseLimit,
    ListLeaseLimits,
    ListRateLimits,
    QuotaNames,
    QuotaSettings,
    RateLimit,
    ShowLeaseLimit,
    ShowQuotaSettings,
    ShowRateLimit,
    WriteLeaseLimit,
    WriteQuotaSettings,
    WriteRateLimit,
)
from keystead.seal.keyring import SYSTEM
from keystead.services.leases.records import STAGES
from keystead.services.namespace_directory import ROOT
from keystead.services.quota_table import (
    EXEMPT_PATHS,
    LEASE_LIMIT,
    MOST_QUOTAS,
    QUOTA_SETTINGS,
    RATE_LIMIT,
    SETTINGS_ID,
    LeaseLimitRecord,
    QuotaSettingsRecord,
    RateLimitRecord,
)
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.services.house import House
    from keystead.store.transaction import Reader, Transaction

T = TypeVar("T")
_ROOT_ALONE: Final = "quotas belong to the root namespace"


@changes(WriteRateLimit)
def write_rate_limit(operation: WriteRateLimit, scope: Scope, tx: Transaction) -> RateLimit:
    record = RateLimitRecord(
        path=_path(operation.path, scope),
        rate=operation.rate,
        interval_seconds=operation.interval_seconds,
        block_seconds=operation.block_seconds,
        inheritable=operation.inheritable,
    )
    _put(tx, RATE_LIMIT, operation.name, record)
    return _rate_limit(operation.name, record)


@reads(ShowRateLimit)
def show_rate_limit(operation: ShowRateLimit, scope: Scope, reader: Reader) -> RateLimit:
    return _rate_limit(operation.name, _find(reader, scope, RATE_LIMIT, operation.name))


@reads(ListRateLimits)
def list_rate_limits(operation: ListRateLimits, scope: Scope, reader: Reader) -> QuotaNames:
    return _names(reader, scope, RATE_LIMIT)


@changes(DeleteRateLimit)
def delete_rate_limit(operation: DeleteRateLimit, scope: Scope, tx: Transaction) -> Done:
    return _delete(tx, scope, RATE_LIMIT, operation.name)


@changes(WriteLeaseLimit)
def write_lease_limit(operation: WriteLeaseLimit, scope: Scope, tx: Transaction) -> LeaseLimit:
    record = LeaseLimitRecord(
        path=_path(operation.path, scope),
        max_leases=operation.max_leases,
        inheritable=operation.inheritable,
    )
    _put(tx, LEASE_LIMIT, operation.name, record)
    return _lease_limit(operation.name, record)


@reads(ShowLeaseLimit)
def show_lease_limit(operation: ShowLeaseLimit, scope: Scope, reader: Reader) -> LeaseLimit:
    return _lease_limit(operation.name, _find(reader, scope, LEASE_LIMIT, operation.name))


@reads(ListLeaseLimits)
def list_lease_limits(operation: ListLeaseLimits, scope: Scope, reader: Reader) -> QuotaNames:
    return _names(reader, scope, LEASE_LIMIT)


@changes(DeleteLeaseLimit)
def delete_lease_limit(operation: DeleteLeaseLimit, scope: Scope, tx: Transaction) -> Done:
    return _delete(tx, scope, LEASE_LIMIT, operation.name)


@reads(ShowQuotaSettings)
def show_quota_settings(
    operation: ShowQuotaSettings, scope: Scope, reader: Reader
) -> QuotaSettings:
    _require_root(scope)
    record = reader.get(QUOTA_SETTINGS, SYSTEM, SETTINGS_ID)
    return QuotaSettings(exempt_paths=list(EXEMPT_PATHS if record is None else record.exempt_paths))


@changes(WriteQuotaSettings)
def write_quota_settings(
    operation: WriteQuotaSettings, scope: Scope, tx: Transaction
) -> QuotaSettings:
    _require_root(scope)
    tx.put(QUOTA_SETTINGS, SYSTEM, SETTINGS_ID, QuotaSettingsRecord(operation.exempt_paths))
    return QuotaSettings(exempt_paths=operation.exempt_paths)


def require_lease_room(tx: Transaction, house: House, namespace: str, lease_id: str) -> None:
    """Raise Overloaded if the lease would be one too many at its path.

    ``namespace`` is an identifier. Leases of a narrower limit of their own count here too.
    """
    limit = house.quotas.lease_limit(house.namespaces.name_of(namespace), lease_id)
    if limit is None:
        return
    name = house.namespaces.name_of(namespace)
    prefix = limit.path.removesuffix("*").removeprefix(f"{name}/" if name else "")
    left = limit.max_leases
    for kind in STAGES:
        left -= tx.count_below(kind, namespace, prefix, left)
        if left <= 0:
            path = lease_id.rpartition("/")[0]
            raise Overloaded(f'request path "{path}": lease count quota exceeded')


def _path(text: str, scope: Scope) -> str:
    """A quota's path in its one form: that of a namespace or a mount ends in a slash.

    Raises InvalidRequest unless it leads to a mount or a namespace.
    """
    _require_root(scope)
    path = text.lstrip("/")
    bare = path.rstrip("/*")
    if not bare:
        return ""
    if bare in scope.house.namespaces.names().values():
        return bare + "/"
    place = scope.house.mounts.find("", bare + "/")
    if place.mount is None:
        raise InvalidRequest(f'invalid mount path "{bare}/"', path=text)
    return bare + "/" if not place.rest.strip("/") else path


def _put(tx: Transaction, kind: Kind[T], name: str, record: T) -> None:
    others = tx.list(kind, SYSTEM, limit=MOST_QUOTAS)
    wanted: Any = record
    for other, present in others:
        given: Any = present
        if other != name and given.path == wanted.path:
            raise InvalidRequest("quota rule with similar properties exists under a different name")
    if len(others) >= MOST_QUOTAS:
        raise InvalidRequest(f"there are {MOST_QUOTAS} quotas already")
    tx.put(kind, SYSTEM, name, record)


def _find(reader: Reader, scope: Scope, kind: Kind[T], name: str) -> T:
    _require_root(scope)
    record = reader.get(kind, SYSTEM, name)
    if record is None:
        raise NotFound
    return record


def _names(reader: Reader, scope: Scope, kind: Kind[Any]) -> QuotaNames:
    _require_root(scope)
    return QuotaNames(names=[name for name, _ in reader.list(kind, SYSTEM, limit=MOST_QUOTAS)])


def _delete(tx: Transaction, scope: Scope, kind: Kind[Any], name: str) -> Done:
    _require_root(scope)
    tx.delete(kind, SYSTEM, name)
    return Done()


def _require_root(scope: Scope) -> None:
    if scope.namespace != ROOT:
        raise InvalidRequest(_ROOT_ALONE)


def _rate_limit(name: str, record: RateLimitRecord) -> RateLimit:
    return RateLimit(name=name, **msgspec.structs.asdict(record))


def _lease_limit(name: str, record: LeaseLimitRecord) -> LeaseLimit:
    return LeaseLimit(name=name, **msgspec.structs.asdict(record))
