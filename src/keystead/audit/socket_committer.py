"""Hands entries to the writer process over its Unix socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from keystead.audit import wire
from keystead.audit.committer import BACKLOG_BYTES, Collector, Status
from keystead.audit.journal import Group
from keystead.audit.note import check_name
from keystead.errors import AuditUnavailable, InvalidRequest

FIRST_RETRY_SECONDS = 0.02
LAST_RETRY_SECONDS = 1.0
CLOSE_SECONDS = 5.0

_NUMBERS = 1 << 32


class SocketCommitter(Collector):
    """A Committer whose log is written by the writer process.

    When the connection is lost, all that is not acknowledged fails with AuditUnavailable
    (the writer may still have recorded it), and the committer connects again by itself.
    """

    def __init__(self, path: Path, *, backlog_bytes: int = BACKLOG_BYTES) -> None:
        """To be called in a running event loop; connects on its own, see ``connected``."""
        super().__init__(backlog_bytes)
        self._path = path
        self._transport: asyncio.Transport | None = None
        self._key: wire.Key | None = None
        self._inflight: dict[int, Group] = {}
        self._number = 0
        self._size = self._signed_size = 0
        self._essential_only = False
        self._last_error = ""
        self._connected = asyncio.Event()
        self._drained = asyncio.Event()
        self._closing = False
        self._connecting = self.loop.create_task(self._connect())

    async def connected(self) -> None:
        """Return once there is a connection to the writer."""
        await self._connected.wait()

    def append(self, encoded: bytes, *, essential: bool = False) -> asyncio.Future[int]:
        """See ``Committer.append``."""
        if self._transport is None or self._closing:
            raise AuditUnavailable("The audit writer is not running")
        return super().append(encoded, essential=essential)

    def sign_with(self, origin: str, seed: bytes) -> None:
        """See ``Committer.sign_with``: given to the writer now and whenever it starts again.

        A key that the writer refuses shows in ``signed_size`` alone.
        """
        check_name(origin)
        self._key = wire.Key(origin, seed)
        if self._transport is not None:
            self._transport.write(wire.pack_key(self._key))

    def status(self) -> Status:
        """See ``Status``; sizes are as of the last acknowledgement to this worker."""
        return Status(
            self.backlog, self._size, self._signed_size, self._essential_only, self._last_error
        )

    async def close(self) -> None:
        """Wait for what is not acknowledged, then disconnect. The writer goes on."""
        self._closing = True
        if self.backlog and self._transport is not None:
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), CLOSE_SECONDS)
            except TimeoutError:
                self._fail_all("The audit writer did not answer in time")
        self._connecting.cancel()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def submit(self, groups: list[Group]) -> None:
        for group in groups:
            self._number = number = (self._number + 1) % _NUMBERS
            self._inflight[number] = group
            if self._transport is not None:
                message = wire.Append(number, group.essential, group.entries)
                self._transport.write(wire.pack_append(message))
        if self._transport is None:
            self._fail_all("The audit writer is not running")

    def on_connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._last_error = ""
        if self._key is not None:
            transport.write(wire.pack_key(self._key))
        self._connected.set()

    def on_message(self, message: wire.Ack | wire.Refused) -> None:
        group = self._inflight.pop(message.number, None)
        self._essential_only = message.essential_only
        if group is None:
            return
        self.done(group)
        if isinstance(message, wire.Ack):
            self._size, self._signed_size = message.size, message.signed_size
            self._last_error = ""
            group.succeed(message.first)
        else:
            self._last_error = message.reason
            group.fail(AuditUnavailable(message.reason))
        if not self.backlog:
            self._drained.set()

    def on_lost(self) -> None:
        self._transport = None
        self._connected.clear()
        self._fail_all("The connection to the audit writer was lost")
        if not self._closing and not self.loop.is_closed():
            self._connecting = self.loop.create_task(self._connect())

    def _fail_all(self, reason: str) -> None:
        self._last_error = reason
        groups, self._inflight = self._inflight, {}
        for group in groups.values():
            self.done(group)
            group.fail(AuditUnavailable(reason))
        self._drained.set()

    async def _connect(self) -> None:
        delay = FIRST_RETRY_SECONDS
        while True:
            try:
                await self.loop.create_unix_connection(lambda: _Link(self), str(self._path))
            except OSError:
                await asyncio.sleep(delay)
                delay = min(2 * delay, LAST_RETRY_SECONDS)
            else:
                return


class _Link(asyncio.Protocol):
    """One connection to the writer."""

    def __init__(self, committer: SocketCommitter) -> None:
        self._committer = committer
        self._unpacker = wire.Unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._committer.on_connected(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._unpacker.feed(data):
                if isinstance(message, wire.Ack | wire.Refused):
                    self._committer.on_message(message)
        except InvalidRequest:
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._committer.on_lost()
