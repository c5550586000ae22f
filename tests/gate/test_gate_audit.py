"""The entry is durable before the reply, says who did what, and never holds a secret."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from keystead.errors import AuditUnavailable, DecryptionFailed, KeysteadError
from keystead.operations.cryptography import (
    Decrypt,
    Derive,
    Encrypt,
    EncryptBatch,
    EncryptItem,
    GenerateDataKey,
    GenerateRandom,
    Reencrypt,
)
from keystead.operations.identity import WriteUser
from keystead.operations.keys import CreateKey, ExportKey, RotateKey, ShowKey

SECRET = b"the plaintext that nobody may see"


def test_a_reply_waits_for_its_entry(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    office.key()
    for operation in (Encrypt(key="k", plaintext=b"x"), ShowKey(key="k"), CreateKey(name="new")):
        with monkeypatch.context() as stuck:
            stuck.setattr(
                office.house.audit,
                "append",
                lambda *_, **__: asyncio.get_running_loop().create_future(),
            )
            with pytest.raises(TimeoutError):
                office.run(
                    asyncio.wait_for(office.worker.gate.perform(operation, office.call()), 0.2)
                )
    assert office.loaded("new") is None


def test_what_cannot_be_recorded_has_no_reply(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    office.key()

    def failing(*_: Any, **__: Any) -> asyncio.Future[int]:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(AuditUnavailable())
        return future

    monkeypatch.setattr(office.house.audit, "append", failing)
    items = [EncryptItem(plaintext=b"x", context={"n": str(n)}) for n in range(3)]
    for operation in (
        Encrypt(key="k", plaintext=b"x"),
        EncryptBatch(key="k", items=items),
        CreateKey(name="new"),
    ):
        with pytest.raises(AuditUnavailable):
            office.perform(operation)
    assert office.loaded("new") is None


def test_a_batch_has_no_reply_if_any_of_its_entries_is_lost(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.key()
    append, written = office.house.audit.append, []

    def first_fails(encoded: bytes, **given: Any) -> asyncio.Future[int]:
        written.append(encoded)
        if len(written) > 1:
            return append(encoded, **given)
        future = asyncio.get_running_loop().create_future()
        future.set_exception(AuditUnavailable())
        return future

    monkeypatch.setattr(office.house.audit, "append", first_fails)
    items = [EncryptItem(plaintext=b"x", context={"n": str(n)}) for n in range(3)]
    with pytest.raises(AuditUnavailable):
        office.perform(EncryptBatch(key="k", items=items))


def test_a_use_is_recorded_with_its_contexts_and_version(office: Any) -> None:
    key = office.key()
    office.perform(RotateKey(key="k"))
    user = office.token("key-user")
    items = [EncryptItem(plaintext=b"x", context={"tenant": t}) for t in ("a", "b", "a")]
    office.perform(EncryptBatch(key="k", items=items), token=user, trace_id="f" * 32)
    entries = office.entries("key:encrypt")
    assert [e["context"] for e in entries] == [{"tenant": "a"}, {"tenant": "b"}]
    for entry in entries:
        assert entry["principal"] == "token/app"
        assert entry["resource"] == {"kind": "key", "id": key.id, "name": "k"}
        assert (entry["key_version"], entry["phase"], entry["outcome"]) == (2, "event", "ok")
        assert (entry["trace_id"], entry["details"]["items"]) == ("f" * 32, 3)
        assert "root" not in entry


def test_the_use_of_the_root_token_is_flagged(office: Any) -> None:
    office.key()
    assert all(entry["root"] is True for entry in office.entries("key:create"))


def test_a_change_has_an_intent_and_an_outcome(office: Any) -> None:
    office.key()
    with pytest.raises(KeysteadError):
        office.key()
    phases = [(e["phase"], e.get("outcome", "")) for e in office.entries("key:create")]
    assert phases == [("intent", ""), ("outcome", "ok"), ("intent", ""), ("outcome", "failed")]


@pytest.mark.parametrize("committed", [True, False])
def test_a_restart_resolves_what_a_crash_left_open(office: Any, committed: bool) -> None:
    """The outcome is lost between the commit and the log, or the commit itself is."""
    append = office.house.audit.append
    call = office.call()

    def intents_only(encoded: bytes, **given: Any) -> Any:
        if b'"phase":"intent"' in encoded:
            return append(encoded, **given)
        return asyncio.get_running_loop().create_future()

    def never(*_: Any, **__: Any) -> Any:
        return asyncio.get_running_loop().create_future()

    office.house.audit.append = intents_only
    if not committed:
        office.house.store.write = never
    with pytest.raises(TimeoutError):
        office.run(asyncio.wait_for(office.worker.gate.perform(CreateKey(name="k"), call), 1))
    assert (office.loaded("k") is not None) is committed
    office.leave()
    office.open()
    *_, recovered = office.entries("key:create")
    assert recovered["details"] == {"recovered": True, "committed": committed}
    assert recovered["outcome"] == ("ok" if committed else "unknown")
    assert recovered["request_id"] == call.request_id
    office.leave()
    office.open()
    assert office.entries("key:create")[-1]["index"] == recovered["index"]


def test_no_secret_is_in_the_log(office: Any) -> None:
    office.key(exportable=True)
    office.key("mac", "hmac-sha256", usage="derive")
    user = office.token("key-user")
    sealed = office.perform(Encrypt(key="k", plaintext=SECRET, aad=SECRET)).ciphertext
    secrets = [
        SECRET,
        office.root_token.encode(),
        user.encode(),
        office.perform(Decrypt(ciphertext=sealed, aad=SECRET)).plaintext,
        office.perform(Reencrypt(key="k", ciphertext=sealed, source_aad=SECRET)).ciphertext,
        office.perform(GenerateDataKey(key="k"), token=user).plaintext,
        office.perform(Derive(key="mac", info=SECRET)).derived_key,
        office.perform(GenerateRandom(length=32)).random,
        office.perform(ExportKey(key="k")).material,
        b"a password for ann",
    ]
    office.perform(WriteUser(name="ann", password="a password for ann"))
    for damaged in (b"", SECRET, sealed[:-1]):
        with pytest.raises(DecryptionFailed):
            office.perform(Decrypt(ciphertext=damaged, key="k", aad=SECRET))
    log = office.log_bytes()
    assert b"key:export" in log
    for secret in secrets:
        assert secret not in log
        assert secret.hex().encode() not in log
        assert b64encode(secret).rstrip(b"=") not in log
