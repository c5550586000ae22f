"""Audit devices get a copy of every entry, from their making on, and hold up nothing."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead.audit.sinks.local_syslog import LocalSyslogConfig
from keystead.audit.sinks.stream import StdoutSink
from keystead.errors import ConfigurationError, InvalidRequest, UpstreamUnavailable
from keystead.operations.audit_devices import (
    CreateAuditDevice,
    DeleteAuditDevice,
    HashForAuditDevice,
    ListAuditDevices,
)
from keystead.operations.mounts import ListMounts
from keystead.operations.namespaces import CreateNamespace


def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def make(office: Any, path: Path, name: str = "copy") -> None:
    office.perform(CreateAuditDevice(path=name, type="file", options={"file_path": str(path)}))


def indexes(path: Path) -> list[int]:
    return [json.loads(line)["index"] for line in path.read_bytes().splitlines()]


def newest(office: Any) -> int:
    return int(office.entries()[-1]["index"])


def test_it_begins_with_its_own_making_and_misses_nothing(office: Any, tmp_path: Path) -> None:
    for _ in range(5):
        office.perform(ListMounts())
    path = tmp_path / "copy.jsonl"
    make(office, path)
    made = office.entries("audit-device:create")[0]["index"]
    for _ in range(20):
        office.perform(ListMounts())
    until(lambda: path.exists() and newest(office) in indexes(path))
    assert indexes(path) == list(range(made, newest(office) + 1))


def test_after_a_restart_it_goes_on_where_it_stopped(office: Any, tmp_path: Path) -> None:
    path = tmp_path / "copy.jsonl"
    make(office, path)
    office.perform(ListMounts())
    until(lambda: path.exists() and newest(office) in indexes(path))
    office.worker._devices.stop()
    office.perform(ListMounts())
    office.leave()
    office.open()
    office.perform(ListMounts())
    until(lambda: newest(office) in indexes(path))
    found = indexes(path)
    assert found == list(range(found[0], newest(office) + 1))


def test_one_that_fails_lags_and_holds_up_nothing(office: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "copy.jsonl"
    make(office, path)
    until(lambda: path.exists() and newest(office) in indexes(path))
    path.unlink()
    folder.rmdir()
    for _ in range(10):
        office.perform(ListMounts())
    (shipper,) = office.worker._devices.shippers()
    until(lambda: bool(shipper.last_error) and shipper.lag >= 10)
    folder.mkdir()
    until(lambda: path.exists() and newest(office) in indexes(path))
    assert len(indexes(path)) >= 10


def test_each_node_ships_its_own_log(two_offices: Any, tmp_path: Path) -> None:
    """The leading worker does so for its node; another leaves it alone."""
    first, second = two_offices
    make(second, tmp_path / "copy.jsonl")
    first.perform(ListMounts())
    assert len(first.worker._devices.shippers()) == 1
    assert not second.worker._devices.shippers()


def test_hashes_are_of_each_device_and_survive_a_restart(office: Any, tmp_path: Path) -> None:
    make(office, tmp_path / "a", "a")
    make(office, tmp_path / "b", "b")
    of_a = office.perform(HashForAuditDevice(path="a", input="text")).hash
    assert re.fullmatch(r"hmac-sha256:[0-9a-f]{64}", of_a)
    assert office.perform(HashForAuditDevice(path="b", input="text")).hash != of_a
    office.leave()
    office.open()
    assert office.perform(HashForAuditDevice(path="/a/", input="text")).hash == of_a


def test_paths_do_not_nest(office: Any, tmp_path: Path) -> None:
    make(office, tmp_path / "a", "a")
    for path in ("a", "a/b"):
        with pytest.raises(InvalidRequest, match="path already in use"):
            make(office, tmp_path / "b", path)


def test_it_does_not_write_into_the_log_itself(office: Any) -> None:
    with pytest.raises(InvalidRequest, match="where the log itself is"):
        make(office, office.audit_dir / "copy.jsonl")


def test_devices_are_the_root_namespaces_alone(office: Any, tmp_path: Path) -> None:
    office.perform(CreateNamespace(name="team"))
    for operation in (
        ListAuditDevices(),
        CreateAuditDevice(path="a", type="file", options={"file_path": str(tmp_path / "a")}),
        DeleteAuditDevice(path="a"),
        HashForAuditDevice(path="a", input="text"),
    ):
        with pytest.raises(InvalidRequest, match="root namespace"):
            office.perform(operation, namespace="team")
    assert not (tmp_path / "a").exists()


def test_the_hosts_syslog_gets_a_datagram_an_entry(office: Any, tmp_path: Path) -> None:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log"))
    receiver.settimeout(2)
    sink = LocalSyslogConfig(facility="local3", tag="t", path=tmp_path / "log").open()
    office.perform(ListMounts())
    line = json.dumps(office.entries()[-1], separators=(",", ":")).encode()
    sink.send([line])
    got = receiver.recv(65_536)
    head, _, rest = got.partition(b": ")
    assert head == b"<%d>t[%d]" % (19 * 8 + 5, os.getpid())
    assert json.loads(rest) == json.loads(line)
    receiver.close()
    with pytest.raises(UpstreamUnavailable):
        sink.send([line])
    sink.close()
    with pytest.raises(ConfigurationError):
        LocalSyslogConfig(facility="LOCAL8").open()


def test_standard_output_gets_whole_lines_and_a_reader_that_stops_only_makes_it_lag() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    sink = StdoutSink(writing)
    sink.send([b"one", b"two"])
    assert os.read(reading, 100) == b"one\ntwo\n"
    with pytest.raises(UpstreamUnavailable, match="Nobody reads"):
        sink.send([b"x" * 1000] * 1000)
    os.close(reading)
    os.close(writing)
