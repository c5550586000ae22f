"""Secrets in stores: values, folders, upgrades, rights and what is left in the log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.call import PathRequest
from keystead.errors import InvalidRequest, NotFound, PayloadTooLarge, PermissionDenied
from keystead.operations.mounts import CreateMount, DeleteMount, MoveMount, SweepMounts, TuneMount
from keystead.operations.policies import WritePolicy
from keystead.operations.secrets import (
    ConfigureSecretStore,
    DeleteSecret,
    ListSecretDetails,
    ListSecrets,
    PatchSecret,
    PatchSecretMetadata,
    ReadSecret,
    ReadSubkeys,
    ShowSecret,
    ShowSecretStore,
    WriteSecret,
    WriteSecretMetadata,
)
from keystead.policy.paths.verdict import PathVerdict
from keystead.services.secrets.merge import MAX_DEPTH, merge
from keystead.services.secrets.records import SECRET, SECRET_STORE, SECRET_VALUE


@pytest.fixture
def store(office: Any) -> Any:
    """An office with a store of version 2 at ``secret`` and one of version 1 at ``old``."""
    office.perform(CreateMount(path="secret", type="kv-v2"))
    office.perform(CreateMount(path="old", type="kv"))
    return office


def read(office: Any, name: str, **given: Any) -> Any:
    return office.perform(ReadSecret(name=name), **given).data


# --- values -----------------------------------------------------------------------------

TEXT = st.text(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers() | TEXT
LEAVES |= st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=4)


@settings(max_examples=25, deadline=None)
@given(value=OBJECT)
def test_what_is_written_is_read(value: dict[str, Any], shared_office: Any) -> None:
    if shared_office.house.mounts.find("", "secret/x").mount is None:
        shared_office.perform(CreateMount(path="secret", type="kv-v2"))
    shared_office.perform(WriteSecret(name="secret/any", data=value))
    assert read(shared_office, "secret/any") == value
    shared_office.house.secrets.clear()
    assert read(shared_office, "secret/any") == value


def test_a_store_without_versions_keeps_the_last_value_and_forgets_it(store: Any) -> None:
    for number in range(3):
        store.perform(WriteSecret(name="old/a", data={"n": number}))
        assert read(store, "old/a") == {"n": number}
    with pytest.raises(InvalidRequest):
        store.perform(WriteSecret(name="old/a", data={"n": 9}, cas=1))
    with pytest.raises(InvalidRequest):
        store.perform(WriteSecret(name="old/a", data={}))
    store.perform(DeleteSecret(name="old/a"))
    with pytest.raises(NotFound):
        read(store, "old/a")
    for kind in (SECRET, SECRET_VALUE):
        assert store.house.store.read_now(lambda reader, kind=kind: reader.count(kind)) == 0


@pytest.mark.parametrize(
    "operation",
    [
        PatchSecret(name="old/a", data={}),
        ReadSubkeys(name="old/a"),
        ShowSecret(name="old/a"),
        WriteSecretMetadata(name="old/a"),
        ConfigureSecretStore(store="old"),
        ShowSecretStore(store="old"),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_what_needs_versions_is_refused_without(store: Any, operation: Any) -> None:
    with pytest.raises(InvalidRequest, match="no versions"):
        store.perform(operation)


def test_an_upgraded_store_has_every_secret_as_its_first_version(store: Any) -> None:
    store.perform(WriteSecret(name="old/a", data={"n": 1}))
    store.perform(WriteSecret(name="old/a", data={"n": 2}))
    store.perform(TuneMount(path="old", options={"version": "2"}))
    assert read(store, "old/a") == {"n": 2}
    assert store.perform(WriteSecret(name="old/a", data={"n": 3}, cas=1)).version == 2
    assert store.perform(ReadSecret(name="old/a", version=1)).data == {"n": 2}


def test_a_value_beyond_the_limit_is_refused_and_nothing_is_written(store: Any) -> None:
    store.perform(WriteSecret(name="secret/big", data={"a": "x" * ((1 << 20) - 8)}))
    with pytest.raises(PayloadTooLarge) as refused:
        store.perform(WriteSecret(name="secret/big", data={"a": "x" * ((1 << 20) - 7)}))
    assert refused.value.details["limit"] == 1 << 20
    assert store.perform(ShowSecret(name="secret/big")).current_version == 1


@pytest.mark.parametrize("name", ["secret", "secret/", "secret/a/", "secret/a/../b", "secret/a\tb"])
def test_a_name_that_cannot_be_is_refused(store: Any, name: str) -> None:
    with pytest.raises(InvalidRequest):
        store.perform(WriteSecret(name=name, data={"a": 1}))


def test_a_secret_without_a_store_is_not_found(store: Any) -> None:
    for name in ("nowhere/a", "sys/a", "cubbyhole/a"):
        with pytest.raises(NotFound):
            read(store, name)


def test_names_with_the_separator_of_versions_are_kept_apart(store: Any) -> None:
    store.perform(WriteSecret(name="secret/a", data={"n": "a"}))
    store.perform(WriteSecret(name="secret/a@1", data={"n": "a@1"}))
    store.perform(WriteSecret(name="secret/a", data={"n": "second"}))
    assert read(store, "secret/a@1") == {"n": "a@1"}
    assert read(store, "secret/a") == {"n": "second"}


def test_a_merge_patch_does_what_its_standard_shows() -> None:
    cases = [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]
    for target, patch, result in cases:  # RFC 7396, appendix A, those of objects
        assert merge(target, patch) == result


def test_a_patch_nested_too_deeply_is_refused(store: Any) -> None:
    store.perform(WriteSecret(name="secret/deep", data={"a": 1}))
    patch: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 1):
        patch = {"a": patch}
    with pytest.raises(InvalidRequest):
        store.perform(PatchSecret(name="secret/deep", data=patch))


def test_a_value_as_deep_as_may_be_is_read_again(store: Any) -> None:
    value: dict[str, Any] = {}
    for _ in range(MAX_DEPTH - 1):
        value = {"a": value}
    store.perform(WriteSecret(name="secret/deep", data=value))
    store.house.secrets.clear()
    assert read(store, "secret/deep") == value
    assert store.perform(ReadSubkeys(name="secret/deep")).subkeys
    with pytest.raises(InvalidRequest):
        store.perform(WriteSecret(name="secret/deep", data={"a": value}))
    with pytest.raises(InvalidRequest):
        store.perform(WriteSecret(name="secret/deep", data={"a": [[value]]}))


def test_a_number_of_any_size_is_written_once_with_an_idempotency_key(store: Any) -> None:
    given = {"idempotency_key": "once"}
    for _ in range(2):
        operation = WriteSecret(name="secret/n", data={"n": 10**40})
        assert store.perform(operation, **given).version == 1
    assert read(store, "secret/n") == {"n": 10**40}


def test_settings_out_of_bounds_are_refused(store: Any) -> None:
    store.perform(WriteSecret(name="secret/a", data={}))
    for patch in (
        {"max_versions": -1},
        {"max_versions": 1 << 40},
        {"cas_required": "yes"},
        {"custom_metadata": {"a": 1}},
        {"other": 1},
    ):
        with pytest.raises(InvalidRequest):
            store.perform(PatchSecretMetadata(name="secret/a", patch=patch))
    with pytest.raises(InvalidRequest):
        store.perform(WriteSecretMetadata(name="secret/a", max_versions=-1))
    with pytest.raises(InvalidRequest):
        store.perform(ConfigureSecretStore(store="secret", delete_version_after_seconds=-2))


# --- folders ----------------------------------------------------------------------------

SEGMENT = st.text("ab!0é@", min_size=1, max_size=3)
PATHS = st.sets(st.lists(SEGMENT, min_size=1, max_size=4).map("/".join), min_size=1, max_size=25)


def shown_in(paths: set[str], folder: str) -> list[str]:
    """The names in a folder, the slow way."""
    below = [p[len(folder) :] for p in paths if p.startswith(folder)]
    return sorted({n.partition("/")[0] + ("/" if "/" in n else "") for n in below})


@settings(max_examples=20, deadline=None)
@given(paths=PATHS, limit=st.integers(1, 4))
def test_a_folder_shows_its_secrets_and_folders_page_by_page(
    paths: set[str], limit: int, shared_office: Any
) -> None:
    office = shared_office
    mount = f"folders-{len(list(office.house.mounts.all('')))}"
    office.perform(CreateMount(path=mount, type="kv-v2"))
    for path in paths:
        office.perform(WriteSecret(name=f"{mount}/{path}", data={}))
    folders = {"", *(p[: i + 1] for p in paths for i, c in enumerate(p) if c == "/")}
    for folder in folders:
        expected = shown_in(paths, folder)
        whole = office.perform(ListSecrets(folder=f"{mount}/{folder}", limit=0))
        assert whole.names == expected
        names, after = [], ""
        while True:
            page = office.perform(ListSecrets(folder=f"{mount}/{folder}", after=after, limit=limit))
            names += page.names
            after = page.next
            if not after:
                break
        assert names == expected


def test_a_folder_is_passed_over_however_much_is_in_it(store: Any) -> None:
    for folder in range(3):
        for secret in range(200):
            name = f"secret/f{folder}/s{secret:03}"
            store.house.store.write_now(
                lambda tx, name=name: tx.put(
                    SECRET,
                    "root",
                    f"{store.house.mounts.find('', name).mount.uuid}/{name.partition('/')[2]}",
                    SECRET.type(created_at=0, updated_at=0),
                )
            )
    opened = 0
    opener = store.house.keyring.open

    class Counting:
        def seal(self, *given: Any) -> bytes:
            return store.house.keyring.seal(*given)

        def open(self, *given: Any) -> bytes:
            nonlocal opened
            opened += 1
            return opener(*given)

    store.house.store.sealer = Counting()
    assert store.perform(ListSecrets(folder="secret")).names == ["f0/", "f1/", "f2/"]
    assert opened < 20


def test_details_of_a_folder_hold_no_value(store: Any) -> None:
    store.perform(WriteSecret(name="secret/app/db", data={"password": "needle"}))
    infos = store.perform(ListSecretDetails(folder="secret/app")).secrets
    assert [info.name for info in infos] == ["db"]
    assert infos[0].secret.current_version == 1


# --- mounts -----------------------------------------------------------------------------


def test_a_moved_store_keeps_its_secrets_and_one_taken_away_leaves_none(store: Any) -> None:
    store.perform(WriteSecret(name="secret/a", data={"n": 1}))
    store.perform(ConfigureSecretStore(store="secret", max_versions=3))
    store.perform(MoveMount(path="secret", target="moved"))
    assert read(store, "moved/a") == {"n": 1}
    store.perform(DeleteMount(path="moved"))
    with pytest.raises(NotFound):
        read(store, "moved/a")
    store.perform(CreateMount(path="moved", type="kv-v2"))
    with pytest.raises(NotFound):
        read(store, "moved/a")
    store.as_server(SweepMounts())
    for kind in (SECRET, SECRET_VALUE, SECRET_STORE):
        assert store.house.store.read_now(lambda reader, kind=kind: reader.count(kind)) == 0


# --- rights -----------------------------------------------------------------------------


def test_a_policy_names_the_secrets_of_a_folder(store: Any) -> None:
    store.perform(
        WritePolicy(
            name="app",
            text='permit(principal in Role::"app", action in [Action::"secret:get", '
            'Action::"secret:list"], resource) when { resource.name like "secret/app/*" };',
        )
    )
    for name in ("secret/app/db", "secret/apple"):
        store.perform(WriteSecret(name=name, data={"n": 1}))
    token = store.token("app")
    assert read(store, "secret/app/db", token=token) == {"n": 1}
    assert store.perform(ListSecrets(folder="secret/app"), token=token).names == ["db"]
    for denied in (
        ReadSecret(name="secret/apple"),
        ListSecrets(folder="secret"),
        WriteSecret(name="secret/app/db", data={}),
    ):
        with pytest.raises(PermissionDenied):
            store.perform(denied, token=token)


def test_who_reads_everything_reads_no_secret(store: Any) -> None:
    store.perform(WriteSecret(name="secret/a", data={"n": 1}))
    token = store.token("auditor")
    assert store.perform(ShowSecret(name="secret/a"), token=token).current_version == 1
    with pytest.raises(PermissionDenied):
        read(store, "secret/a", token=token)


class Paths:
    """Path policies that give some capabilities everywhere."""

    def __init__(self, *given: str) -> None:
        self.given = {*given, *(["write"] if {"create", "update"} & {*given} else [])}

    def decide(self, principal: Any, namespace: str, request: PathRequest) -> PathVerdict:
        given = request.capability in self.given
        return PathVerdict.ALLOWED if given else PathVerdict.SILENT


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("secret/a", WriteSecret(name="secret/a", data={"n": 1})),
        ("old/a", WriteSecret(name="old/a", data={"n": 1})),
        ("secret/a", WriteSecretMetadata(name="secret/a", max_versions=1)),
    ],
)
def test_a_write_is_a_create_or_an_update(store: Any, name: str, operation: Any) -> None:
    token = store.token()
    path = {"path": PathRequest("p", "write")}
    store.house.paths = Paths("update")
    with pytest.raises(PermissionDenied):
        store.perform(operation, token=token, **path)
    store.house.paths = Paths("create")
    store.perform(operation, token=token, **path)
    with pytest.raises(PermissionDenied):
        store.perform(operation, token=token, **path)
    store.house.paths = Paths("update")
    store.perform(operation, token=token, **path)


def test_no_value_is_in_the_log_or_in_clear_in_the_database(store: Any) -> None:
    needle = "needle-6f1d0c"
    store.perform(WriteSecret(name="secret/a", data={"password": needle}))
    store.perform(PatchSecret(name="secret/a", data={"other": needle}))
    read(store, "secret/a")
    assert store.entries("secret:write")
    assert needle.encode() not in store.log_bytes()
    for path in store.folder.glob("keystead.db*"):
        assert needle.encode() not in path.read_bytes()
    entry = store.entries("secret:write")[-1]
    assert entry["details"]["version"] == 1
    assert entry["resource"]["name"] == "secret/a"
