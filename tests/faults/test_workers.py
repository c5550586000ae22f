"""Several workers: they die, they seal and unseal, and to clients they are one server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any


def _until(what: Callable[[], bool], seconds: float = 15.0) -> float:
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


def _everywhere(node: Any, path: str, status: int, **body: object) -> bool:
    """Whether ten connections, which the kernel spreads over the workers, answer alike."""
    method = "POST" if body else "GET"
    for _ in range(10):
        api = node.api()
        found = api(method, path, **body).status
        api.close()
        if found != status:
            return False
    return True


def test_shares_given_to_any_worker_unseal_all_and_a_seal_seals_all(make_node: Any) -> None:
    node = make_node(workers=2, seal="shamir")
    node.start()
    shares = node.initialize(shares=3, threshold=2)
    for share in shares[:2]:  # each on a connection of its own
        assert node.api()("POST", "/system/unseal", share=share).status == 200
    node.wait_ready()
    assert node.api()("POST", "/keys", name="k").status == 201
    assert _everywhere(node, "/keys/k/encrypt", 200, plaintext="aGVsbG8=")

    assert node.api()("POST", "/system/seal").status == 200
    assert _everywhere(node, "/keys/k/encrypt", 503, plaintext="aGVsbG8=")  # at once
    time.sleep(2.5)  # nobody hands the key back
    assert _everywhere(node, "/keys/k/encrypt", 503, plaintext="aGVsbG8=")

    for share in shares[1:]:
        assert node.api()("POST", "/system/unseal", share=share).status == 200
    node.wait_ready()
    assert _everywhere(node, "/keys/k/encrypt", 200, plaintext="aGVsbG8=")


def test_a_worker_that_died_is_started_and_unsealed_by_its_sibling(make_node: Any) -> None:
    node = make_node(workers=2, seal="shamir")
    node.start()
    share = node.initialize()[0]
    assert node.api()("POST", "/system/unseal", share=share).status == 200
    node.wait_ready()
    for slot in ("1", "0", "1", "0"):  # 0 is the leader
        pid = node.children()[slot]
        os.kill(pid, signal.SIGKILL)
        _until(lambda pid=pid, slot=slot: node.children().get(slot, pid) != pid)  # type: ignore[misc]
        node.wait_ready()
    assert node.api()("POST", "/keys", name="k").status == 201
    assert node.api()("POST", "/system/seal").status == 200
    assert all(node.get("/health/ready") == 503 for _ in range(10))


def test_a_node_sealed_while_a_worker_was_down_stays_sealed(make_node: Any) -> None:
    node = make_node(workers=2, seal="shamir")
    node.start()
    share = node.initialize()[0]
    assert node.api()("POST", "/system/unseal", share=share).status == 200
    node.wait_ready()
    os.kill(node.children()["1"], signal.SIGKILL)
    api = node.api()
    _until(lambda: _seals(api))
    _until(lambda: len(node.children()) == 3)
    time.sleep(2.5)
    assert all(node.get("/health/ready") == 503 for _ in range(10))


def _seals(api: Any) -> bool:
    try:
        answer = api("POST", "/system/seal")
    except OSError:  # it was the dead worker's connection
        return False
    return bool(answer.status == 200 or answer.body.get("code") == "sealed")


def test_a_frozen_audit_writer_keeps_nobody_waiting_for_ever(make_node: Any) -> None:
    node = make_node(workers=2)
    node.start()
    api = node.api()
    assert api("POST", "/keys", name="k").status == 201
    writer = node.children()["writer"]
    os.kill(writer, signal.SIGSTOP)
    started = time.monotonic()
    answer = api("POST", "/keys/k/encrypt", plaintext="aGVsbG8=")
    waited = time.monotonic() - started
    assert (answer.status, answer.body["code"]) == (503, "audit-unavailable")
    assert 9 < waited < 13
    os.kill(writer, signal.SIGCONT)
    _until(lambda: api("POST", "/keys/k/encrypt", plaintext="aGVsbG8=").status == 200)


def test_a_dead_audit_writer_is_started_again_and_requests_meanwhile_are_refused(
    make_node: Any,
) -> None:
    node = make_node(workers=2)
    node.start()
    api = node.api()
    assert api("POST", "/keys", name="k").status == 201
    os.kill(node.children()["writer"], signal.SIGKILL)
    seen = set()

    def well() -> bool:
        answer = api("POST", "/keys/k/encrypt", plaintext="aGVsbG8=")
        seen.add((answer.status, answer.body.get("code")))
        return bool(answer.status == 200)

    _until(well)
    assert seen <= {(200, None), (503, "audit-unavailable")}
    node.wait_ready()


def test_sigterm_ends_every_process_after_the_requests_in_progress(
    make_node: Any, make_load: Any, audited: Any, alive: Callable[[int], bool]
) -> None:
    node = make_node(workers=2)
    node.start()
    load = make_load(node.port, node.token)
    children = list(node.children().values())
    with load.running():
        time.sleep(0.5)
        seconds = node.stop()
    assert seconds < 12
    assert not any(map(alive, children))
    acknowledged = set().union(*(client.memory.requests for client in load.clients))
    assert acknowledged
    assert acknowledged <= audited(node.audit)
    assert node.process.returncode == 0
