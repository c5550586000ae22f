"""What holds a secret does not show it: not its repr, not its errors."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keystead.errors import KeysteadError
from keystead.operations import Operation, catalogue, reply_type
from keystead.operations.base import Input, Reply
from keystead.operations.cryptography import Decrypt, Encrypt, Sign, Unwrap, VerifyMac
from keystead.operations.identity import LoginUser, WriteUser
from keystead.operations.keys import ImportKey
from keystead.services.idempotency import IdempotencyRecord
from keystead.services.keys.records import MaterialRecord, WrappingKeyRecord

SECRET = "swordfish-swordfish"


def shown(thing: Any) -> str:
    rich = list(thing.__rich_repr__()) if hasattr(thing, "__rich_repr__") else []
    return f"{thing!r} {thing} {rich!r} {[thing]!r}"


def with_secrets(struct: type[Any]) -> Any:
    """An unchecked instance with the secret in every field of text or bytes."""
    fields = {
        field.name: SECRET.encode() if field.type is bytes else SECRET
        for field in msgspec.structs.fields(struct)
    }
    return struct(**fields)


def subclasses(base: type[Any]) -> set[type[Any]]:
    found = set(base.__subclasses__())
    return found | {leaf for child in found for leaf in subclasses(child)}


@pytest.mark.parametrize("base", [Input, Reply])
def test_no_input_and_no_reply_shows_its_fields(base: type[Any]) -> None:
    structs = subclasses(base)
    assert len(structs) > 50
    for struct in structs:
        assert SECRET not in shown(with_secrets(struct)), struct


def test_replies_with_secrets_are_marked() -> None:
    carrying = {"plaintext", "key_material", "material", "token", "shared_secret", "derived_key"}
    for operation in catalogue():
        reply = reply_type(operation)
        if carrying & set(getattr(reply, "__struct_fields__", ())):
            assert operation.secret_reply, operation


def test_records_and_keys_do_not_show_their_material(office: Any) -> None:
    for record in (
        MaterialRecord(key_id="k", version=1, material=SECRET.encode()),
        WrappingKeyRecord(spec="rsa-3072", material=SECRET.encode(), expires_at=0.0),
        IdempotencyRecord(fingerprint=b"", reply=SECRET.encode(), expires_at=0.0),
    ):
        assert SECRET not in shown(record)
    office.key(exportable=True)
    key = office.loaded("k")
    material = key.versions[1].reveal()
    for thing in (key, key.versions, key.versions[1], key.versions[1]._material):
        assert repr(material)[2:-1] not in shown(thing)
        assert material.hex() not in shown(thing)


def test_no_error_tells_what_was_sent(office: Any) -> None:
    office.key("k")
    office.key("mac", "hmac-sha256")
    data = SECRET.encode()
    refused: list[Operation[Any]] = [
        Encrypt(key="mac", plaintext=data),
        Decrypt(ciphertext=data, key="k"),
        Sign(key="k", message=data),
        Unwrap(key="k", wrapped=data),
        VerifyMac(key="mac", message=data, mac=data),
        ImportKey(name="new", wrapped=data, wrapping_key=SECRET),
        LoginUser(name="ann", password=SECRET),
        WriteUser(name="ann", password=SECRET, roles=["x"] * 200),
    ]
    for operation in refused:
        said = ""
        try:
            office.perform(operation)
        except KeysteadError as error:
            said = f"{error!r} {error.message} {error.hint} {error.details}"
        assert SECRET not in said
        assert said or isinstance(operation, WriteUser)
