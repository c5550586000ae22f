"""Which version of a transit key does what, and the version opened."""

from __future__ import annotations

from keystead.crypto.transit.handle import TransitHandle, open_handle
from keystead.crypto.transit.types import TYPES, TransitType
from keystead.errors import Conflict, InvalidRequest, NotFound
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.keys.records import KeyRecord, TransitSettings
from keystead.services.keys.transit import SOFT_DELETED

TOO_OLD = "ciphertext or signature version is disallowed by policy (too old)"


def settings_of(record: KeyRecord) -> TransitSettings:
    """A key's transit settings; a key that has none is not there for the transit engine."""
    if record.transit is None:
        raise NotFound(f"There is no transit key {record.name}.", key=record.name)
    return record.transit


def type_of(key: Key) -> TransitType:
    """A key's type; raises NotFound as ``settings_of`` does, and Conflict if it is deleted."""
    settings = settings_of(key.record)
    if settings.soft_deleted:
        raise Conflict(SOFT_DELETED, key=key.record.name)
    return TYPES[settings.type]


def opened(key: Key, version: KeyVersion) -> TransitHandle:
    """A version's handle, made at first use."""
    handle: TransitHandle | None = version.kept
    if handle is None:
        settings = settings_of(key.record)
        handle = version.kept = open_handle(
            TYPES[settings.type],
            b"" if version.public_only else version.reveal(),
            version.public,
            derived=settings.derived,
            convergent=settings.convergent,
            kdf=settings.kdf,
        )
    return handle


def to_protect(key: Key, wanted: int, purpose: str) -> KeyVersion:
    """The version to protect something new with; ``wanted`` 0: the newest.

    Raises InvalidRequest for one that is not there, or that the key's minimum forbids;
    KeyStateForbids for one whose state does.
    """
    number = wanted or key.primary
    _require_allowed(key, number, purpose)
    version = key.versions.get(number)
    if version is None:
        raise InvalidRequest("no such key version")
    if not version.may_protect:
        raise key.state_forbids(number, version)
    return version


def _require_allowed(key: Key, number: int, purpose: str) -> None:
    least = settings_of(key.record).min_encryption_version
    if number < 0:
        raise InvalidRequest(f"requested version for {purpose} is negative")
    if number > len(key.record.versions):
        raise InvalidRequest(
            f"requested version for {purpose} is higher than the latest key version"
        )
    if number < least:
        raise InvalidRequest(
            f"requested version for {purpose} is less than the minimum encryption key version"
        )


def to_process(key: Key, number: int, what: str, too_old: str = TOO_OLD) -> KeyVersion:
    """The version that protected something; 0 means 1, as in the first ciphertexts of all.

    Raises InvalidRequest for one that is not there, or that the key's minimum forbids;
    KeyStateForbids for one whose state does.
    """
    if number > len(key.record.versions):
        raise InvalidRequest(f"invalid {what}: version is too new")
    number = number or 1
    if number < settings_of(key.record).min_decryption_version:
        raise InvalidRequest(too_old)
    version = key.versions.get(number)
    if version is None:
        raise InvalidRequest("no such key version")
    if not version.may_process:
        raise key.state_forbids(number, version)
    return version
