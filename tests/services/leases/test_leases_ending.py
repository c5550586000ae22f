"""Leases end when they are due, together when asked, and again until it works."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import AuditUnavailable, InvalidRequest, UpstreamUnavailable
from keystead.operations.leases import (
    CountLeases,
    ListLeaseKeys,
    ListLeases,
    RenewLease,
    RevokeLease,
    RevokeLeases,
    ShowLease,
    TidyLeases,
)
from keystead.services.leases.ending import delay_seconds, expire_of_token
from keystead.services.leases.records import HOLDER, HolderRecord
from keystead.services.leases.revoker import MOST_AT_ONCE


def ids(count: int, below: str = "m/creds/r") -> list[str]:
    return [f"{below}/{number:05}" for number in range(count)]


def test_many_leases_that_are_due_end_side_by_side_but_not_all_at_once(
    clerk: Any, ledger: Any
) -> None:
    clerk.lease(*ids(200))
    clerk.lease("m/creds/r/later", seconds=600)
    clerk.pass_time(61)
    assert sorted(ledger.revoked) == [each.encode() for each in ids(200)]
    assert 1 < ledger.most_at_once <= MOST_AT_ONCE
    assert clerk.office.perform(CountLeases()).live == 1


def test_a_lease_that_cannot_be_revoked_is_tried_ever_more_seldom_and_never_lost(
    clerk: Any, ledger: Any
) -> None:
    clerk.lease("m/creds/r/a")
    ledger.down = True
    waits = []
    clerk.pass_time(61)
    for _ in range(12):
        (lease,) = clerk.office.perform(ListLeases(state="failed")).leases
        waits.append(lease.next_attempt_at - clerk.office.now)
        clerk.pass_time(waits[-1] + 0.1)
    assert lease.state == "irrevocable"
    assert lease.error == "the ledger is closed"
    assert waits[8] > 10 * waits[0]
    assert max(waits) <= 5400
    ledger.down = False
    clerk.pass_time(5400)
    assert ledger.revoked == [b"m/creds/r/a"]
    assert clerk.office.perform(CountLeases()).irrevocable == 0


def test_failures_are_not_tried_again_all_at_the_same_time() -> None:
    assert len({delay_seconds(3) for _ in range(50)}) == 50


def test_a_revoked_lease_cannot_be_renewed_though_its_target_is_down(
    clerk: Any, ledger: Any
) -> None:
    clerk.lease("m/creds/r/a")
    ledger.down = True
    clerk.office.perform(RevokeLease(lease_id="m/creds/r/a"))
    ledger.down = False
    with pytest.raises(InvalidRequest, match="lease not found"):
        clerk.office.perform(RenewLease(lease_id="m/creds/r/a"))
    assert clerk.office.perform(ShowLease(lease_id="m/creds/r/a")).state == "revoking"


def test_revoking_with_wait_says_why_it_did_not_work(clerk: Any, ledger: Any) -> None:
    clerk.lease("m/creds/r/a", "m/creds/r/b")
    ledger.down = True
    with pytest.raises(UpstreamUnavailable, match="the ledger is closed"):
        clerk.office.perform(RevokeLease(lease_id="m/creds/r/a", wait=True))
    with pytest.raises(UpstreamUnavailable, match="the ledger is closed"):
        clerk.office.perform(RevokeLeases(prefix="m", wait=True))
    assert clerk.office.perform(CountLeases()).failed == 2


def test_revoking_what_is_not_there_is_no_mistake(clerk: Any) -> None:
    clerk.office.perform(RevokeLease(lease_id="m/creds/r/nothing", wait=True))
    clerk.office.perform(RevokeLeases(prefix="m/creds/r/nothing", wait=True))


def test_a_prefix_is_whole_segments(clerk: Any, ledger: Any) -> None:
    clerk.lease("m/creds/r/a", "m/creds/rest/b")
    clerk.office.perform(RevokeLeases(prefix="m/creds/r", wait=True))
    assert ledger.revoked == [b"m/creds/r/a"]


def test_more_than_a_page_below_a_prefix_ends(clerk: Any, ledger: Any) -> None:
    clerk.lease(*ids(1203))
    clerk.office.perform(RevokeLeases(prefix="m/creds"))
    clerk.work()
    assert len(ledger.revoked) == 1203


def test_all_leases_of_a_token_end_with_it_and_no_others(clerk: Any, ledger: Any) -> None:
    store = clerk.office.house.store
    clerk.lease(*ids(700), token="gone")
    clerk.lease("m/creds/r/other", token="here")

    def hold(tx: Any) -> None:
        for token in ("gone", "here"):
            tx.put(HOLDER, "", token, HolderRecord(namespaces=["root"]))

    clerk.office.run(store.write(hold))
    clerk.office.run(store.write(lambda tx: expire_of_token(tx, "gone")))
    clerk.work()
    assert len(ledger.revoked) == 700
    assert clerk.office.perform(CountLeases()).live == 1
    assert store.read_now(lambda reader: reader.get(HOLDER, "", "gone")) is None


def test_tidying_ends_the_leases_of_tokens_that_went_unnoticed(clerk: Any, ledger: Any) -> None:
    clerk.lease("m/creds/r/a", token="lost")
    record = HolderRecord(namespaces=["root"])
    clerk.office.run(clerk.office.house.store.write(lambda tx: tx.put(HOLDER, "", "lost", record)))
    clerk.office.perform(TidyLeases())
    clerk.work()
    assert ledger.revoked == [b"m/creds/r/a"]


def test_what_the_server_revokes_by_itself_is_in_the_audit_log(clerk: Any) -> None:
    clerk.lease("m/creds/r/a")
    clerk.pass_time(61)
    entries = clerk.office.entries("lease:end")
    assert [entry["phase"] for entry in entries] == ["intent", "outcome"]
    assert all(entry["resource"]["name"] == "m/creds/r/a" for entry in entries)
    assert entries[-1]["outcome"] == "ok"


def test_a_listing_goes_from_segment_to_segment(clerk: Any) -> None:
    clerk.lease(*ids(30), *ids(20, "m/creds/s"), *ids(3, "n/creds/t"))

    def keys(prefix: str, **given: Any) -> Any:
        return clerk.office.perform(ListLeaseKeys(prefix=prefix, **given))

    assert keys("").keys == ["m/", "n/"]
    assert keys("m/").keys == ["creds/"]
    assert keys("m/creds/").keys == ["r/", "s/"]
    assert keys("n/creds/t/").keys == ["00000", "00001", "00002"]
    page = keys("m/creds/r/", limit=7)
    assert page.keys == [f"{n:05}" for n in range(7)]
    assert keys("m/creds/r/", after=page.next, limit=2).keys == ["00007", "00008"]
    assert keys("nothing/").keys == []


def test_how_many_leases_fail_is_a_metric(clerk: Any, ledger: Any) -> None:
    clerk.lease("m/creds/r/a", seconds=60)
    clerk.lease("m/creds/r/b", seconds=600)
    ledger.down = True
    clerk.pass_time(61)
    clerk.office.run(clerk.office.worker._scheduler.count_keys())
    rendered = clerk.office.house.metrics.render().decode()
    assert 'keystead_leases{state="live"} 1' in rendered
    assert 'keystead_leases{state="failed"} 1' in rendered


def test_what_cannot_be_claimed_is_not_tried_in_a_circle(
    clerk: Any, ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk.lease(*ids(3))
    asked = []

    async def unavailable(operation: Any, namespace: str) -> None:
        asked.append(operation.lease_id)
        raise AuditUnavailable

    revoker = clerk.office.worker._scheduler._revoker
    monkeypatch.setattr(revoker, "_perform", unavailable)
    clerk.pass_time(61)
    assert sorted(asked) == ids(3)
    monkeypatch.undo()
    clerk.work()
    assert len(ledger.revoked) == 3
