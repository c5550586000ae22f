"""Leases: sys/leases/*, and the older paths for the same."""

from __future__ import annotations

import time
from typing import Any

from keystead.doors.vault.engine import Answer, Engine, Lease, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import rfc3339
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.leases import (
    CountLeases,
    ForgetLeases,
    LeaseView,
    ListLeaseKeys,
    ListLeases,
    RenewLease,
    RevokeLease,
    RevokeLeases,
    ShowLease,
    TidyLeases,
)

ENGINE = Engine("leases")
"""Part of the system's own: see ``Engine.include``."""

_MOST_LISTED = 10_000


@ENGINE.write("leases/lookup")
async def lookup(request: VaultRequest) -> Reply:
    lease = await request.perform(ShowLease(lease_id=_lease_id(request)))
    now = time.time()
    return {
        "expire_time": rfc3339(lease.expires_at),
        "id": lease.id,
        "issue_time": rfc3339(lease.issued_at),
        "last_renewal": rfc3339(lease.renewed_at) if lease.renewed_at else None,
        "renewable": lease.renewable,
        "ttl": max(0, int(lease.expires_at - now)),
    }


@ENGINE.list("leases/lookup", sudo=True)
@ENGINE.list("leases/lookup/{prefix*}", sudo=True)
async def list_leases(request: VaultRequest, prefix: str = "") -> Reply:
    below = f"{prefix}/" if prefix else ""
    found = await request.perform(
        ListLeaseKeys(prefix=below, after=request.query.get("after", ""), limit=_listed(request))
    )
    if not found.keys:
        raise NotFound
    return {"keys": found.keys}


def _listed(request: VaultRequest) -> int:
    text = request.query.get("limit", "")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    return min(limit, _MOST_LISTED) if limit > 0 else _MOST_LISTED


@ENGINE.write("leases/renew", "renew")
async def renew(request: VaultRequest) -> Reply:
    return await _renew(request, _lease_id(request))


@ENGINE.write("leases/renew/{lease_id*}", "renew/{lease_id*}")
async def renew_by_path(request: VaultRequest, lease_id: str) -> Reply:
    return await _renew(request, lease_id)


async def _renew(request: VaultRequest, lease_id: str) -> Reply:
    increment = request.seconds("increment")
    lease = await request.perform(RenewLease(lease_id=lease_id, increment_seconds=increment))
    left = round(lease.expires_at - (lease.renewed_at or lease.issued_at))
    warnings = None
    if increment > left:
        warnings = [
            f'TTL of "{increment}s" exceeded the effective max_ttl of "{left}s";'
            " TTL value is capped accordingly"
        ]
    return Answer(lease=Lease(lease.id, left, lease.renewable), warnings=warnings)


@ENGINE.write("leases/revoke", "revoke")
async def revoke(request: VaultRequest) -> Reply:
    return await _revoke(request, _lease_id(request))


@ENGINE.write("leases/revoke/{lease_id*}", "revoke/{lease_id*}")
async def revoke_by_path(request: VaultRequest, lease_id: str) -> Reply:
    return await _revoke(request, lease_id)


async def _revoke(request: VaultRequest, lease_id: str) -> Reply:
    wait = request.boolean("sync")
    await request.perform(RevokeLease(lease_id=lease_id, wait=wait))
    return None


@ENGINE.write("leases/revoke-prefix/{prefix*}", "revoke-prefix/{prefix*}", sudo=True)
async def revoke_prefix(request: VaultRequest, prefix: str) -> Reply:
    await request.perform(RevokeLeases(prefix=prefix, wait=request.boolean("sync")))
    return None


@ENGINE.write("leases/revoke-force/{prefix*}", "revoke-force/{prefix*}", sudo=True)
async def revoke_force(request: VaultRequest, prefix: str) -> Reply:
    await request.perform(ForgetLeases(prefix=prefix))
    return None


@ENGINE.write("leases/tidy")
async def tidy(request: VaultRequest) -> Reply:
    await request.perform(TidyLeases())
    started = (
        "Tidy operation successfully started. Any information from the operation will be"
        " printed to Vault's server logs."
    )
    return Answer(status=202, warnings=[started])


@ENGINE.read("leases/count")
async def count(request: VaultRequest) -> Reply:
    _require_irrevocable(request)
    counted = await request.perform(CountLeases())
    accessors = _accessors(request)
    by_mount = {accessors.get(uuid, uuid): n for uuid, n in counted.irrevocable_by_mount.items()}
    return {"counts": by_mount, "lease_count": counted.irrevocable}


@ENGINE.read("leases", sudo=True)
async def irrevocable(request: VaultRequest) -> Reply:
    _require_irrevocable(request)
    found = await _irrevocable(request)
    accessors = _accessors(request)
    leases: list[dict[str, Any]] = [
        {
            "lease_id": lease.id,
            "mount_id": accessors.get(lease.mount, lease.mount),
            "error": lease.error,
        }
        for lease in found
    ]
    return {"lease_count": len(leases), "leases": leases}


async def _irrevocable(request: VaultRequest) -> list[LeaseView]:
    found: list[LeaseView] = []
    after = ""
    while len(found) < _listed(request):
        page = await request.perform(ListLeases(state="irrevocable", after=after, limit=1000))
        found += page.leases
        if not (after := page.next):
            break
    return found[: _listed(request)]


def _accessors(request: VaultRequest) -> dict[str, str]:
    mounts = request.mounts.all(request.call.namespace)
    return {mount.uuid: mount.accessor for mount in mounts}


def _require_irrevocable(request: VaultRequest) -> None:
    if request.query.get("type", "") != "irrevocable":
        raise NotFound


def _lease_id(request: VaultRequest) -> str:
    lease_id = request.text("lease_id")
    if not lease_id:
        raise InvalidRequest("lease_id must be specified")
    return lease_id
