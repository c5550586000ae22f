"""Roles, what they include, and groups."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import InvalidRequest, NotFound
from keystead.operations.identity import (
    DeleteGroup,
    DeleteRole,
    ListGroups,
    ListRoles,
    ShowGroup,
    WriteGroup,
    WriteRole,
)


def test_who_has_a_role_has_all_that_it_includes(desk: Any) -> None:
    token = desk.user("alice", ["a"])
    assert desk.who(token).roles == {"a"}
    desk.ask(WriteRole(name="a", includes=["b", "c"]))
    desk.ask(WriteRole(name="b", includes=["d"]))
    assert desk.who(token).roles == {"a", "b", "c", "d"}
    desk.ask(WriteRole(name="a", includes=["c"]))
    assert desk.who(token).roles == {"a", "c"}
    desk.ask(DeleteRole(name="a"))
    assert desk.who(token).roles == {"a"}


def test_roles_that_include_each_other_do_no_harm(desk: Any) -> None:
    token = desk.user("alice", ["a"])
    desk.ask(WriteRole(name="a", includes=["b", "a"]))
    desk.ask(WriteRole(name="b", includes=["a"]))
    assert desk.who(token).roles == {"a", "b"}


def test_members_have_their_groups_roles_from_the_moment_they_are_members(desk: Any) -> None:
    alice, bob = desk.user("alice", ["a"]), desk.user("bob")
    desk.ask(WriteRole(name="ops", includes=["read"]))
    assert desk.who(alice).roles == {"a"}
    desk.ask(WriteGroup(name="g", members=["user/alice"], roles=["ops"]))
    assert desk.who(alice).roles == {"a", "ops", "read"}
    assert desk.who(alice).groups == {"g"}
    assert desk.who(bob).roles == frozenset()
    desk.ask(WriteGroup(name="g", members=["user/bob"], roles=["ops"]))
    assert desk.who(alice).roles == {"a"}
    assert desk.who(bob).groups == {"g"}
    desk.ask(WriteGroup(name="g", members=["user/bob"], roles=[]))
    assert desk.who(bob).roles == frozenset()
    assert desk.who(bob).groups == {"g"}
    desk.ask(DeleteGroup(name="g"))
    assert desk.who(bob).groups == frozenset()


def test_a_group_made_anew_has_no_old_members(desk: Any) -> None:
    alice = desk.user("alice")
    desk.ask(WriteGroup(name="g", members=["user/alice"], roles=["r"]))
    desk.ask(DeleteGroup(name="g"))
    desk.ask(WriteGroup(name="g", roles=["r"]))
    assert desk.who(alice).roles == frozenset()


def test_groups_and_roles_of_another_namespace_are_other_ones(desk: Any) -> None:
    desk.add_namespace("team")
    alice = desk.user("alice", ["a"])
    desk.ask(WriteGroup(name="g", members=["user/alice"], roles=["b"]), namespace="team")
    desk.ask(WriteRole(name="a", includes=["c"]), namespace="team")
    assert desk.who(alice).roles == {"a"}
    assert desk.who(alice, "team").roles == {"a"}


def test_writing_a_group_with_roles_beyond_ones_own_needs_role_grant(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    write = WriteGroup(name="g", members=["user/alice"], roles=["b"])
    assert desk.refused(write, alice).details["role"] == "b"
    desk.ask(WriteRole(name="inner", includes=["b"]))
    desk.permitted = {("role:grant", "role", "inner")}
    assert desk.refused(WriteGroup(name="g", roles=["inner"]), alice).details["role"] == "b"
    desk.permitted = {("role:grant", "role", "b")}
    desk.ask(write, alice)
    assert desk.who(alice).roles == {"a", "b"}


def test_writing_a_role_that_includes_roles_beyond_ones_own_needs_role_grant(desk: Any) -> None:
    alice = desk.user("alice", ["a"])
    write = WriteRole(name="a", includes=["b"])
    assert desk.refused(write, alice).details["role"] == "b"
    desk.ask(WriteRole(name="x", includes=["a"]), alice)
    desk.permitted = {("role:grant", "role", "b")}
    desk.ask(write, alice)


def test_ones_roles_count_in_ones_own_namespace_only(desk: Any) -> None:
    desk.add_namespace("team")
    alice = desk.user("alice", ["a"])
    desk.refused(WriteGroup(name="g", roles=["a"]), alice, namespace="team")


def test_groups_and_roles_are_shown_and_listed(desk: Any) -> None:
    group = desk.ask(WriteGroup(name="g", members=["user/b", "user/a"], roles=["r"]))
    assert group.members == ["user/a", "user/b"]
    assert desk.ask(ShowGroup(name="g")) == group
    desk.ask(WriteGroup(name="g2", members=["user/c"]))
    page = desk.ask(ListGroups(limit=1))
    assert (page.groups, page.next) == ([group], "g")
    role = desk.ask(WriteRole(name="r", description="d", includes=["s"]))
    assert desk.ask(ListRoles()).roles == [role]
    for operation in (ShowGroup(name="x"), DeleteGroup(name="x"), DeleteRole(name="x")):
        with pytest.raises(NotFound):
            desk.ask(operation)


@pytest.mark.parametrize(
    "member", ["", "alice", "/", "user/", "/alice", "user/\n", "u/" + "x" * 300]
)
def test_what_is_not_a_principals_name_is_no_member(desk: Any, member: str) -> None:
    with pytest.raises(InvalidRequest):
        desk.ask(WriteGroup(name="g", members=[member]))


def test_the_roles_of_a_principal_are_known_by_its_name(desk: Any) -> None:
    desk.user("alice", ["a"])
    desk.approle("ci", ["b"])
    desk.ask(WriteGroup(name="g", members=["user/alice", "token/t", "root"][:2], roles=["c"]))

    def roles(name: str, *given: str) -> frozenset[str]:
        return frozenset(
            desk.store.read_now(lambda r: desk.authenticator.roles_of(r, "root", name, given))
        )

    assert roles("user/alice") == {"a", "c"}
    assert roles("approle/ci", "x") == {"b", "x"}
    assert roles("token/t", "x") == {"c", "x"}
    assert roles("user/nobody") == frozenset()
    assert roles("nonsense") == frozenset()
