"""What has changed since this worker last looked, and the caches that must hear of it.

A committed change takes a number in the ``changes`` table. Workers on one host notice
through a shared board: each worker owns one slot, which it alone counts up after a commit,
and looks at all slots before it serves a request. So when a change's caller has its reply,
no worker on the host starts a request with the old state.
"""

from __future__ import annotations

import asyncio
import mmap
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keystead.store.store import Store
    from keystead.store.transaction import Change

_SLOT_BYTES = 8


class Board:
    """A few bytes of memory shared by the workers of one host: a counter for each."""

    def __init__(self, memory: mmap.mmap | bytearray, slot: int) -> None:
        self._memory = memory
        self._start = slot * _SLOT_BYTES

    @classmethod
    def alone(cls) -> Board:
        """The board of a node with one worker."""
        return cls(bytearray(_SLOT_BYTES), 0)

    @classmethod
    def shared(cls, descriptor: int, workers: int, slot: int) -> Board:
        """A board in the memory behind an inherited file descriptor."""
        return cls(mmap.mmap(descriptor, workers * _SLOT_BYTES), slot)

    def bump(self) -> None:
        """Tell the others. Only this worker writes its slot, so nothing is lost."""
        place = slice(self._start, self._start + _SLOT_BYTES)
        count = int.from_bytes(self._memory[place], "little") + 1
        self._memory[place] = count.to_bytes(_SLOT_BYTES, "little")

    def read(self) -> bytes:
        """The board as it is; differs from an earlier reading if anything changed."""
        return bytes(self._memory[:])


Listener = Callable[[Sequence["Change"]], Awaitable[None]]


class ChangeFeed:
    """Brings every committed change to the listeners of this worker, in order.

    ``generation`` counts the batches applied: what was read from the store before it moved
    may be old.
    """

    def __init__(self, store: Store, board: Board) -> None:
        self._store = store
        self._board = board
        self._seen = board.read()
        self._own: deque[Sequence[Change]] = deque()
        self._listeners: list[Listener] = []
        self._lock = asyncio.Lock()
        self._last = 0
        self._remote = False
        self.generation = 0
        store.on_commit = self._committed

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every batch of changes, before any later request is served."""
        self._listeners.append(listener)

    def start_after(self, number: int) -> None:
        """Changes up to this number are already in the caches."""
        self._last = max(self._last, number)
        self._seen = self._board.read()

    def _committed(self, changes: Sequence[Change]) -> None:
        """In a storage thread, after a commit and before its caller hears of it."""
        self._own.append(changes)
        self._board.bump()

    def notice(self) -> None:
        """Another node has committed: look at the store before the next request."""
        self._remote = True

    def stale(self) -> bool:
        """Whether there is anything to catch up with. Called before every request."""
        return self._remote or bool(self._own) or self._board.read() != self._seen

    async def catch_up(self) -> None:
        """Apply what has changed. On return no cache holds what was changed before the call."""
        async with self._lock:
            while self.stale():
                seen, self._remote = self._board.read(), False
                self._own.clear()
                changes = await self._store.read(lambda reader: reader.changes_after(self._last))
                if changes:
                    self._last = changes[-1].number
                    self.generation += 1
                    for listener in self._listeners:
                        await listener(changes)
                self._seen = seen
