"""Audit devices: made, listed, taken away; and what one is made of."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from keystead.audit import disk
from keystead.audit.sinks.file import FileConfig
from keystead.audit.sinks.local_syslog import LocalSyslogConfig
from keystead.audit.sinks.socket import SocketConfig
from keystead.audit.sinks.stream import DiscardConfig, StdoutConfig
from keystead.discreet import Discreet
from keystead.errors import (
    ConfigurationError,
    InvalidRequest,
    NotFound,
    UpstreamUnavailable,
)
from keystead.operations import Done
from keystead.operations.audit_devices import (
    AuditDevicePage,
    AuditDeviceView,
    AuditHash,
    CreateAuditDevice,
    DeleteAuditDevice,
    HashForAuditDevice,
    ListAuditDevices,
)
from keystead.seal.keyring import SYSTEM
from keystead.services.namespace_directory import ROOT
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.audit.sinks.shipper import Sink
    from keystead.store.transaction import Reader, Transaction

MOST_DEVICES = 32
_OPTIONS = {
    "file": {"file_path", "path", "mode"},
    "socket": {"address", "socket_type", "write_timeout"},
    "syslog": {"facility", "tag"},
}
_WITHOUT_EFFECT = {"log_raw", "hmac_accessor", "elide_list_responses", "format"}
"""Entries never hold values, and are JSON always."""


class AuditDeviceRecord(Discreet, frozen=True, kw_only=True):
    """An audit device; ``salt`` is 32 bytes."""

    path: str
    type: str
    salt: bytes
    created_at: float
    description: str = ""
    options: dict[str, str] = {}
    local: bool = False


AUDIT_DEVICE = Kind("audit-device", AuditDeviceRecord, name_of=lambda record: record.path)


class SinkConfig(Protocol):
    """What a sink is opened from."""

    def open(self) -> Sink: ...


@reads(ListAuditDevices)
def list_audit_devices(
    operation: ListAuditDevices, scope: Scope, reader: Reader
) -> AuditDevicePage:
    _require_root(scope)
    found = devices(reader).values()
    return AuditDevicePage(devices=[_view(d) for d in sorted(found, key=lambda d: d.path)])


@before(CreateAuditDevice)
def try_device(operation: CreateAuditDevice, scope: Scope, reader: Reader) -> None:
    """Refuse what cannot be opened now, on this host. Raises InvalidRequest."""
    _require_root(scope)
    try:
        config = sink_config(operation.type, operation.options)
        if isinstance(config, FileConfig):
            _require_copy(config.path, scope.house.audit.directory)
        else:
            sink = config.open()
            sink.send([])
            sink.close()
    except (ConfigurationError, UpstreamUnavailable) as error:
        raise InvalidRequest(f"sanity check failed; {error.message}") from None


@changes(CreateAuditDevice)
def create_audit_device(
    operation: CreateAuditDevice, scope: Scope, tx: Transaction
) -> AuditDeviceView:
    path = _path(operation.path)
    present = devices(tx)
    if any(d.path.startswith(path) or path.startswith(d.path) for d in present.values()):
        raise InvalidRequest("path already in use")
    if len(present) >= MOST_DEVICES:
        raise InvalidRequest(f"there are {MOST_DEVICES} audit devices already")
    record = AuditDeviceRecord(
        path=path,
        type=operation.type,
        salt=secrets.token_bytes(32),
        created_at=scope.now,
        description=operation.description,
        options=operation.options,
        local=operation.local,
    )
    tx.add(AUDIT_DEVICE, SYSTEM, secrets.token_hex(16), record)
    return _view(record)


@changes(DeleteAuditDevice)
def delete_audit_device(operation: DeleteAuditDevice, scope: Scope, tx: Transaction) -> Done:
    _require_root(scope)
    identifier, _ = _find(operation.path, tx)
    tx.delete(AUDIT_DEVICE, SYSTEM, identifier)
    return Done()


@reads(HashForAuditDevice)
def hash_for_audit_device(operation: HashForAuditDevice, scope: Scope, reader: Reader) -> AuditHash:
    _require_root(scope)
    try:
        _, record = _find(operation.path, reader)
    except NotFound:
        raise InvalidRequest(f'unknown audit backend "{_path(operation.path)}"') from None
    digest = hmac.digest(record.salt, operation.input.encode(), hashlib.sha256)
    return AuditHash(hash=f"hmac-sha256:{digest.hex()}")


def devices(reader: Reader) -> dict[str, AuditDeviceRecord]:
    """Every audit device by its identifier."""
    return dict(reader.list(AUDIT_DEVICE, SYSTEM, limit=10 * MOST_DEVICES))


def sink_config(type_: str, options: dict[str, str]) -> SinkConfig:
    """What a device writes to. Raises InvalidRequest for options that it does not have."""
    known = _OPTIONS.get(type_)
    if known is None:
        raise InvalidRequest(f'unknown backend type: "{type_}"')
    if unknown := sorted(options.keys() - known - _WITHOUT_EFFECT):
        raise InvalidRequest(f"unsupported option of a {type_} audit device: {unknown[0]}")
    if options.get("format", "json") != "json":
        raise InvalidRequest("entries are JSON: no other format is supported")
    return _CONFIGS[type_](options)


def _file(options: dict[str, str]) -> SinkConfig:
    path = options.get("file_path") or options.get("path")
    if not path:
        raise InvalidRequest("file_path is required")
    if path in ("stdout", "discard"):
        return StdoutConfig() if path == "stdout" else DiscardConfig()
    if options.get("mode", "0600") not in ("0600", "0000", "0"):
        raise InvalidRequest("an audit file is readable and writable by its owner alone")
    if not Path(path).is_absolute():
        raise InvalidRequest("file_path must be absolute")
    return FileConfig(path=Path(path))


def _socket(options: dict[str, str]) -> SinkConfig:
    network: Any = options.get("socket_type", "tcp")
    if network not in ("tcp", "udp", "unix"):
        raise InvalidRequest(f'unsupported socket_type "{network}"')
    if not options.get("address"):
        raise InvalidRequest("address is required")
    return SocketConfig(address=options["address"], network=network)


def _syslog(options: dict[str, str]) -> SinkConfig:
    return LocalSyslogConfig(
        facility=options.get("facility", "AUTH"), tag=options.get("tag", "keystead")
    )


_CONFIGS = {"file": _file, "socket": _socket, "syslog": _syslog}


def _require_copy(path: Path, log: Path) -> None:
    """Nothing but a new file, or one that entries were copied to before, is written to.

    So a device cannot damage the database, the log itself, or a file that some program
    trusts. Raises UpstreamUnavailable, or InvalidRequest.
    """
    if path.resolve().is_relative_to(log.resolve()):
        raise InvalidRequest("sanity check failed; that is where the log itself is")
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, disk.FILE_MODE)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            begins = os.pread(descriptor, 1, 0) if regular else b"?"
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UpstreamUnavailable(f"unable to open {path} for writing: {error.strerror}") from None
    if begins not in (b"", b"{"):
        raise InvalidRequest("sanity check failed; that file holds something else than entries")


def _require_root(scope: Scope) -> None:
    if scope.namespace != ROOT:
        raise InvalidRequest("audit devices belong to the root namespace")


def _path(text: str) -> str:
    path = text.strip("/")
    if not path.isprintable() or any(not part.strip() for part in path.split("/")):
        raise InvalidRequest("This cannot be the path of an audit device.", path=text)
    return path + "/"


def _find(path: str, reader: Reader) -> tuple[str, AuditDeviceRecord]:
    found = reader.by_name(AUDIT_DEVICE, SYSTEM, _path(path))
    if found is None:
        raise NotFound(f"There is no audit device {path}.", path=path)
    return found


def _view(record: AuditDeviceRecord) -> AuditDeviceView:
    return AuditDeviceView(
        path=record.path,
        type=record.type,
        description=record.description,
        options=record.options,
        local=record.local,
        created_at=record.created_at,
    )
