"""Transit keys are keys: states, counting, rotation and policy hold for them as for all."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import msgspec
import pytest

from keystead.call import PathRequest
from keystead.errors import (
    AlreadyExists,
    Conflict,
    DecryptionFailed,
    ExportForbidden,
    InvalidRequest,
    KeyStateForbids,
    KeysteadError,
    KeyUsageForbids,
    NotFound,
    PermissionDenied,
)
from keystead.node.scheduler import Scheduler
from keystead.operations.cryptography import Decrypt, Encrypt
from keystead.operations.keys import DisableKey, EnableKey, ListKeys, RotateKey, ShowKeyUsage
from keystead.operations.mounts import CreateMount, DeleteMount, MoveMount
from keystead.operations.policies import WritePolicy
from keystead.operations.transit import (
    BackUpTransitKey,
    ConfigureTransit,
    ConfigureTransitKey,
    CreateTransitKey,
    DeleteTransitKey,
    ExportTransitKey,
    ImportTransitKey,
    ImportTransitVersion,
    ListTransitKeys,
    MakeImportWrappingKey,
    RestoreTransitKey,
    RotateDueKeys,
    RotateTransitKey,
    ShowTransitKey,
    SoftDeleteTransitKey,
    TransitDecrypt,
    TransitDecryptBatch,
    TransitEncrypt,
    TransitEncryptBatch,
    TransitEncryptItem,
    TransitHmac,
    TransitHmacItem,
    TransitSign,
    TransitSignItem,
    TransitVerify,
    TransitVerifyItem,
    TrimTransitKey,
    UndeleteTransitKey,
)
from keystead.services.keys.messages import BLOCK
from keystead.services.keys.records import KEY, MATERIAL, RESERVATION, material_id

HOUR = 3600.0


@pytest.fixture
def office(office: Any) -> Any:
    office.perform(CreateMount(path="transit", type="transit"))
    return office


def create(office: Any, name: str = "k", **given: Any) -> Any:
    return office.perform(CreateTransitKey(name=f"transit/{name}", mount="transit", **given))


def scheduler_of(office: Any) -> Scheduler:
    return Scheduler(office.house, office.worker.gate, leads=True)


def encrypt(office: Any, name: str = "k", plaintext: bytes = b"x", **given: Any) -> str:
    asked = TransitEncrypt(key=f"transit/{name}", plaintext=plaintext, **given)
    return str(office.perform(asked).ciphertext)


def decrypt(office: Any, ciphertext: str, name: str = "k", **given: Any) -> bytes:
    asked = TransitDecrypt(key=f"transit/{name}", ciphertext=ciphertext, **given)
    return bytes(office.perform(asked).plaintext)


def configure(office: Any, name: str = "k", **given: Any) -> Any:
    return office.perform(ConfigureTransitKey(key=f"transit/{name}", **given))


def rotate(office: Any, name: str = "k") -> Any:
    return office.perform(RotateTransitKey(key=f"transit/{name}"))


def test_it_is_listed_with_all_keys_and_its_use_is_counted(office: Any) -> None:
    create(office)
    listed = office.perform(ListKeys(prefix="transit/")).keys
    assert [(key.name, key.spec) for key in listed] == [("transit/k", "aes-256-gcm")]
    assert office.perform(ListTransitKeys(mount="transit")).names == ["k"]
    encrypt(office)
    office.run(scheduler_of(office).flush_usage())
    counts = office.perform(ShowKeyUsage(key="transit/k")).counts
    assert [(one.action, one.count) for one in counts] == [("key:encrypt", 1)]


def test_a_state_holds_for_it(office: Any) -> None:
    create(office)
    made = encrypt(office)
    office.perform(DisableKey(key="transit/k"))
    for refused in (lambda: encrypt(office), lambda: decrypt(office, made)):
        with pytest.raises(KeyStateForbids):
            refused()
    office.perform(EnableKey(key="transit/k"))
    assert decrypt(office, made) == b"x"


def test_both_ways_to_rotate_are_one(office: Any) -> None:
    create(office)
    old = encrypt(office)
    office.perform(RotateKey(key="transit/k"))
    assert rotate(office).latest_version == 3
    assert encrypt(office).startswith("vault:v3:")
    assert decrypt(office, old) == b"x"
    mac = TransitHmac(key="transit/k", items=[TransitHmacItem(message=b"m")])
    macs = [
        office.perform(msgspec.structs.replace(mac, key_version=version)).results[0].value.hmac
        for version in (1, 2, 3)
    ]
    assert len({m.rpartition(":")[2] for m in macs}) == 3


def test_messages_are_counted_for_the_version_that_encrypts(office: Any) -> None:
    key = create(office)
    key_id = office.loaded("transit/k").id
    rotate(office)
    encrypt(office, key_version=1)
    items = [TransitEncryptItem(plaintext=b"x", key_version=version) for version in (1, 2, 0, 0)]
    reply = office.perform(TransitEncryptBatch(key="transit/k", items=items))
    assert [one.value.version for one in reply.results] == [1, 2, 2, 2]
    for version, left in ((1, BLOCK - 2), (2, BLOCK - 3)):
        place = material_id(key_id, version)
        stored = office.house.store.read_now(lambda r, p=place: r.get(RESERVATION, "root", p))
        assert stored.reserved == BLOCK
        cached = office.house.keys.find("root", "transit/k")
        assert cached.versions[version].allowance == left
    assert key.latest_version == 1


def test_the_least_versions_are_enforced(office: Any) -> None:
    create(office)
    old = encrypt(office)
    rotate(office)
    configure(office, min_encryption_version=2, min_decryption_version=2)
    with pytest.raises(InvalidRequest, match=r"disallowed by policy \(too old\)"):
        decrypt(office, old)
    with pytest.raises(InvalidRequest, match="less than the minimum encryption key version"):
        encrypt(office, key_version=1)
    with pytest.raises(InvalidRequest, match="cannot set min decryption version of 9"):
        configure(office, min_decryption_version=9)
    with pytest.raises(InvalidRequest, match="must be greater than or equal to"):
        configure(office, min_encryption_version=1)
    configure(office, min_decryption_version=1)
    assert decrypt(office, old) == b"x"


def test_trimmed_versions_leave_no_material(office: Any) -> None:
    create(office)
    old = encrypt(office)
    rotate(office)
    configure(office, min_encryption_version=2, min_decryption_version=2)
    trimmed = office.perform(TrimTransitKey(key="transit/k", min_available_version=2))
    assert trimmed.min_available_version == 2
    key_id = office.loaded("transit/k").id
    rows = office.house.store.read_now(lambda r: r.list(MATERIAL, "root", parent=key_id))
    assert [row.version for _, row in rows] == [2]
    with pytest.raises(InvalidRequest, match="should not be less"):
        configure(office, min_decryption_version=1)
    with pytest.raises(InvalidRequest):
        decrypt(office, old)
    assert decrypt(office, encrypt(office)) == b"x"


def test_a_deleted_key_is_gone_and_its_name_free(office: Any) -> None:
    create(office)
    made = encrypt(office)
    with pytest.raises(InvalidRequest, match="deletion is not allowed"):
        office.perform(DeleteTransitKey(key="transit/k"))
    configure(office, deletion_allowed=True)
    office.perform(DeleteTransitKey(key="transit/k"))
    with pytest.raises(NotFound):
        encrypt(office)
    for kind in (KEY, MATERIAL, RESERVATION):
        assert office.house.store.read_now(lambda r, k=kind: r.list(k, "root")) == []
    create(office)
    with pytest.raises(DecryptionFailed):
        decrypt(office, made)


def test_a_soft_deleted_key_does_nothing_until_it_is_restored(office: Any) -> None:
    create(office, exportable=True, allow_plaintext_backup=True)
    made = encrypt(office)
    native = office.perform(Encrypt(key="transit/k", plaintext=b"n")).ciphertext
    assert office.perform(SoftDeleteTransitKey(key="transit/k")).soft_deleted
    for asked in (
        TransitEncrypt(key="transit/k", plaintext=b"x"),
        TransitDecrypt(key="transit/k", ciphertext=made),
        TransitHmac(key="transit/k", items=[TransitHmacItem(message=b"m")]),
        ExportTransitKey(key="transit/k", export="encryption-key"),
        BackUpTransitKey(key="transit/k"),
        RotateTransitKey(key="transit/k"),
        RotateKey(key="transit/k"),
        Encrypt(key="transit/k", plaintext=b"n"),
        Decrypt(ciphertext=native),
    ):
        with pytest.raises(Conflict, match="refusing to use soft-deleted key"):
            office.perform(asked)
    office.perform(UndeleteTransitKey(key="transit/k"))
    assert decrypt(office, made) == b"x"
    assert office.perform(Decrypt(ciphertext=native)).plaintext == b"n"


def test_a_key_from_which_keys_are_derived_is_never_used_itself(office: Any) -> None:
    create(office, derived=True)
    with pytest.raises(KeyUsageForbids):
        office.perform(Encrypt(key="transit/k", plaintext=b"n"))
    made = encrypt(office, derivation=b"one")
    assert decrypt(office, made, derivation=b"one") == b"x"
    with pytest.raises(DecryptionFailed):
        decrypt(office, made, derivation=b"other")


def test_a_key_without_transit_settings_is_none_of_the_engine(office: Any) -> None:
    office.key("transit/native", "aes-256-gcm", exportable=True)
    for asked in (
        TransitEncrypt(key="transit/native", plaintext=b"x"),
        ExportTransitKey(key="transit/native", export="encryption-key"),
        ConfigureTransitKey(key="transit/native", exportable=True),
        DeleteTransitKey(key="transit/native"),
        BackUpTransitKey(key="transit/native"),
    ):
        with pytest.raises(NotFound):
            office.perform(asked)
    assert office.perform(ListTransitKeys(mount="transit")).names == []


def test_what_is_not_exportable_stays(office: Any) -> None:
    create(office)
    for asked in (
        ExportTransitKey(key="transit/k", export="encryption-key"),
        ExportTransitKey(key="transit/k", export="hmac-key"),
        BackUpTransitKey(key="transit/k"),
    ):
        with pytest.raises(ExportForbidden):
            office.perform(asked)
    configure(office, exportable=False)
    configure(office, exportable=True)
    assert configure(office, exportable=False).exportable
    with pytest.raises(ExportForbidden, match="plaintext backup"):
        office.perform(BackUpTransitKey(key="transit/k"))


# --- rights -----------------------------------------------------------------------------


def test_a_batch_of_nothing_is_asked_of_policy_too(office: Any) -> None:
    create(office)
    token = office.token()
    for asked in (
        TransitEncryptBatch(key="transit/k", items=[]),
        TransitDecryptBatch(key="transit/k", items=[]),
        TransitSign(key="transit/k", items=[]),
    ):
        with pytest.raises(PermissionDenied):
            office.perform(asked, token=token)


def test_the_right_to_create_by_encrypting_is_none_to_a_key_that_is_there(office: Any) -> None:
    wanted = CreateTransitKey(name="transit/up", mount="transit", upsert=True)
    office.perform(wanted)
    with pytest.raises(AlreadyExists):
        office.perform(wanted)
    office.perform(ConfigureTransit(mount="transit", disable_upsert=True))
    with pytest.raises(NotFound):
        office.perform(msgspec.structs.replace(wanted, name="transit/up2"))
    create(office, "up2")


def test_statements_speak_of_transit_keys_by_name(office: Any) -> None:
    create(office)
    create(office, "other")
    office.perform(
        WritePolicy(
            name="one",
            text='permit(principal, action == Action::"key:encrypt", resource)'
            ' when { resource.name == "transit/k" };',
        )
    )
    token = office.token()
    asked = TransitEncrypt(key="transit/k", plaintext=b"x")
    assert office.perform(asked, token=token).ciphertext
    for refused in (
        msgspec.structs.replace(asked, key="transit/other"),
        TransitDecrypt(key="transit/k", ciphertext="vault:v1:AAAA"),
        TransitSign(key="transit/k", items=[]),
    ):
        with pytest.raises(PermissionDenied):
            office.perform(refused, token=token)


@pytest.mark.parametrize("name", ["other/k", "transit/a/b", "transit/", "transit", "transit/ä"])
def test_a_key_is_made_below_its_mount_and_nowhere_else(name: str, office: Any) -> None:
    with pytest.raises(InvalidRequest):
        office.perform(CreateTransitKey(name=name, mount="transit"))
    with pytest.raises(NotFound):
        office.perform(CreateTransitKey(name=name, mount="nowhere"))


def test_a_backup_restores_below_the_mount_that_was_asked_and_nowhere_else(office: Any) -> None:
    create(office, exportable=True, allow_plaintext_backup=True)
    backup = office.perform(BackUpTransitKey(key="transit/k")).backup
    for key in ("other/k", "transit/a/b"):
        with pytest.raises(InvalidRequest):
            office.perform(RestoreTransitKey(key=key, mount="transit", backup=backup))
    content = json.loads(base64.b64decode(backup))
    content["policy"]["name"] = "../evil"
    evil = base64.b64encode(json.dumps(content).encode()).decode()
    with pytest.raises(InvalidRequest):
        office.perform(RestoreTransitKey(mount="transit", backup=evil))
    office.key("transit/native")
    with pytest.raises(KeysteadError):
        office.perform(
            RestoreTransitKey(key="transit/native", mount="transit", backup=backup, force=True)
        )


# --- time -------------------------------------------------------------------------------


def test_a_key_is_rotated_when_its_period_is_over(office: Any) -> None:
    office.now = 1_000_000.0
    create(office, auto_rotate_seconds=3600)
    create(office, "never")
    office.as_server(RotateDueKeys())
    assert office.perform(ShowTransitKey(key="transit/k")).latest_version == 1
    office.now += HOUR + 1
    office.run(scheduler_of(office).reap())
    office.run(scheduler_of(office).reap())
    assert office.perform(ShowTransitKey(key="transit/k")).latest_version == 2
    assert office.perform(ShowTransitKey(key="transit/never")).latest_version == 1
    rotate(office)
    office.now += HOUR - 2
    office.run(scheduler_of(office).reap())
    assert office.perform(ShowTransitKey(key="transit/k")).latest_version == 3
    configure(office, auto_rotate_seconds=0)
    office.now += 10 * HOUR
    office.run(scheduler_of(office).reap())
    assert office.perform(ShowTransitKey(key="transit/k")).latest_version == 3


def test_a_key_that_cannot_be_rotated_does_not_hold_up_the_others(office: Any) -> None:
    office.now = 1_000_000.0
    create(office, "a", auto_rotate_seconds=3600)
    create(office, "b", auto_rotate_seconds=3600)
    office.perform(DisableKey(key="transit/a"))
    office.now += HOUR + 1
    office.as_server(RotateDueKeys())
    assert office.perform(ShowTransitKey(key="transit/a")).latest_version == 1
    assert office.perform(ShowTransitKey(key="transit/b")).latest_version == 2


# --- mounts -----------------------------------------------------------------------------


def test_keys_move_with_their_mount_and_go_with_it(office: Any) -> None:
    create(office)
    office.key("transit/native")
    made = encrypt(office)
    office.perform(MoveMount(path="transit", target="moved"))
    asked = TransitDecrypt(key="moved/k", ciphertext=made)
    assert office.perform(asked).plaintext == b"x"
    with pytest.raises(NotFound):
        decrypt(office, made)
    office.perform(DeleteMount(path="moved"))
    with pytest.raises(NotFound):
        office.perform(asked)
    assert [key.name for key in office.perform(ListKeys()).keys] == ["transit/native"]


# --- imports ----------------------------------------------------------------------------


def wrap_for(pem: str, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from keystead.crypto.transit import importing

    return importing.wrap(load_pem_public_key(pem.encode()), key, "SHA256")


@pytest.fixture
def wrapping_pem(office: Any) -> str:
    return str(office.perform(MakeImportWrappingKey(mount="transit")).public_key)


def test_an_imported_key_rotates_only_if_it_may(office: Any, wrapping_pem: str) -> None:
    for name, allowed in (("fixed", False), ("free", True)):
        office.perform(
            ImportTransitKey(
                name=f"transit/{name}",
                mount="transit",
                wrapped=wrap_for(wrapping_pem, os.urandom(32)),
                allow_rotation=allowed,
            )
        )
    with pytest.raises(Conflict, match="does not allow rotation"):
        rotate(office, "fixed")
    assert not rotate(office, "free").imported
    version = ImportTransitVersion(
        key="transit/fixed", mount="transit", wrapped=wrap_for(wrapping_pem, os.urandom(32))
    )
    assert office.perform(version).latest_version == 2
    with pytest.raises(InvalidRequest, match="can only be used with an imported key"):
        office.perform(msgspec.structs.replace(version, key="transit/free"))


@pytest.mark.parametrize(
    ("wrapped", "given"),
    [
        (b"", {}),
        (bytes(512), {}),
        (bytes(513), {}),
        (bytes(600), {"hash_function": "MD5"}),
        (bytes(600), {"public_key": "x"}),
        (b"", {"public_key": "no PEM", "type": "ed25519"}),
        (bytes(600), {"type": "nonsense"}),
        (bytes(600), {"auto_rotate_seconds": 7200}),
    ],
)
def test_what_is_no_key_is_not_imported(
    wrapped: bytes, given: dict[str, Any], office: Any, wrapping_pem: str
) -> None:
    with pytest.raises(KeysteadError) as caught:
        office.perform(
            ImportTransitKey(name="transit/i", mount="transit", wrapped=wrapped, **given)
        )
    assert isinstance(caught.value, InvalidRequest | DecryptionFailed)


def test_a_public_key_verifies_and_its_private_key_may_follow(
    office: Any, wrapping_pem: str
) -> None:
    create(office, "own", type="ed25519", exportable=True)
    sign = TransitSign(key="transit/own", items=[TransitSignItem(message=b"m")])
    signature = office.perform(sign).results[0].value.signature
    shown = office.perform(ShowTransitKey(key="transit/own")).versions[0].public_key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(shown))
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    office.perform(
        ImportTransitKey(name="transit/p", mount="transit", public_key=pem, type="ed25519")
    )
    item = TransitVerifyItem(message=b"m", signature=signature)
    verified = office.perform(TransitVerify(key="transit/p", items=[item])).results[0]
    assert verified.value.valid
    again = msgspec.structs.replace(sign, key="transit/p")
    problem = office.perform(again).results[0].error
    assert "does not contain a private part" in problem.message
    seed = office.perform(ExportTransitKey(key="transit/own", export="signing-key")).keys[1]
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed)[:32])
    pkcs8 = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    completed = office.perform(
        ImportTransitVersion(
            key="transit/p", mount="transit", wrapped=wrap_for(wrapping_pem, pkcs8)
        )
    )
    assert completed.latest_version == 1
    assert office.perform(again).results[0].value.signature == signature


# --- secrecy ----------------------------------------------------------------------------


def test_no_key_plaintext_or_context_is_in_the_audit_log(office: Any) -> None:
    create(office, derived=True, exportable=True, allow_plaintext_backup=True)
    secret = b"correct horse battery staple"
    made = encrypt(office, plaintext=secret, derivation=b"a secret context", aad=b"secret aad")
    decrypt(office, made, derivation=b"a secret context", aad=b"secret aad")
    exported = office.perform(ExportTransitKey(key="transit/k", export="encryption-key")).keys[1]
    backup = office.perform(BackUpTransitKey(key="transit/k"))
    assert exported not in repr(backup)
    log = office.log_bytes()
    for hidden in (secret, b"a secret context", b"secret aad", exported.encode()):
        assert hidden not in log
        assert base64.b64encode(hidden) not in log


def test_a_path_gives_the_right_to_its_operation(office: Any) -> None:
    create(office)
    path = PathRequest("transit/encrypt/k", "update")
    with pytest.raises(PermissionDenied):
        office.perform(
            TransitEncrypt(key="transit/k", plaintext=b"x"), token=office.token(), path=path
        )
