"""The rules of versions, each by itself."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import NotFound
from keystead.operations.mounts import CreateMount
from keystead.operations.namespaces import CreateNamespace
from keystead.operations.secrets import ConfigureSecretStore, ReadSecret, WriteSecret
from keystead.services.secrets import versions
from keystead.services.secrets.records import SECRET_VALUE, SecretRecord, Settings, StoreRecord


def written(times: int, own: Settings, store: StoreRecord, now: float = 1000.0) -> SecretRecord:
    record = SecretRecord(created_at=now, updated_at=now, settings=own)
    for number in range(times):
        record, _ = versions.add(record, store, now + number)
    return record


@pytest.mark.parametrize(
    ("own", "general", "kept"),
    [(0, 0, 10), (2, 0, 2), (0, 3, 3), (2, 5, 5), (5, 2, 5), (12, 0, 12)],
)
def test_as_many_are_kept_as_the_larger_setting_says(own: int, general: int, kept: int) -> None:
    record = written(15, Settings(max_versions=own), StoreRecord(max_versions=general))
    assert [v.version for v in record.versions] == list(range(16 - kept, 16))
    assert record.oldest == 16 - kept


@pytest.mark.parametrize(
    ("own", "general", "after"),
    [(0, 0, None), (5, 0, 5), (0, 7, 7), (5, 7, 5), (9, 7, 7), (5, -1, None), (0, -1, None)],
)
def test_a_version_is_deleted_after_the_shorter_time(
    own: int, general: int, after: int | None
) -> None:
    settings = Settings(delete_version_after_seconds=own)
    store = StoreRecord(delete_version_after_seconds=general)
    deletion_at = written(1, settings, store).versions[0].deletion_at
    assert deletion_at == (None if after is None else 1000.0 + after)


def test_deleting_again_does_not_move_the_time_and_deleting_earlier_does() -> None:
    record = versions.delete(written(1, Settings(), StoreRecord()), [1], 2000.0)
    assert versions.delete(record, [1], 3000.0).versions[0].deletion_at == 2000.0
    planned = written(1, Settings(delete_version_after_seconds=500), StoreRecord())
    assert versions.delete(planned, [1], 1100.0).versions[0].deletion_at == 1100.0
    assert versions.delete(planned, [1], 1900.0).versions[0].deletion_at == 1500.0


def test_what_is_destroyed_stays_so() -> None:
    record = versions.destroy(written(2, Settings(), StoreRecord()), [1])
    again = versions.undelete(record, StoreRecord(), [1, 2], 2000.0)
    assert again.versions[0].destroyed
    assert versions.delete(again, [1], 3000.0).versions[0].deletion_at is None


def test_the_values_that_are_kept_no_more_are_removed(office: Any) -> None:
    office.perform(CreateMount(path="secret", type="kv-v2"))
    office.perform(ConfigureSecretStore(store="secret", max_versions=2))
    for number in range(5):
        office.perform(WriteSecret(name="secret/a", data={"n": number}))
    found = office.house.store.read_now(lambda reader: reader.list(SECRET_VALUE, "root"))
    assert [id.rpartition("@")[2] for id, _ in found] == ["4", "5"]


def test_a_name_does_not_reach_into_a_namespace_below(office: Any) -> None:
    office.perform(CreateNamespace(name="team"))
    office.perform(CreateMount(path="secret", type="kv-v2"), namespace="team")
    office.perform(WriteSecret(name="secret/a", data={"n": 1}), namespace="team")
    for _ in range(2):
        with pytest.raises(NotFound):
            office.perform(ReadSecret(name="team/secret/a"))
    with pytest.raises(NotFound):
        office.perform(WriteSecret(name="team/secret/a", data={"n": 2}))
    read = office.perform(ReadSecret(name="secret/a"), namespace="team")
    assert read.data == {"n": 1}
