"""Data keys kept for a while, so that not every message asks the server.

A kept data key works on after its key is disabled on the server, until a limit is
reached: the limits say how long that may be.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from keystead.crypto.xaes import Xaes256Gcm


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """When a data key is dropped: whichever limit comes first.

    ``max_uses`` counts messages and ``max_bytes`` their plaintext; ``capacity`` is how
    many data keys are kept, of which the least recently used goes first.
    """

    max_age_seconds: float = 300.0
    max_uses: int = 100_000
    max_bytes: int = 2**36
    capacity: int = 100


@dataclass(slots=True, repr=False)
class DataKeyUse:
    """A data key ready for messages, with the prologue that its messages begin with."""

    cipher: Xaes256Gcm
    prologue: bytes
    made_at: float
    uses: int = 0
    used_bytes: int = 0


def context_key(context: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return an encryption context in a form to look up by."""
    return tuple(sorted(context.items()))


class DataKeyCache:
    """Data keys by what they are bound to; safe to share between threads.

    ``clock`` is in seconds and never goes back.
    """

    def __init__(self, limits: CacheLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._kept: OrderedDict[Hashable, DataKeyUse] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, name: Hashable, size: int) -> DataKeyUse | None:
        """Return the data key for one more message of ``size`` bytes, or None if none may."""
        with self._lock:
            key = self._kept.get(name)
            if key is None:
                return None
            if not self._allows(key, size):
                del self._kept[name]
                return None
            self._kept.move_to_end(name)
            _count(key, size)
            return key

    def keep(self, name: Hashable, cipher: Xaes256Gcm, prologue: bytes, size: int) -> DataKeyUse:
        """Keep a new data key, whose first message has ``size`` bytes."""
        key = DataKeyUse(cipher, prologue, self._clock())
        _count(key, size)
        with self._lock:
            if self._limits.capacity > 0:
                self._kept[name] = key
                self._kept.move_to_end(name)
                if len(self._kept) > self._limits.capacity:
                    self._kept.popitem(last=False)
        return key

    def clear(self) -> None:
        """Drop every data key."""
        with self._lock:
            self._kept.clear()

    def _allows(self, key: DataKeyUse, size: int) -> bool:
        limits = self._limits
        return (
            self._clock() - key.made_at < limits.max_age_seconds
            and key.uses < limits.max_uses
            and key.used_bytes + size <= limits.max_bytes
        )


def _count(key: DataKeyUse, size: int) -> None:
    key.uses += 1
    key.used_bytes += size
