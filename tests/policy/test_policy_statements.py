"""Policy texts, good and hostile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import InvalidRequest
from keystead.policy.context import EVERYTHING, Reads
from keystead.policy.statements import MAX_STATEMENT, compile_policy, cut, errors_in

HEAD = "permit(principal, action, resource)"

INVALID = {
    "": "has no statement",
    "// nothing but a comment": "has no statement",
    "permit(principal, action, resource)": "line 1: unexpected end of input",
    "\n\npermit(\nprincipal action, resource);": "line 3: unexpected token `action`",
    f'{HEAD};\n\n{HEAD} when {{ resource.nmae == "x" }};': "line 3: attribute `nmae`",
    'permit(principal, action == Action::"key:encypt", resource);': "unrecognized action",
    'permit(principal, action == Action::"token:lookup-self", resource);': "unrecognized action",
    'permit(principal == User::"alice", action, resource);': "line 1:",
    'permit(principal == Prinzipal::"user/alice", action, resource);': "unrecognized entity type",
    f'{HEAD} when {{ resource.getTag("env") == "prod" }};': "line 1:",
    f'{HEAD} when {{ context.encryption_context.getTag("t") == "x" }};': "safety of access to tag",
    f'{HEAD} when {{ context.hour == "eight" }};': "line 1:",
    f'{HEAD} when {{ context.source_ip.isInRange(ip("300.0.0.0/8")) }};': "line 1:",
    f"{HEAD} when {{ context.colour == 1 }};": "attribute `colour`",
    "permit(principal == ?principal, action, resource);": "slots",
    f'{HEAD} when {{ "open }};': "line 1: a string is not closed",
    f"{HEAD} when {{ (true ]}};": "line 1: there is a ] that closes nothing",
    f"{HEAD} when {{ {'(' * 40}true{')' * 40} }};": "more than 32 brackets",
    f"{HEAD} when {{ {' && '.join(['true'] * 300)} }};": "nested too deeply",
    f'// {"x" * 5000}\n{HEAD} when {{ "{"x" * 5000}" == "" }};': "line 2: the statement is longer",
    "\ud800": "not valid Unicode",
    "\x00": "line 1: invalid token",
}


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_policy_is_refused_with_its_line(text: str) -> None:
    errors = errors_in(text)
    assert errors
    assert any(INVALID[text] in error for error in errors), errors


def test_every_error_of_every_statement_is_listed() -> None:
    wrong = 'permit(principal, action == Action::"x", resource);\n'
    lines = {error.partition(":")[0] for error in errors_in(f"{HEAD};\n{wrong}{wrong}")}
    assert lines == {"line 2", "line 3"}


def test_an_error_that_cedar_repeats_for_every_action_is_shortened() -> None:
    errors = errors_in(f"{HEAD} when {{ context.colour == 1 }};")
    assert len(errors) == 4
    assert errors[-1].endswith("more such errors")


def test_semicolons_and_brackets_in_strings_and_comments_do_not_cut() -> None:
    text = f'// a; b((\n{HEAD} // c; "\n when {{ resource.name == ";(\\"" }};\r// d\r{HEAD};\n// e;'
    assert errors_in(text) == []
    assert [source.line for source in cut(text)] == [2, 3]


DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "true" + ")" * n,
    "sets": lambda n: "[" * n + "1" + "]" * n + " == 1",
    "records": lambda n: '{"a":' * n + "1" + "}" * n + " == 1",
    "negations": lambda n: "!(" * n + "true" + ")" * n,
    "conjunctions": lambda n: "&&".join(["1"] * n),
    "sums": lambda n: "+".join(["1"] * n) + "==0",
    "attributes": lambda n: "context" + ".a" * n,
    "presences": lambda n: "context has " + ".".join(["a"] * n),
    "conditions": lambda n: "if true then " * n + "true" + " else false" * n,
    "alternatives": lambda n: "if true then 1 else " * n + "true",
    "closed first": lambda n: ")" * n + "(" * n,
    "mixed": lambda n: "[)" * n,
}


@pytest.mark.parametrize("form", DEEP)
@pytest.mark.parametrize("size", [100, 200, 400, 800, 1500, 100_000])
def test_deep_nesting_is_refused_and_does_not_end_the_process(form: str, size: int) -> None:
    found: list[list[str]] = []
    text = f"{HEAD} when {{ {DEEP[form](size)} }};"
    thread = threading.Thread(target=lambda: found.append(errors_in(text)))
    thread.start()
    thread.join()
    assert found[0]


def test_the_longest_statement_is_judged_in_time() -> None:
    entries = ",".join(['"x"'] * 1000)[: MAX_STATEMENT - 100].rstrip(',"x') + '"x"'
    assert errors_in(f"{HEAD} when {{ [{entries}].contains(principal.name) }};") == []


FRAGMENTS = [
    "permit", "forbid", "(", ")", "principal", ",", "action", "resource", ";", "when", "{", "}",
    "==", "in", "is", "has", "like", '"x"', '"', "\\", "//", "\n", "\r", "Key", "::", "context",
    ".", "encryption_context", "hasTag", "[", "]", "1", "-", "!", "&&", "if", "then", "else",
    "?principal", "@id", 'Action::"key:encrypt"', "ip", "\ud800", "\x00", "é", HEAD, " ",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS)).map(" ".join)))
def test_hostile_text_raises_nothing_but_invalid_request(text: str) -> None:
    errors = errors_in(text)
    try:
        compile_policy(text, "team-a")
    except InvalidRequest:
        assert errors


def reads(condition: str) -> Reads:
    text = f"{HEAD} when {{ {condition} }};"
    assert errors_in(text) == []
    (statement,) = compile_policy(text, "")
    return statement.reads


def test_what_a_policy_reads_of_the_context_is_found() -> None:
    tag = 'context.encryption_context.hasTag("a")'
    assert reads("context.mfa && context has hour") == Reads(frozenset({"mfa", "hour"}))
    assert reads('context["door"] == "x"') == Reads(frozenset({"door"}))
    assert reads(tag) == Reads(entries=frozenset({"a"}))
    assert reads(f'{tag} && context.encryption_context.getTag("a") like "b*"') == reads(tag)
    assert reads("{a: [context.mfa]}.a.contains(true)") == Reads(frozenset({"mfa"}))
    assert reads("if principal is Principal then context.mfa else true").attributes == {"mfa"}


def test_what_a_policy_may_read_counts_as_read() -> None:
    whole = Reads(frozenset({"encryption_context"}))
    assert reads("context.encryption_context.hasTag(principal.name)") == whole
    assert reads("context.encryption_context == context.encryption_context") == whole
    assert reads("context == context") == EVERYTHING


def test_records_that_look_like_cedars_own_json_are_only_records() -> None:
    condition = '{"Var": "context", ".": 1, "Value": {"__entity": {"type": "Role", "id": "x"}}}'
    assert reads(f'{condition}.Var == "context"') == Reads()
