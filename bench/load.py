"""The load generator: wrk, the same for every server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
wrk.method = "{method}"
wrk.body = {body}
wrk.headers["Content-Type"] = "application/json"
wrk.headers["{header}"] = "{token}"
local paths = {{{paths}}}
if #paths == 1 then
  wrk.path = paths[1]  -- wrk then makes the request once, and the generator costs least
else
  local n, made = 0, {{}}
  init = function()  -- wrk calls this once it knows the Host header
    for i, path in ipairs(paths) do made[i] = wrk.format(nil, path) end
  end
  request = function()
    n = n % #made + 1
    return made[n]
  end
end
done = function(summary, latency, requests)
  io.write(string.format('\\nRESULT {{"requests": %d, "seconds": %f, "status_errors": %d, ' ..
    '"socket_errors": %d, "p50_ms": %f, "p99_ms": %f}}\\n', summary.requests,
    summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Request:
    """One request to repeat; with several paths they are asked in turn.

    ``header`` and ``token`` empty: the credential that the server is usually asked with.
    """

    paths: tuple[str, ...]
    body: dict[str, object]
    method: str = "POST"
    header: str = ""
    token: str = ""


@dataclass(frozen=True)
class Measured:
    """One round: what the generator saw, and what the server's processes spent."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_seconds: float
    memory_mb: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / max(1, self.requests) * 1e6


def run(
    address: str, header: str, token: str, request: Request, *, connections: int, seconds: float
) -> dict[str, float]:
    """Drive a server with wrk for a while. Raises RuntimeError if any answer was not a success."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is missing: apt-get install wrk")
    script = _SCRIPT.format(
        method=request.method,
        body=json.dumps(json.dumps(request.body)) if request.method == "POST" else "nil",
        header=request.header or header,
        token=request.token or token,
        paths=", ".join(json.dumps(path) for path in request.paths),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.lua"
        path.write_text(script)
        done = subprocess.run(
            [
                wrk,
                "--threads=1",
                f"--connections={connections}",
                f"--duration={seconds:g}s",
                "--timeout=10s",
                f"--script={path}",
                address,
            ],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=True,
        )
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing usable: {done.stdout}{done.stderr}")
    result: dict[str, float] = json.loads(found[1])
    if result["status_errors"] or result["socket_errors"] or not result["requests"]:
        raise RuntimeError(f"{address}{request.paths[0]}: {result}")
    return result
