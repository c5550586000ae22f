"""AppRoles and their secret identifiers."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import InvalidRequest, NotFound, Unauthenticated
from keystead.identity.credentials import fingerprint
from keystead.operations.identity import (
    CreateSecretId,
    CreateToken,
    DeleteAppRole,
    DestroySecretId,
    ListAppRoles,
    ListSecretIds,
    LoginAppRole,
    LookupSelf,
    ReapTokens,
    ShowAppRole,
    TokenLimits,
    WriteAppRole,
    WriteGroup,
)


def secret(desk: Any, name: str = "ci", **given: Any) -> Any:
    return desk.ask(CreateSecretId(name=name, **given))


def log_in(desk: Any, role: Any, secret_id: str = "", **given: Any) -> Any:
    return desk.ask(LoginAppRole(role_id=role.role_id, secret_id=secret_id), **given)


def fails(desk: Any, role: Any, secret_id: str = "", **given: Any) -> bool:
    try:
        log_in(desk, role, secret_id, **given)
    except Unauthenticated as refusal:
        return str(refusal) == "The log-in failed." and not refusal.details
    return False


def test_an_application_logs_in_and_is_its_approle(desk: Any) -> None:
    role = desk.approle(roles=["r"], limits=TokenLimits(ttl_seconds=60, max_uses=3))
    issued = log_in(desk, role, secret(desk).secret_id)
    principal = desk.who(issued.token)
    assert principal.name == "approle/ci"
    assert principal.roles == {"r"}
    assert principal.accessor == issued.info.accessor
    assert issued.info.uses_left == 3
    assert issued.info.expires_at == desk.now + 60
    assert issued.info.orphan
    assert desk.scope.details == {"principal": "approle/ci", "accessor": principal.accessor}


def test_every_failed_log_in_looks_the_same(desk: Any) -> None:
    role = desk.approle(secret_id_bound_cidrs=["10.0.0.0/8"], limits=TokenLimits())
    other = desk.approle("other")
    good = secret(desk).secret_id
    foreign = secret(desk, "other").secret_id
    expired = secret(desk, ttl_seconds=5).secret_id
    bound = secret(desk, bound_cidrs=["10.9.0.0/16"]).secret_id
    desk.now += 5
    for secret_id in ("", "x", good[:-1], good.upper(), foreign, expired, bound, "\x00", "é"):
        assert fails(desk, role, secret_id)
    assert fails(desk, role, good, source_ip="192.0.2.1")
    assert fails(desk, other, good)
    with pytest.raises(Unauthenticated, match=r"The log-in failed\."):
        desk.ask(LoginAppRole(role_id="unknown", secret_id=good))
    assert not fails(desk, role, good)
    assert not fails(desk, role, bound, source_ip="10.9.1.1")


def test_an_approle_of_another_namespace_does_not_log_in_here(desk: Any) -> None:
    desk.add_namespace("team")
    role = desk.approle()
    secret_id = secret(desk).secret_id
    assert fails(desk, role, secret_id, namespace="team")
    assert not fails(desk, role, secret_id)


def test_a_log_in_from_where_its_token_would_be_no_good_fails(desk: Any) -> None:
    role = desk.approle(limits=TokenLimits(bound_cidrs=["10.0.0.0/8"]))
    secret_id = secret(desk).secret_id
    assert fails(desk, role, secret_id, source_ip="192.0.2.1")
    issued = log_in(desk, role, secret_id)
    with pytest.raises(Unauthenticated):
        desk.who(issued.token, source_ip="192.0.2.1")


def test_a_secret_identifier_serves_exactly_its_uses_however_many_try_at_once(
    desk: Any, pool: Any
) -> None:
    role = desk.approle()
    secret_id = secret(desk, max_uses=7).secret_id
    failed = list(pool.map(lambda _: fails(desk, role, secret_id), range(40)))
    assert failed.count(False) == 7
    assert desk.ask(ListSecretIds(name="ci")).secret_ids == []


@pytest.mark.parametrize(
    ("asked", "limit", "gets"), [(0, 0, 0), (5, 0, 5), (0, 5, 5), (3, 5, 3), (9, 5, 5)]
)
def test_a_secret_identifier_may_have_less_than_its_approle_allows_but_not_more(
    desk: Any, asked: int, limit: int, gets: int
) -> None:
    desk.approle(secret_id_ttl_seconds=limit, secret_id_max_uses=limit)
    made = secret(desk, ttl_seconds=asked, max_uses=asked)
    assert made.max_uses == gets
    assert made.expires_at == (desk.now + gets if gets else None)


def test_secret_identifiers_are_listed_and_destroyed_by_accessor(desk: Any) -> None:
    role = desk.approle()
    desk.approle("other")
    first, second = secret(desk), secret(desk, max_uses=2)
    log_in(desk, role, second.secret_id)
    listed = {view.accessor: view for view in desk.ask(ListSecretIds(name="ci")).secret_ids}
    assert listed.keys() == {first.accessor, second.accessor}
    assert listed[second.accessor].uses_left == 1
    with pytest.raises(NotFound):
        desk.ask(DestroySecretId(name="other", accessor=first.accessor))
    desk.ask(DestroySecretId(name="ci", accessor=first.accessor))
    assert fails(desk, role, first.secret_id)
    assert not fails(desk, role, second.secret_id)


def test_expired_secret_identifiers_are_reaped(desk: Any) -> None:
    desk.approle()
    secret(desk, ttl_seconds=5)
    secret(desk)
    desk.now += 6
    desk.ask(ReapTokens())
    assert desk.scope.details == {"tokens": 0, "secret_ids": 1}


def test_an_approle_without_secret_identifiers_must_be_bound_to_networks(desk: Any) -> None:
    with pytest.raises(InvalidRequest):
        desk.approle(bind_secret_id=False)
    role = desk.approle(bind_secret_id=False, secret_id_bound_cidrs=["10.0.0.0/8"])
    assert not fails(desk, role)
    assert fails(desk, role, source_ip="192.0.2.1")
    role = desk.approle(bind_secret_id=False, limits=TokenLimits(bound_cidrs=["10.0.0.0/8"]))
    assert fails(desk, role, source_ip="192.0.2.1")


def test_deleting_an_approle_ends_its_tokens_their_children_and_its_secret_identifiers(
    desk: Any,
) -> None:
    role = desk.approle(roles=["r"])
    secret_id = secret(desk).secret_id
    token = log_in(desk, role, secret_id).token
    child = desk.ask(CreateToken(), token).token
    batch = desk.ask(CreateToken(token_kind="batch"), token).token
    tokens = (token, child, batch)
    for each in tokens:
        desk.who(each)
    desk.ask(DeleteAppRole(name="ci"))
    again = desk.approle(roles=["r"])
    for each in tokens:
        with pytest.raises(Unauthenticated):
            desk.who(each)
    assert again.role_id != role.role_id
    assert fails(desk, role, secret_id)
    assert fails(desk, again, secret_id)
    assert desk.token_count() == 1


def test_a_change_of_roles_holds_for_present_tokens_at_once(desk: Any) -> None:
    role = desk.approle(roles=["r"])
    token = log_in(desk, role, secret(desk).secret_id).token
    assert desk.who(token).roles == {"r"}
    assert desk.approle(roles=["s"]).role_id == role.role_id
    assert desk.who(token).roles == {"s"}
    assert desk.ask(LookupSelf(), token).roles == ["s"]


def test_writing_an_approle_with_roles_beyond_ones_own_needs_role_grant(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    assert desk.refused(WriteAppRole(name="x", roles=["b"]), alice).details["role"] == "b"
    desk.ask(WriteAppRole(name="x", roles=["a"]), alice)
    desk.ask(WriteGroup(name="g", members=["approle/x"], roles=["b"]))
    assert desk.refused(WriteAppRole(name="x", roles=["a"]), alice).details["role"] == "b"
    desk.permitted = {("role:grant", "role", "b")}
    desk.ask(WriteAppRole(name="x", roles=["a", "b"]), alice)


def test_approles_are_shown_and_listed(desk: Any) -> None:
    role = desk.approle(roles=["r"], limits=TokenLimits(period_seconds=9))
    desk.approle("another")
    assert desk.ask(ShowAppRole(name="ci")) == role
    assert desk.ask(ListAppRoles(limit=1)).names == ["another"]
    assert desk.ask(ListAppRoles(limit=1, after="another")).names == ["ci"]
    for operation in (ShowAppRole, DeleteAppRole, CreateSecretId, ListSecretIds):
        with pytest.raises(NotFound):
            desk.ask(operation(name="nobody"))


def test_a_secret_identifier_is_stored_as_its_hash_only(desk: Any) -> None:
    desk.approle()
    made = secret(desk)
    database = b"".join(path.read_bytes() for path in desk.store_files())
    assert made.secret_id.encode() not in database
    assert fingerprint(made.secret_id).encode() in database
    assert made.secret_id not in repr(made)
    assert made.secret_id not in repr(LoginAppRole(role_id="r", secret_id=made.secret_id))
