"""The server's own affairs and the audit log, as an operator types it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_status_tells_people_and_programs(keystead: Any) -> None:
    assert "SEALED" in keystead("status").text
    assert keystead("status", "-o", "json", KEYSTEAD_TOKEN="").json["sealed"] is False


def test_the_keyring_is_rotated_online(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    sealed = keystead("encrypt", name, given="x").text
    before = int(keystead("operator", "keyring", "-q").text)
    assert int(keystead("operator", "rotate-keyring", "-q").text) == before + 1
    assert keystead("decrypt", given=sealed).out == b"x"


def test_an_init_of_an_initialized_server_is_refused(keystead: Any) -> None:
    assert "already" in keystead("init", code=7).err


def test_the_audit_log_is_queried_by_what_people_ask(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    keystead("encrypt", name, given="x")
    keystead("decrypt", "--key", name, given="AAAA", code=5)
    found = keystead("audit", "query", "--key", name, "-o", "json").json["entries"]
    assert "key:encrypt" in {entry["action"] for entry in found}
    table = keystead("audit", "query", "--key", name, "--action", "key:create").text
    assert "key:create" in table
    assert "key:encrypt" not in table
    assert keystead("audit", "query", "--key", name, "--since", "1h", "-q").text
    assert not keystead("audit", "query", "--key", name, "--until", "1h", "-q").text
    newest = keystead("audit", "query", "--limit", "3", "-q").text.split()
    assert len(newest) == 3


def test_an_entry_of_the_log_is_proved(keystead: Any) -> None:
    from keystead.audit.proof import parse_proof, verify_proof

    proof = keystead("audit", "prove", "0").out
    checkpoint = keystead("audit", "checkpoint", "-o", "json").json
    record = verify_proof(parse_proof(proof), checkpoint["verifier_key"])
    assert record.index == 0
    keystead("audit", "prove", "999999999", code=4)


def test_the_log_is_sound_online_and_offline_and_an_altered_one_exits_5(
    keystead: Any, name: str, make_server: Callable[[], Any], tmp_path: Path, keystead_on: Any
) -> None:
    assert keystead("audit", "verify", "-o", "json").json["sound"] is True
    own = make_server()
    own.start()
    other = keystead_on(own, tmp_path)
    other("key", "create", name)
    other("encrypt", name, given="x")
    own.stop()
    folder = own.folder / "data" / "audit"
    report = other("audit", "verify", "--dir", str(folder), "-o", "json").json
    assert report["sound"] is True
    (segment,) = folder.glob("segment-*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"key:encrypt", b"key:decrypt", 1))
    broken = other("audit", "verify", "--dir", str(folder), code=5)
    assert "altered" in broken.text
    assert "not sound" in broken.err


def test_tail_follows_the_log(keystead: Any, name: str) -> None:
    lines = keystead("audit", "tail", "-n", "2", "-o", "json").text.splitlines()
    assert len([json.loads(line) for line in lines]) == 2
    process = subprocess.Popen(
        [sys.executable, "-m", "keystead", "audit", "tail", "-f", "-n", "0", "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=keystead.environment,
    )
    time.sleep(1.5)
    keystead("key", "create", name)
    assert process.stdout is not None
    for line in process.stdout:
        entry = json.loads(line)
        if entry["action"] == "key:create" and name in line:
            break
    process.send_signal(2)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
