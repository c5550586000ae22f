"""``sys/audit``, ``sys/audit-hash``: where else the audit log is written to."""

from __future__ import annotations

from keystead.doors.vault.bare import repeated
from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.audit_devices import (
    CreateAuditDevice,
    DeleteAuditDevice,
    HashForAuditDevice,
    ListAuditDevices,
)

ENGINE = Engine("sys-audit")


@ENGINE.read("audit", sudo=True)
async def list_devices(request: VaultRequest) -> Reply:
    page = await request.perform(ListAuditDevices())
    return repeated(
        {
            device.path: {
                "path": device.path,
                "type": device.type,
                "description": device.description,
                "options": device.options or None,
                "local": device.local,
            }
            for device in page.devices
        }
    )


@ENGINE.write("audit/{path*}", sudo=True)
async def enable(request: VaultRequest, path: str) -> Reply:
    type_ = request.text("type")
    if not type_:
        raise InvalidRequest('unknown backend type: ""')
    await request.perform(
        CreateAuditDevice(
            path=path,
            type=type_,
            description=request.text("description"),
            options=request.mapping("options"),
            local=request.boolean("local"),
        )
    )
    return None


@ENGINE.delete("audit/{path*}", sudo=True)
async def disable(request: VaultRequest, path: str) -> Reply:
    """What is not there need not be taken away."""
    try:
        await request.perform(DeleteAuditDevice(path=path))
    except NotFound:
        return None
    return None


@ENGINE.write("audit-hash/{path*}")
async def hash_input(request: VaultRequest, path: str) -> Reply:
    text = request.text("input")
    if not text:
        raise InvalidRequest("the 'input' parameter is empty")
    return repeated(
        {"hash": (await request.perform(HashForAuditDevice(path=path, input=text))).hash}
    )
