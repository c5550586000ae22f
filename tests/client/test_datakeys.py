"""Data keys are dropped at every limit."""

from __future__ import annotations

import threading

from keystead.client.datakeys import CacheLimits, DataKeyCache
from keystead.crypto.xaes import Xaes256Gcm

CIPHER = Xaes256Gcm(bytes(32))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cache(limits: CacheLimits, clock: Clock | None = None) -> DataKeyCache:
    made = DataKeyCache(limits, clock or Clock())
    made.keep("a", CIPHER, b"p", 10)
    return made


def test_a_data_key_is_dropped_when_it_is_too_old() -> None:
    clock = Clock()
    kept = cache(CacheLimits(max_age_seconds=60), clock)
    clock.now = 59.9
    assert kept.take("a", 1) is not None
    clock.now = 60
    assert kept.take("a", 1) is None
    assert len(kept) == 0


def test_a_data_key_serves_max_uses_messages_and_no_more() -> None:
    kept = cache(CacheLimits(max_uses=3))
    assert [kept.take("a", 1) is not None for _ in range(4)] == [True, True, False, False]


def test_a_data_key_encrypts_max_bytes_and_no_more() -> None:
    kept = cache(CacheLimits(max_bytes=25))
    assert kept.take("a", 15) is not None
    assert kept.take("a", 1) is None


def test_the_least_recently_used_goes_first() -> None:
    kept = cache(CacheLimits(capacity=2))
    kept.keep("b", CIPHER, b"p", 1)
    kept.take("a", 1)
    kept.keep("c", CIPHER, b"p", 1)
    assert [name for name in "abc" if kept.take(name, 0)] == ["a", "c"]


def test_without_capacity_nothing_is_kept() -> None:
    assert len(cache(CacheLimits(capacity=0))) == 0


def test_threads_together_never_exceed_max_uses() -> None:
    kept = cache(CacheLimits(max_uses=1000))
    taken = []

    def take() -> None:
        while kept.take("a", 0):
            taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 999


def test_nothing_of_a_data_key_is_shown() -> None:
    assert "Xaes" not in repr(cache(CacheLimits()).take("a", 1))
