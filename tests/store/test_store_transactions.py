"""Units of work on both databases: what they see, keep, and number."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from keystead.errors import AlreadyExists, InvalidRequest, NotFound, Sealed, StoreUnavailable
from keystead.store.seal_row import SealRow
from keystead.store.store import Store


def test_what_is_put_is_read_back(store: Store, things: Any, thing: Any) -> None:
    value = thing(name="n", number=7, expires_at=1.5)
    store.write_now(lambda tx: tx.put(things, "ns", "1", value))
    assert store.read_now(lambda r: r.get(things, "ns", "1")) == value
    assert store.read_now(lambda r: r.by_name(things, "ns", "n")) == ("1", value)
    assert store.read_now(lambda r: r.get(things, "other", "1")) is None
    assert store.read_now(lambda r: r.by_name(things, "ns", "m")) is None


def test_a_transaction_sees_its_own_changes(store: Store, things: Any, thing: Any) -> None:
    def work(tx: Any) -> Any:
        tx.put(things, "ns", "1", thing(name="a"))
        tx.put(things, "ns", "1", thing(name="b"))
        return tx.get(things, "ns", "1"), tx.by_name(things, "ns", "a")

    assert store.write_now(work) == (thing(name="b"), None)


def test_a_name_is_unique_within_kind_and_namespace(store: Store, things: Any, thing: Any) -> None:
    store.write_now(lambda tx: tx.add(things, "ns", "1", thing(name="a")))
    store.write_now(lambda tx: tx.add(things, "other", "1", thing(name="a")))
    for change in (
        lambda tx: tx.add(things, "ns", "2", thing(name="a")),
        lambda tx: tx.add(things, "ns", "1", thing(name="b")),
        lambda tx: tx.put(things, "ns", "2", thing(name="a")),
    ):
        with pytest.raises(AlreadyExists):
            store.write_now(change)
    assert store.read_now(lambda r: r.list(things, "ns")) == [("1", thing(name="a"))]


def test_delete_says_whether_there_was_something(store: Store, things: Any, thing: Any) -> None:
    store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="a")))
    assert store.write_now(lambda tx: tx.delete(things, "ns", "1"))
    assert not store.write_now(lambda tx: tx.delete(things, "ns", "1"))


def test_listing_pages_by_identifier_and_by_name(store: Store, things: Any, thing: Any) -> None:
    def fill(tx: Any) -> None:
        for number in range(25):
            tx.put(things, "ns", f"{number:02}", thing(name=f"z{99 - number:02}"))

    store.write_now(fill)

    def walk(by: Any) -> list[str]:
        seen: list[str] = []
        after = ""
        while page := store.read_now(
            lambda r: r.list(things, "ns", after=after, limit=10, by=by)  # noqa: B023
        ):
            seen += [id for id, _ in page]
            after = page[-1][0] if by == "id" else page[-1][1].name
        return seen

    assert walk("id") == [f"{number:02}" for number in range(25)]
    assert walk("name") == [f"{number:02}" for number in reversed(range(25))]


def test_listing_sorts_by_code_point_and_filters(store: Store, things: Any, thing: Any) -> None:
    names = ["B", "a", "a/b", "a/c", "ab", "ä", "\U0001f511"]

    def fill(tx: Any) -> None:
        for number, name in enumerate(names):
            state, parent = ("on", "p") if number % 2 else ("off", "q")
            tx.put(things, "ns", str(number), thing(name=name, state=state, parent=parent))

    store.write_now(fill)

    def listed(**filters: Any) -> list[str]:
        found = store.read_now(lambda r: r.list(things, "ns", by="name", **filters))
        return [value.name for _, value in found]

    assert listed() == names
    assert listed(prefix="a/") == ["a/b", "a/c"]
    assert listed(prefix="a") == ["a", "a/b", "a/c", "ab"]
    assert listed(state="on", parent="p") == names[1::2]
    assert listed(state="on", parent="q") == []
    assert listed(prefix="a", after="a/b", state="on") == ["a/c"]


def test_the_expired_come_from_all_namespaces_the_oldest_first(
    store: Store, things: Any, thing: Any
) -> None:
    def fill(tx: Any) -> None:
        for number in range(10):
            value = thing(name=str(number), expires_at=float(10 - number))
            tx.put(things, f"ns{number % 2}", str(number), value)
        tx.put(things, "ns0", "never", thing(name="never"))

    store.write_now(fill)
    found = store.read_now(lambda r: r.expired(things, 4.0, 2))
    assert [(namespace, id) for namespace, id, _ in found] == [("ns1", "9"), ("ns0", "8")]
    assert len(store.read_now(lambda r: r.expired(things, 100.0, 1000))) == 10


def test_counting_by_namespace_and_state(store: Store, things: Any, thing: Any) -> None:
    def fill(tx: Any) -> None:
        for number in range(4):
            tx.put(things, f"ns{number % 2}", str(number), thing(name=str(number)))
        tx.put(things, "ns0", "x", thing(name="x", state="off"))

    store.write_now(fill)
    counted = store.read_now(
        lambda r: (r.count(things), r.count(things, "ns0"), r.count(things, "ns0", "off"))
    )
    assert counted == (5, 3, 1)


def test_deleting_a_namespace_goes_some_at_a_time(store: Store, things: Any, thing: Any) -> None:
    def fill(tx: Any) -> None:
        for number in range(5):
            tx.put(things, "gone", str(number), thing(name=str(number)))
        tx.put(things, "kept", "1", thing(name="1"))

    store.write_now(fill)
    rounds = [store.write_now(lambda tx: tx.delete_namespace("gone", 3)) for _ in range(3)]
    assert rounds == [True, True, False]
    assert store.read_now(lambda r: (r.count(things, "gone"), r.count(things, "kept"))) == (0, 1)


def test_changes_are_numbered_without_gaps_and_name_their_request(
    store: Store, things: Any, thing: Any
) -> None:
    heard: list[Any] = []
    store.on_commit = heard.extend

    def work(tx: Any) -> None:
        tx.put(things, "ns", "1", thing(name="a"))
        tx.touch(things, "ns", "2")
        tx.delete(things, "ns", "1")

    def fail(tx: Any) -> None:
        tx.put(things, "ns", "9", thing(name="z"))
        raise NotFound

    store.write_now(work, request_id="r1")
    with pytest.raises(NotFound):
        store.write_now(fail, request_id="r2")
    store.write_now(lambda tx: tx.touch(things, "ns", "3"), request_id="r3")
    stored = store.read_now(lambda r: r.changes_after(0))
    assert stored == heard
    assert [(c.number, c.id, c.request_id) for c in stored] == [
        (1, "1", "r1"),
        (2, "2", "r1"),
        (3, "1", "r1"),
        (4, "3", "r3"),
    ]
    assert store.read_now(lambda r: (r.last_change(), r.changes_after(3)[0].number)) == (4, 4)
    asked = store.read_now(lambda r: [r.change_of_request(f"r{n}") for n in (1, 2, 3)])
    assert asked == [True, False, True]


def test_forgetting_old_changes_never_starts_the_numbers_again(store: Store, things: Any) -> None:
    for _ in range(10):
        store.write_now(lambda tx: tx.touch(things, "ns", "1"))
    assert store.write_now(lambda tx: tx.forget_changes(4, limit=3)) == 3
    assert store.write_now(lambda tx: tx.forget_changes(0)) == 6
    store.write_now(lambda tx: tx.touch(things, "ns", "1"))
    assert [c.number for c in store.read_now(lambda r: r.changes_after(0))] == [10, 11]


def test_one_failing_work_is_rolled_back_alone_in_its_batch(
    store: Store, things: Any, thing: Any
) -> None:
    go = threading.Event()

    def work(number: int) -> Any:
        def run(tx: Any) -> int:
            tx.put(things, "ns", str(number), thing(name=str(number)))
            if number % 3 == 0:
                raise NotFound(number=number)
            return number

        return run

    async def all_at_once() -> list[Any]:
        waiting = asyncio.create_task(store.write(lambda tx: go.wait(10)))
        await asyncio.sleep(0.05)
        tasks = [asyncio.create_task(store.write(work(number))) for number in range(12)]
        await asyncio.sleep(0.05)
        go.set()
        await waiting
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(all_at_once())
    for number, result in enumerate(results):
        if number % 3 == 0:
            assert isinstance(result, NotFound)
            assert result.details == {"number": number}
        else:
            assert result == number
    kept = store.read_now(lambda r: sorted(int(id) for id, _ in r.list(things, "ns")))
    assert kept == [number for number in range(12) if number % 3]
    numbers = [c.number for c in store.read_now(lambda r: r.changes_after(0))]
    assert numbers == list(range(1, 9))


def test_nobody_resumes_before_the_changes_are_told(store: Store, things: Any) -> None:
    told: list[int] = []
    store.on_commit = lambda changes: told.append(changes[-1].number)
    for number in range(1, 20):
        store.write_now(lambda tx: tx.touch(things, "ns", "1"))
        assert told[-1] == number


def test_a_snapshot_does_not_move_under_its_reader(store: Store, things: Any, thing: Any) -> None:
    def work(reader: Any) -> tuple[int, int]:
        before = reader.count(things)
        store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="a")))
        return before, reader.count(things)

    assert store.read_now(work) == (0, 0)
    assert store.read_now(lambda r: r.count(things)) == 1


def test_a_cancelled_caller_disturbs_nobody(store: Store, things: Any, thing: Any) -> None:
    async def run() -> int:
        tasks = [
            asyncio.create_task(
                store.write(lambda tx, n=n: tx.put(things, "ns", str(n), thing(name=str(n))))
            )
            for n in range(20)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return await store.write(lambda tx: tx.count(things))

    assert asyncio.run(run()) >= 10


def test_without_keys_the_store_is_sealed(store: Store, things: Any, thing: Any) -> None:
    store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="a")))
    store.sealer = None
    with pytest.raises(Sealed):
        store.read_now(lambda r: r.get(things, "ns", "1"))
    with pytest.raises(Sealed):
        store.write_now(lambda tx: tx.put(things, "ns", "1", thing(name="a")))
    assert store.read_now(lambda r: r.last_change()) == 1


def test_text_that_a_database_cannot_hold_is_an_invalid_request(store: Store, things: Any) -> None:
    surrogate = "\ud800"
    with pytest.raises(InvalidRequest):
        store.read_now(lambda r: r.get(things, "ns", surrogate))
    with pytest.raises(InvalidRequest):
        store.write_now(lambda tx: tx.touch(things, "ns", surrogate))


def test_the_seal_row_is_one_and_in_clear(store: Store) -> None:
    row = SealRow(
        seal_type="shamir",
        shares=3,
        threshold=2,
        generation=1,
        root=b"",
        keyring=b"k",
        successor=b"s",
        authority=b"a",
        mac=b"m",
    )
    assert store.load_seal() is None
    store.save_seal(row)
    store.sealer = None
    assert store.load_seal() == row


def test_a_closed_store_refuses(store: Store, things: Any) -> None:
    store.close()
    with pytest.raises(StoreUnavailable):
        store.write_now(lambda tx: tx.touch(things, "ns", "1"))
    with pytest.raises(StoreUnavailable):
        asyncio.run(store.read(lambda r: r.last_change()))
