"""A server that was started with its standard streams closed."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from keystead.audit.verify import verify


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_server_without_standard_streams_serves_and_writes_nothing_astray(
    make_server: Any, make_api: Any, closed: str
) -> None:
    server = make_server()
    data = server.folder / "data"
    command = (
        f"exec {sys.executable} -m keystead dev --listen 127.0.0.1:{server.port}"
        f" --root-token {server.token} --data {data} {closed}"
    )
    server.process = subprocess.Popen(
        ["/bin/sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    api = make_api(server.port, server.token)
    deadline = time.monotonic() + 10
    while True:
        try:
            answer = api("POST", "/keys", name="k")
            break
        except OSError:
            assert time.monotonic() < deadline
            assert server.process.poll() is None
            time.sleep(0.05)
    assert answer.status == 201
    assert api("POST", "/keys/k/encrypt", plaintext="aGVsbG8=").status == 200
    server.stop()
    report = verify(data / "audit")
    assert report.sound, report.findings[:3]
