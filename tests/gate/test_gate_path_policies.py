"""Path policies written, in force on every worker, and asked together with Cedar."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.call import PathRequest
from keystead.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from keystead.operations.cryptography import Encrypt
from keystead.operations.identity import CreateToken
from keystead.operations.keys import CreateKey
from keystead.operations.namespaces import CreateNamespace
from keystead.operations.password_policies import (
    DeletePasswordPolicy,
    GeneratePassword,
    ListPasswordPolicies,
    ShowPasswordPolicy,
    WritePasswordPolicy,
)
from keystead.operations.path_policies import (
    DeletePathPolicy,
    ListPathPolicies,
    ShowCapabilities,
    ShowOwnCapabilities,
    ShowOwnRights,
    ShowPathPolicy,
    ValidatePathPolicy,
    WritePathPolicy,
)
from keystead.operations.policies import WritePolicy
from keystead.services.password_policies import generate_password

ENCRYPT = Encrypt(key="k", plaintext=b"x")
TEXT = 'path "transit/encrypt/k" { capabilities = ["update"] } # as written\n'
DIGITS = 'length = 8 rule "charset" { charset = "0123456789" min-chars = 1 }'


def at(path: str, capability: str, **more: Any) -> dict[str, PathRequest]:
    return {"path": PathRequest(path, capability, **more)}


ENCRYPTING = at("transit/encrypt/k", "update")


def test_a_policy_is_in_force_until_it_is_deleted(office: Any) -> None:
    office.key()
    token = office.token("p")
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token, **ENCRYPTING)
    office.perform(WritePathPolicy(name="p", text=TEXT))
    assert office.perform(ENCRYPT, token=token, **ENCRYPTING).ciphertext
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token)
    office.perform(DeletePathPolicy(name="p"))
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token, **ENCRYPTING)


def test_a_policy_written_at_one_worker_is_in_force_at_the_other(
    two_offices: tuple[Any, Any],
) -> None:
    one, other = two_offices
    one.key()
    token = one.token("p")
    with pytest.raises(PermissionDenied):
        other.perform(ENCRYPT, token=token, **ENCRYPTING)
    one.perform(WritePathPolicy(name="p", text=TEXT))
    assert other.perform(ENCRYPT, token=token, **ENCRYPTING).ciphertext
    one.perform(WritePathPolicy(name="p", text=TEXT.replace("update", "deny")))
    with pytest.raises(PermissionDenied):
        other.perform(ENCRYPT, token=token, **ENCRYPTING)


def test_a_deny_outweighs_what_cedar_permits(office: Any) -> None:
    office.key()
    office.perform(WritePolicy(name="all", text="permit(principal, action, resource);"))
    token = office.token("p")
    assert office.perform(ENCRYPT, token=token, **ENCRYPTING).ciphertext
    office.perform(WritePathPolicy(name="p", text=TEXT.replace("update", "deny")))
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=token, **ENCRYPTING)


def test_a_policy_outlives_a_restart(office: Any) -> None:
    office.key()
    office.perform(WritePathPolicy(name="p", text=TEXT))
    token = office.token("p")
    office.leave()
    office.open()
    assert office.perform(ENCRYPT, token=token, **ENCRYPTING).ciphertext


def test_a_policy_is_shown_as_written_and_a_bad_one_is_not_written(office: Any) -> None:
    written = office.perform(WritePathPolicy(name="p", text=TEXT))
    assert office.perform(ShowPathPolicy(name="p")) == written
    assert written.text == TEXT
    with pytest.raises(InvalidRequest, match="line 1, column 1"):
        office.perform(WritePathPolicy(name="p", text="nonsense {}"))
    assert office.perform(ShowPathPolicy(name="p")).text == TEXT
    assert office.perform(ValidatePathPolicy(text=TEXT)).errors == []
    assert len(office.perform(ValidatePathPolicy(text="nonsense {}")).errors) == 1


def test_policies_are_listed_in_pages_with_the_default_one_in_its_place(office: Any) -> None:
    for name in ("a", "c", "e", "f"):
        office.perform(WritePathPolicy(name=name, text=TEXT))
    for limit in (1, 2, 3, 10):
        names, after = [], ""
        while True:
            page = office.perform(ListPathPolicies(limit=limit, after=after))
            assert len(page.names) <= limit
            names += page.names
            if not (after := page.next):
                break
        assert names == ["a", "c", "default", "e", "f"]
    office.perform(WritePathPolicy(name="default", text=TEXT))
    assert office.perform(ListPathPolicies()).names == ["a", "c", "default", "e", "f"]


def test_the_policies_that_every_server_has_cannot_be_taken_away(office: Any) -> None:
    assert "lookup-self" in office.perform(ShowPathPolicy(name="default")).text
    assert office.perform(ShowPathPolicy(name="root")).text == ""
    for name in ("root", "response-wrapping"):
        with pytest.raises(InvalidRequest):
            office.perform(WritePathPolicy(name=name, text=TEXT))
        with pytest.raises(Conflict):
            office.perform(DeletePathPolicy(name=name))
    with pytest.raises(Conflict):
        office.perform(DeletePathPolicy(name="default"))
    with pytest.raises(NotFound):
        office.perform(DeletePathPolicy(name="none"))


def test_to_create_and_to_update_a_policy_are_different_rights(office: Any) -> None:
    office.perform(WritePathPolicy(name="w", text='path "p" { capabilities = ["create"] }'))
    token = office.token("w")
    write = WritePathPolicy(name="p", text=TEXT)
    office.perform(write, token=token, **at("p", "write"))
    with pytest.raises(PermissionDenied):
        office.perform(write, token=token, **at("p", "write"))


def test_a_policy_of_a_namespace_speaks_for_it_and_below(office: Any) -> None:
    for name in ("team", "team/sub", "other"):
        office.perform(CreateNamespace(name=name))
        office.perform(CreateKey(name="k", spec="xaes-256-gcm"), namespace=name)
    text = 'path "+/transit/encrypt/k" { capabilities = ["update"] }\n' + TEXT
    office.perform(WritePathPolicy(name="p", text=text), namespace="team")
    made = CreateToken(name="app", roles=["p"], orphan=True)
    token = office.perform(made, namespace="team").token
    for name in ("team", "team/sub"):
        assert office.perform(ENCRYPT, token=token, namespace=name, **ENCRYPTING).ciphertext
    stranger = office.token("p")
    with pytest.raises(PermissionDenied):
        office.perform(ENCRYPT, token=stranger, namespace="team", **ENCRYPTING)


def test_capabilities_are_those_of_the_token_that_is_named(office: Any) -> None:
    office.perform(WritePathPolicy(name="p", text=TEXT))
    made = office.perform(CreateToken(name="app", roles=["p"], orphan=True))
    paths = ["transit/encrypt/k", "x"]
    wanted = {"transit/encrypt/k": ["update"], "x": ["deny"]}
    for asked in ({"token": made.token}, {"accessor": made.info.accessor}):
        reply = office.perform(ShowCapabilities(paths=paths, **asked))
        assert reply.capabilities == wanted
    own = office.perform(ShowOwnCapabilities(paths=paths), token=made.token)
    assert own.capabilities == wanted
    assert office.perform(ShowOwnCapabilities(paths=["x"])).capabilities == {"x": ["root"]}
    for asked in ({}, {"token": "none"}, {"accessor": "none"}):
        with pytest.raises(InvalidRequest):
            office.perform(ShowCapabilities(paths=paths, **asked))


def test_capabilities_of_another_namespaces_token_are_not_told(office: Any) -> None:
    for name in ("team", "other"):
        office.perform(CreateNamespace(name=name))
    made = office.perform(CreateToken(name="app", orphan=True), namespace="other")
    for asked in ({"token": made.token}, {"accessor": made.info.accessor}):
        with pytest.raises(InvalidRequest):
            office.perform(ShowCapabilities(paths=["x"], **asked), namespace="team")


def test_rights_are_shown_with_their_bounds(office: Any) -> None:
    text = TEXT + 'path "a/+/b*" { capabilities = ["read"] min_wrapping_ttl = 9 }'
    office.perform(WritePathPolicy(name="p", text=text))
    rights = office.perform(ShowOwnRights(), token=office.token("p"))
    assert rights.exact["transit/encrypt/k"].capabilities == ["update"]
    assert rights.globs["cubbyhole/"].capabilities[0] == "create"
    assert rights.patterns["a/+/b*"].min_wrapping_ttl == 9
    assert office.perform(ShowOwnRights()).root


def test_a_token_is_in_no_audit_entry_of_its_capabilities(office: Any) -> None:
    token = office.token("p")
    office.perform(ShowCapabilities(paths=["x"], token=token))
    assert token.encode() not in office.log_bytes()


def test_passwords_are_made_by_a_policy_and_appear_nowhere_else(office: Any) -> None:
    office.perform(WritePasswordPolicy(name="db", text=DIGITS))
    assert office.perform(ShowPasswordPolicy(name="db")).text == DIGITS
    assert office.perform(ListPasswordPolicies()).names == ["db"]
    made = office.perform(GeneratePassword(name="db"))
    assert made.password.isdigit()
    assert len(made.password) == 8
    assert made.password not in repr(made)
    assert made.password.encode() not in office.log_bytes()
    own = office.house.store.read_now(lambda reader: generate_password(reader, "root", "db"))
    assert own.isdigit()
    office.perform(DeletePasswordPolicy(name="db"))
    for gone in (GeneratePassword(name="db"), ShowPasswordPolicy(name="db")):
        with pytest.raises(NotFound):
            office.perform(gone)
    with pytest.raises(InvalidRequest):
        office.house.store.read_now(lambda reader: generate_password(reader, "root", "db"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("length = 20", "no charset specified"),
        ('length = 0 rule "charset" { charset = "ab" }', "length must be > 0"),
        ('length = 3 rule "charset" { charset = "ab" }', "between 4 and 100"),
        ('length = 9 rule "charset" { charset = "a\\tb" }', "non-printable"),
        ('length = 9 rule "charset" { charset = "a" min-chars = 10 }', "at least 10"),
        ('length = 9 rule "charset" { charset = "a" min-chars = -1 }', "min-chars"),
        ('length = 9 rule "other" { charset = "a" }', "unrecognized rule type other"),
        (
            'length = 60 rule "charset" { charset = "abcdefgh" }\n'
            'rule "charset" { charset = "0" min-chars = 60 }',
            "unable to generate",
        ),
        ("length", "line 1, column 7"),
    ],
)
def test_a_policy_that_makes_no_passwords_is_not_written(
    shared_office: Any, text: str, problem: str
) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        shared_office.perform(WritePasswordPolicy(name="bad", text=text))
