"""HCL and JSON are read as Vault reads them; what is wrong is refused with its place."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.errors import InvalidRequest
from keystead.policy.paths.document import rules_of
from keystead.policy.paths.hcl import MAX_CHARACTERS, Body, parse
from keystead.policy.paths.permissions import CAPABILITIES

PIECES = [
    "path", '"a/+/b*"', "{", "}", "[", "]", "=", ",", "capabilities", '["read"]', "policy",
    '"write"', "#", "//", "/*", "*/", "\n", " ", "<<EOF\n", "<<-E\n", "EOF\n", '"', "\\", "\\x41",
    "${", "1", "-2.5e3", "0x1f", "true", "allowed_parameters", "{{identity.entity.id}}", "{{", "}}",
    "min_wrapping_ttl", '"90s"', "\ud800", "\0", "é", "null", ":",
]  # fmt: skip


def plain(value: Any) -> Any:
    if isinstance(value, Body):
        return [(*item.keys, plain(item.value)) for item in value]
    return value


def value_of(text: str) -> Any:
    (item,) = parse(f"x = {text}")
    return item.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a"', "a"),
        (r'"\"\\\n\t\x41\u00e9\U0001F511\101"', '"\\\n\tAé🔑A'),
        ('"a${b "c" {d}}e"', 'a${b "c" {d}}e'),
        ("1", 1),
        ("-17", -17),
        ("0x1f", 31),
        ("2.5e1", 25.0),
        ("true", True),
        ('["a", 1, [false],]', ["a", 1, [False]]),
        ("[]", []),
        ("<<EOF\na\n EOF\nEOF\n", "a\n EOF\n"),
        ("<<-E\n    a\n      b\n    E\n", "a\n  b\n"),
    ],
)
def test_a_value_is_what_is_written(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


def test_items_keep_their_keys_and_order_and_comments_say_nothing() -> None:
    text = """
    # one
    path "a" { capabilities = ["read"] } // two
    /* three
       { */
    path b-1.x { x { y = 1, z = 2 } }
    "quoted" = "v"
    """
    assert plain(parse(text)) == [
        ("path", "a", [("capabilities", ["read"])]),
        ("path", "b-1.x", [("x", [("y", 1), ("z", 2)])]),
        ("quoted", "v"),
    ]


def test_json_means_the_same_as_hcl() -> None:
    hcl = rules_of('path "a" { policy = "read" }\npath "b" { capabilities = ["list"] }')
    assert rules_of('{"path": {"a": {"policy": "read"}, "b": {"capabilities": ["list"]}}}') == hcl
    listed = '{"path": [{"a": {"policy": "read"}}, {"b": {"capabilities": ["list"]}}]}'
    assert rules_of(listed) == hcl


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('path "a" {', "line 1, column 11"),
        ('path "a" {\n  capabilities = [read]\n}', "line 2, column 19"),
        ('path "a" {\n  capabilities = ["raed"]\n}', "line 2, column 3"),
        ('path "a" {}\npaht "b" {}', "line 2, column 1"),
        ("x", "line 1, column 2"),
        ("}", "line 1, column 1"),
        ('x = "a', "line 1, column 5"),
        ('x = "a\n"', "line 1, column 5"),
        ('x = "\\q"', "line 1, column 6"),
        ('x = "\\ud800"', "line 1, column 6"),
        ('x = "${a"', "line 1, column 6"),
        ("x = [1 2]", "line 1, column 8"),
        ('x "y" = 1', "line 1, column 7"),
        ("x = 1a", "line 1, column 5"),
        ("x = <<A\nb", "line 1, column 5"),
        ("\n/* a", "line 2, column 1"),
        ("x = 'a'", "line 1, column 5"),
        ('{"path": ', "line 1, column 10"),
        ('{"a": "\\ud800"}', "line 1, column 1"),
        ("x = " + "[" * 17 + "]" * 17, "line 1, column 21"),
        ('{"x": ' + "[" * 17 + "]" * 17 + "}", "line 1, column 1"),
        ('{"x": ' * 5_000 + "1" + "}" * 5_000, "line 1, column 1"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidRequest, match=place):
        rules_of(text)


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=str(MAX_CHARACTERS)):
        parse("#" * (MAX_CHARACTERS + 1))


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        rules_of(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["path", "a", "x"]), inner),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    with contextlib.suppress(InvalidRequest):
        rules_of(json.dumps({"path": value}))


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+*{}/")),
        st.sets(st.sampled_from(sorted(set(CAPABILITIES) - {"deny"})), min_size=1),
    )
)
def test_every_path_and_capability_comes_back(rules: dict[str, set[str]]) -> None:
    text = "\n".join(
        f"path {json.dumps(path, ensure_ascii=False)} {{ capabilities = {json.dumps([*names])} }}"
        for path, names in rules.items()
    )
    assert {rule.path: set(rule.permissions.names()) for rule in rules_of(text)} == rules


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('capabilities = "read"', "capabilities must be a list"),
        ("capabilities = [1]", 'invalid capability "int"'),
        ('policy = "reed"', 'invalid policy "reed"'),
        ("policy = 1", 'invalid policy "int"'),
        ("foo = 1", 'invalid key "foo"'),
        ('mfa_methods = ["m"]', 'invalid key "mfa_methods"'),
        ("control_group = {}", 'invalid key "control_group"'),
        ('expiration = "2030-01-01T00:00:00Z"', 'invalid key "expiration"'),
        ("allowed_parameters = []", "allowed_parameters must be a block"),
        ('allowed_parameters = { "a" = "b" }', "a must be a list"),
        ("required_parameters = [1]", "required_parameters must be a list of texts"),
        ('min_wrapping_ttl = "soon"', "error parsing min_wrapping_ttl"),
        ("min_wrapping_ttl = -1", "error parsing min_wrapping_ttl"),
        ('min_wrapping_ttl = "2h" max_wrapping_ttl = "1h"', "max_wrapping_ttl cannot be less"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused(body: str, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=f'path "p": {problem}'):
        rules_of(f'path "p" {{ {body} }}')


@pytest.mark.parametrize("path", ["a/+*", "{{x", "x}}", "{{a}}}}", "{{a}} }}"])
def test_a_path_that_is_not_understood_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest, match="line 1, column 1"):
        rules_of(f'path "{path}" {{}}')


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ('"90"', 90), ('"90s"', 90), ('"1h30m"', 5400), ('"1d"', 86400), ('"2h5s"', 7205)],
)
def test_wrapping_lifetimes_are_numbers_or_durations(text: str, seconds: int) -> None:
    (rule,) = rules_of(f'path "p" {{ max_wrapping_ttl = {text} }}')
    assert rule.permissions.max_wrapping_ttl == seconds
