"""How the workers of one node talk: datagrams over inherited socket pairs, in memory only.

Worker 0 leads: it alone runs the ceremonies of the seal (initialize, unseal, rekey), and
the others pass those operations on to it. An unsealed worker hands the root key to its
siblings, and to one that is started again. The supervisor holds the sockets open so that
they outlive a worker, and reads nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from keystead import errors
from keystead.call import Call, PathRequest
from keystead.crypto import KeyMaterial
from keystead.discreet import Discreet
from keystead.errors import KeysteadError, Overloaded
from keystead.operations import Operation, catalogue, reply_type
from keystead.telemetry.logs import outline

MAX_DATAGRAM = 128 * 1024
ANSWER_SECONDS = 15.0

_INTERNAL = "internal-error"
SEAL_SECONDS = 8.0
SEAL_AGAIN_SECONDS = 0.25

log = logging.getLogger("keystead.siblings")

_OPERATIONS = {operation.__name__: operation for operation in catalogue()}


class _Message(Discreet, tag=True, frozen=True):
    """What one worker tells another."""


class _RootKey(_Message, frozen=True):
    slot: int
    key: bytes


class _WantRootKey(_Message, frozen=True):
    slot: int


class _SealNow(_Message, frozen=True):
    slot: int


class _SealedNow(_Message, frozen=True):
    slot: int


class _Ask(_Message, frozen=True):
    """``give_up_at`` is on the host's monotonic clock, which all its processes share."""

    slot: int
    number: int
    operation: str
    inputs: bytes
    call: dict[str, Any]
    give_up_at: float


class _Answer(_Message, frozen=True):
    number: int
    reply: bytes = b""
    error: str = ""
    message: str = ""
    hint: str = ""


_decode = msgspec.msgpack.Decoder(
    _RootKey | _WantRootKey | _SealNow | _SealedNow | _Ask | _Answer
).decode


def _error_named(code: str) -> type[KeysteadError]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, KeysteadError) and value.code == code:
            return value
    return KeysteadError


class Siblings:
    """One worker's place among the others.

    ``inbox`` is this worker's receiving end; ``outboxes`` the sending ends of all, by slot.
    """

    def __init__(self, slot: int, inbox: socket.socket, outboxes: list[socket.socket]) -> None:
        self.slot = slot
        self._inbox = inbox
        self._outboxes = outboxes
        self._waiting: dict[int, asyncio.Future[_Answer]] = {}
        self._number = secrets.randbits(48)  # not what a predecessor asked under
        self._told_to_seal = False
        self._unsealed: set[int] = set()
        self._all_sealed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_root_key: Callable[[KeyMaterial], Awaitable[None]] | None = None
        self.on_seal: Callable[[], Awaitable[None]] | None = None
        self.root_key: Callable[[], KeyMaterial | None] = lambda: None
        self.perform: Callable[[Operation[Any], Call], Awaitable[Any]] | None = None
        inbox.setblocking(False)

    @property
    def leads(self) -> bool:
        return self.slot == 0

    def start(self) -> None:
        """Listen. What siblings ask is answered though it came before; all else that was sent
        to this worker's predecessor is thrown away: it is out of date, and a root key among
        it may be from before the node was sealed."""
        kept = []
        with contextlib.suppress(BlockingIOError):
            while True:
                kept.append(self._inbox.recv(MAX_DATAGRAM))
        asyncio.get_running_loop().add_reader(self._inbox.fileno(), self._receive)
        for data in kept:
            if isinstance(_decode(data), _Ask):
                self._begin(data)

    def ask_for_root_key(self) -> None:
        """Whichever siblings have the root key will hand it over."""
        self._broadcast(_WantRootKey(self.slot))

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._inbox.fileno())

    def share_root_key(self, key: KeyMaterial) -> None:
        self._told_to_seal = False
        self._broadcast(_RootKey(self.slot, key.reveal()))

    async def share_seal(self) -> None:
        """Have every sibling seal itself; return when all have.

        Raises Overloaded naming one that has not done so within ``SEAL_SECONDS``.
        """
        self._told_to_seal = True
        self._unsealed = {slot for slot in range(len(self._outboxes)) if slot != self.slot}
        self._all_sealed.clear()
        give_up_at = time.monotonic() + SEAL_SECONDS
        while self._unsealed:
            if time.monotonic() > give_up_at:
                slot = min(self._unsealed)
                raise Overloaded(
                    f"Worker {slot} does not confirm that it is sealed.",
                    hint="Stop the server to be sure.",
                    worker=slot,
                )
            for slot in self._unsealed:
                with contextlib.suppress(OSError):  # full or dead: tried again
                    self._send(slot, _SealNow(self.slot))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_sealed.wait(), SEAL_AGAIN_SECONDS)

    async def ask_leader(self, operation: Operation[Any], call: Call) -> Any:
        """Have worker 0 carry an operation out. Raises what it raises, or Overloaded."""
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(
                0,
                _Ask(
                    self.slot,
                    number,
                    type(operation).__name__,
                    msgspec.msgpack.encode(operation),
                    _told(call),
                    time.monotonic() + ANSWER_SECONDS,
                ),
            )
            got = await asyncio.wait_for(answer, ANSWER_SECONDS)
        except (TimeoutError, OSError):
            raise Overloaded(
                "The leading worker does not answer.", hint="Try again in a moment."
            ) from None
        finally:
            del self._waiting[number]
        if got.error == _INTERNAL:
            raise RuntimeError("internal error in the leading worker")
        if got.error:
            raise _error_named(got.error)(got.message, hint=got.hint)
        return msgspec.msgpack.decode(got.reply, type=reply_type(type(operation)))

    def _broadcast(self, message: _Message) -> None:
        for slot in range(len(self._outboxes)):
            if slot != self.slot:
                try:
                    self._send(slot, message)
                except OSError:
                    continue  # a dead worker's full mailbox: it asks again when it starts

    def _send(self, slot: int, message: _Message) -> None:
        self._outboxes[slot].send(msgspec.msgpack.encode(message), socket.MSG_DONTWAIT)

    def _receive(self) -> None:
        while True:
            try:
                data = self._inbox.recv(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        task = asyncio.ensure_future(self._take(data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, data: bytes) -> None:
        try:
            await self._handle(_decode(data))
        except (KeysteadError, OSError, msgspec.MsgspecError) as error:
            # Whoever waits for an answer asks again, or gives up in time.
            log.warning("a sibling's message had no effect: %s", type(error).__name__)

    async def _handle(self, message: _Message) -> None:
        match message:
            case _RootKey(slot=slot, key=key) if self.on_root_key is not None:
                # One that is about to seal itself may still hand the key over: once the
                # node was sealed, only the leader's word counts.
                if slot == 0 or not self._told_to_seal:
                    self._told_to_seal = False
                    await self.on_root_key(KeyMaterial(key))
            case _WantRootKey(slot=slot):
                held = self.root_key()
                if held is not None:
                    self._send(slot, _RootKey(self.slot, held.reveal()))
            case _SealNow(slot=slot) if self.on_seal is not None:
                self._told_to_seal = True
                await self.on_seal()
                self._send(slot, _SealedNow(self.slot))
            case _SealedNow(slot=slot):
                self._unsealed.discard(slot)
                if not self._unsealed:
                    self._all_sealed.set()
            case _Ask() if self.perform is not None:
                if time.monotonic() < message.give_up_at:  # else nobody waits any more
                    self._send(message.slot, await self._answer(message))
            case _Answer(number=number) if number in self._waiting:
                waiting = self._waiting[number]
                if not waiting.done():
                    waiting.set_result(message)

    async def _answer(self, ask: _Ask) -> _Answer:
        assert self.perform is not None
        operation = msgspec.msgpack.decode(ask.inputs, type=_OPERATIONS[ask.operation])
        try:
            reply = await self.perform(operation, _heard(ask.call))
        except KeysteadError as error:
            return _Answer(ask.number, b"", error.code, error.message, error.hint)
        except Exception as error:
            log.error("internal error for a sibling\n%s", outline(error))
            return _Answer(ask.number, b"", _INTERNAL)
        return _Answer(ask.number, msgspec.msgpack.encode(reply))


def _told(call: Call) -> dict[str, Any]:
    """A call's fields as another worker can be told them. Raises InvalidRequest if the body
    that a policy may look at cannot be read."""
    fields = {name: getattr(call, name) for name in Call.__slots__}
    if (path := call.path) is not None:
        fields["path"] = {name: getattr(path, name) for name in PathRequest.__slots__}
        fields["path"]["parameters"] = dict(path.parameters())
    return fields


def _heard(fields: dict[str, Any]) -> Call:
    path = fields["path"]
    if path is None:
        return Call(**fields)
    grants, parameters = path["grants"], path["parameters"]
    if not isinstance(grants, bool):
        grants = frozenset(grants)
    request = PathRequest(**{**path, "grants": grants, "parameters": lambda: parameters})
    return Call(**{**fields, "path": request})


def mailboxes(workers: int) -> tuple[list[socket.socket], list[socket.socket]]:
    """Inboxes and outboxes for that many workers, to be inherited by all of them."""
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(workers)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
