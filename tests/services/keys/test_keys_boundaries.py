"""What one permission must not give of another, and what hostile requests must not get."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from keystead.client.byok import wrap_for
from keystead.crypto.ciphertext import HEADER_BYTES, associated_data
from keystead.errors import (
    ContextRequired,
    DecryptionFailed,
    InvalidRequest,
    KeysteadError,
    NotFound,
    PermissionDenied,
)
from keystead.operations import catalogue
from keystead.operations.cryptography import (
    Decrypt,
    Encrypt,
    EncryptBatch,
    EncryptItem,
    Reencrypt,
    ReencryptBatch,
    ReencryptItem,
    Unwrap,
    Wrap,
)
from keystead.operations.keys import (
    AddAlias,
    CreateKey,
    CreateWrappingKey,
    ImportKey,
    ReapKeys,
    ShowKey,
    ShowKeyUsage,
)
from keystead.operations.namespaces import CreateNamespace, SealNamespace
from keystead.operations.policies import WritePolicy
from keystead.services.keys import messages
from keystead.services.keys.records import WRAPPING_KEY
from keystead.services.keys.usage import write_usage

ONLY_ACME = """
permit (principal in Role::"clerk", action in Action::"key:use", resource);
forbid (principal in Role::"clerk", action in Action::"key:use", resource) unless {
  context.encryption_context.hasTag("tenant") &&
  context.encryption_context.getTag("tenant") == "acme"
};
"""


@pytest.fixture
def clerk(office: Any) -> str:
    """A caller who may use keys for the tenant acme only."""
    office.perform(WritePolicy(name="clerk", text=ONLY_ACME))
    return str(office.token("clerk", name="clerk"))


def wrapped_by(office: Any, name: str, size: int = 32) -> dict[str, Any]:
    wrapping = office.perform(CreateWrappingKey(spec="x25519"))
    return {
        "name": name,
        "wrapping_key": wrapping.id,
        "wrapped": wrap_for(wrapping, bytes(range(size))),
    }


# --- encryption contexts ----------------------------------------------------------------


@pytest.mark.parametrize("other", [{}, {"tenant": "globex"}])
def test_one_permitted_context_in_a_batch_permits_no_other(
    office: Any, clerk: str, other: dict[str, str]
) -> None:
    office.key()
    acme = EncryptItem(plaintext=b"x", context={"tenant": "acme"})
    office.perform(EncryptBatch(key="k", items=[acme, acme]), token=clerk)
    for items in ([acme, EncryptItem(plaintext=b"x", context=other)],) * 2:
        with pytest.raises(PermissionDenied):
            office.perform(EncryptBatch(key="k", items=items[::-1]), token=clerk)


@pytest.mark.parametrize("spec", ["aes-256-gcm", "xaes-256-gcm", "chacha20-poly1305", "rsa-2048"])
def test_a_ciphertext_without_its_header_opens_under_no_context_of_the_callers_choice(
    office: Any, clerk: str, spec: str
) -> None:
    office.key(spec=spec, usage="encrypt-decrypt")
    globex = {"tenant": "globex"}
    sealed = office.perform(Encrypt(key="k", plaintext=b"secret", context=globex)).ciphertext
    header, body = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    label = associated_data(header, globex, b"")
    for context in ({"tenant": "acme"}, {}):
        for algorithm in (spec, "rsa-oaep-sha256"):
            asked = Decrypt(
                key="k", ciphertext=body, aad=label, context=context, algorithm=algorithm
            )
            with pytest.raises((InvalidRequest, PermissionDenied)):
                office.perform(asked, token=clerk)
            bare = spec == "rsa-2048" and not context
            with pytest.raises(DecryptionFailed if bare else InvalidRequest):
                office.perform(asked)


def test_bare_ciphertext_cannot_get_around_a_required_context(office: Any) -> None:
    office.key(spec="rsa-2048", usage="encrypt-decrypt", required_context=["tenant"])
    with pytest.raises(ContextRequired):
        office.perform(Decrypt(key="k", ciphertext=bytes(256), algorithm="rsa-oaep-sha256"))


def test_reencryption_is_judged_by_the_contexts_before_and_after(office: Any, clerk: str) -> None:
    office.key()
    acme, globex = {"tenant": "acme"}, {"tenant": "globex"}
    of = {
        tenant: office.perform(Encrypt(key="k", plaintext=b"x", context={"tenant": tenant}))
        for tenant in ("acme", "globex")
    }
    kept = Reencrypt(key="k", ciphertext=of["acme"].ciphertext, source_context=acme)
    office.perform(kept, token=clerk)
    entry = office.entries("key:reencrypt")[-1]
    assert entry["context"] == acme
    assert entry["details"]["sources"] == of["acme"].key_id
    for refused in (
        msgspec.structs.replace(kept, context=globex),
        msgspec.structs.replace(kept, context={}),
        Reencrypt(key="k", ciphertext=of["globex"].ciphertext, source_context=globex),
        Reencrypt(key="k", ciphertext=of["globex"].ciphertext, source_context=globex, context=acme),
    ):
        with pytest.raises(PermissionDenied):
            office.perform(refused, token=clerk)
        item = ReencryptItem(
            ciphertext=refused.ciphertext,
            source_context=refused.source_context,
            context=refused.context,
        )
        with pytest.raises(PermissionDenied):
            office.perform(ReencryptBatch(key="k", items=[item]), token=clerk)


def test_reencryption_asks_the_policies_of_both_keys(office: Any) -> None:
    office.key("old")
    office.key("new")
    office.perform(
        WritePolicy(
            name="one",
            text='permit (principal in Role::"mover", action == Action::"key:reencrypt", resource)'
            ' when { resource.name != "old" };',
        )
    )
    mover = office.token("mover", name="mover")
    sealed = {n: office.perform(Encrypt(key=n, plaintext=b"x")).ciphertext for n in ("old", "new")}
    office.perform(Reencrypt(key="new", ciphertext=sealed["new"]), token=mover)
    for key, source in (("new", "old"), ("old", "new"), ("old", "old")):
        with pytest.raises(PermissionDenied):
            office.perform(Reencrypt(key=key, ciphertext=sealed[source]), token=mover)


# --- wrapped keys and data --------------------------------------------------------------


@pytest.mark.parametrize("spec", ["xaes-256-gcm", "aes-256-siv", "rsa-3072"])
def test_a_wrapped_key_never_decrypts_as_data_nor_data_unwraps_as_a_key(
    office: Any, spec: str
) -> None:
    office.key(spec=spec, usage="encrypt-decrypt")
    wrapped = office.perform(Wrap(key="k", key_material=bytes(32))).wrapped
    sealed = office.perform(Encrypt(key="k", plaintext=bytes(32))).ciphertext
    assert office.perform(Unwrap(key="k", wrapped=wrapped)).key_material == bytes(32)
    domain = b"keystead/wrapped-key"
    for aad in (b"", domain, b"\xff" * 4 + domain, b"\0" * 4 + domain):
        with pytest.raises(DecryptionFailed):
            office.perform(Decrypt(ciphertext=wrapped, aad=aad))
        disguised = office.perform(Encrypt(key="k", plaintext=bytes(32), aad=aad)).ciphertext
        with pytest.raises(DecryptionFailed):
            office.perform(Unwrap(key="k", wrapped=disguised))
    with pytest.raises(DecryptionFailed):
        office.perform(Unwrap(key="k", wrapped=sealed))


# --- imports ----------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["name", "alias", "id"])
def test_a_new_version_is_judged_as_the_key_that_it_is_for(office: Any, by: str) -> None:
    imported = office.perform(ImportKey(**wrapped_by(office, "prod/key"), tags={"env": "prod"}))
    office.perform(AddAlias(key="prod/key", alias="harmless"))
    office.perform(
        WritePolicy(
            name="importer",
            text='permit (principal in Role::"importer", action in Action::"key:manage", resource);'
            'forbid (principal, action, resource is Key) when { resource.name like "prod/*" };',
        )
    )
    importer = office.token("importer", name="importer")
    reference = {"name": "prod/key", "alias": "harmless", "id": imported.id}[by]
    asked = ImportKey(**wrapped_by(office, reference), new_version=True)
    with pytest.raises(PermissionDenied):
        office.perform(asked, token=importer)
    assert office.perform(asked).primary_version == 2
    office.perform(ImportKey(**wrapped_by(office, "dev/key")), token=importer)


def test_wrapping_keys_are_gone_when_they_have_expired(office: Any) -> None:
    given = wrapped_by(office, "late")
    office.now = office.clock() + 86_401
    with pytest.raises(NotFound):
        office.perform(ImportKey(**given))
    office.as_server(ReapKeys())
    stored = office.house.store.read_now(lambda reader: reader.list(WRAPPING_KEY, "root"))
    assert stored == []


# --- what is too large, and what is sealed ----------------------------------------------


def test_every_text_that_is_audited_is_bounded() -> None:
    """An entry that is too large could not be written, and a refusal would leave no trace."""
    unbounded = []
    for operation in catalogue():
        if operation.kind != "key":
            continue
        for field in msgspec.inspect.type_info(operation).fields:
            if field.name not in (*operation.audited, operation.names):
                continue
            types = getattr(field.type, "types", (field.type,))
            plain = [getattr(t, "type", t) for t in types]
            unbounded += [
                f"{operation.__name__}.{field.name}"
                for t in plain
                if isinstance(t, msgspec.inspect.StrType)
                and t.max_length is None
                and t.pattern is None
            ]
    assert unbounded == []


def test_counts_in_a_sealed_namespace_do_not_keep_others_from_being_written(office: Any) -> None:
    office.perform(CreateNamespace(name="team"))
    office.key("k")
    office.perform(Encrypt(key="k", plaintext=b"x"))
    office.perform(CreateKey(name="k"), namespace="team")
    office.perform(Encrypt(key="k", plaintext=b"x"), namespace="team")
    office.perform(SealNamespace(name="team"))
    taken = office.house.usage.take()
    assert len(taken) == 2
    office.house.store.write_now(lambda tx: write_usage(tx, taken.items()))
    assert office.perform(ShowKeyUsage(key="k")).counts[0].count == 1


@pytest.mark.parametrize("name", ["", "team"])
def test_a_stranger_learns_of_no_key_and_no_namespace(office: Any, name: str) -> None:
    office.key("payments")
    nobody = office.token(name="nobody")
    said = set()
    for key in ("payments", "no-such-key"):
        for operation in (Encrypt(key=key, plaintext=b""), ShowKey(key=key)):
            with pytest.raises(KeysteadError) as refused:
                office.perform(operation, token=nobody)
            said.add((refused.value.code, refused.value.message.replace(key, "")))
    assert len(said) == 2  # one for each action, whether the key is there or not
    with pytest.raises(KeysteadError) as unknown:
        office.perform(ShowKey(key="payments"), token="", namespace=name)
    assert unknown.value.code == "unauthenticated"


def test_two_threads_and_the_loop_never_find_their_messages_spent(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large request waits in the pool while small ones go on: what was reserved for it stays."""
    monkeypatch.setattr(messages, "BLOCK", 8)
    office.key(spec="aes-256-gcm")
    items = [EncryptItem(plaintext=b"x")] * 8
    asked = [(EncryptBatch(key="k", items=items), 1 << 20), (Encrypt(key="k", plaintext=b"x"), 0)]

    async def many() -> list[Any]:
        gate = office.worker.gate
        return await asyncio.gather(
            *(gate.perform(op, office.call(size=size)) for _ in range(40) for op, size in asked)
        )

    for reply in office.run(many()):
        for outcome in getattr(reply, "results", ()):
            assert outcome.error is None
