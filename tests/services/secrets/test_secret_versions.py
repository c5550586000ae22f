"""The bookkeeping of versions against a model of what the documentation says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keystead.errors import InvalidRequest, NotFound
from keystead.operations.mounts import CreateMount
from keystead.operations.secrets import (
    ConfigureSecretStore,
    DeleteSecret,
    DestroySecret,
    PurgeSecret,
    ReadSecret,
    ShowSecret,
    UndeleteSecret,
    WriteSecret,
    WriteSecretMetadata,
)
from keystead.services.secrets.records import SECRET_VALUE

CHOSEN = st.lists(st.integers(1, 8), min_size=1, max_size=4)
STEP = st.one_of(
    st.tuples(st.just("write"), st.integers(-1, 9)),
    st.tuples(st.just("write"), st.none()),
    st.tuples(st.just("delete"), st.one_of(st.just([]), CHOSEN)),
    st.tuples(st.just("undelete"), CHOSEN),
    st.tuples(st.just("destroy"), CHOSEN),
    st.tuples(st.just("max_versions"), st.integers(0, 4)),
    st.tuples(st.just("delete_after"), st.sampled_from([0, 5, 20])),
    st.tuples(st.just("store_max_versions"), st.integers(0, 3)),
    st.tuples(st.just("store_delete_after"), st.sampled_from([-1, 0, 10])),
    st.tuples(st.just("wait"), st.integers(1, 12)),
    st.tuples(st.just("purge"), st.none()),
)


@dataclass
class Model:
    """One secret, as plainly as it can be put."""

    now: float
    kept: dict[int, dict[str, Any]] = field(default_factory=dict)
    current: int = 0
    there: bool = False
    max_versions: int = 0
    delete_after: int = 0
    store_max_versions: int = 0
    store_delete_after: int = 0

    def deletion(self) -> float | None:
        if self.store_delete_after < 0:
            return None
        times = [t for t in (self.delete_after, self.store_delete_after) if t]
        return self.now + min(times) if times else None

    def gone(self, version: int) -> bool:
        state = self.kept[version]
        return state["destroyed"] or (
            state["deletion"] is not None and state["deletion"] <= self.now
        )

    def write(self, cas: int | None) -> bool:
        if cas is not None and cas != self.current:
            return False
        self.there = True
        self.current += 1
        self.kept[self.current] = {"deletion": self.deletion(), "destroyed": False}
        most = max(self.max_versions, self.store_max_versions) or 10
        for version in [v for v in self.kept if v <= self.current - most]:
            del self.kept[version]
        return True

    def each(self, versions: list[int], **change: Any) -> None:
        for version in set(versions) & self.kept.keys():
            self.kept[version].update(change)

    def delete(self, versions: list[int]) -> None:
        for version in versions or [self.current]:
            if version in self.kept and not self.gone(version):
                self.kept[version]["deletion"] = self.now

    def undelete(self, versions: list[int]) -> None:
        alive = [v for v in versions if v in self.kept and not self.kept[v]["destroyed"]]
        self.each(alive, deletion=self.deletion())


def play(office: Any, model: Model, name: str, step: str, value: Any) -> None:
    """Do one step in both."""
    if step == "write":
        data = {"value": model.current + 1}
        if model.write(value):
            written = office.perform(WriteSecret(name=name, data=data, cas=value))
            assert written.version == model.current
        else:
            with pytest.raises(InvalidRequest):
                office.perform(WriteSecret(name=name, data=data, cas=value))
    elif step == "delete":
        model.delete(value)
        office.perform(DeleteSecret(name=name, versions=value))
    elif step == "undelete":
        model.undelete(value)
        office.perform(UndeleteSecret(name=name, versions=value))
    elif step == "destroy":
        model.each(value, destroyed=True)
        office.perform(DestroySecret(name=name, versions=value))
    elif step == "max_versions":
        model.there, model.max_versions = True, value
        office.perform(WriteSecretMetadata(name=name, max_versions=value))
    elif step == "delete_after":
        model.there, model.delete_after = True, value
        office.perform(WriteSecretMetadata(name=name, delete_version_after_seconds=value))
    elif step == "store_max_versions":
        model.store_max_versions = value
        office.perform(ConfigureSecretStore(store="secret", max_versions=value))
    elif step == "store_delete_after":
        model.store_delete_after = value
        office.perform(ConfigureSecretStore(store="secret", delete_version_after_seconds=value))
    elif step == "wait":
        model.now += value
        office.now = model.now
    else:
        model.kept, model.current, model.there = {}, 0, False
        model.max_versions = model.delete_after = 0
        office.perform(PurgeSecret(name=name))


def compare(office: Any, model: Model, name: str) -> None:
    for version in range(model.current + 2):
        wanted = version or model.current
        if wanted not in model.kept:
            with pytest.raises(NotFound):
                office.perform(ReadSecret(name=name, version=version))
            continue
        read = office.perform(ReadSecret(name=name, version=version))
        assert read.version.version == wanted
        assert read.version.destroyed == model.kept[wanted]["destroyed"]
        assert read.version.deletion_at == model.kept[wanted]["deletion"]
        assert read.data == (None if model.gone(wanted) else {"value": wanted})
    if not model.there:
        with pytest.raises(NotFound):
            office.perform(ShowSecret(name=name))
        return
    shown = office.perform(ShowSecret(name=name))
    assert [v.version for v in shown.versions] == sorted(model.kept)
    assert shown.current_version == model.current


@pytest.fixture(scope="module")
def counter() -> list[int]:
    return [0]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEP, max_size=14))
def test_versions_are_kept_deleted_and_destroyed_as_documented(
    steps: list[tuple[str, Any]], shared_office: Any, counter: list[int]
) -> None:
    office = shared_office
    if not counter[0]:
        office.perform(CreateMount(path="secret", type="kv-v2"))
    counter[0] += 1
    name = f"secret/model/{counter[0]}"
    office.now = 1_800_000_000.0
    office.perform(
        ConfigureSecretStore(store="secret", max_versions=0, delete_version_after_seconds=0)
    )
    model = Model(now=office.now)
    for step, value in steps:
        play(office, model, name, step, value)
        compare(office, model, name)
    mount = next(m for m in office.house.mounts.all("") if m.path == "secret/")
    prefix = f"{mount.uuid}/model/{counter[0]}@"
    values = office.house.store.read_now(
        lambda reader: reader.list(SECRET_VALUE, "root", prefix=prefix, limit=1000)
    )
    left = {int(id.rpartition("@")[2]) for id, _ in values}
    assert left == {v for v, state in model.kept.items() if not state["destroyed"]}
