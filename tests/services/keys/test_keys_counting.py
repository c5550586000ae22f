"""Counting messages and uses, repeating requests, destroying: also when they meet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from keystead.crypto import KeyMaterial, spec
from keystead.crypto.byok import wrap_import
from keystead.errors import (
    Conflict,
    DecryptionFailed,
    IdempotencyMismatch,
    KeyStateForbids,
    StoreUnavailable,
    Unauthenticated,
)
from keystead.node.scheduler import Scheduler
from keystead.operations.cryptography import (
    Decrypt,
    DecryptBatch,
    DecryptItem,
    Encrypt,
    EncryptBatch,
    EncryptItem,
    Unwrap,
    Wrap,
)
from keystead.operations.identity import CreateToken, LoginUser, WriteUser
from keystead.operations.keys import (
    AddAlias,
    AttestPublicKey,
    CreateKey,
    CreateWrappingKey,
    DestroyKey,
    DisableKey,
    ImportKey,
    ReapKeys,
    RestoreKey,
    RotateKey,
    ShowKey,
    ShowKeyUsage,
    UpdateKey,
)
from keystead.operations.namespaces import CreateNamespace, SealNamespace
from keystead.services.keys import messages
from keystead.services.keys.records import MATERIAL, material_id

DAY = 86_400


@pytest.fixture
def few_messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Blocks of 4 messages, and a limit of 16: three blocks a version."""
    monkeypatch.setattr(messages, "BLOCK", 4)
    object.__setattr__(spec("aes-256-gcm"), "message_limit", 16)
    yield 12
    object.__setattr__(spec("aes-256-gcm"), "message_limit", 2**32)


def versions_used(office: Any, count: int, key: str = "k", **given: Any) -> list[int]:
    return [office.perform(Encrypt(key=key, plaintext=b"x"), **given).version for _ in range(count)]


# --- counting messages ------------------------------------------------------------------


def test_a_key_rotates_by_itself_before_its_limit(office: Any, few_messages: int) -> None:
    office.key(spec="aes-256-gcm")
    used = versions_used(office, 30)
    assert used == sorted(used)
    assert max(used.count(version) for version in used) == few_messages
    rotations = [e for e in office.entries("key:rotate") if e["phase"] == "outcome"]
    assert [(e["principal"], e["outcome"]) for e in rotations] == [("keystead", "ok")] * 2
    assert not any(e.get("root") for e in rotations)


def test_a_key_of_another_namespace_rotates_by_itself_too(office: Any, few_messages: int) -> None:
    office.perform(CreateNamespace(name="team"))
    office.perform(CreateKey(name="k", spec="aes-256-gcm"), namespace="team")
    assert versions_used(office, 13, namespace="team")[-1] == 2


def test_a_restart_wastes_a_block_and_never_reuses_one(office: Any, few_messages: int) -> None:
    office.key(spec="aes-256-gcm")
    used = []
    for _ in range(6):
        used += versions_used(office, 1)
        office.leave()
        office.open()
    assert used == [1, 1, 1, 2, 2, 2]


def test_many_at_once_rotate_once_and_keep_to_the_limit(office: Any, few_messages: int) -> None:
    office.key(spec="aes-256-gcm")

    async def at_once() -> list[Any]:
        perform = office.worker.gate.perform
        asked = (
            perform(Encrypt(key="k", plaintext=b"x"), office.call()) for _ in range(few_messages)
        )
        return await asyncio.gather(*asked)

    used = []
    for _ in range(3):
        used += [reply.version for reply in office.run(at_once())]
    assert max(used.count(version) for version in used) <= few_messages
    assert len(office.perform(ShowKey(key="k")).versions) <= 4


def test_a_batch_larger_than_what_is_left_goes_to_the_next_version(
    office: Any, few_messages: int
) -> None:
    office.key(spec="aes-256-gcm")
    versions_used(office, 9)
    items = [EncryptItem(plaintext=b"x") for _ in range(8)]
    results = office.perform(EncryptBatch(key="k", items=items)).results
    assert {result.value.version for result in results} == {2}


def test_an_imported_key_at_its_limit_refuses(office: Any, few_messages: int) -> None:
    import_key(office, "k", bytes(32), spec_name="aes-256-gcm")
    versions_used(office, few_messages)
    with pytest.raises(Conflict):
        versions_used(office, 1)


# --- idempotency ------------------------------------------------------------------------


def import_key(
    office: Any, name: str, material: bytes, *, spec_name: str = "xaes-256-gcm", **given: Any
) -> Any:
    asked = import_of(office, name, material, spec_name)
    return office.perform(asked, **given)


def import_of(office: Any, name: str, material: bytes, spec_name: str = "xaes-256-gcm") -> Any:
    wrapping = office.perform(CreateWrappingKey(spec="x25519"))
    wrapped = wrap_import(
        spec("x25519"), wrapping.public_key, wrapping.algorithm, KeyMaterial(material)
    )
    return ImportKey(name=name, wrapped=wrapped, wrapping_key=wrapping.id, spec=spec_name)


def test_the_same_request_again_has_the_same_reply(office: Any) -> None:
    first = office.perform(CreateKey(name="a"), idempotency_key="i")
    again = office.perform(CreateKey(name="a"), idempotency_key="i")
    assert first == again
    assert office.entries("key:create")[-1]["details"]["repeated"] is True


def test_another_request_with_the_same_key_is_refused(office: Any) -> None:
    office.perform(CreateKey(name="a"), idempotency_key="i")
    with pytest.raises(IdempotencyMismatch):
        office.perform(CreateKey(name="b"), idempotency_key="i")


def test_a_token_creation_repeated_gives_the_same_token(office: Any) -> None:
    first, again = (
        office.perform(CreateToken(name="t", orphan=True, roles=[]), idempotency_key="i").token
        for _ in range(2)
    )
    assert first == again


def test_an_import_repeated_is_answered_though_its_wrapping_key_is_used(office: Any) -> None:
    asked = import_of(office, "k", bytes(32))
    first = office.perform(asked, idempotency_key="i")
    assert office.perform(asked, idempotency_key="i") == first


def test_idempotency_keys_belong_to_their_principal(office: Any) -> None:
    office.perform(CreateKey(name="a"), idempotency_key="i")
    other = office.token("key-admin", name="other")
    made = office.perform(CreateKey(name="b"), token=other, idempotency_key="i")
    assert made.name == "b"


def test_an_idempotency_key_is_forgotten_after_a_day(office: Any) -> None:
    office.now = office.clock()
    office.perform(CreateKey(name="a"), idempotency_key="i")
    office.now += DAY + 1
    assert office.perform(CreateKey(name="b"), idempotency_key="i").name == "b"


def test_a_log_in_is_never_answered_from_memory(office: Any) -> None:
    office.perform(WriteUser(name="ann", password="correct horse battery"))
    login = LoginUser(name="ann", password="correct horse battery")
    first = office.perform(login, token="", idempotency_key="i")
    second = office.perform(login, token="", idempotency_key="i")
    assert first.token != second.token
    office.perform(WriteUser(name="ann", password="another horse battery"))
    with pytest.raises(Unauthenticated):
        office.perform(login, token="", idempotency_key="i")


# --- counters ---------------------------------------------------------------------------


def flush(office: Any) -> None:
    office.run(Scheduler(office.house, office.worker.gate, leads=True).flush_usage())


def counts(office: Any, key: str = "k") -> dict[tuple[int, str, str], int]:
    flush(office)
    usage = office.perform(ShowKeyUsage(key=key))
    return {(c.version, c.principal, c.action): c.count for c in usage.counts}


def test_uses_are_counted_by_version_principal_and_action(office: Any) -> None:
    office.key()
    user = office.token("key-user", name="app")
    old = office.perform(Encrypt(key="k", plaintext=b"x")).ciphertext
    office.perform(RotateKey(key="k"))
    new = office.perform(Encrypt(key="k", plaintext=b"x"), token=user).ciphertext
    items = [DecryptItem(ciphertext=c) for c in (old, new, new, b"bad")]
    office.perform(DecryptBatch(key="k", items=items), token=user)
    root = office.entries("key:create")[0]["principal"]
    assert counts(office) == {
        (1, root, "key:encrypt"): 1,
        (2, "token/app", "key:encrypt"): 1,
        (1, "token/app", "key:decrypt"): 1,
        (2, "token/app", "key:decrypt"): 2,
    }
    last_used_at = office.perform(ShowKeyUsage(key="k")).last_used_at
    assert last_used_at == pytest.approx(office.clock(), abs=9)


def test_counts_that_could_not_be_written_are_written_later(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.key()
    office.perform(Encrypt(key="k", plaintext=b"x"))

    async def unavailable(*_: Any, **__: Any) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(office.house.store, "write", unavailable)
        with pytest.raises(StoreUnavailable):
            flush(office)
    office.perform(Encrypt(key="k", plaintext=b"x"))
    assert list(counts(office).values()) == [2]


# --- destruction ------------------------------------------------------------------------


def test_destruction_waits_then_leaves_a_tombstone(office: Any) -> None:
    office.now = office.clock()
    key = office.key(spec="rsa-2048", usage="encrypt-decrypt")
    sealed = office.perform(Encrypt(key="k", plaintext=b"x")).ciphertext
    office.perform(DestroyKey(key="k", wait_seconds=DAY))
    for refused in (Encrypt(key="k", plaintext=b"x"), Decrypt(ciphertext=sealed)):
        with pytest.raises(KeyStateForbids, match="pending-destruction"):
            office.perform(refused)
    office.now += DAY - 1
    assert office.as_server(ReapKeys()).keys == []
    office.now += 2
    assert office.as_server(ReapKeys()).keys == [key.id]
    row = office.house.store.read_now(
        lambda reader: reader.get(MATERIAL, "root", material_id(key.id, 1))
    )
    assert row.material == b""
    shown = office.perform(ShowKey(key="k"))
    assert (shown.state, shown.versions[0].state) == ("destroyed", "destroyed")
    assert shown.versions[0].public_key == key.versions[0].public_key
    assert shown.versions[0].destroyed_at == office.now
    for refused in (
        Encrypt(key="k", plaintext=b"x"),
        Decrypt(ciphertext=sealed),
        UpdateKey(key="k", owner="x"),
        AddAlias(key="k", alias="l"),
        RestoreKey(key="k"),
        RotateKey(key="k"),
    ):
        with pytest.raises(KeyStateForbids):
            office.perform(refused)


def test_a_version_due_before_its_key_is_destroyed_when_it_is_due(office: Any) -> None:
    office.now = office.clock()
    key = office.key()
    office.perform(RotateKey(key="k"))
    office.perform(DestroyKey(key="k", version=1, wait_seconds=DAY))
    office.perform(DestroyKey(key="k", wait_seconds=30 * DAY))
    office.now += DAY + 1
    assert office.as_server(ReapKeys()).keys == [f"{key.id}/1"]
    office.now += 29 * DAY
    assert office.as_server(ReapKeys()).keys == [key.id]


def test_a_destroyed_version_says_so_and_the_others_work(office: Any) -> None:
    office.now = office.clock()
    office.key()
    old = office.perform(Encrypt(key="k", plaintext=b"x")).ciphertext
    with pytest.raises(Conflict):
        office.perform(DestroyKey(key="k", version=1))
    office.perform(RotateKey(key="k"))
    office.perform(DestroyKey(key="k", version=1, wait_seconds=DAY))
    office.now += DAY + 1
    office.as_server(ReapKeys())
    with pytest.raises(KeyStateForbids, match="destroyed"):
        office.perform(Decrypt(ciphertext=old))
    new = office.perform(Encrypt(key="k", plaintext=b"y")).ciphertext
    assert office.perform(Decrypt(ciphertext=new)).plaintext == b"y"


def test_a_sealed_namespace_does_not_hold_up_the_destruction_of_other_keys(office: Any) -> None:
    office.now = office.clock()
    office.perform(CreateNamespace(name="team"))
    for namespace in ("team", ""):
        office.perform(CreateKey(name="k"), namespace=namespace)
        office.perform(DestroyKey(key="k", wait_seconds=DAY), namespace=namespace)
    office.perform(SealNamespace(name="team"))
    office.now += DAY + 1
    assert len(office.as_server(ReapKeys()).keys) == 1


def test_an_attestation_of_a_destroyed_key_is_of_its_state(office: Any) -> None:
    office.now = office.clock()
    office.key(spec="ed25519")
    office.perform(DestroyKey(key="k", wait_seconds=DAY))
    assert '"state":"pending-destruction"' in office.perform(AttestPublicKey(key="k")).statement


# --- several versions, some of them suspended -------------------------------------------


def test_unwrapping_passes_over_versions_that_are_suspended(office: Any) -> None:
    office.key(spec="aes-256-kwp")
    wrapped = office.perform(Wrap(key="k", key_material=bytes(32))).wrapped
    office.perform(RotateKey(key="k"))
    office.perform(UpdateKey(key="k", primary_version=1))
    office.perform(DisableKey(key="k", version=2))
    assert office.perform(Unwrap(key="k", wrapped=wrapped)).key_material == bytes(32)
    office.perform(DisableKey(key="k"))
    with pytest.raises(KeyStateForbids):
        office.perform(Unwrap(key="k", wrapped=wrapped))


def test_an_item_may_name_its_key_by_any_of_its_names(office: Any) -> None:
    key = office.key()
    office.key("other")
    office.perform(AddAlias(key="k", alias="l"))
    sealed = office.perform(Encrypt(key="k", plaintext=b"x")).ciphertext
    items = [DecryptItem(ciphertext=sealed, key=name) for name in ("k", "l", key.id, "other")]
    results = office.perform(DecryptBatch(key="k", items=items)).results
    assert [r.value is not None for r in results] == [True, True, True, False]
    assert results[3].error.code == DecryptionFailed.code
