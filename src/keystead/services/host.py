"""What a node can tell of itself and of the host that it runs on."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import keystead
from keystead.identity.entities import ENTITY
from keystead.identity.records import TOKEN
from keystead.operations.system import (
    CountThings,
    Digest,
    HashBytes,
    MetricsText,
    Processor,
    ServerView,
    ShowMetrics,
    ShowServer,
    ThingCounts,
)
from keystead.services.house import House
from keystead.services.registry import controls, reads, uses
from keystead.services.scope import Scope
from keystead.services.system import cluster_id
from keystead.store.transaction import Reader

_STARTED_AT = time.time()
_PROC = Path("/proc")


@controls(ShowServer)
async def show_server(operation: ShowServer, scope: Scope) -> ServerView:
    return await asyncio.to_thread(_view, scope.house)


@controls(ShowMetrics)
async def show_metrics(operation: ShowMetrics, scope: Scope) -> MetricsText:
    return MetricsText(text=await asyncio.to_thread(scope.house.metrics.render))


@uses(HashBytes)
def hash_bytes(operation: HashBytes, scope: Scope) -> Digest:
    name = operation.algorithm.replace("sha2-", "sha").replace("sha3-", "sha3_")
    return Digest(digest=hashlib.new(name, operation.input).digest())


@reads(CountThings)
def count_things(operation: CountThings, scope: Scope, reader: Reader) -> ThingCounts:
    """The database is taken at its word."""
    return ThingCounts(
        tokens=reader.count(TOKEN, ""), entities=reader.count(ENTITY, scope.namespace)
    )


def _view(house: House) -> ServerView:
    memory = _memory()
    name = platform.uname()
    disk = shutil.disk_usage(house.audit.directory)
    return ServerView(
        hostname=name.node,
        node=house.node,
        version=keystead.__version__,
        started_at=_STARTED_AT,
        now=house.clock(),
        cluster_id=cluster_id(house),
        storage=house.store.database,
        platform=name.system.lower(),
        kernel=name.release,
        architecture=name.machine,
        booted_at=_booted_at(),
        processors=list(_processors()),
        memory_total=memory.get("MemTotal", 0),
        memory_available=memory.get("MemAvailable", 0),
        memory_free=memory.get("MemFree", 0),
        swap_total=memory.get("SwapTotal", 0),
        swap_free=memory.get("SwapFree", 0),
        disk_path=str(house.audit.directory),
        disk_total=disk.total,
        disk_free=disk.free,
        load=list(os.getloadavg()),
    )


def _memory() -> dict[str, int]:
    """Bytes by name (proc(5), meminfo); empty where there is no such file."""
    found = {}
    for name, _, value in (line.partition(":") for line in _lines("meminfo")):
        number, _, unit = value.strip().partition(" ")
        if number.isdigit():
            found[name] = int(number) * (1024 if unit == "kB" else 1)
    return found


def _booted_at() -> float:
    up = next(iter(_lines("uptime")), "")
    try:
        return time.time() - float(up.split()[0])
    except (IndexError, ValueError):
        return 0.0


def _processors() -> Iterator[Processor]:
    """Every processor (proc(5), cpuinfo); only numbers where there is no such file."""
    models = [_value(line) for line in _lines("cpuinfo") if line.startswith("model name")]
    speeds = [_value(line) for line in _lines("cpuinfo") if line.startswith("cpu MHz")]
    for number in range(os.cpu_count() or 1):
        yield Processor(
            number=number,
            model=models[number] if number < len(models) else "",
            megahertz=float(speeds[number]) if number < len(speeds) else 0.0,
        )


def _value(line: str) -> str:
    return line.partition(":")[2].strip()


def _lines(name: str) -> list[str]:
    try:
        return (_PROC / name).read_text().splitlines()
    except OSError:
        return []
