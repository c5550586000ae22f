"""A snapshot puts everything back as it was, but nothing that is gone for good."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import InvalidRequest, KeysteadError, NotFound, Unauthenticated
from keystead.operations.cryptography import Decrypt, Encrypt
from keystead.operations.identity import LookupSelf, RevokeToken
from keystead.operations.keys import DestroyKey, ReapKeys, RotateKey, ShowKey
from keystead.operations.mounts import CreateMount, ListMounts
from keystead.operations.namespaces import (
    CreateNamespace,
    DeleteNamespace,
    ListNamespaces,
    RotateNamespaceKek,
)
from keystead.operations.secrets import PurgeSecret, ReadSecret, WriteSecret
from keystead.operations.snapshots import RestoreSnapshot, TakeSnapshot
from keystead.operations.system import RotateKeyring


def take(office: Any) -> bytes:
    return bytes(office.perform(TakeSnapshot()).archive)


def restore(office: Any, archive: bytes) -> Any:
    return office.perform(RestoreSnapshot(archive=archive))


def names(office: Any) -> list[str]:
    return [namespace.name for namespace in office.perform(ListNamespaces()).namespaces]


def store(office: Any) -> None:
    office.perform(CreateMount(path="kept", type="kv-v2"))


def write(office: Any, text: str, **call: Any) -> None:
    office.perform(WriteSecret(name="kept/a", data={"text": text}), **call)


def read(office: Any, **call: Any) -> Any:
    return office.perform(ReadSecret(name="kept/a"), **call).data["text"]


def members(plain: bytes) -> dict[str, bytes]:
    """The four files; what follows them does not matter."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r|") as tar:
        for _ in range(4):
            member = tar.next()
            assert member is not None
            found[member.name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    return found


def test_what_was_changed_made_or_deleted_since_is_as_it_was(office: Any) -> None:
    store(office)
    write(office, "then")
    key = office.key("then")
    sealed = office.perform(Encrypt(key="then", plaintext=b"p")).ciphertext
    archive = take(office)
    write(office, "now")
    office.perform(PurgeSecret(name="kept/a"))
    office.key("since")
    office.perform(RotateKey(key="then"))
    office.perform(CreateMount(path="since", type="kv"))
    restored = restore(office, archive)
    assert restored.rows > 5
    assert read(office) == "then"
    assert office.perform(ShowKey(key="then")).versions == key.versions
    assert office.perform(Decrypt(ciphertext=sealed)).plaintext == b"p"
    with pytest.raises(NotFound):
        office.perform(ShowKey(key="since"))
    assert "since/" not in [mount.path for mount in office.perform(ListMounts()).mounts]


def test_it_is_restored_after_every_key_above_it_was_rotated(office: Any) -> None:
    office.perform(CreateNamespace(name="n"))
    office.perform(CreateMount(path="kept", type="kv-v2"), namespace="n")
    write(office, "then", namespace="n")
    archive = take(office)
    office.perform(RotateKeyring())
    office.perform(RotateNamespaceKek(name="n"))
    write(office, "now", namespace="n")
    restore(office, archive)
    assert read(office, namespace="n") == "then"
    write(office, "later", namespace="n")
    office.leave()
    office.open()
    assert read(office, namespace="n") == "later"


def test_a_key_destroyed_since_stays_destroyed(office: Any) -> None:
    office.key("gone")
    office.key("part")
    office.perform(RotateKey(key="part"))
    sealed = office.perform(Encrypt(key="gone", plaintext=b"p")).ciphertext
    archive = take(office)
    office.now = office.clock()
    office.perform(DestroyKey(key="gone"))
    office.perform(DestroyKey(key="part", version=1))
    office.now += 40 * 86_400
    office.as_server(ReapKeys())
    restore(office, archive)
    assert office.perform(ShowKey(key="gone")).state == "destroyed"
    versions = office.perform(ShowKey(key="part")).versions
    assert [v.state for v in versions] == ["destroyed", "active"]
    for name in ("gone", "part"):
        assert office.loaded(name).record.versions[0].state == "destroyed"
    with pytest.raises(KeysteadError):
        office.perform(Decrypt(ciphertext=sealed))


def test_a_namespace_deleted_since_stays_deleted_and_one_made_since_stays(office: Any) -> None:
    office.perform(CreateNamespace(name="gone"))
    office.perform(CreateMount(path="kept", type="kv-v2"), namespace="gone")
    write(office, "secret", namespace="gone")
    archive = take(office)
    office.perform(DeleteNamespace(name="gone", confirm="gone"))
    office.perform(CreateNamespace(name="since"))
    restore(office, archive)
    assert names(office) == ["since"]
    office.perform(CreateNamespace(name="gone"))
    with pytest.raises(NotFound):
        read(office, namespace="gone")


def test_a_token_revoked_since_stays_revoked_and_one_made_since_works(office: Any) -> None:
    revoked = office.token(name="revoked")
    accessor = office.perform(LookupSelf(), token=revoked).accessor
    archive = take(office)
    office.perform(RevokeToken(accessor=accessor))
    since = office.token(name="since")
    restore(office, archive)
    with pytest.raises(Unauthenticated):
        office.perform(LookupSelf(), token=revoked)
    office.perform(LookupSelf(), token=since)


def test_another_worker_serves_the_old_state_at_once(two_offices: Any) -> None:
    first, second = two_offices
    store(first)
    write(first, "then")
    archive = take(first)
    write(first, "now")
    assert read(second) == "now"
    restore(first, archive)
    assert read(second) == "then"


def test_a_snapshot_of_another_server_is_refused(
    office: Any, make_office: Any, tmp_path_factory: Any
) -> None:
    other = make_office(tmp_path_factory.mktemp("other")).initialize()
    archive = take(other)
    other.close()
    with pytest.raises(InvalidRequest, match="not taken under this server's keyring"):
        restore(office, archive)


def test_it_shows_no_secret(office: Any) -> None:
    store(office)
    write(office, "needle-in-the-archive")
    archive = gzip.decompress(take(office))
    assert b"needle-in-the-archive" not in archive
    assert b"manifest.json" in archive


def test_standard_tools_list_it_and_check_its_sums(office: Any) -> None:
    import hashlib

    with tarfile.open(fileobj=io.BytesIO(take(office))) as tar:
        assert tar.getnames() == ["manifest.json", "records", "SHA256SUMS", "SHA256SUMS.sealed"]
        sums = tar.extractfile("SHA256SUMS").read().decode()  # type: ignore[union-attr]
        for line in sums.splitlines():
            digest, name = line.split("  ")
            data = tar.extractfile(name).read()  # type: ignore[union-attr]
            assert hashlib.sha256(data).hexdigest() == digest


def test_a_restore_is_in_the_audit_log(office: Any) -> None:
    restore(office, take(office))
    phases = [entry["phase"] for entry in office.entries("system:restore-snapshot")]
    assert phases == ["intent", "outcome"]


@pytest.fixture(scope="module")
def whole(shared_office: Any) -> Callable[[], bytes]:
    """A snapshot, as a tar file without what fills it up at its end."""
    plain = gzip.decompress(take(shared_office)).rstrip(b"\0") + bytes(1024)
    return lambda: plain


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 255))
def test_no_damage_is_restored(
    shared_office: Any, whole: Callable[[], bytes], place: float, flip: int
) -> None:
    """A flipped byte of the tar file, or a cut, is refused, and nothing is changed; unless it
    is of what fills a block up, and says nothing."""
    plain = bytearray(whole())
    at = int(place * len(plain))
    if flip:
        plain[at] ^= flip
    else:
        del plain[at:]
    before = shared_office.house.store.read_now(lambda reader: list(reader.rows()))
    try:
        restore(shared_office, gzip.compress(bytes(plain), 1))
    except InvalidRequest:
        after = shared_office.house.store.read_now(lambda reader: list(reader.rows()))
        assert after == before
    else:
        assert members(bytes(plain)) == members(whole())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_refused(shared_office: Any, noise: bytes) -> None:
    for archive in (noise, gzip.compress(noise)):
        with pytest.raises(InvalidRequest):
            restore(shared_office, archive)
