"""Entities in the corridor: nobody gains by them what it could not be given otherwise."""

from __future__ import annotations

import time
from typing import Any

import pytest

from keystead.crypto.totp import Totp, decode_key, parse_url
from keystead.errors import PermissionDenied, Unauthenticated
from keystead.operations.entities import (
    MergeEntities,
    ShowEntity,
    WriteEntity,
    WriteEntityAlias,
    WriteGroupAlias,
    WriteIdentityGroup,
)
from keystead.operations.identity import CreateToken, LoginUser, LookupSelf, WriteUser
from keystead.operations.keys import ListKeys
from keystead.operations.mfa import (
    GenerateMfaSecret,
    MfaMethod,
    ValidateMfa,
    WriteMfaEnforcement,
    WriteMfaMethod,
)
from keystead.operations.mounts import CreateMount
from keystead.operations.policies import WritePolicy

PASSWORD = "correct horse battery"


def mounted(office: Any) -> str:
    """The accessor of a new mount ``auth/userpass`` with the user ``ann``."""
    mount = office.perform(CreateMount(path="auth/userpass", type="userpass"))
    office.run(office.house.feed.catch_up())
    office.perform(WriteUser(name="ann", password=PASSWORD))
    return str(mount.accessor)


def login(office: Any) -> Any:
    return office.perform(LoginUser(name="ann", password=PASSWORD), token="")


def writer(office: Any) -> str:
    """A token that may write everything about entities, but give no role."""
    text = "".join(
        f'permit(principal in Role::"clerk", action == Action::"{action}",'
        " resource);"
        for action in ("entity:write", "entity:merge", "entity-alias:write",
                       "identity-group:write", "group-alias:write")
    )  # fmt: skip
    office.perform(WritePolicy(name="clerk", text=text))
    return str(office.token("clerk", name="clerk"))


def test_giving_roles_by_entities_and_groups_needs_the_right_to_give_them(office: Any) -> None:
    accessor, token = mounted(office), writer(office)
    strong = office.perform(WriteEntity(name="strong", roles=["admin"])).id
    weak = office.perform(WriteEntity(name="weak")).id
    group = office.perform(WriteIdentityGroup(name="admins", roles=["admin"])).id
    external = office.perform(WriteIdentityGroup(name="theirs", roles=["admin"], external=True)).id
    office.perform(WriteEntity(name="fine", roles=["clerk"]), token=token)
    for refused in (
        WriteEntity(name="weak", roles=["admin"]),
        WriteIdentityGroup(name="mine", roles=["admin"]),
        WriteIdentityGroup(name="admins", member_entity_ids=[weak]),
        WriteEntityAlias(name="ann", mount_accessor=accessor, entity_id=strong),
        MergeEntities(into=weak, ids=[strong]),
        MergeEntities(into=strong, ids=[weak]),
        WriteGroupAlias(name="x", mount_accessor=accessor, group_id=external),
    ):
        with pytest.raises(PermissionDenied):
            office.perform(refused, token=token)
    inner = office.perform(WriteIdentityGroup(name="inner")).id
    office.perform(WriteIdentityGroup(id=group, member_group_ids=[inner]))
    with pytest.raises(PermissionDenied):  # the roles of groups above count too
        office.perform(WriteIdentityGroup(id=inner, member_entity_ids=[weak]), token=token)


def test_a_narrowed_token_has_not_what_the_entity_gives(office: Any) -> None:
    mounted(office)
    issued = login(office)
    text = 'permit(principal in Role::"key-admin", action == Action::"token:create", resource);'
    office.perform(WritePolicy(name="children", text=text))
    office.perform(WriteEntity(id=issued.info.entity_id, roles=["key-admin"]))
    assert office.perform(ListKeys(), token=issued.token) is not None
    whole = office.perform(CreateToken(), token=issued.token).token
    assert office.perform(LookupSelf(), token=whole).entity_id == issued.info.entity_id
    office.perform(ListKeys(), token=whole)
    narrowed = office.perform(CreateToken(roles=[]), token=issued.token).token
    with pytest.raises(PermissionDenied):
        office.perform(ListKeys(), token=narrowed)


def test_what_happens_to_an_entity_reaches_other_workers(two_offices: Any) -> None:
    first, second = two_offices
    mounted(first)
    issued = login(first)
    entity = issued.info.entity_id
    with pytest.raises(PermissionDenied):
        second.perform(ListKeys(), token=issued.token)
    group = first.perform(
        WriteIdentityGroup(name="g", roles=["key-admin"], member_entity_ids=[entity])
    ).id
    second.perform(ListKeys(), token=issued.token)
    first.perform(WriteIdentityGroup(id=group, member_entity_ids=[]))
    with pytest.raises(PermissionDenied):
        second.perform(ListKeys(), token=issued.token)
    first.perform(WriteEntity(id=entity, disabled=True))
    with pytest.raises(Unauthenticated):
        second.perform(ListKeys(), token=issued.token)
    first.perform(WriteEntity(id=entity, disabled=False))
    with pytest.raises(PermissionDenied):
        second.perform(ListKeys(), token=issued.token)


def test_policies_can_ask_for_a_second_factor(office: Any) -> None:
    accessor = mounted(office)
    text = 'permit(principal, action == Action::"key:list", resource) when { context.mfa };'
    office.perform(WritePolicy(name="two", text=text))
    plain = login(office)
    with pytest.raises(PermissionDenied):
        office.perform(ListKeys(), token=plain.token)
    method = office.perform(WriteMfaMethod(method=MfaMethod(issuer="I"))).id
    made = office.perform(GenerateMfaSecret(method_id=method, entity_id=plain.info.entity_id))
    office.perform(WriteMfaEnforcement(name="e", method_ids=[method], accessors=[accessor]))
    waiting = login(office)
    assert waiting.token == ""
    code = Totp(key=decode_key(parse_url(made.url).secret)).code(time.time())
    done = office.perform(
        ValidateMfa(request_id=waiting.mfa.request_id, codes={method: [code]}), token=""
    )
    office.perform(ListKeys(), token=done.token)
    assert code.encode() not in office.log_bytes()


def test_a_log_in_waits_five_minutes_and_no_longer(office: Any) -> None:
    accessor = mounted(office)
    entity = login(office).info.entity_id
    method = office.perform(WriteMfaMethod(method=MfaMethod(issuer="I"))).id
    made = office.perform(GenerateMfaSecret(method_id=method, entity_id=entity))
    office.perform(WriteMfaEnforcement(name="e", method_ids=[method], accessors=[accessor]))
    waiting = login(office)
    office.now = time.time() + 301
    code = Totp(key=decode_key(parse_url(made.url).secret)).code(office.now)
    with pytest.raises(Exception, match="invalid request ID"):
        office.perform(
            ValidateMfa(request_id=waiting.mfa.request_id, codes={method: [code]}), token=""
        )


def test_a_demand_on_an_entity_holds_for_the_one_that_takes_it_in(office: Any) -> None:
    mounted(office)
    entity = login(office).info.entity_id
    method = office.perform(WriteMfaMethod(method=MfaMethod(issuer="I"))).id
    office.perform(WriteMfaEnforcement(name="e", method_ids=[method], entity_ids=[entity]))
    into = office.perform(WriteEntity(name="into")).id
    office.perform(MergeEntities(into=into, ids=[entity]))
    waiting = login(office)
    assert (waiting.token, waiting.info.entity_id) == ("", into)


def test_guesses_of_a_second_factor_must_wait(office: Any) -> None:
    accessor = mounted(office)
    entity = login(office).info.entity_id
    method = office.perform(WriteMfaMethod(method=MfaMethod(issuer="I"))).id
    office.perform(GenerateMfaSecret(method_id=method, entity_id=entity))
    office.perform(WriteMfaEnforcement(name="e", method_ids=[method], accessors=[accessor]))
    request = login(office).mfa.request_id
    refusals = []
    for _ in range(7):
        with pytest.raises(Exception, match=r".") as refused:
            office.perform(ValidateMfa(request_id=request, codes={method: ["abcdef"]}), token="")
        refusals.append(type(refused.value).__name__)
    assert refusals[:5] == ["PermissionDenied"] * 5
    assert "Overloaded" in refusals[5:]


def test_an_entity_is_shown_by_its_alias(office: Any) -> None:
    accessor = mounted(office)
    entity = login(office).info.entity_id
    shown = office.perform(ShowEntity(alias_name="ann", alias_mount_accessor=accessor))
    assert shown.id == entity
