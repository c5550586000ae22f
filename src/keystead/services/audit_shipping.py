"""The audit devices of one node at work: a thread for each."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Lock

import msgspec

from keystead.audit.query import Query, search
from keystead.audit.segments import durable_size
from keystead.audit.sinks.shipper import Shipper
from keystead.errors import KeysteadError
from keystead.services.audit_devices import AuditDeviceRecord, sink_config

_SECOND_NS = 1_000_000_000

log = logging.getLogger("keystead.audit.devices")


class AuditShipping:
    """Keeps a shipper for every device. Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shippers: dict[str, Shipper] = {}
        self._lock = Lock()

    def follow(self, devices: Mapping[str, AuditDeviceRecord]) -> None:
        """Ship to exactly these devices. Blocks while one that is gone ends its delivery."""
        with self._lock:
            for identifier in self._shippers.keys() - devices.keys():
                self._shippers.pop(identifier).stop()
                self._cursor(identifier).unlink(missing_ok=True)
            for identifier in devices.keys() - self._shippers.keys():
                self._begin(identifier, devices[identifier])

    def shippers(self) -> Collection[Shipper]:
        """Those at work, to be asked how far behind they are."""
        return list(self._shippers.values())

    def stop(self) -> None:
        """End every delivery; each goes on from there when the node starts again."""
        with self._lock:
            for shipper in self._shippers.values():
                shipper.stop()
            self._shippers.clear()

    def _begin(self, identifier: str, device: AuditDeviceRecord) -> None:
        """A new device gets what was written since it was made."""
        cursor = self._cursor(identifier)
        try:
            if not cursor.exists():
                cursor.write_bytes(msgspec.json.encode(self._first_since(device.created_at)))
            sink = sink_config(device.type, device.options).open()
        except (KeysteadError, OSError) as error:
            log.error("the audit device %s cannot be used: %s", device.path, error)
            return
        shipper = Shipper(self._directory, sink, cursor)
        shipper.start()
        self._shippers[identifier] = shipper

    def _first_since(self, seconds: float) -> int:
        """The index of the first entry since then, or else of the next one."""
        query = Query(since_ns=int(seconds * _SECOND_NS))
        page = search(self._directory, query, newest_first=False, limit=1)
        return page.records[0].index if page.records else durable_size(self._directory) or 0

    def _cursor(self, identifier: str) -> Path:
        return self._directory / f"device-{identifier}.cursor"
