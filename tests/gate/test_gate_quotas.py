"""Rate limits and lease counts, as every worker holds to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.call import Call, PathRequest
from keystead.errors import InvalidRequest, Overloaded
from keystead.operations.mounts import CreateMount, ListMounts
from keystead.operations.namespaces import CreateNamespace
from keystead.operations.quotas import (
    DeleteRateLimit,
    ListLeaseLimits,
    ListRateLimits,
    ShowQuotaSettings,
    ShowRateLimit,
    WriteLeaseLimit,
    WriteQuotaSettings,
    WriteRateLimit,
)
from keystead.services.leases.records import LIVE, LeaseRecord
from keystead.services.quota_table import MOST_BUCKETS, Quotas, RateLimitRecord
from keystead.services.quotas import require_lease_room


class Reads:
    """A reader of quotas that are given."""

    def __init__(self, **limits: RateLimitRecord) -> None:
        self._limits = limits

    def get(self, *_: Any) -> None:
        return None

    def list(self, kind: Any, *_: Any, **__: Any) -> list[tuple[str, Any]]:
        return list(self._limits.items()) if kind.name == "rate-limit" else []


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def table(*namespaces: str, workers: int = 1, **limits: RateLimitRecord) -> tuple[Quotas, Clock]:
    clock = Clock()
    quotas = Quotas(clock, workers)
    quotas.load(Reads(**limits), namespaces)  # type: ignore[arg-type]
    return quotas, clock


def limit(path: str = "", rate: float = 1, seconds: float = 60, **more: Any) -> RateLimitRecord:
    return RateLimitRecord(path=path, rate=rate, interval_seconds=seconds, **more)


def call(path: str, namespace: str = "", client: str = "192.0.2.1") -> Call:
    return Call("vault", client, namespace=namespace, path=PathRequest(path, "read"))


def admitted(quotas: Quotas, path: str, namespace: str = "", client: str = "192.0.2.1") -> bool:
    try:
        quotas.admit(call(path, namespace, client))
    except Overloaded:
        return False
    return True


@given(
    st.floats(0.01, 50),
    st.floats(0.1, 100),
    st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_no_client_gets_more_than_a_burst_and_the_rate(
    rate: float, interval: float, pauses: list[float]
) -> None:
    quotas, clock = table(q=limit(rate=rate, seconds=interval))
    taken = 0
    for pause in pauses:
        clock.now += pause
        taken += admitted(quotas, "secret/a")
        assert taken <= max(1.0, rate) + clock.now * rate / interval + 1e-6


@given(st.floats(0.01, 20), st.floats(0.1, 100))
def test_who_waits_as_long_as_told_is_let_in(rate: float, interval: float) -> None:
    quotas, clock = table(q=limit(rate=rate, seconds=interval))
    while admitted(quotas, "secret/a"):
        pass
    with pytest.raises(Overloaded) as refused:
        quotas.admit(call("secret/a"))
    wait = refused.value.details["retry_after"]
    assert isinstance(wait, int)
    clock.now += wait
    assert admitted(quotas, "secret/a")


def test_a_client_that_is_blocked_stays_so_for_that_long() -> None:
    quotas, clock = table(q=limit(rate=1, seconds=1, block_seconds=10))
    assert [admitted(quotas, "a") for _ in range(2)] == [True, False]
    clock.now = 9.9
    assert not admitted(quotas, "a")
    clock.now = 10.1
    assert admitted(quotas, "a")


def test_clients_do_not_take_from_each_other() -> None:
    quotas, _ = table(q=limit(rate=1))
    assert admitted(quotas, "a", client="192.0.2.1")
    assert admitted(quotas, "a", client="192.0.2.2")
    assert not admitted(quotas, "a", client="192.0.2.1")


def test_many_clients_take_bounded_memory() -> None:
    quotas, _ = table(q=limit(rate=1))
    for number in range(MOST_BUCKETS + 50):
        admitted(quotas, "a", client=str(number))
    assert len(quotas._buckets) == MOST_BUCKETS


def test_workers_give_out_no_more_than_the_rate_together() -> None:
    workers = [table(workers=4, q=limit(rate=8))[0] for _ in range(4)]
    assert sum(admitted(w, "a") for w in workers for _ in range(20)) == 8


@pytest.mark.parametrize(
    ("namespace", "path", "name"),
    [
        ("", "other/a", "all"),
        ("", "kv/a", "mount"),
        ("", "kv/app/x", "glob"),
        ("", "kv/app/one", "path"),
        ("", "kv/app/one/more", "glob"),
        ("team", "kv/a", "team"),
        ("team", "deep/kv/a", "team"),
        ("team/below", "kv/a", "all"),
        ("wide", "kv/a", "wide"),
        ("wide/below", "kv/a", "wide"),
    ],
)
def test_the_narrowest_limit_counts(namespace: str, path: str, name: str) -> None:
    limits = {
        "all": limit(""),
        "mount": limit("kv/"),
        "glob": limit("kv/app/*"),
        "path": limit("kv/app/one"),
        "team": limit("team/"),
        "wide": limit("wide/", inheritable=True),
    }
    names = ("", "team", "team/below", "wide", "wide/below")
    quotas, _ = table(*names, **limits)
    found = quotas._narrowest(quotas._rates, namespace, path)
    assert found is not None
    assert found[0] == name


def test_one_request_costs_one_token_whatever_it_asks(office: Any) -> None:
    office.perform(WriteRateLimit(name="q", rate=1, interval_seconds=3600))
    request = PathRequest("sys/x", "read")
    office.perform(ListMounts(), path=request)
    office.perform(ListMounts(), path=request)
    with pytest.raises(Overloaded):
        office.perform(ListMounts(), path=PathRequest("sys/x", "read"))
    office.perform(ListMounts())
    office.perform(DeleteRateLimit(name="q"))
    office.perform(ListMounts(), path=PathRequest("sys/x", "read"))


def test_a_limit_holds_on_every_worker_at_once_and_after_a_restart(two_offices: Any) -> None:
    first, second = two_offices
    first.perform(WriteRateLimit(name="q", rate=1, interval_seconds=3600))
    for office in (first, second):
        office.perform(ListMounts(), path=PathRequest("a", "read"))
        with pytest.raises(Overloaded):
            office.perform(ListMounts(), path=PathRequest("a", "read"))
    first.leave()
    first.open()
    assert first.perform(ShowRateLimit(name="q")).rate == 1
    first.perform(ListMounts(), path=PathRequest("a", "read"))
    with pytest.raises(Overloaded):
        first.perform(ListMounts(), path=PathRequest("a", "read"))


def test_two_limits_of_one_path_are_refused(office: Any) -> None:
    office.perform(WriteRateLimit(name="a", rate=1))
    office.perform(WriteRateLimit(name="a", rate=2))
    with pytest.raises(InvalidRequest, match="similar properties"):
        office.perform(WriteRateLimit(name="b", rate=3))


def test_exempt_paths_are_not_limited(office: Any) -> None:
    office.perform(WriteRateLimit(name="q", rate=1, interval_seconds=3600))
    office.perform(WriteQuotaSettings(exempt_paths=["free/*"]))
    for _ in range(5):
        office.perform(ListMounts(), path=PathRequest("free/a", "read"))


def test_quotas_are_the_root_namespaces_alone(office: Any) -> None:
    office.perform(CreateNamespace(name="team"))
    for operation in (
        WriteRateLimit(name="q", rate=1),
        WriteLeaseLimit(name="q", max_leases=1),
        ShowRateLimit(name="q"),
        ListRateLimits(),
        ListLeaseLimits(),
        ShowQuotaSettings(),
        WriteQuotaSettings(exempt_paths=[]),
    ):
        with pytest.raises(InvalidRequest, match="root namespace"):
            office.perform(operation, namespace="team")


def test_a_lease_too_many_is_refused(office: Any) -> None:
    office.perform(CreateMount(path="kept", type="kv"))
    office.perform(CreateMount(path="other", type="kv"))
    office.perform(WriteLeaseLimit(name="q", path="kept/", max_leases=3))
    house = office.house

    def give(tx: Any, lease_id: str) -> None:
        require_lease_room(tx, house, "root", lease_id)
        tx.add(LIVE, "root", lease_id, _lease())

    for number in range(3):
        house.store.write_now(lambda tx, n=number: give(tx, f"kept/creds/{n}"))
    house.store.write_now(lambda tx: give(tx, "other/creds/1"))
    with pytest.raises(Overloaded, match='"kept/creds": lease count quota exceeded'):
        house.store.write_now(lambda tx: give(tx, "kept/creds/3"))
    house.store.write_now(lambda tx: tx.delete(LIVE, "root", "kept/creds/0"))
    house.store.write_now(lambda tx: give(tx, "kept/creds/3"))


def _lease() -> LeaseRecord:
    import msgspec

    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(LeaseRecord):
        if field.required:
            given[field.name] = {str: "", float: 0.0, bool: False, int: 0, bytes: b""}[field.type]
    return LeaseRecord(**given)
