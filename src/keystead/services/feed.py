"""What has changed since this worker last looked, and the caches that must hear of it.

A committed change takes a number in the ``changes`` table. Workers on one host notice
through a shared board: each worker owns one slot, which it alone counts up after a commit,
and looks at all slots before it serves a request. So when a change's caller has its reply,
no worker on the host starts a request with the old state. Other nodes' changes are noticed
through the store (``notice``), or at the latest by the next look of ``watch``.

While the store cannot be reached, other nodes' changes cannot be heard of. What may go on
meanwhile, and for how long, is the caller's to decide: see ``require_heard_within``.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from keystead.errors import KeysteadError, StoreUnavailable

if TYPE_CHECKING:
    from keystead.store.store import Store
    from keystead.store.transaction import Change, Reader

LOOK_SECONDS = 1.0
ANSWER_SECONDS = 3.0
"""A store that has not answered a look by then cannot be reached."""

_SLOT_BYTES = 8
_PAGE = 1000

log = logging.getLogger("keystead.feed")


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

    def only_own(self, before: bytes, now: bytes) -> bool:
        """Whether two readings differ in this worker's own slot at most."""
        start, end = self._start, self._start + _SLOT_BYTES
        return before[:start] == now[:start] and before[end:] == now[end:]


Listener = Callable[[Sequence["Change"]], Awaitable[None]]


class ChangeFeed:
    """Brings every committed change to the listeners of this worker, in order.

    ``generation`` counts the batches applied: what was read from the store before it moved
    may be old. ``on_gap`` is awaited instead of the listeners when it cannot be told what
    has changed: the store has forgotten it, or is an older copy.

    ``unreachable_since`` is None while the store answers; else it is when it last did, on
    ``clock`` (seconds, monotonic).
    """

    def __init__(
        self, store: Store, board: Board, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._seen = board.read()
        self._listeners: list[Listener] = []
        self._own: deque[Sequence[Change]] = deque()
        self._lock = asyncio.Lock()
        self._last = 0
        self._notice = self._heeded = object()
        self._heard_at = clock()
        self.generation = 0
        self.unreachable_since: float | None = None
        self.on_gap: Callable[[], Awaitable[None]] | None = None
        store.on_commit = self._committed

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every batch of changes, before any later request is served."""
        self._listeners.append(listener)

    def start_after(self, number: int) -> None:
        """Changes up to this number are already in the caches."""
        self._last = number
        self.notice()
        self._answered()

    def _committed(self, changes: Sequence[Change]) -> None:
        """In a storage thread, after a commit and before its caller hears of it."""
        self._own.append(changes)
        self._board.bump()

    def notice(self) -> None:
        """Another node may have committed: look at the store before the next request.

        May be called in any thread.
        """
        self._notice = object()  # another than was heeded last

    def stale(self) -> bool:
        """Whether there is anything to catch up with. Called before every request."""
        return self._notice is not self._heeded or self._board.read() != self._seen

    async def catch_up(self) -> None:
        """Apply what has changed. On return no cache holds what was changed before the call.

        Raises StoreUnavailable; at once while the store is known to be out of reach.
        """
        async with self._lock:
            while self.stale():
                if self.unreachable_since is not None:
                    raise StoreUnavailable("The database cannot be reached.")
                if not await self._take_own():
                    await self._look()

    async def watch(self) -> None:
        """Look at the store every ``LOOK_SECONDS``, for ever: a change whose notice was lost
        is found, and so is that the store is gone, or there again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._last:
                continue
            try:
                async with self._lock:
                    await self._look()
            except StoreUnavailable:
                continue
            except KeysteadError as error:
                log.error("changes cannot be applied: %s", error.message)
            except Exception:
                log.exception("changes cannot be applied")

    def require_heard_within(self, seconds: float) -> None:
        """Raise StoreUnavailable if the store has been out of reach for that long."""
        since = self.unreachable_since
        if since is not None and self._clock() - since >= seconds:
            raise StoreUnavailable(
                "The database has been out of reach for longer than this key's grace.",
                grace_seconds=int(seconds),
            )

    async def _take_own(self) -> bool:
        """Apply what this worker has committed itself, without asking the store for it.

        False if that is not all there is: others have committed, or may have.
        """
        seen, notice = self._board.read(), self._notice
        if notice is not self._heeded or not self._board.only_own(self._seen, seen):
            return False
        while self._own:
            changes = self._own[0]
            if changes[-1].number > self._last:  # else seen when the store was looked at
                if changes[0].number != self._last + 1:
                    return False
                await self._tell(changes)  # if that fails, they are told again
                self.generation += 1
            self._own.popleft()
        self._seen = seen
        return True

    async def _look(self) -> None:
        """Read what is new and apply it. Until that is done, this worker is stale."""
        seen, notice = self._board.read(), self._notice
        while await self._apply(*await self._read()):
            pass
        self._seen, self._heeded = seen, notice

    async def _read(self) -> tuple[Sequence[Change], int]:
        """The next changes, and the number of the newest."""
        last = self._last

        def work(reader: Reader) -> tuple[Sequence[Change], int]:
            changes = reader.changes_after(last, _PAGE)
            return changes, reader.last_change() if len(changes) < _PAGE else changes[-1].number

        try:
            got = await asyncio.wait_for(self._store.read(work), ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError):
            if self.unreachable_since is None:
                log.warning("the database cannot be reached")
                self.unreachable_since = self._heard_at
            self.notice()
            raise StoreUnavailable("The database cannot be reached.") from None
        self._answered()
        return got

    async def _apply(self, changes: Sequence[Change], newest: int) -> bool:
        """Tell the listeners; whether there may be more to read."""
        gap = changes[0].number != self._last + 1 if changes else newest != self._last
        if not changes and not gap:
            return False
        if gap:
            if self.on_gap is not None:
                await self.on_gap()
            self._last = newest
        else:
            await self._tell(changes)
        self.generation += 1
        return len(changes) == _PAGE

    async def _tell(self, changes: Sequence[Change]) -> None:
        for listener in self._listeners:
            await listener(changes)
        self._last = changes[-1].number

    def _answered(self) -> None:
        self._heard_at = self._clock()
        if self.unreachable_since is not None:
            log.warning("the database answers again")
            self.unreachable_since = None
