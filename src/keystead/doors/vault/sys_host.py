"""``sys/``: the host, the node, its settings, and what it does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from keystead.doors.vault.bare import bare, repeated
from keystead.doors.vault.engine import Answer, Engine, Raw, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.sys_mounts import BUILTIN_VERSION
from keystead.doors.vault.sys_seal import CLUSTER_NAME
from keystead.doors.vault.times import rfc3339
from keystead.errors import InvalidRequest, NotFound, UnsupportedOperation
from keystead.operations.mounts import LOGIN_METHODS, SECRETS_ENGINES
from keystead.operations.system import (
    CountThings,
    ServerView,
    ShowMetrics,
    ShowServer,
    ShowStatus,
)

ENGINE = Engine("sys-host")

_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_PROMETHEUS: Final = b"text/plain; version=0.0.4; charset=utf-8"
_PLUGINS: Final[dict[str, list[str]]] = {
    "auth": sorted(LOGIN_METHODS),
    "database": [
        "mysql-aurora-database-plugin",
        "mysql-database-plugin",
        "mysql-legacy-database-plugin",
        "mysql-rds-database-plugin",
        "postgresql-database-plugin",
    ],
    "secret": sorted(SECRETS_ENGINES),
}


# --- the node -----------------------------------------------------------------------------


@ENGINE.read("ha-status")
async def ha_status(request: VaultRequest) -> Reply:
    server = await request.perform(ShowServer())
    node = {
        "hostname": server.hostname,
        "api_address": "",
        "cluster_address": "",
        "active_node": True,
        "last_echo": None,
        "version": server.version,
    }
    return repeated({"nodes": [node]})


@ENGINE.read("host-info")
async def host_info(request: VaultRequest) -> Reply:
    server = await request.perform(ShowServer())
    return {
        "timestamp": rfc3339(server.now),
        "cpu": [
            {"cpu": p.number, "modelName": p.model, "mhz": p.megahertz, "cores": 1}
            for p in server.processors
        ],
        "cpu_times": [],
        "disk": [_disk(server)],
        "host": {
            "hostname": server.hostname,
            "os": server.platform,
            "kernelVersion": server.kernel,
            "kernelArch": server.architecture,
            "bootTime": int(server.booted_at),
            "uptime": max(0, int(server.now - server.booted_at)),
        },
        "memory": {
            "total": server.memory_total,
            "available": server.memory_available,
            "free": server.memory_free,
            "used": server.memory_total - server.memory_available,
            "swapTotal": server.swap_total,
            "swapFree": server.swap_free,
        },
    }


def _disk(server: ServerView) -> dict[str, Any]:
    used = server.disk_total - server.disk_free
    return {
        "path": server.disk_path,
        "total": server.disk_total,
        "free": server.disk_free,
        "used": used,
        "usedPercent": round(100 * used / server.disk_total, 3) if server.disk_total else 0,
    }


@ENGINE.list("version-history")
async def version_history(request: VaultRequest) -> Reply:
    """Which versions came before is not on record; this one has run since the node started."""
    server = await request.perform(ShowServer())
    installed = {
        "previous_version": None,
        "timestamp_installed": rfc3339(server.started_at),
        "build_date": "",
    }
    return {"keys": [server.version], "key_info": {server.version: installed}}


@ENGINE.read("license/status")
async def license_status(request: VaultRequest) -> Reply:
    """There is no license to have: as Vault's community edition says it."""
    await request.perform(ShowServer())
    raise NotFound("1 error occurred:\n\t* unsupported path\n\n")


@ENGINE.read("replication/status")
async def replication(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    return {"dr": {"mode": "disabled"}, "performance": {"mode": "disabled"}}


@ENGINE.read("replication/dr/status", "replication/performance/status", public=True)
async def one_replication(request: VaultRequest) -> Reply:
    await request.perform(ShowStatus())
    return {"mode": "disabled"}


# --- what it counts -----------------------------------------------------------------------


@ENGINE.read("internal/counters/tokens")
async def count_tokens(request: VaultRequest) -> Reply:
    counts = await request.perform(CountThings())
    return {"counters": {"service_tokens": {"total": counts.tokens}}}


@ENGINE.read("internal/counters/entities")
async def count_entities(request: VaultRequest) -> Reply:
    counts = await request.perform(CountThings())
    return {"counters": {"entities": {"total": counts.entities}}}


@ENGINE.read("internal/counters/requests")
async def count_requests(request: VaultRequest) -> Reply:
    """Requests are counted in the metrics."""
    await request.perform(ShowServer())
    raise NotFound("The functionality has been removed on this path")


@ENGINE.read("internal/counters/activity", "internal/counters/activity/monthly")
async def activity(request: VaultRequest) -> Reply:
    """Clients are not counted for billing: there is nothing to bill."""
    await request.perform(ShowServer())
    return None


@ENGINE.read("internal/counters/config")
async def activity_config(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    return {"enabled": "default-disabled", "queries_available": False, "retention_months": 0}


@ENGINE.read("metrics")
async def metrics(request: VaultRequest) -> Reply:
    text = (await request.perform(ShowMetrics())).text
    if request.query.get("format") == "prometheus":
        return Answer(raw=Raw(_PROMETHEUS, text))
    server = await request.perform(ShowServer())
    stamp = datetime.fromtimestamp(server.now, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    kinds = dict(line.split(" ")[2:4] for line in text.decode().splitlines() if "# TYPE" in line)
    samples = list(_samples(text.decode()))
    return bare(
        {
            "Timestamp": stamp,
            "Gauges": [s for s in samples if kinds.get(s["Name"]) == "gauge"],
            "Points": [],
            "Counters": [s for s in samples if kinds.get(s["Name"]) != "gauge"],
            "Samples": [],
        }
    )


def _samples(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if (sample := _SAMPLE.match(line)) is not None:
            name, labels, value = sample.groups()
            yield {
                "Name": name,
                "Value": float(value),
                "Labels": dict(_LABEL.findall(labels or "")),
            }


# --- settings, which are in the configuration file ----------------------------------------


@ENGINE.read("config/state/sanitized", sudo=True)
async def configuration(request: VaultRequest) -> Reply:
    server = await request.perform(ShowServer())
    status = await request.perform(ShowStatus())
    return {
        "cluster_name": CLUSTER_NAME,
        "disable_clustering": True,
        "default_lease_ttl": 0,
        "max_lease_ttl": 0,
        "enable_ui": False,
        "raw_storage_endpoint": False,
        "log_format": "json",
        "listeners": [],
        "seals": [{"disabled": False, "type": status.seal_type}],
        "storage": {"type": server.storage, "disable_clustering": True},
        "telemetry": {"prometheus": True},
    }


@ENGINE.read("config/cors", sudo=True)
async def cors(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    return repeated({"enabled": False})


@ENGINE.delete("config/cors", sudo=True)
async def disable_cors(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    return None


@ENGINE.read("config/auditing/request-headers", sudo=True)
async def audited_headers(request: VaultRequest) -> Reply:
    """No request header is audited as such; the trace and request identifiers are."""
    await request.perform(ShowServer())
    return repeated({"headers": {}})


@ENGINE.read("config/auditing/request-headers/{name}", sudo=True)
async def audited_header(request: VaultRequest, name: str) -> Reply:
    await request.perform(ShowServer())
    raise InvalidRequest("Could not find header in config")


@ENGINE.delete("config/auditing/request-headers/{name}", "config/ui/headers/{name}", sudo=True)
async def forget_header(request: VaultRequest, name: str) -> Reply:
    await request.perform(ShowServer())
    return None


@ENGINE.list("config/ui/headers", sudo=True)
async def ui_headers(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    raise NotFound


@ENGINE.read("config/ui/headers/{name}", sudo=True)
async def ui_header(request: VaultRequest, name: str) -> Reply:
    await request.perform(ShowServer())
    raise NotFound


@ENGINE.write(
    "config/cors", "config/ui/headers/{name}", "config/auditing/request-headers/{name}", sudo=True
)
async def configure(request: VaultRequest, name: str = "") -> Reply:
    await request.perform(ShowServer())
    raise UnsupportedOperation("This is not set by a request.")


# --- plugins: all there is is built in ----------------------------------------------------


@ENGINE.read("plugins/catalog")
async def catalog(request: VaultRequest) -> Reply:
    await request.perform(ShowServer())
    detailed = [_plugin(name, kind) for kind, names in _PLUGINS.items() for name in names]
    return {**_PLUGINS, "detailed": detailed}


@ENGINE.list("plugins/catalog/{kind}", sudo=True)
async def catalog_of(request: VaultRequest, kind: str) -> Reply:
    await request.perform(ShowServer())
    if kind not in _PLUGINS:
        raise UnsupportedOperation
    return {"keys": _PLUGINS[kind]}


@ENGINE.read("plugins/catalog/{kind}/{name}", sudo=True)
async def plugin(request: VaultRequest, kind: str, name: str) -> Reply:
    await request.perform(ShowServer())
    if name not in _PLUGINS.get(kind, ()):
        raise NotFound
    shown = {"args": None, "command": "", "sha256": "", **_plugin(name, kind)}
    del shown["type"]
    return shown


@ENGINE.write("plugins/catalog/{kind}/{name}", "plugins/reload/backend", sudo=True)
async def no_plugins(request: VaultRequest, kind: str = "", name: str = "") -> Reply:
    await request.perform(ShowServer())
    raise UnsupportedOperation("There are no plugins besides those built in.")


@ENGINE.delete("plugins/catalog/{kind}/{name}", sudo=True)
async def keep_plugin(request: VaultRequest, kind: str, name: str) -> Reply:
    return await no_plugins(request)


def _plugin(name: str, kind: str) -> dict[str, Any]:
    return {
        "builtin": True,
        "deprecation_status": "supported",
        "name": name,
        "type": kind,
        "version": BUILTIN_VERSION,
    }
