"""``sys/quotas``: rate limits, lease counts, and what is exempt."""

from __future__ import annotations

from typing import Any

from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest, seconds
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.quotas import (
    DeleteLeaseLimit,
    DeleteRateLimit,
    LeaseLimit,
    ListLeaseLimits,
    ListRateLimits,
    QuotaNames,
    RateLimit,
    ShowLeaseLimit,
    ShowQuotaSettings,
    ShowRateLimit,
    WriteLeaseLimit,
    WriteQuotaSettings,
    WriteRateLimit,
)

ENGINE = Engine("sys-quotas")


# --- rate limits --------------------------------------------------------------------------


@ENGINE.list("quotas/rate-limit")
async def list_rate_limits(request: VaultRequest) -> Reply:
    return _keys(await request.perform(ListRateLimits()))


@ENGINE.read("quotas/rate-limit/{name}")
async def read_rate_limit(request: VaultRequest, name: str) -> Reply:
    limit: RateLimit = await request.perform(ShowRateLimit(name=name))
    return {
        "name": limit.name,
        "type": "rate-limit",
        "path": limit.path,
        "role": "",
        "rate": limit.rate,
        "interval": int(limit.interval_seconds),
        "block_interval": int(limit.block_seconds),
        "inheritable": limit.inheritable,
    }


@ENGINE.write("quotas/rate-limit/{name}", sudo=True)
async def write_rate_limit(request: VaultRequest, name: str) -> Reply:
    _check(request, name)
    rate = _rate(request)
    await request.perform(
        WriteRateLimit(
            name=name,
            path=request.text("path"),
            rate=rate,
            interval_seconds=float(_period(request, "interval") or 1),
            block_seconds=float(_period(request, "block_interval")),
            inheritable=request.boolean("inheritable"),
        )
    )
    return None


@ENGINE.delete("quotas/rate-limit/{name}", sudo=True)
async def delete_rate_limit(request: VaultRequest, name: str) -> Reply:
    await request.perform(DeleteRateLimit(name=name))
    return None


# --- lease counts -------------------------------------------------------------------------


@ENGINE.list("quotas/lease-count")
async def list_lease_limits(request: VaultRequest) -> Reply:
    return _keys(await request.perform(ListLeaseLimits()))


@ENGINE.read("quotas/lease-count/{name}")
async def read_lease_limit(request: VaultRequest, name: str) -> Reply:
    limit: LeaseLimit = await request.perform(ShowLeaseLimit(name=name))
    return {
        "name": limit.name,
        "type": "lease-count",
        "path": limit.path,
        "role": "",
        "max_leases": limit.max_leases,
        "inheritable": limit.inheritable,
    }


@ENGINE.write("quotas/lease-count/{name}", sudo=True)
async def write_lease_limit(request: VaultRequest, name: str) -> Reply:
    _check(request, name)
    most = request.integer("max_leases")
    if not 1 <= most <= 1_000_000:
        raise InvalidRequest("'max_leases' must be 1 to 1000000")
    await request.perform(
        WriteLeaseLimit(
            name=name,
            path=request.text("path"),
            max_leases=most,
            inheritable=request.boolean("inheritable"),
        )
    )
    return None


@ENGINE.delete("quotas/lease-count/{name}", sudo=True)
async def delete_lease_limit(request: VaultRequest, name: str) -> Reply:
    await request.perform(DeleteLeaseLimit(name=name))
    return None


# --- settings -----------------------------------------------------------------------------


@ENGINE.read("quotas/config")
async def read_settings(request: VaultRequest) -> Reply:
    """Refusals are audited like every request, and tell when to come again."""
    settings = await request.perform(ShowQuotaSettings())
    return {
        "enable_rate_limit_audit_logging": True,
        "enable_rate_limit_response_headers": False,
        "rate_limit_exempt_paths": settings.exempt_paths,
    }


@ENGINE.write("quotas/config", sudo=True)
async def write_settings(request: VaultRequest) -> Reply:
    if request.has("rate_limit_exempt_paths"):
        paths = request.strings("rate_limit_exempt_paths")
    else:
        paths = (await request.perform(ShowQuotaSettings())).exempt_paths
    await request.perform(WriteQuotaSettings(exempt_paths=paths))
    return None


def _keys(names: QuotaNames) -> dict[str, Any]:
    if not names.names:
        raise NotFound
    return {"keys": names.names}


def _check(request: VaultRequest, name: str) -> None:
    if request.text("role"):
        raise InvalidRequest("quotas by login role are not supported")
    if not all(c.isalnum() or c in "_.-" for c in name) or len(name) > 128:
        raise InvalidRequest("the name of a quota is letters, digits, '_', '.' and '-'")


def _rate(request: VaultRequest) -> float:
    value = request.body.get("rate")
    try:
        rate = float(value) if isinstance(value, str | int | float) else 0.0
    except (ValueError, OverflowError):
        rate = 0.0
    if not 0.001 <= rate <= 1e9:
        raise InvalidRequest("'rate' is invalid")
    return rate


def _period(request: VaultRequest, name: str) -> int:
    period = seconds(request.body.get(name) or 0, name)
    if period > 86_400:
        raise InvalidRequest(f"'{name}' is at most 24h")
    return period
