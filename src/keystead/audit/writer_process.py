"""The writer process: one log, written for several workers over a Unix socket.

``python -m keystead.audit.writer_process --dir DIR (--socket-fd N | --socket PATH)``

``--socket-fd`` is an inherited listening socket. The process loads no cryptography until
a worker sends the checkpoint key; until then entries are committed and checkpoints wait.
It ends, after committing what it has read, on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from keystead.audit import wire
from keystead.audit.journal import BATCH_BYTES, CHECKPOINT_SECONDS, Group, Journal
from keystead.audit.log import LogWriter
from keystead.errors import AuditUnavailable, InvalidRequest, KeysteadError

UNSENT_LIMIT_BYTES = 1 << 20
CANNOT_OPEN = 78
"""Exit code when the log cannot be opened (EX_CONFIG of sysexits.h)."""

_READ_BYTES = 1 << 18
_TICK_SECONDS = 1.0
_LOCK_SECONDS = 2.0


class _Worker:
    """One connection: what it has asked for and what it has not yet been told."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.unpacker = wire.Unpacker()
        self.unsent = bytearray()
        self.blocked = False


class WriterProcess:
    """Serves one log on a listening Unix socket, in one thread."""

    def __init__(self, writer: LogWriter, listener: socket.socket, checkpoint_seconds: float):
        self._journal = Journal(writer, checkpoint_seconds)
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._waiting: list[tuple[_Worker, int, Group]] = []
        self._waiting_bytes = 0
        self._ending = False
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def end(self) -> None:
        """Leave ``serve`` after the batch at hand."""
        self._ending = True

    def serve(self) -> None:
        """Read all that has arrived, commit it together, answer; until ``end``."""
        while not self._ending:
            for key, events in self._selector.select(_TICK_SECONDS):
                if key.fileobj is self._listener:
                    self._accept()
                elif events & selectors.EVENT_WRITE:
                    self._send(key.data)
                else:
                    self._receive(key.data)
                if self._waiting_bytes >= BATCH_BYTES:
                    self._commit()
            self._commit()
            self._journal.checkpoint_if_due()
        self._journal.writer.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            if _peer_uid(connection) not in (os.getuid(), 0):
                connection.close()
                return
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, _Worker(connection))

    def _receive(self, worker: _Worker) -> None:
        try:
            data = worker.socket.recv(_READ_BYTES)
            if not data:
                self._drop(worker)
                return
            for message in worker.unpacker.feed(data):
                self._take(worker, message)
        except BlockingIOError:
            pass
        except (OSError, InvalidRequest):
            self._drop(worker)

    def _take(
        self, worker: _Worker, message: wire.Append | wire.Ack | wire.Refused | wire.Key
    ) -> None:
        if isinstance(message, wire.Append):
            group = Group(essential=message.essential)
            group.entries = message.entries
            self._waiting_bytes += sum(map(len, message.entries))
            self._waiting.append((worker, message.number, group))
        elif isinstance(message, wire.Key):
            self._sign_with(message)
        else:
            raise InvalidRequest("Workers do not acknowledge")

    def _sign_with(self, key: wire.Key) -> None:
        from keystead.audit.checkpoint import Signer  # loads cryptography only here

        try:
            self._journal.writer.sign_with(Signer.from_seed(key.origin, key.seed))
        except KeysteadError as error:
            self._journal.last_error = error.message

    def _commit(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        writer = self._journal.writer
        results = self._journal.commit([group for _, _, group in waiting])
        answered = {}
        for (worker, number, _), result in zip(waiting, results, strict=True):
            if isinstance(result, KeysteadError):
                refused = wire.Refused(number, writer.essential_only, result.message)
                worker.unsent += wire.pack_refused(refused)
            else:
                ack = wire.Ack(
                    number, result, writer.size, writer.signed_size, writer.essential_only
                )
                worker.unsent += wire.pack_ack(ack)
            answered[id(worker)] = worker
        for worker in answered.values():
            self._send(worker)

    def _send(self, worker: _Worker) -> None:
        try:
            del worker.unsent[: worker.socket.send(worker.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(worker)
            return
        if len(worker.unsent) > UNSENT_LIMIT_BYTES:
            self._drop(worker)
            return
        if bool(worker.unsent) is not worker.blocked:
            worker.blocked = bool(worker.unsent)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.blocked else 0)
            with contextlib.suppress(KeyError, ValueError):  # dropped before its answer
                self._selector.modify(worker.socket, events, worker)

    def _drop(self, worker: _Worker) -> None:
        """Forget a connection. What it has sent whole is still committed, unanswered."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.socket)
        worker.socket.close()


def listen(path: Path) -> socket.socket:
    """A listening socket at a path, for this user only. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    old = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(old)
    listener.listen(128)
    return listener


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="keystead.audit.writer_process")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--checkpoint-seconds", type=float, default=CHECKPOINT_SECONDS)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket-fd", type=int)
    where.add_argument("--socket", type=Path)
    options = parser.parse_args(arguments)
    try:
        writer = _open_log(options.dir)
        if writer.torn_bytes:
            sys.stderr.write(f"audit writer: cut off {writer.torn_bytes} unacknowledged bytes\n")
        if options.socket is not None:
            listener = listen(options.socket)
        else:
            listener = socket.socket(fileno=options.socket_fd)
    except (KeysteadError, OSError) as error:
        sys.stderr.write(f"keystead: {error}\n")
        return CANNOT_OPEN
    process = WriterProcess(writer, listener, options.checkpoint_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.end())
    process.serve()
    return 0


def _open_log(directory: Path) -> LogWriter:
    """Open the log, once a predecessor that is just ending has let go of it."""
    give_up_at = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return LogWriter(directory)
        except AuditUnavailable:
            if time.monotonic() > give_up_at:
                raise
        time.sleep(0.05)


def _peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[1])


if __name__ == "__main__":
    sys.exit(main())
