"""Two nodes on one database, and what a sealed namespace holds back."""

from __future__ import annotations

import threading
from typing import Any

from keystead.operations.leases import CountLeases, EndLease
from keystead.operations.namespaces import CreateNamespace, SealNamespace, UnsealNamespace
from keystead.services.leases.ending import expire_of_token
from keystead.services.leases.records import HOLDER, LIVE, HolderRecord


def test_two_nodes_do_not_revoke_the_same_lease_twice(
    two_offices: Any, ledger: Any, make_clerk: Any
) -> None:
    first, second = two_offices
    clerk = make_clerk(first)
    names = [f"m/creds/r/{number}" for number in range(20)]
    clerk.lease(*names)
    first.now += 61
    second.now = first.now

    def end_all(office: Any) -> None:
        for name in names:
            office.as_server(EndLease(lease_id=name))

    nodes = [threading.Thread(target=end_all, args=(office,)) for office in (first, second)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    assert sorted(ledger.revoked) == sorted(name.encode() for name in names)


def test_leases_of_a_sealed_namespace_wait_until_it_is_unsealed(clerk: Any, ledger: Any) -> None:
    office = clerk.office
    office.perform(CreateNamespace(name="team"))
    namespace = office.house.namespaces.id_of("team")
    clerk.lease("m/creds/r/a", token="t", namespace=namespace)
    held = HolderRecord(namespaces=[namespace])
    store = office.house.store
    office.run(store.write(lambda tx: tx.put(HOLDER, "", "t", held)))
    office.perform(SealNamespace(name="team"))
    office.run(store.write(lambda tx: expire_of_token(tx, "t")))
    clerk.pass_time(61)
    assert ledger.revoked == []
    office.perform(UnsealNamespace(name="team"))
    clerk.pass_time(61)
    assert ledger.revoked == [b"m/creds/r/a"]
    assert store.read_now(lambda reader: reader.get(HOLDER, "", "t")) is None


def test_leases_are_counted_in_their_own_namespace(clerk: Any) -> None:
    clerk.office.perform(CreateNamespace(name="team"))
    clerk.lease("m/creds/r/a", namespace=clerk.office.house.namespaces.id_of("team"))
    assert clerk.office.perform(CountLeases()).live == 0
    assert clerk.office.perform(CountLeases(), namespace="team").live == 1
    assert clerk.office.house.store.read_now(lambda reader: reader.count(LIVE)) == 1
