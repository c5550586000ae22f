"""The parent of several workers: binds, starts, restarts and stops them. It holds no key.

If it is killed, the kernel kills its children: none is left behind.

It also runs the audit writer, the one process that writes the log. If the writer or a
worker dies it is started again, with a growing pause when that happens quickly.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keystead.errors import ConfigurationError
from keystead.node.config import Config
from keystead.node.http_server import bind
from keystead.node.siblings import mailboxes
from keystead.node.start import HOPELESS

FIRST_PAUSE_SECONDS = 0.05
LAST_PAUSE_SECONDS = 1.0
STEADY_SECONDS = 10.0
STOP_SECONDS = 15.0

_PR_SET_PDEATHSIG = 1

log = logging.getLogger("keystead.supervisor")


@dataclass
class _Child:
    name: str
    command: list[str]
    descriptors: tuple[int, ...]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            self.command,
            pass_fds=self.descriptors,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent(),
        )
        self.started_at = time.monotonic()

    def tend(self, *, new: bool) -> None:
        """Start the process if it is not running and its pause is over.

        Raises ConfigurationError if the node is ``new`` and the process says that it cannot
        run. Later that is a fault like others, and may pass.
        """
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            if new and self.process.returncode == HOPELESS:
                raise ConfigurationError(f"The {self.name} cannot run: see its message.")
            log.warning("%s ended with status %s", self.name, self.process.returncode)
            steady = now - self.started_at > STEADY_SECONDS
            self.pause = FIRST_PAUSE_SECONDS if steady else min(2 * self.pause, LAST_PAUSE_SECONDS)
            self.start_at = now + self.pause
            self.process = None
        if self.process is None and now >= self.start_at:
            self.start()


def _die_with_parent() -> Callable[[], None]:
    """For a new child to call: have the kernel kill it when this process ends (prctl(2))."""
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return ask


class Supervisor:
    """Runs the workers of one node until SIGTERM or SIGINT."""

    def __init__(self, config: Config, config_path: Path) -> None:
        self._config = config
        self._config_path = config_path
        self._run = tempfile.TemporaryDirectory(prefix="keystead-")
        self._ending = False
        self._keep: list[socket.socket] = []
        self._children: list[_Child] = []

    def run(self) -> None:
        """Bind every listener, start everything, and tend it. Raises ConfigurationError."""
        self._children = [self._audit_writer(), *self._workers()]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        started_at = time.monotonic()
        try:
            while not self._ending:
                new = time.monotonic() - started_at < STEADY_SECONDS
                for child in self._children:
                    child.tend(new=new)
                time.sleep(0.05)
        finally:
            self._stop()

    def _end(self, *_: object) -> None:
        self._ending = True

    def _audit_writer(self) -> _Child:
        path = Path(self._run.name) / "audit.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)
        self._keep.append(listener)
        command = [sys.executable, "-m", "keystead.audit.writer_process"]
        command += ["--dir", str(self._config.audit.path), "--socket-fd", str(listener.fileno())]
        return _Child("audit writer", command, (listener.fileno(),))

    def _workers(self) -> list[_Child]:
        count = self._config.workers
        board = os.memfd_create("keystead-board")
        os.ftruncate(board, 8 * count)
        inboxes, outboxes = mailboxes(count)
        self._keep += [*inboxes, *outboxes]
        children = []
        for slot in range(count):
            listeners = [
                bind(*listener.host_port, shared=True) for listener in self._config.listeners
            ]
            for listener in listeners:
                listener.listen(2048)
            self._keep += listeners
            children.append(self._worker(slot, board, inboxes[slot], outboxes, listeners))
        return children

    def _worker(
        self,
        slot: int,
        board: int,
        inbox: socket.socket,
        outboxes: list[socket.socket],
        listeners: list[socket.socket],
    ) -> _Child:
        sent = [box.fileno() for box in outboxes]
        served = [listener.fileno() for listener in listeners]
        command = [sys.executable, "-m", "keystead.node.start"]
        command += ["--config", str(self._config_path), "--slot", str(slot)]
        command += ["--run-dir", self._run.name, "--board", str(board)]
        command += ["--inbox", str(inbox.fileno()), "--outboxes", ",".join(map(str, sent))]
        command += ["--listeners", ",".join(map(str, served))]
        return _Child(f"worker {slot}", command, (board, inbox.fileno(), *sent, *served))

    def _stop(self) -> None:
        """End the workers first, so that their last entries reach the audit writer."""
        deadline = time.monotonic() + STOP_SECONDS
        writer, workers = self._children[:1], self._children[1:]
        for generation in (workers, writer):
            running = [child.process for child in generation if child.process is not None]
            for process in running:
                process.terminate()
            for process in running:
                try:
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._run.cleanup()
