"""A full disk: refused clearly, nothing acknowledged that is not durable, and well again
without a restart when there is space."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keystead.audit.verify import verify

AUDIT_MIB = 40  # of which 16 are the log's reserve


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    return filler


def _until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_audit_disk_refuses_all_but_the_operator(
    make_node: Any, small_disk: Any, audited: Any
) -> None:
    disk = small_disk("disk", AUDIT_MIB)
    node = make_node()
    node.folder.mkdir()
    (node.folder / "audit").symlink_to(disk)
    node.start()
    api = node.api()
    acknowledged = {api("POST", "/keys", name="k").request_id}

    def encrypt() -> Any:
        answer = api("POST", "/keys/k/encrypt", plaintext="aGVsbG8=")
        if answer.status == 200:
            acknowledged.add(answer.request_id)
        return answer

    filler = _fill(disk)
    _until(lambda: encrypt().status == 503)
    refused = api("POST", "/keys", name="refused")
    assert (refused.status, refused.body["code"]) == (503, "audit-unavailable")
    assert "full" in refused.body["detail"]
    assert node.get("/health/ready") == 503

    assert api("GET", "/system/status").status == 200
    assert api("GET", "/audit/entries?limit=5").status == 200
    assert api("POST", "/audit/verify").status == 200

    filler.unlink()
    _until(lambda: encrypt().status == 200)
    assert api("GET", "/keys/refused").status == 404
    assert api("POST", "/keys", name="refused").status == 201
    assert node.get("/health/ready") == 200
    node.stop()
    assert acknowledged <= audited(disk)
    report = verify(disk)
    assert report.sound, report.findings[:3]


def test_the_operator_can_seal_while_the_audit_disk_is_full(
    make_node: Any, small_disk: Any
) -> None:
    disk = small_disk("disk", AUDIT_MIB)
    node = make_node(workers=2)
    node.folder.mkdir()
    (node.folder / "audit").symlink_to(disk)
    node.start()
    api = node.api()
    assert api("POST", "/keys", name="k").status == 201
    _fill(disk)
    _until(lambda: api("POST", "/keys/k/encrypt", plaintext="aGVsbG8=").status == 503)
    sealed = api("POST", "/system/seal")
    assert sealed.status == 200, sealed
    assert sealed.body["sealed"]
    assert all(node.get("/health/ready") == 503 for _ in range(10))


def test_a_full_database_disk_refuses_changes_and_serves_keys_at_hand(
    make_node: Any, small_disk: Any
) -> None:
    disk = small_disk("disk", 8)
    node = make_node(storage=f"sqlite:///{disk}/keystead.sqlite")
    node.start()
    api = node.api()
    made = set()

    def create(number: int) -> Any:
        answer = api("POST", "/keys", name=f"k{number}", description="d" * 1000)
        if answer.status == 201:
            made.add(f"k{number}")
        return answer

    assert create(0).status == 201
    assert api("POST", "/keys/k0/encrypt", plaintext="aGVsbG8=").status == 200
    filler = _fill(disk)
    for number in range(1, 2000):
        refused = create(number)
        if refused.status != 201:
            break
    assert (refused.status, refused.body["code"]) == (503, "store-unavailable"), refused
    assert "full" in refused.body["hint"]
    assert api("POST", "/keys/k0/encrypt", plaintext="aGVsbG8=").status == 200
    filler.unlink()
    assert create(5000).status == 201
    node.kill()
    node.start()
    api = node.api()
    for name in made:
        assert api("GET", f"/keys/{name}").status == 200
    assert api("GET", f"/keys/k{number}").status == 404
