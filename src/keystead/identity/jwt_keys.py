"""Keys of issuers, kept in memory: fetched once, and again when a token names another."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar, cast

from keystead.errors import UpstreamUnavailable, VerificationFailed
from keystead.identity.jwt import Key, Unverified, fitting

T = TypeVar("T")

Load = Callable[[], Awaitable[list[Key]]]

FRESH_SECONDS: Final = 3_600.0
"""After this, keys are fetched anew: an issuer may have withdrawn one."""
PAUSE_SECONDS: Final = 10.0
"""Between two fetches for one issuer, however many unknown keys are named meanwhile."""
_MOST_ISSUERS = 256


class _Kept(NamedTuple):
    """``keys`` None: there was no answer."""

    keys: list[Key] | None
    fetched_at: float
    tried_at: float

    def settles(self, header: Unverified, now: float) -> bool:
        """Whether there is nothing to gain, or nothing to try yet."""
        if now < self.tried_at + PAUSE_SECONDS:
            return True
        fresh = self.keys is not None and now < self.fetched_at + FRESH_SECONDS
        return fresh and bool(fitting(self.keys or (), header))

    def fitting(self, header: Unverified) -> list[Key]:
        """The keys for such a token; raises UpstreamUnavailable if none are known at all."""
        if self.keys is None:
            raise UpstreamUnavailable("The server that has the issuer's keys does not answer.")
        return fitting(self.keys, header)


class IssuerKeys:
    """Keys by where they come from. Belongs to one event loop.

    ``clock`` gives seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[object, _Kept] = OrderedDict()
        self._locks: dict[object, asyncio.Lock] = {}
        self._documents: OrderedDict[object, tuple[object, float]] = OrderedDict()

    async def find(self, source: object, header: Unverified, load: Load) -> list[Key]:
        """The keys that a token with that header may be signed with; ``load`` fetches all of
        the source's. One fetch at a time for each source.

        An issuer that does not answer is no reason to forget its keys before they are old.
        Raises UpstreamUnavailable if nothing is known.
        """
        kept = self._kept.get(source)
        if kept is None or not kept.settles(header, self._clock()):
            async with self._locks.setdefault(source, asyncio.Lock()):
                kept = self._kept.get(source)
                if kept is None or not kept.settles(header, self._clock()):
                    kept = await self._fetch(source, kept, load)
        return kept.fitting(header)

    async def document(self, source: object, load: Callable[[], Awaitable[T]]) -> T:
        """What ``load`` fetched from a source, kept as long as keys are. One fetch at a time;
        what failed is tried again after a pause. Raises UpstreamUnavailable."""
        async with self._locks.setdefault(source, asyncio.Lock()):
            kept, until = self._documents.get(source, (None, 0.0))
            if self._clock() < until:
                if kept is None:
                    raise UpstreamUnavailable("The OpenID provider did not answer a moment ago.")
                return cast("T", kept)
            try:
                fresh = await load()
            except (UpstreamUnavailable, VerificationFailed):
                self._documents[source] = (None, self._clock() + PAUSE_SECONDS)
                raise
            self._documents[source] = (fresh, self._clock() + FRESH_SECONDS)
            while len(self._documents) > _MOST_ISSUERS:
                self._documents.popitem(last=False)
            return fresh

    async def _fetch(self, source: object, kept: _Kept | None, load: Load) -> _Kept:
        now = self._clock()
        try:
            new = _Kept(await load(), now, now)
        except (UpstreamUnavailable, VerificationFailed):
            if kept is not None and now < kept.fetched_at + FRESH_SECONDS:
                new = kept._replace(tried_at=now)
            else:
                new = _Kept(None, now, now)
        self._kept[source] = new
        while len(self._kept) > _MOST_ISSUERS:
            oldest, _ = self._kept.popitem(last=False)
            self._locks.pop(oldest, None)
        return new
