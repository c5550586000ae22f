"""``kill -9`` at any time: every acknowledged change is there, every acknowledged operation
is in the audit log, and the log verifies."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from keystead.audit.verify import verify

DEV_KILLS = 155
SUPERVISOR_KILLS = 10
PART_KILLS = 35
VERIFY_EVERY = 35


def _check_log(
    folder: Path, load: Any, audited: Callable[[Path], set[str]], *, acknowledged: set[str]
) -> int:
    for client in load.clients:
        acknowledged |= client.memory.requests
    report = verify(folder)
    assert report.sound, report.findings[:3]
    missing = acknowledged - audited(folder)
    assert not missing, f"{len(missing)} of {len(acknowledged)} are not in the log"
    return report.size


def _tell(capsys: pytest.CaptureFixture[str], load: Any, kills: int, entries: int) -> None:
    with capsys.disabled():
        print(
            f"\n  {kills} kills: {load.total('changes')} acknowledged changes of"
            f" {sum(len(c.memory.requests) for c in load.clients)} acknowledged operations,"
            f" {load.total('refused')} refused, {load.total('broken')} broken off;"
            f" {load.total('checked')} checks; {entries} audit entries, all sound"
        )


def test_a_killed_development_server_has_lost_nothing(
    make_server: Any, make_load: Any, audited: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(1)
    server = make_server()
    load = make_load(server.port, server.token)
    acknowledged: set[str] = set()
    audit = server.folder / "data" / "audit"
    times = []
    for kill in range(1, DEV_KILLS + 1):
        times.append(server.start())
        load.check()
        with load.running():
            time.sleep(chance.uniform(0.0, 0.1))
            server.kill()
        if kill % VERIFY_EVERY == 0:
            _check_log(audit, load, audited, acknowledged=acknowledged)
    server.start()
    load.check(everything=True)
    server.stop()
    entries = _check_log(audit, load, audited, acknowledged=acknowledged)
    _tell(capsys, load, DEV_KILLS, entries)
    with capsys.disabled():
        times.sort()
        print(f"  ready after {times[len(times) // 2]:.2f} s (median), {times[-1]:.2f} s (worst)")
    assert load.total("changes") > DEV_KILLS


def test_a_killed_part_of_a_node_with_two_workers_loses_nothing(
    make_node: Any, make_load: Any, audited: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(2)
    node = make_node(workers=2)
    node.start()
    load = make_load(node.port, node.token)
    killed = 0
    with load.running():
        while killed < PART_KILLS:
            parts = node.children()
            if len(parts) < 3:
                time.sleep(0.05)
                continue
            with suppress(ProcessLookupError):
                os.kill(parts[chance.choice(sorted(parts))], signal.SIGKILL)
                killed += 1
            time.sleep(chance.uniform(0.0, 0.3))
    node.wait_ready()
    load.check(everything=True)
    assert node.get("/health/ready") == 200
    node.stop()
    entries = _check_log(node.audit, load, audited, acknowledged=set())
    _tell(capsys, load, killed, entries)
    assert load.total("changes") > PART_KILLS


def test_a_killed_supervisor_leaves_no_child_behind_and_loses_nothing(
    make_node: Any,
    make_load: Any,
    audited: Any,
    alive: Callable[[int], bool],
    capsys: pytest.CaptureFixture[str],
) -> None:
    node = make_node(workers=2)
    load: Any = None
    for _ in range(SUPERVISOR_KILLS):
        node.start()
        load = load or make_load(node.port, node.token)
        load.check()
        children = node.children().values()
        assert len(children) == 3
        with load.running():
            time.sleep(0.2)
            node.kill()
        deadline = time.monotonic() + 2
        while any(map(alive, children)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    node.start()
    load.check(everything=True)
    node.stop()
    entries = _check_log(node.audit, load, audited, acknowledged=set())
    _tell(capsys, load, SUPERVISOR_KILLS, entries)
