"""The clients against a running server."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keystead import AsyncClient, AsyncEnvelope, Client, Envelope
from keystead.client.byok import wrap_for
from keystead.client.files import decrypt_file, decrypt_stream, encrypt_file, encrypt_stream
from keystead.errors import (
    AlreadyExists,
    DecryptionFailed,
    InvalidRequest,
    KeyStateForbids,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    VerificationFailed,
)
from keystead.operations.cryptography import DecryptItem, EncryptItem
from keystead.operations.keys import ListKeys


@pytest.fixture
def client(server: Any) -> Iterator[Client]:
    with Client(server.address, server.token, namespace="") as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"sdk/{secrets.token_hex(6)}"


def test_a_key_lives_from_creation_to_scheduled_destruction(client: Client, name: str) -> None:
    keys = client.keys
    made = keys.create(name, tags={"team": "web"}, description="d")
    assert (made.name, made.spec, made.state) == (name, "xaes-256-gcm", "active")
    assert keys.show(name) == keys.show(made.id)
    assert keys.rotate(name).primary_version == 2
    assert keys.update(name, owner="alice").tags == {"team": "web"}
    assert keys.add_alias(name, name + ".alias").aliases == [name + ".alias"]
    assert keys.show(name + ".alias").id == made.id
    assert keys.disable(name).state == "suspended"
    with pytest.raises(KeyStateForbids):
        keys.encrypt(name, b"x")
    assert keys.enable(name).state == "active"
    assert keys.destroy(name).destroy_at is not None
    assert keys.restore(name).state == "suspended"


def test_encrypt_and_decrypt_with_context_and_aad(client: Client, name: str) -> None:
    client.keys.create(name)
    sealed = client.keys.encrypt(name, b"secret", context={"a": "b"}, aad=b"x")
    opened = client.decrypt(sealed.ciphertext, context={"a": "b"}, aad=b"x")
    assert opened.plaintext == b"secret"
    with pytest.raises(DecryptionFailed) as caught:
        client.decrypt(sealed.ciphertext, context={"a": "c"}, aad=b"x")
    assert caught.value.details["request_id"]


def test_batches_report_item_by_item(client: Client, name: str) -> None:
    client.keys.create(name)
    items = [EncryptItem(plaintext=bytes([n])) for n in range(3)]
    made = client.keys.encrypt_batch(name, items).results
    ciphertexts = [item.value.ciphertext for item in made if item.value]
    ciphertexts[1] = ciphertexts[1][:-1]
    opened = client.keys.decrypt_batch(name, [DecryptItem(ciphertext=c) for c in ciphertexts])
    assert [item.value.plaintext if item.value else None for item in opened.results] == [
        b"\0",
        None,
        b"\2",
    ]
    assert opened.results[1].error is not None
    assert opened.results[1].error.code == "decryption-failed"


def test_signatures_hold_or_raise(client: Client, name: str) -> None:
    client.keys.create(name, spec="ed25519")
    signed = client.keys.sign(name, b"message")
    assert client.keys.verify(name, b"message", signed.signature).version == 1
    with pytest.raises(VerificationFailed):
        client.keys.verify(name, b"other", signed.signature)


def test_errors_are_those_of_the_server(client: Client, name: str) -> None:
    client.keys.create(name)
    with pytest.raises(AlreadyExists):
        client.keys.create(name)
    with pytest.raises(NotFound):
        client.keys.show("no-such-key")
    with pytest.raises(NotFound):
        client.keys.show("..")
    with pytest.raises(InvalidRequest):
        client.keys.create("bad name!")


def test_a_token_that_nobody_issued_is_refused(server: Any) -> None:
    with pytest.raises(Unauthenticated):
        Client(server.address, "kst_nonsense").keys.show("x")


def test_a_user_logs_in_and_may_do_nothing_yet(client: Client, server: Any) -> None:
    user = f"u{secrets.token_hex(4)}"
    client.users.write(user, password="correct horse battery")
    other = Client(server.address, "")
    issued = other.users.login(user, "correct horse battery")
    assert issued.token not in repr(issued)
    other.use_token(issued.token)
    assert other.tokens.lookup_self().principal == f"user/{user}"
    with pytest.raises(PermissionDenied):
        other.keys.create("x")
    with pytest.raises(Unauthenticated):
        other.users.login(user, "wrong password 123")
    other.tokens.revoke_self()
    with pytest.raises(Unauthenticated):
        other.tokens.lookup_self()


def test_pages_go_to_the_end(client: Client) -> None:
    prefix = f"pages-{secrets.token_hex(4)}-"
    names = [f"{prefix}{n}" for n in range(5)]
    for each in names:
        client.keys.create(each)
    pages = list(client.pages(ListKeys(prefix=prefix, limit=2)))
    assert [key.name for page in pages for key in page.keys] == names
    assert len(pages) == 3


def test_a_namespace_is_worked_in(client: Client, server: Any) -> None:
    tenant = f"tenant-{secrets.token_hex(4)}"
    client.namespaces.create(tenant)
    inside = Client(server.address, server.token, namespace=tenant)
    inside.keys.create("orders")
    assert [key.name for key in inside.keys.list().keys] == ["orders"]
    assert "orders" in repr([key.name for key in inside.keys.list().keys])
    client.namespaces.delete(tenant, tenant)


def test_an_imported_key_is_the_key_that_was_sent(client: Client, name: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for spec in ("rsa-3072", "x25519", "x25519-ml-kem-768"):
        wrapping = client.keys.create_wrapping_key(spec=spec)
        each = f"{name}-{spec}"
        client.keys.import_(each, wrap_for(wrapping, pem), wrapping.id, spec="ed25519")
        signature = client.keys.sign(each, b"message").signature
        private.public_key().verify(signature, b"message")


def test_envelopes_need_the_server_once(client: Client, name: str, server: Any) -> None:
    client.keys.create(name)
    envelope = Envelope(client)
    messages = [envelope.encrypt(name, bytes([n]), context={"a": "b"}) for n in range(20)]
    usage = client.keys.usage(name)
    assert sum(count.count for count in usage.counts) <= 1
    fresh = Envelope(Client(server.address, server.token))
    assert [fresh.decrypt(m, context={"a": "b"}) for m in messages] == [
        bytes([n]) for n in range(20)
    ]
    with pytest.raises(DecryptionFailed):
        fresh.decrypt(messages[0], context={"a": "c"})


def test_an_ordinary_ciphertext_is_never_taken_for_a_data_key(client: Client, name: str) -> None:
    from keystead.client import prologue

    client.keys.create(name)
    planted = client.keys.encrypt(name, bytes(32))
    head = prologue.pack(
        prologue.MESSAGE_MAGIC, prologue.Prologue(planted.key_id, planted.ciphertext)
    )
    with pytest.raises(DecryptionFailed):
        Envelope(client).decrypt(head + bytes(40))


def test_files_come_back_after_a_rotation(client: Client, name: str, tmp_path: Path) -> None:
    client.keys.create(name)
    plain = tmp_path / "plain"
    plain.write_bytes(os.urandom(300_000))
    encrypt_file(client, name, plain, tmp_path / "sealed", context={"tenant": "acme"})
    client.keys.rotate(name)
    decrypt_file(client, tmp_path / "sealed", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == plain.read_bytes()


def test_streams_work_under_an_rsa_key_which_cannot_name_itself(client: Client, name: str) -> None:
    client.keys.create(name, spec="rsa-2048", usage="encrypt-decrypt")
    sealed, back = io.BytesIO(), io.BytesIO()
    encrypt_stream(client, name, io.BytesIO(b"x" * 1000), sealed)
    sealed.seek(0)
    decrypt_stream(client, sealed, back)
    assert back.getvalue() == b"x" * 1000


def test_the_asynchronous_client_does_the_same(server: Any, name: str) -> None:
    async def work() -> None:
        async with AsyncClient(server.address, server.token) as client:
            await client.keys.create(name)
            sealed = await asyncio.gather(
                *(client.keys.encrypt(name, bytes([n])) for n in range(20))
            )
            opened = await asyncio.gather(*(client.decrypt(s.ciphertext) for s in sealed))
            assert [o.plaintext for o in opened] == [bytes([n]) for n in range(20)]
            envelope = AsyncEnvelope(client)
            message = await envelope.encrypt(name, b"x", aad=b"y")
            assert await envelope.decrypt(message, aad=b"y") == b"x"
            pages = [page async for page in client.pages(ListKeys(prefix=name))]
            assert [key.name for key in pages[0].keys] == [name]
            with pytest.raises(NotFound):
                await client.keys.show("no-such-key")

    asyncio.run(work())


def test_the_audit_log_is_queried_proved_and_sound(client: Client, name: str) -> None:
    client.keys.create(name)
    entries = client.audit.query(key=name, newest_first=True).entries
    assert entries[0]["action"] == "key:create"
    assert client.audit.checkpoint().verifier_key
    assert client.audit.prove(0).proof["index"] == 0
    assert client.audit.verify().sound


def test_a_status_needs_no_token(server: Any) -> None:
    status = Client(server.address, "").system.status()
    assert status.initialized
    assert not status.sealed
