"""Tokens: what each may do, how long, and what it may make."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, Unauthenticated
from keystead.identity.credentials import fingerprint
from keystead.operations.identity import (
    CreateToken,
    ListTokens,
    LookupSelf,
    LookupToken,
    ReapTokens,
    RenewSelf,
    RenewToken,
    RevokeSelf,
    RevokeToken,
    TokenLimits,
    WriteGroup,
    WriteRole,
    WriteUser,
)
from keystead.services.identity.issuing import DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS

DAY = 86_400


def is_dead(desk: Any, token: str, **given: Any) -> bool:
    try:
        desk.who(token, **given)
    except Unauthenticated as refusal:
        return str(refusal) == "Not authenticated" and not refusal.details
    return False


def make(desk: Any, token: str | None = None, **given: Any) -> Any:
    limits = TokenLimits(**given.pop("limits", {}))
    return desk.ask(CreateToken(limits=limits, **given), token)


def test_the_root_token_is_root_without_end_and_only_its_hash_is_stored(desk: Any) -> None:
    principal = desk.who(desk.root)
    assert principal.root
    assert principal.expires_at is None
    assert principal.name == "root"
    database = b"".join(p.read_bytes() for p in desk.store_files())
    assert desk.root.encode() not in database
    assert fingerprint(desk.root).encode() in database


def test_a_development_server_may_choose_its_root_token(desk: Any) -> None:
    desk.store.write_now(lambda tx: desk.authenticator.issue_root(tx, token="r"))
    assert desk.who("r").root


@pytest.mark.parametrize("text", ["kst_short", "ksb_" + "A" * 60])
def test_a_chosen_root_token_cannot_pass_for_a_made_one(desk: Any, text: str) -> None:
    with pytest.raises(InvalidRequest):
        desk.store.write_now(lambda tx: desk.authenticator.issue_root(tx, token=text))


@pytest.mark.parametrize(
    ("limits", "lives", "at_most"),
    [
        ({}, DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS),
        ({"ttl_seconds": 60}, 60, MAX_TTL_SECONDS),
        ({"ttl_seconds": 60, "max_ttl_seconds": 90}, 60, 90),
        ({"ttl_seconds": 600, "max_ttl_seconds": 90}, 90, 90),
        ({"ttl_seconds": 365 * DAY}, MAX_TTL_SECONDS, MAX_TTL_SECONDS),
        ({"max_ttl_seconds": 365 * DAY}, DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS),
        ({"period_seconds": 50}, 50, None),
        ({"period_seconds": 50, "ttl_seconds": 900}, 50, None),
        ({"period_seconds": 365 * DAY}, MAX_TTL_SECONDS, None),
    ],
)
def test_lifetimes_follow_the_limits_and_never_exceed_the_servers(
    desk: Any, limits: Any, lives: int, at_most: int | None
) -> None:
    made = make(desk, name="t", limits=limits)
    assert made.info.expires_at == desk.now + lives
    assert made.info.max_expires_at == (None if at_most is None else desk.now + at_most)
    assert desk.who(made.token).expires_at == desk.now + lives
    desk.now += lives - 1
    assert not is_dead(desk, made.token)
    desk.now += 1
    assert is_dead(desk, made.token)


@pytest.mark.parametrize(
    ("limits", "wait", "increment", "then_lives"),
    [
        ({"ttl_seconds": 60}, 50, 0, 60),
        ({"ttl_seconds": 60}, 50, 30, 30),
        ({"ttl_seconds": 60, "max_ttl_seconds": 90}, 50, 0, 40),
        ({"ttl_seconds": 60, "max_ttl_seconds": 90}, 50, 3600, 40),
        ({"period_seconds": 60}, 50, 0, 60),
        ({"period_seconds": 60}, 50, 9999, 60),
    ],
)
def test_renewal_sets_the_lifetime_anew_but_not_beyond_the_maximum(
    desk: Any, limits: Any, wait: int, increment: int, then_lives: int
) -> None:
    made = make(desk, name="t", limits=limits)
    desk.who(made.token)
    desk.now += wait
    renewed = desk.ask(RenewSelf(increment_seconds=increment), made.token)
    assert renewed.expires_at == desk.now + then_lives
    assert desk.who(made.token).expires_at == desk.now + then_lives
    desk.now += then_lives
    assert is_dead(desk, made.token)
    with pytest.raises(NotFound):
        desk.ask(RenewToken(accessor=made.info.accessor))


def test_a_period_token_lives_for_as_long_as_it_is_renewed(desk: Any) -> None:
    made = make(desk, name="t", orphan=True, limits={"period_seconds": DAY})
    for _ in range(100):
        desk.now += DAY - 1
        desk.ask(RenewSelf(), made.token)
    assert not is_dead(desk, made.token)


def test_a_token_without_an_end_is_not_renewed(desk: Any) -> None:
    with pytest.raises(Conflict):
        desk.ask(RenewSelf())


def test_tokens_are_looked_up_by_accessor_and_by_themselves_alike(desk: Any) -> None:
    made = make(desk, name="t", roles=["b", "a"], limits={"ttl_seconds": 60})
    assert desk.ask(LookupSelf(), made.token) == made.info
    assert desk.ask(LookupToken(accessor=made.info.accessor)) == made.info
    assert made.info.principal == "token/t"
    assert made.info.roles == ["a", "b"]
    assert made.info.parent == desk.ask(LookupSelf()).accessor
    assert not made.info.orphan
    assert made.info.renewable


def test_listing_shows_the_tokens_of_the_namespace_that_hold(desk: Any) -> None:
    desk.add_namespace("team")
    kept = make(desk, name="kept", limits={"ttl_seconds": 60})
    make(desk, name="short", limits={"ttl_seconds": 6})
    desk.ask(CreateToken(name="elsewhere"), namespace="team")
    desk.now += 10
    found = []
    after = ""
    while True:
        page = desk.ask(ListTokens(limit=1, after=after))
        found += page.tokens
        after = page.next
        if not after:
            break
    assert {token.principal for token in found} == {"root", "token/kept"}
    assert kept.info in found


def test_a_token_of_another_namespace_is_not_found_by_its_accessor(desk: Any) -> None:
    desk.add_namespace("team")
    made = make(desk, name="t")
    for operation in (LookupToken, RenewToken, RevokeToken):
        with pytest.raises(NotFound):
            desk.ask(operation(accessor=made.info.accessor), namespace="team")
    assert not is_dead(desk, made.token)


# --- parents and children ---------------------------------------------------------------


def chain(desk: Any, length: int, **limits: Any) -> list[Any]:
    """Each is a child of the one before; the first is an orphan."""
    line = [make(desk, name="t", roles=["r"], orphan=True, limits=limits)]
    while len(line) < length:
        line.append(make(desk, line[-1].token))
    return line


def test_revoking_a_token_ends_all_below_it_at_once_and_nothing_above(desk: Any) -> None:
    line = chain(desk, 6)
    batch = make(desk, line[4].token, token_kind="batch")
    side = make(desk, line[1].token)
    for made in (*line, batch, side):
        desk.who(made.token)
    count = desk.token_count()
    desk.ask(RevokeToken(accessor=line[2].info.accessor))
    assert desk.token_count() == count - 4
    assert [is_dead(desk, made.token) for made in line] == [False, False, True, True, True, True]
    assert is_dead(desk, batch.token)
    assert not is_dead(desk, side.token)


def test_a_child_ends_when_its_parent_expires_even_if_it_was_to_live_longer(desk: Any) -> None:
    line = chain(desk, 3, ttl_seconds=60)
    batch = make(desk, line[2].token, token_kind="batch")
    for made in (*line, batch):
        assert desk.who(made.token).expires_at == desk.now + 60
    desk.now += 60
    with pytest.raises(NotFound):
        desk.ask(LookupToken(accessor=line[2].info.accessor))
    assert all(is_dead(desk, made.token) for made in (*line, batch))


def test_a_child_lives_on_when_its_parent_is_renewed(desk: Any) -> None:
    line = chain(desk, 2, ttl_seconds=60)
    desk.who(line[1].token)
    desk.now += 50
    desk.ask(RenewSelf(), line[0].token)
    desk.now += 50
    assert not is_dead(desk, line[1].token)


def test_reaping_deletes_expired_tokens_with_all_below_them_and_no_others(desk: Any) -> None:
    line = chain(desk, 4, ttl_seconds=60)
    other = make(desk, name="other", limits={"ttl_seconds": 100})
    before = desk.token_count()
    desk.now += 61
    desk.ask(ReapTokens())
    assert desk.token_count() == before - len(line)
    assert not is_dead(desk, other.token)


def test_orphaned_children_live_on_with_the_roles_they_had(desk: Any) -> None:
    parent, child, grandchild = chain(desk, 3)
    desk.ask(RevokeToken(accessor=parent.info.accessor, orphan_children=True))
    assert is_dead(desk, parent.token)
    assert desk.who(child.token).roles == {"r"}
    assert desk.who(grandchild.token).roles == {"r"}
    assert desk.ask(LookupSelf(), child.token).orphan


def test_revoking_oneself_ends_oneself_and_ones_children(desk: Any) -> None:
    parent, child = chain(desk, 2)
    desk.ask(RevokeSelf(), parent.token)
    assert is_dead(desk, parent.token)
    assert is_dead(desk, child.token)


def test_generations_are_bounded(desk: Any) -> None:
    token = make(desk, name="t", orphan=True).token
    for _ in range(32):
        token = make(desk, token).token
    with pytest.raises(Conflict):
        make(desk, token)


# --- batch tokens -----------------------------------------------------------------------


def test_a_batch_token_is_not_stored_and_holds_until_its_end(desk: Any) -> None:
    before = desk.token_count()
    made = make(desk, name="t", roles=["r"], token_kind="batch", limits={"ttl_seconds": 60})
    assert desk.token_count() == before
    assert made.token.startswith("ksb_")
    assert made.info.kind == "batch"
    assert desk.who(made.token).roles == {"r"}
    assert desk.ask(LookupSelf(), made.token) == made.info
    desk.now += 60
    assert is_dead(desk, made.token)


def test_a_batch_token_is_neither_renewed_nor_revoked_nor_a_parent(desk: Any) -> None:
    made = make(desk, name="t", token_kind="batch")
    for operation in (RenewSelf(), RevokeSelf(), CreateToken()):
        with pytest.raises(Conflict):
            desk.ask(operation, made.token)
    assert not is_dead(desk, made.token)


@pytest.mark.parametrize(
    "given",
    [
        {"limits": {"max_uses": 1}},
        {"limits": {"period_seconds": 60}},
        {"name": None},
        {"roles": [f"{n:0>128}" for n in range(64)]},
    ],
)
def test_what_a_batch_token_cannot_be_is_refused(desk: Any, given: Any) -> None:
    with pytest.raises(InvalidRequest):
        make(desk, **{"name": "t", "token_kind": "batch", **given})


def test_an_unknown_kind_of_token_is_refused(desk: Any) -> None:
    with pytest.raises(InvalidRequest):
        make(desk, name="t", token_kind="bach")


def test_a_batch_token_with_any_character_changed_is_refused(desk: Any) -> None:
    token = make(desk, name="t", token_kind="batch").token
    for at in range(4, len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert is_dead(desk, changed)
    for changed in (token + "=", token + "A", token[:-1], token + "\n", "ksb_", token + "\ud800"):
        assert is_dead(desk, changed)


# --- who gets which roles ---------------------------------------------------------------


def test_a_child_for_the_caller_itself_has_what_the_caller_has(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    child = make(desk, alice)
    assert child.info.principal == "user/alice"
    assert desk.who(child.token).roles == {"a"}
    desk.ask(WriteUser(name="alice", roles=["a", "b"]))
    assert desk.who(child.token).roles == {"a", "b"}
    desk.ask(WriteUser(name="alice", roles=[]))
    assert desk.who(child.token).roles == frozenset()


def test_a_child_may_have_fewer_roles_than_its_parent(desk: Any) -> None:
    alice = desk.user("alice", ["a", "b"])
    desk.ask(WriteGroup(name="g", members=["user/alice"], roles=["c"]))
    child = make(desk, alice, roles=["a"])
    principal = desk.who(child.token)
    assert principal.roles == {"a"}
    assert principal.groups == frozenset()
    grandchild = make(desk, child.token)
    assert desk.who(grandchild.token).roles == {"a"}
    assert desk.who(grandchild.token).groups == frozenset()
    desk.permitted = {("token:create-orphan", "token", "")}
    orphan = desk.who(make(desk, grandchild.token, orphan=True).token)
    assert (orphan.roles, orphan.groups) == ({"a"}, frozenset())


def test_a_role_beyond_the_callers_own_needs_role_grant_on_it(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    assert desk.refused(CreateToken(roles=["a", "b"]), alice).details["role"] == "b"
    desk.permitted = {("role:grant", "role", "c")}
    desk.refused(CreateToken(roles=["b"]), alice)
    desk.permitted = {("role:grant", "role", "b")}
    assert desk.who(make(desk, alice, roles=["a", "b"]).token).roles == {"a", "b"}


def test_a_role_that_includes_one_beyond_the_callers_own_needs_role_grant_on_that(
    desk: Any,
) -> None:
    desk.ask(WriteRole(name="wide", includes=["secret"]))
    alice = desk.user("alice", ["a"])
    desk.permitted = {("role:grant", "role", "wide")}
    assert desk.refused(CreateToken(roles=["wide"]), alice).details["role"] == "secret"


def test_roles_granted_to_a_child_do_not_grow_with_what_they_include_later(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    desk.permitted = {("role:grant", "role", "b")}
    child = make(desk, alice, roles=["b"])
    desk.ask(WriteRole(name="b", includes=["everything"]))
    assert desk.who(child.token).roles == {"b"}


def test_a_child_loses_the_roles_that_its_parent_loses(desk: Any) -> None:
    alice = desk.user("alice", ["a", "b"])
    child = make(desk, alice, roles=["a"])
    assert desk.who(child.token).roles == {"a"}
    desk.ask(WriteUser(name="alice", roles=["b"]))
    assert desk.who(child.token).roles == frozenset()


def test_a_name_of_another_principal_needs_a_permission(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    desk.refused(CreateToken(name="deploy"), alice)
    desk.permitted = {("token:create-named", "token", "other")}
    desk.refused(CreateToken(name="deploy"), alice)
    desk.permitted = {("token:create-named", "token", "deploy")}
    assert desk.who(make(desk, alice, name="deploy").token).name == "token/deploy"


def test_a_name_does_not_bring_the_roles_of_its_groups_unless_they_may_be_granted(
    desk: Any,
) -> None:
    desk.ask(WriteGroup(name="g", members=["token/deploy"], roles=["b"]))
    alice = desk.user("alice", ["a"])
    desk.permitted = {("token:create-named", "token", "deploy")}
    assert desk.refused(CreateToken(name="deploy"), alice).details["role"] == "b"
    desk.permitted.add(("role:grant", "role", "b"))
    principal = desk.who(make(desk, alice, name="deploy", roles=["a"]).token)
    assert principal.roles == {"a", "b"}
    assert principal.groups == {"g"}


def test_an_orphan_needs_a_permission_and_outlives_its_maker(desk: Any) -> None:
    alice = desk.user("alice", ["a"], limits=TokenLimits(bound_cidrs=["10.0.0.0/8"]))
    desk.refused(CreateToken(orphan=True), alice)
    desk.permitted = {("token:create-orphan", "token", "")}
    orphan = make(desk, alice, orphan=True)
    desk.refused(CreateToken(orphan=True, roles=["b"]), alice)
    desk.ask(RevokeSelf(), alice)
    assert desk.who(orphan.token).roles == {"a"}
    assert is_dead(desk, orphan.token, source_ip="192.0.2.1")
    assert orphan.info.orphan


def test_children_set_free_stay_bound_to_their_parents_networks(desk: Any) -> None:
    parent = make(desk, name="t", limits={"bound_cidrs": ["10.0.0.0/8"]})
    child = make(desk, parent.token)
    desk.ask(RevokeToken(accessor=parent.info.accessor, orphan_children=True))
    assert not is_dead(desk, child.token)
    assert is_dead(desk, child.token, source_ip="192.0.2.1")


def test_setting_children_free_needs_the_permission_for_orphans(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    child = make(desk, alice)
    parent = desk.ask(LookupSelf(), alice).accessor
    desk.refused(RevokeToken(accessor=parent, orphan_children=True), alice)
    assert not is_dead(desk, child.token)


def test_root_begets_root_for_itself_only(desk: Any) -> None:
    assert desk.who(make(desk).token).root
    narrowed = desk.who(make(desk, roles=["a"]).token)
    assert not narrowed.root
    assert narrowed.name.startswith("token/")
    named = desk.who(make(desk, name="t").token)
    assert not named.root
    assert named.roles == frozenset()


def test_roles_of_another_namespace_are_other_roles(desk: Any) -> None:
    desk.add_namespace("team")
    alice = desk.user("alice", ["a"])
    desk.permitted = {("token:create-named", "token", "t")}
    for roles in (["a"], None):
        operation = CreateToken(name="t", roles=roles)
        if roles:
            desk.refused(operation, alice, namespace="team")
        else:
            made = desk.ask(operation, alice, namespace="team")
            assert desk.who(made.token, "team").roles == frozenset()
            assert made.info.roles == []
    with pytest.raises(InvalidRequest):
        desk.ask(CreateToken(), alice, namespace="team")
    with pytest.raises(InvalidRequest):
        desk.ask(CreateToken(), namespace="team")


# --- where and how often ----------------------------------------------------------------


def test_a_token_is_good_in_its_namespace_and_below_only(desk: Any) -> None:
    team = desk.add_namespace("team")
    desk.add_namespace("team/sub", team)
    desk.add_namespace("other")
    made = desk.ask(CreateToken(name="t", roles=["r"]), namespace="team")
    for _ in range(2):
        assert desk.who(made.token, "team").namespace == team
        assert desk.who(made.token, "team/sub").roles == {"r"}
        for elsewhere in ("", "other", "nowhere"):
            assert is_dead(desk, made.token, namespace=elsewhere)
        assert desk.who(desk.root, "team").root


@pytest.mark.parametrize(
    ("cidrs", "source_ip", "good"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.8", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "10.0.0.1", False),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        (["0.0.0.0/0"], "", False),
        (["0.0.0.0/0"], "not an address", False),
        ([], "", True),
    ],
)
def test_a_bound_token_is_good_from_its_networks_only(
    desk: Any, cidrs: list[str], source_ip: str, good: bool
) -> None:
    made = make(desk, name="t", limits={"bound_cidrs": cidrs})
    child = make(desk, made.token) if good and source_ip == "10.0.0.1" else made
    for _ in range(2):
        assert is_dead(desk, made.token, source_ip=source_ip) is not good
        assert is_dead(desk, child.token, source_ip=source_ip) is not good


def test_a_child_is_bound_to_its_parents_networks_too(desk: Any) -> None:
    parent = make(desk, name="t", limits={"bound_cidrs": ["10.0.0.0/8"]})
    child = make(desk, parent.token, limits={"bound_cidrs": ["0.0.0.0/0"]})
    batch = make(desk, parent.token, token_kind="batch")
    for made in (child, batch):
        assert not is_dead(desk, made.token, source_ip="10.9.9.9")
        assert is_dead(desk, made.token, source_ip="192.0.2.1")


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "10.0.0.0/33", "x", "", "10.0.0.0/8 ", "1/1/1"])
def test_what_is_not_a_network_is_refused(desk: Any, cidr: str) -> None:
    with pytest.raises(InvalidRequest):
        make(desk, name="t", limits={"bound_cidrs": [cidr]})


def test_a_token_of_limited_uses_serves_exactly_so_many_requests(desk: Any, pool: Any) -> None:
    made = make(desk, name="t", limits={"max_uses": 10})
    assert made.info.uses_left == 10
    served = list(pool.map(lambda _: not is_dead(desk, made.token), range(40)))
    assert served.count(True) == 10
    assert is_dead(desk, made.token)


def test_the_last_use_can_still_look_at_itself(desk: Any) -> None:
    made = make(desk, name="t", limits={"max_uses": 2})
    assert desk.ask(LookupSelf(), made.token).uses_left == 1
    assert desk.ask(LookupSelf(), made.token).uses_left == 0
    with pytest.raises(Unauthenticated):
        desk.ask(LookupSelf(), made.token)
    with pytest.raises(NotFound):
        desk.ask(LookupToken(accessor=made.info.accessor))


def test_a_spent_token_is_reaped_soon_after(desk: Any) -> None:
    made = make(desk, name="t", limits={"max_uses": 1})
    desk.ask(LookupSelf(), made.token)
    before = desk.token_count()
    desk.ask(ReapTokens())
    assert desk.token_count() == before
    desk.now += 61
    desk.ask(ReapTokens())
    assert desk.token_count() == before - 1


def test_a_token_of_limited_uses_has_no_children(desk: Any) -> None:
    made = make(desk, name="t", limits={"max_uses": 5})
    with pytest.raises(Conflict):
        make(desk, made.token)


def test_a_token_of_limited_uses_is_never_known_without_storage(desk: Any) -> None:
    made = make(desk, name="t", limits={"max_uses": 5})
    call = desk.call(made.token)
    for _ in range(5):
        desk.store.read_now(lambda reader: desk.authenticator.authenticate(call, reader))
        assert desk.authenticator.cached(call) is None
        desk.store.write_now(lambda tx: desk.authenticator.spend_use(call, tx))
    with pytest.raises(Unauthenticated):
        desk.store.read_now(lambda reader: desk.authenticator.authenticate(call, reader))


# --- nothing leaks ----------------------------------------------------------------------


def test_no_token_is_in_a_repr_an_exception_or_the_database(desk: Any) -> None:
    made = make(desk, name="t", roles=["r"])
    operation = CreateToken(name="t")
    assert made.token not in repr(made)
    assert made.token not in repr(desk.call(made.token))
    assert "t" not in repr(operation).replace("CreateToken", "")
    desk.ask(RevokeSelf(), made.token)
    with pytest.raises(Unauthenticated) as refusal:
        desk.who(made.token)
    assert made.token not in repr(refusal.value)
    assert made.token not in str(refusal.value.details)
    assert made.token not in str(desk.scope.details)
    database = b"".join(path.read_bytes() for path in desk.store_files())
    assert made.token.encode() not in database


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "kst_",
        "kst_" + "A" * 48,
        "kst_" + "é" * 48,
        "ksb_é",
        "\ud800",
        "\x00",
        "x" * 99_999,
    ],
)
def test_hostile_texts_are_just_not_authenticated(desk: Any, text: str) -> None:
    for _ in range(2):
        assert is_dead(desk, text)


def test_permission_denied_names_the_role_but_no_secret(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    with pytest.raises(PermissionDenied) as denied:
        make(desk, alice, roles=["b"])
    assert alice not in repr(denied.value)
