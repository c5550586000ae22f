"""The bookkeeping of versions: pure functions from a secret's record to its next."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec.structs import replace

from keystead.errors import InvalidRequest
from keystead.services.secrets.records import SecretRecord, StoreRecord, VersionState

DEFAULT_MAX_VERSIONS = 10


def check_and_set(record: SecretRecord | None, store: StoreRecord, cas: int | None) -> None:
    """Raise InvalidRequest if the caller does not know the newest version and should."""
    if cas is None:
        if store.cas_required or (record is not None and record.settings.cas_required):
            raise InvalidRequest("check-and-set parameter required for this call")
    elif cas != (record.current if record else 0):
        raise InvalidRequest("check-and-set parameter did not match the current version")


def add(
    record: SecretRecord | None, store: StoreRecord, now: float
) -> tuple[SecretRecord, list[VersionState]]:
    """A record with one more version, and the versions that are dropped for it.

    As many are kept as the secret or its store says, whichever is more; ten if neither does.
    """
    if record is None:
        record = SecretRecord(created_at=now, updated_at=now)
    current = record.current + 1
    state = VersionState(current, now, _deletion_at(record, store, now))
    kept = max(record.settings.max_versions, store.max_versions) or DEFAULT_MAX_VERSIONS
    oldest = record.oldest
    if current - oldest >= kept:
        oldest = current - kept + 1
    added = replace(
        record,
        versions=[*(v for v in record.versions if v.version >= oldest), state],
        current=current,
        oldest=oldest,
        updated_at=now,
    )
    return added, [v for v in record.versions if v.version < oldest]


def delete(record: SecretRecord, versions: Collection[int], now: float) -> SecretRecord:
    """Delete versions; what is gone already stays as it is."""
    return _each(record, versions, lambda v: v if v.is_gone(now) else replace(v, deletion_at=now))


def undelete(
    record: SecretRecord, store: StoreRecord, versions: Collection[int], now: float
) -> SecretRecord:
    """Undelete versions; where versions are deleted by themselves, their time starts anew."""
    deletion_at = _deletion_at(record, store, now)
    return _each(
        record, versions, lambda v: v if v.destroyed else replace(v, deletion_at=deletion_at)
    )


def destroy(record: SecretRecord, versions: Collection[int]) -> SecretRecord:
    """Mark versions as destroyed."""
    return _each(record, versions, lambda v: replace(v, destroyed=True))


def _each(
    record: SecretRecord,
    versions: Collection[int],
    change: Callable[[VersionState], VersionState],
) -> SecretRecord:
    chosen = set(versions)
    return replace(
        record, versions=[change(v) if v.version in chosen else v for v in record.versions]
    )


def _deletion_at(record: SecretRecord, store: StoreRecord, now: float) -> float | None:
    """When a version made now is deleted: after the shorter of the secret's time and its
    store's; never if the store's is negative."""
    own, general = record.settings.delete_version_after_seconds, store.delete_version_after_seconds
    if general < 0:
        return None
    after = min(own, general) if own and general else own or general
    return now + after if after else None
