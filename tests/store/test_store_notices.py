"""A node on PostgreSQL hears of another node's commits without asking."""

from __future__ import annotations

import threading
from typing import Any

from keystead.store.store import Store


def test_a_commit_of_one_store_is_noticed_by_another(
    postgres_url: str, make_sealer: Any, thing: Any, things: Any
) -> None:
    here, there = Store(postgres_url), Store(postgres_url)
    heard_here, heard_there = threading.Event(), threading.Event()
    try:
        for store, heard in ((here, heard_here), (there, heard_there)):
            store.sealer = make_sealer()
            store.prepare()
            store.listen(heard.set)
            assert heard.wait(20), "not connected"
        heard_here.clear()
        heard_there.clear()
        here.write_now(lambda tx: tx.touch(things, "notices", "a"))
        assert heard_there.wait(20)
        there.write_now(lambda tx: tx.touch(things, "notices", "b"))
        assert heard_here.wait(20)
    finally:
        here.close()
        there.close()


def test_a_commit_of_its_own_is_not_news(
    postgres_url: str, make_sealer: Any, thing: Any, things: Any
) -> None:
    here, there = Store(postgres_url), Store(postgres_url)
    heard, elsewhere = threading.Event(), threading.Event()
    try:
        for store, event in ((here, heard), (there, elsewhere)):
            store.sealer = make_sealer()
            store.prepare()
            store.listen(event.set)
            assert event.wait(20), "not connected"
        heard.clear()
        elsewhere.clear()
        here.write_now(lambda tx: tx.touch(things, "notices", "c"))
        assert elsewhere.wait(20)
        assert not heard.is_set()
    finally:
        here.close()
        there.close()
