"""Path policies decide as Vault documents it: the most specific rule, deny first, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.call import PathRequest
from keystead.identity.principal import AliasInfo, EntityInfo, GroupInfo, Principal
from keystead.policy.paths.engine import PathPolicies
from keystead.policy.paths.verdict import PathVerdict

ALLOWED, DENIED, SILENT = PathVerdict.ALLOWED, PathVerdict.DENIED, PathVerdict.SILENT
NAMES = {"root": "", "a1": "team-a", "a2": "team-a/sub", "b1": "team-b"}
ALICE = EntityInfo(
    id="e-1",
    name="alice",
    metadata={"team": "red", "odd": "+", "star": "*", "deep": "x/y"},
    aliases=(AliasInfo("acc-1", "alice@corp", {"uid": "7"}),),
    groups=(GroupInfo("g-1", "ops"),),
)


def rule(path: str, *capabilities: str, more: str = "") -> str:
    listed = ", ".join(f'"{capability}"' for capability in capabilities)
    return f'path "{path}" {{ capabilities = [{listed}] {more} }}\n'


class Court:
    """An engine; unless said otherwise the caller's only role ``p`` has the text given."""

    def __init__(self, text: str = "", **below: Mapping[str, str] | None) -> None:
        self.engine = PathPolicies()
        self.engine.load(NAMES, {"root": {"p": text} if text else {}, **below})

    def caller(self, *roles: str, at: str = "root", **more: Any) -> Principal:
        return Principal("user/alice", at, roles=frozenset(roles or ("p",)), **more)

    def ask(
        self,
        path: str,
        capability: str = "read",
        caller: Principal | None = None,
        at: str = "root",
        parameters: Any = None,
        **more: Any,
    ) -> PathVerdict:
        request = PathRequest(path, capability, parameters=lambda: parameters or {}, **more)
        return self.engine.decide(caller or self.caller(), at, request)

    def names(self, path: str, caller: Principal | None = None, at: str = "root") -> list[str]:
        return self.engine.capabilities(caller or self.caller(), at, path)


# --- which rule speaks ------------------------------------------------------------------

MATCHES = [
    ("secret/foo", "secret/foo", True),
    ("secret/foo", "secret/foo/", False),
    ("secret/foo", "secret/foob", False),
    ("secret/foo*", "secret/foo", True),
    ("secret/foo*", "secret/foobar/baz", True),
    ("secret/foo*", "secret/fo", False),
    ("secret/*", "secret/", True),
    ("secret/*", "secret", False),
    ("secret/+/teamb", "secret/foo/teamb", True),
    ("secret/+/teamb", "secret//teamb", True),
    ("secret/+/teamb", "secret/foo/bar/teamb", False),
    ("secret/+/teamb", "secret/teamb", False),
    ("secret/+/+/teamb", "secret/foo/bar/teamb", True),
    ("secret/+/team*", "secret/foo/teamb/x", True),
    ("+/x", "a/x", True),
    ("+", "a", True),
    ("+", "a/b", False),
    ("a/+", "a/b", True),
    ("a/+b", "a/xb", False),
    ("a/+b", "a/+b", True),
    ("a/*/c", "a/b/c", False),
    ("a/*/c", "a/*/c", True),
    ("*", "anything/at/all", True),
    ("/secret/foo", "secret/foo", True),
    ("", "x", False),
]


@pytest.mark.parametrize(("written", "path", "matches"), MATCHES)
def test_a_rule_speaks_of_the_paths_that_match_it(written: str, path: str, matches: bool) -> None:
    assert Court(rule(written, "read")).ask(path) is (ALLOWED if matches else SILENT)


MORE_SPECIFIC = [
    # the higher-priority pattern, the lower one, a path that both match
    ("secret/foo", "secret/foo*", "secret/foo"),
    ("secret/foo", "secret/+", "secret/foo"),
    ("secret/foo/*", "secret/*", "secret/foo/x"),
    ("secret/foo/*", "secret/+/x", "secret/foo/x"),  # the first wildcard comes later
    ("secret/bar/+", "secret/+/foo", "secret/bar/foo"),
    ("secret/+/x", "secret/*", "secret/foo/x"),  # no glob rather than a glob
    ("secret/+", "secret/*", "secret/foo"),
    ("secret/+/bar", "secret/+/ba*", "secret/foo/bar"),
    ("secret/+/foo/x", "secret/+/+/x", "secret/a/foo/x"),  # fewer open segments
    ("secret/+/fo*", "secret/+/f*", "secret/a/foo"),  # longer
    ("secret/+/a", "secret/+/+", "secret/x/a"),
]


@pytest.mark.parametrize(("higher", "lower", "path"), MORE_SPECIFIC)
def test_the_more_specific_rule_speaks_alone(higher: str, lower: str, path: str) -> None:
    for text in (
        rule(higher, "read") + rule(lower, "list"),
        rule(lower, "list") + rule(higher, "read"),
    ):
        assert Court(text).names(path) == ["read"]
    assert Court(rule(lower, "list")).names(path) == ["list"]


def test_the_path_of_a_listing_may_end_in_a_slash() -> None:
    court = Court(rule("a/b", "list") + rule("c/+/d", "list", "read"))
    assert court.ask("a/b/", "list") is ALLOWED
    assert court.ask("c/x/d/", "list") is ALLOWED
    assert court.ask("c/x/d/", "read") is SILENT


# --- deny, union, legacy -----------------------------------------------------------------


def test_policies_for_the_same_path_are_put_together() -> None:
    court = Court(root={"p": rule("a", "read"), "q": rule("a", "list") + rule("b", "read")})
    assert court.names("a", court.caller("p", "q")) == ["list", "read"]
    assert court.names("a", court.caller("p")) == ["read"]


def test_a_deny_at_a_path_outweighs_all_other_policies_for_it() -> None:
    court = Court(root={"a": rule("s/*", "deny"), "z": rule("s/*", "read", "sudo")})
    for roles in (("a", "z"), ("z", "a")):
        assert court.ask("s/x", caller=court.caller(*roles)) is DENIED
        assert court.names("s/x", court.caller(*roles)) == ["deny"]


def test_a_deny_speaks_only_where_no_rule_is_more_specific() -> None:
    court = Court(rule("s/*", "deny") + rule("s/x", "read"))
    assert court.ask("s/x") is ALLOWED
    assert court.ask("s/y") is DENIED


def test_a_deny_outweighs_the_other_capabilities_of_its_rule() -> None:
    assert Court(rule("a", "read", "deny")).ask("a") is DENIED


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ("deny", ["deny"]),
        ("read", ["list", "read"]),
        ("write", ["create", "delete", "list", "read", "update"]),
        ("sudo", ["create", "delete", "list", "read", "sudo", "update"]),
    ],
)
def test_the_old_form_stands_for_capabilities(policy: str, names: list[str]) -> None:
    assert Court(f'path "a" {{ policy = "{policy}" }}').names("a") == names


def test_a_rule_without_capabilities_gives_nothing_and_denies_nothing() -> None:
    court = Court('path "a" {}')
    assert court.ask("a") is SILENT
    assert court.names("a") == ["deny"]


# --- capabilities ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "asked", "verdict"),
    [
        (["create"], "write", ALLOWED),
        (["update"], "write", ALLOWED),
        (["patch", "read"], "write", SILENT),
        (["create"], "update", SILENT),
        (["update"], "create", SILENT),
        (["update"], "patch", SILENT),
        (["read"], "list", SILENT),
        (["sudo"], "read", SILENT),
        (["read"], "no-such", SILENT),
    ],
)
def test_only_the_capability_that_is_asked_for_counts(
    given: list[str], asked: str, verdict: PathVerdict
) -> None:
    assert Court(rule("a", *given)).ask("a", asked) is verdict


def test_a_path_that_needs_sudo_needs_it_besides() -> None:
    assert Court(rule("a", "read")).ask("a", sudo=True) is SILENT
    assert Court(rule("a", "read", "sudo")).ask("a", sudo=True) is ALLOWED
    assert Court(rule("a", "sudo")).ask("a", sudo=True) is SILENT


# --- parameters --------------------------------------------------------------------------

PARAMETERS = [
    ('allowed_parameters = { "a" = ["x*", "y"] }', {"a": "x1"}, True),
    ('allowed_parameters = { "a" = ["x*", "y"] }', {"a": "z"}, False),
    ('allowed_parameters = { "a" = ["x*", "y"] }', {"b": "y"}, False),
    ('allowed_parameters = { "a" = ["x*", "y"] }', {}, True),
    ('allowed_parameters = { "a" = ["y"] }', {"a": ["y"]}, False),
    ('allowed_parameters = { "a" = [] }', {"a": [1, 2]}, True),
    ('allowed_parameters = { "A" = ["y"] }', {"a": "y"}, True),
    ('allowed_parameters = { "a" = ["y"] }', {"A": "y"}, True),
    ('allowed_parameters = { "a" = ["x"] "*" = [] }', {"a": "y"}, False),
    ('allowed_parameters = { "a" = ["x"] "*" = [] }', {"a": "x", "b": 1}, True),
    ('allowed_parameters = { "*" = ["x"] }', {"a": "y"}, True),
    ('allowed_parameters = { "a" = ["*mid*"] }', {"a": "a mid b"}, True),
    ('allowed_parameters = { "a" = ["*end"] }', {"a": "ending"}, False),
    ('allowed_parameters = { "a" = ["*"] }', {"a": "x"}, False),
    ('allowed_parameters = { "a" = [true] }', {"a": True}, True),
    ('allowed_parameters = { "a" = [true] }', {"a": 1}, False),
    ('allowed_parameters = { "a" = [1] }', {"a": True}, False),
    ('allowed_parameters = { "a" = [1] }', {"a": 1}, True),
    ('allowed_parameters = { "a" = [1] }', {"a": "1"}, False),
    ('allowed_parameters = { "a" = ["1"] }', {"a": None}, False),
    ('allowed_parameters = { "a" = [["x"], { "k" = "v" }] }', {"a": ["x"]}, True),
    ('allowed_parameters = { "a" = [["x"], { "k" = "v" }] }', {"a": {"k": "v"}}, True),
    ('denied_parameters = { "a" = ["x"] }', {"a": "x"}, False),
    ('denied_parameters = { "a" = ["x"] }', {"A": "x"}, False),
    ('denied_parameters = { "a" = ["x"] }', {"a": "y", "b": "x"}, True),
    ('denied_parameters = { "a" = [] }', {"a": "y"}, False),
    ('denied_parameters = { "*" = [] }', {"b": "y"}, False),
    ('denied_parameters = { "*" = [] }', {}, True),
    ('allowed_parameters = { "*" = [] } denied_parameters = { "a" = [] }', {"a": 1}, False),
    ('required_parameters = ["a"]', {"a": None}, True),
    ('required_parameters = ["A"]', {"a": 1}, True),
    ('required_parameters = ["a", "b"]', {"a": 1}, False),
    ('required_parameters = ["a"]', {}, False),
]


@pytest.mark.parametrize(("more", "body", "allowed"), PARAMETERS)
def test_parameters_are_within_what_is_allowed_and_required(
    more: str, body: dict[str, Any], allowed: bool
) -> None:
    court = Court(rule("a", "create", "update", "read", "patch", more=more))
    for capability in ("create", "update", "write", "patch", "read"):
        assert court.ask("a", capability, parameters=body) is (ALLOWED if allowed else SILENT)


def test_parameters_do_not_matter_to_lists_and_deletions() -> None:
    court = Court(rule("a", "list", "delete", more='required_parameters = ["x"]'))
    assert court.ask("a", "list") is ALLOWED
    assert court.ask("a", "delete") is ALLOWED


def test_the_body_is_looked_at_only_where_a_rule_speaks_of_parameters() -> None:
    def body() -> dict[str, Any]:
        raise AssertionError("nobody should look")

    court = Court(
        rule("a", "update") + rule("b", "update", more='allowed_parameters = { "x" = [] }')
    )
    asked = [PathRequest(path, "update", parameters=body) for path in ("a", "b")]
    assert court.engine.decide(court.caller(), "root", asked[0]) is ALLOWED
    with pytest.raises(AssertionError):
        court.engine.decide(court.caller(), "root", asked[1])


def test_parameters_of_several_policies_are_put_together() -> None:
    one = rule("a", "update", more='allowed_parameters = { "x" = ["1"] "z" = [] }')
    other = rule("a", "update", more='allowed_parameters = { "x" = ["2"] "y" = [] "z" = ["3"] }')
    court = Court(root={"p": one, "q": other, "r": rule("a", "update")})
    for roles in (("p", "q"), ("p", "q", "r")):
        caller = court.caller(*roles)
        for body in ({"x": "1"}, {"x": "2"}, {"y": "any"}, {"z": "any"}):
            assert court.ask("a", "update", caller, parameters=body) is ALLOWED
        assert court.ask("a", "update", caller, parameters={"x": "3"}) is SILENT


def test_a_reply_must_be_wrapped_for_as_long_as_a_rule_says() -> None:
    court = Court(rule("a", "read", more='min_wrapping_ttl = "1m" max_wrapping_ttl = "2m"'))
    verdicts = {ttl: court.ask("a", wrap_ttl=ttl) for ttl in (None, 0, 59, 60, 120, 121)}
    assert [ttl for ttl, verdict in verdicts.items() if verdict is ALLOWED] == [60, 120]


def test_the_shorter_wrapping_lifetimes_of_several_policies_count() -> None:
    one = rule("a", "read", more="min_wrapping_ttl = 60 max_wrapping_ttl = 600")
    other = rule("a", "read", more="min_wrapping_ttl = 30 max_wrapping_ttl = 900")
    court = Court(root={"p": one, "q": other})
    caller = court.caller("p", "q")
    assert court.ask("a", caller=caller, wrap_ttl=30) is ALLOWED
    assert court.ask("a", caller=caller, wrap_ttl=601) is SILENT


# --- templates ---------------------------------------------------------------------------

TEMPLATES = [
    ("u/{{identity.entity.id}}", "u/e-1"),
    ("u/{{ identity.entity.name }}/*", "u/alice/x"),
    ("t/{{identity.entity.metadata.team}}/{{identity.entity.name}}", "t/red/alice"),
    ("u/{{identity.entity.aliases.acc-1.name}}", "u/alice@corp"),
    ("u/{{identity.entity.aliases.acc-1.metadata.uid}}", "u/7"),
    ("g/{{identity.groups.ids.g-1.name}}", "g/ops"),
    ("g/{{identity.groups.names.ops.id}}", "g/g-1"),
    ("+/{{identity.entity.name}}/+", "a/alice/b"),
    ("u/{{identity.entity.metadata.deep}}/z", "u/x/y/z"),
]
UNFILLED = [
    "identity.entity.metadata.none", "identity.entity.aliases.acc-2.name",
    "identity.entity.aliases.acc-1.metadata.none", "identity.groups.ids.g-2.name",
    "identity.groups.names.none.id", "identity.groups.ids.g-1.id", "identity.entity.secret",
    "x", "",
]  # fmt: skip


@pytest.mark.parametrize(("written", "path"), TEMPLATES)
def test_a_template_stands_for_something_of_the_callers_entity(written: str, path: str) -> None:
    court = Court(rule(written, "read"))
    assert court.ask(path, caller=court.caller(entity=ALICE)) is ALLOWED
    assert court.ask(path) is SILENT
    other = EntityInfo(id="e-2", name="bob")
    assert court.ask(path, caller=court.caller(entity=other)) is SILENT


@pytest.mark.parametrize("selector", UNFILLED)
def test_a_template_without_a_value_leaves_its_rule_out(selector: str) -> None:
    court = Court(rule(f"u/{{{{{selector}}}}}*", "read") + rule("v", "read"))
    caller = court.caller(entity=ALICE)
    assert court.ask("u/", caller=caller) is SILENT
    assert court.ask("u/{{" + selector + "}}", caller=caller) is SILENT
    assert court.ask("v", caller=caller) is ALLOWED


def test_a_value_stands_for_itself_whatever_characters_it_has() -> None:
    text = rule("o/{{identity.entity.metadata.odd}}/x", "read")
    text += rule("s/{{identity.entity.metadata.star}}", "read")
    court = Court(text)
    caller = court.caller(entity=ALICE)
    assert court.ask("o/+/x", caller=caller) is ALLOWED
    assert court.ask("o/any/x", caller=caller) is SILENT
    assert court.ask("s/*", caller=caller) is ALLOWED
    assert court.ask("s/any", caller=caller) is SILENT


def test_an_entity_that_changed_is_another_entity() -> None:
    court = Court(rule("t/{{identity.entity.metadata.team}}", "read"))
    for team in ("red", "blue", "red"):
        entity = EntityInfo(id="e-1", name="alice", metadata={"team": team})
        caller = court.caller(entity=entity)
        assert court.ask(f"t/{team}", caller=caller) is ALLOWED
        assert court.ask("t/green", caller=caller) is SILENT


# --- whom a policy speaks for ------------------------------------------------------------


def test_a_policy_speaks_for_its_namespace_and_those_below() -> None:
    text = rule("secret/x", "read") + rule("sub/secret/x", "list") + rule("+/secret/y", "read")
    court = Court(a1={"p": text})
    caller = court.caller(at="a1")
    assert court.ask("secret/x", caller=caller, at="a1") is ALLOWED
    assert court.ask("secret/x", caller=caller, at="a2") is SILENT
    assert court.ask("secret/x", "list", caller, at="a2") is ALLOWED
    assert court.ask("secret/y", caller=caller, at="a2") is ALLOWED
    for elsewhere in ("root", "b1", "none"):
        assert court.ask("secret/x", caller=caller, at=elsewhere) is SILENT
    assert court.names("secret/x", caller, at="a2") == ["list"]
    assert court.names("secret/x", caller, at="b1") == ["deny"]


def test_a_callers_roles_are_those_of_its_home_namespace() -> None:
    court = Court(rule("team-a/x", "read"), a1={"p": rule("x", "update")})
    assert court.ask("x", caller=court.caller(at="root"), at="a1") is ALLOWED
    assert court.ask("x", "update", court.caller(at="root"), at="a1") is SILENT
    assert court.ask("x", "update", court.caller(at="a1"), at="a1") is ALLOWED


def test_default_speaks_for_everyone_but_those_who_are_without() -> None:
    court = Court()
    caller = court.caller("none")
    assert court.ask("auth/token/lookup-self", caller=caller) is ALLOWED
    assert court.ask("cubbyhole/x", "write", caller) is ALLOWED
    assert court.ask("sys/policies/acl/x", "write", caller) is SILENT
    without = court.caller("none", without_default=True)
    assert court.ask("auth/token/lookup-self", caller=without) is SILENT
    explicit = court.caller("default", without_default=True)
    assert court.ask("auth/token/lookup-self", caller=explicit) is ALLOWED


def test_another_default_replaces_the_built_in_one() -> None:
    court = Court(root={"default": rule("a", "read")})
    assert court.ask("a", caller=court.caller("none")) is ALLOWED
    assert court.ask("auth/token/lookup-self", caller=court.caller("none")) is SILENT


def test_the_default_policy_lets_an_entity_see_itself_only() -> None:
    caller = Court().caller(entity=ALICE)
    assert Court().ask("identity/entity/id/e-1", caller=caller) is ALLOWED
    assert Court().ask("identity/entity/name/alice", caller=caller) is ALLOWED
    assert Court().ask("identity/entity/id/e-2", caller=caller) is SILENT


@pytest.mark.parametrize("unreadable", [None, {"p": "nonsense"}])
def test_where_policies_cannot_be_read_every_path_is_denied(unreadable: Any) -> None:
    court = Court(a1=unreadable)
    caller = court.caller(at="a1")
    assert court.ask("auth/token/lookup-self", caller=caller, at="a1") is DENIED
    assert court.names("x", caller, at="a1") == ["deny"]
    assert not court.engine.reaches(caller, "a1", "x/")
    assert court.ask("auth/token/lookup-self") is ALLOWED


def test_root_may_do_everything() -> None:
    court = Court(rule("a", "deny"))
    root = court.caller(root=True)
    assert court.names("a", root) == ["root"]
    assert court.engine.reaches(root, "root", "a/")


# --- what is at or below a path ------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "prefix", "reaches"),
    [
        ("secret/a", "secret/", True),
        ("secret/*", "secret/", True),
        ("sec*", "secret/", True),
        ("*", "secret/", True),
        ("secret", "secret/", False),
        ("secrets/*", "secret/", False),
        ("+/a", "secret/", True),
        ("+/b/c", "a/b/", True),
        ("+/b/c", "a/x/", False),
        ("+", "a/b/", False),
        ("+/x*", "a/xy/", True),
        ("+/x*", "a/y/", False),
        ("a/+/*", "a/b/", True),
    ],
)
def test_a_policy_reaches_what_it_may_match_below(written: str, prefix: str, reaches: bool) -> None:
    court = Court(rule(written, "read"))
    caller = court.caller(without_default=True)
    assert court.engine.reaches(caller, "root", prefix) is reaches
    nothing = Court(rule(written, "deny"))
    assert nothing.engine.reaches(caller, "root", prefix) is False


# --- the cache ---------------------------------------------------------------------------


def test_a_decision_is_at_hand_until_policies_are_loaded() -> None:
    court = Court(rule("a", "read"))
    assert [court.ask("a"), court.ask("a")] == [ALLOWED, ALLOWED]
    assert (court.engine.hits, court.engine.misses, court.engine.generation) == (1, 1, 1)
    court.engine.load(NAMES, {"root": {"p": rule("a", "list")}})
    assert court.ask("a") is SILENT
    assert court.engine.generation == 2


segments = st.sampled_from(["a", "b", "ab", "+"])
paths = st.lists(segments, min_size=1, max_size=3).map("/".join)
rules = st.lists(
    st.tuples(paths, st.sampled_from(["", "*", "/*"]), st.sets(st.sampled_from(["read", "deny"]))),
    max_size=6,
)


@given(rules, paths.filter(lambda path: "+" not in path))
def test_the_order_of_rules_does_not_matter(
    given_rules: list[tuple[str, str, set[str]]], path: str
) -> None:
    texts = [
        rule(written + end, *sorted(capabilities))
        for written, end, capabilities in given_rules
        if "+*" not in written + end
    ]
    forward, backward = Court("".join(texts)), Court("".join(reversed(texts)))
    assert forward.names(path) == backward.names(path)
    split = Court(root={str(n): text for n, text in enumerate(texts)})
    caller = split.caller(*(str(n) for n in range(len(texts))), "p")
    assert split.names(path, caller) == forward.names(path)
    assert forward.ask(path) is forward.ask(path)
