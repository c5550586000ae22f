"""Secrets at hand are never older than what any worker has acknowledged."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import NamespaceSealed, NotFound
from keystead.operations.mounts import CreateMount
from keystead.operations.namespaces import CreateNamespace, SealNamespace
from keystead.operations.secrets import (
    DeleteSecret,
    DestroySecret,
    PurgeSecret,
    ReadSecret,
    Secret,
    SecretVersion,
    UndeleteSecret,
    WriteSecret,
    WriteSecretMetadata,
)
from keystead.services.secrets.cache import Secrets
from keystead.store.transaction import Change

READ = ReadSecret(name="secret/a")


def test_another_worker_reads_what_one_has_changed(two_offices: tuple[Any, Any]) -> None:
    first, second = two_offices
    first.perform(CreateMount(path="secret", type="kv-v2"))
    first.perform(CreateMount(path="old", type="kv"))
    for number in (1, 2):
        first.perform(WriteSecret(name="secret/a", data={"n": number}))
        first.perform(WriteSecret(name="old/a", data={"n": number}))
        for office in (first, second):
            for _ in range(2):
                assert office.perform(READ).data == {"n": number}
                assert office.perform(ReadSecret(name="old/a")).data == {"n": number}
    first.perform(WriteSecretMetadata(name="secret/a", custom_metadata={"k": "v"}))
    assert second.perform(READ).version.custom_metadata == {"k": "v"}
    first.perform(DeleteSecret(name="secret/a"))
    assert second.perform(READ).data is None
    second.perform(UndeleteSecret(name="secret/a", versions=[2]))
    assert first.perform(READ).data == {"n": 2}
    second.perform(DestroySecret(name="secret/a", versions=[2]))
    assert first.perform(READ).data is None
    first.perform(PurgeSecret(name="secret/a"))
    with pytest.raises(NotFound):
        second.perform(READ)


def test_the_second_reading_takes_no_storage(office: Any) -> None:
    office.perform(CreateMount(path="secret", type="kv-v2"))
    office.perform(WriteSecret(name="secret/a", data={"n": 1}))
    office.perform(READ)
    office.house.store.read = None
    assert office.perform(READ).data == {"n": 1}
    assert office.perform(ReadSecret(name="secret/a", version=1)).data == {"n": 1}


def test_time_deletes_what_is_at_hand(office: Any) -> None:
    office.now = 1_800_000_000.0
    office.perform(CreateMount(path="secret", type="kv-v2"))
    office.perform(WriteSecretMetadata(name="secret/a", delete_version_after_seconds=10))
    office.perform(WriteSecret(name="secret/a", data={"n": 1}))
    assert office.perform(READ).data == {"n": 1}
    office.now += 9.9
    assert office.perform(READ).data == {"n": 1}
    office.now += 0.1
    assert office.perform(READ).data is None


def test_a_sealed_namespace_gives_nothing_from_memory(office: Any) -> None:
    office.perform(CreateNamespace(name="team"))
    given = {"namespace": "team"}
    office.perform(CreateMount(path="secret", type="kv-v2"), **given)
    office.perform(WriteSecret(name="secret/a", data={"n": 1}), **given)
    assert office.perform(READ, **given).data == {"n": 1}
    with pytest.raises(NotFound):
        office.perform(READ)
    office.perform(SealNamespace(name="team"))
    with pytest.raises((NamespaceSealed, NotFound)):
        office.perform(READ, **given)
    assert len(office.house.secrets) == 0


def secret(number: int) -> Secret:
    return Secret(version=SecretVersion(version=number, created_at=0.0), data={"n": number})


def change(number: int, kind: str, id: str) -> Change:
    return Change(number, "root", kind, id, "", 0.0)


def test_a_slow_reader_does_not_bring_back_what_was_dropped() -> None:
    cache = Secrets()
    cache.forget([change(7, "secret", "m/a")])
    cache.keep(("root", "m/a"), secret(1), 10, snapshot=6)
    assert cache.find(("root", "m/a")) is None
    cache.keep(("root", "m/a"), secret(2), 10, snapshot=7)
    assert cache.find(("root", "m/a")) == secret(2)
    cache.forget([change(8, "secret-value", "m/a@2")])
    assert cache.find(("root", "m/a")) is None


def test_what_is_used_stays_and_what_is_kept_is_bounded_by_its_size() -> None:
    cache = Secrets(generation_bytes=100_000)
    for number in range(1000):
        cache.keep(("root", f"m/{number}"), secret(number), 4000, snapshot=0)
        assert cache.find(("root", "m/0")) == secret(0)
        assert len(cache) <= 2 * 100_000 // 9024
