"""Audit devices: where else the audit log is written to, besides each node's own copy."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Reply

DevicePath = Annotated[str, Meta(min_length=1, max_length=256)]
"""A name, such as ``file`` or ``team/siem``; slashes at either end do not matter."""


class AuditDeviceView(Reply, frozen=True):
    """An audit device. ``path`` ends in a slash."""

    path: str
    type: str
    description: str = ""
    options: dict[str, str] = {}
    local: bool = False
    created_at: float = 0.0


class AuditDevicePage(Reply, frozen=True):
    """All audit devices, by path."""

    devices: list[AuditDeviceView]


class ListAuditDevices(Operation[AuditDevicePage], frozen=True, kw_only=True):
    """List the audit devices."""

    action: ClassVar[str] = "audit-device:list"
    kind: ClassVar[str] = "audit-device"
    effect: ClassVar[Effect] = Effect.READ


class CreateAuditDevice(Operation[AuditDeviceView], frozen=True, kw_only=True):
    """Send a copy of every audit entry, from now on and from every node, to a device.

    ``file``: ``file_path`` (or ``stdout``, ``discard``). ``socket``: ``address`` and
    ``socket_type`` (``tcp``, ``udp``, ``unix``). ``syslog``: ``facility`` and ``tag``, to the
    host's own syslog. A device that cannot be reached now is refused; one that fails later
    is tried again, and never holds up service.
    """

    action: ClassVar[str] = "audit-device:create"
    kind: ClassVar[str] = "audit-device"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("type",)

    path: DevicePath
    type: str
    description: str = ""
    options: dict[str, str] = {}
    local: bool = False


class DeleteAuditDevice(Operation[Done], frozen=True, kw_only=True):
    """Send no more to a device."""

    action: ClassVar[str] = "audit-device:delete"
    kind: ClassVar[str] = "audit-device"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE

    path: DevicePath


class AuditHash(Reply, frozen=True):
    """``hmac-sha256:`` and hexadecimal digits."""

    hash: str


class HashForAuditDevice(Operation[AuditHash], frozen=True, kw_only=True):
    """HMAC-SHA-256 of a text under the device's own salt."""

    action: ClassVar[str] = "audit-device:hash"
    kind: ClassVar[str] = "audit-device"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.READ

    path: DevicePath
    input: Annotated[str, Meta(max_length=1 << 20)]
