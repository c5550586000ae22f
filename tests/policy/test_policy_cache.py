"""Decisions that are kept are the decisions that would be made."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.policy import engine as engine_module

ALICE = 'permit(principal == Principal::"user/alice", action, resource);'
POLICIES = [
    "",
    ALICE,
    "permit(principal, action, resource) when { context.mfa };",
    'permit(principal in Role::"r", action in Action::"key:use", resource);',
    'permit(principal in Group::"g", action, resource) when { context.hour < 12 };',
    'permit(principal, action, resource is Key) when { resource.owner == "o" };',
    "permit(principal, action, resource is Key) when { resource.hasTag(principal.name) };",
    'permit(principal, action, resource) when { context.source_ip.isInRange(ip("10.0.0.0/8")) };',
    'permit(principal, action, resource) when { context.encryption_context.hasTag("t") };',
    'permit(principal, action, resource) when { context.encryption_context.hasTag("t") '
    '&& context.encryption_context.getTag("t") == "1" };',
    "permit(principal, action, resource) when "
    "{ context.encryption_context.hasTag(principal.method) };",
    'permit(principal, action, resource) when { context.time < datetime("2023-11-14T22:13:21Z") };',
    'forbid(principal, action == Action::"key:decrypt", resource) '
    'unless { context.door == "rest" };',
    "forbid(principal, action, resource) when { context.weekday == 3 };",
    'forbid(principal, action, resource) when { context.certificate_sha256 == "ab" };',
    "permit(principal, action, resource) when { {c: context.mfa}.c };",
    "permit(principal, action, resource) when "
    '{ if context.mfa then context.hour == 22 else context.door == "aws" };',
    "permit(principal, action, resource) when "
    "{ context has mfa && [1, 2].contains(context.weekday) };",
]

texts = st.lists(st.sampled_from(POLICIES), max_size=3).map(
    lambda chosen: "\n".join(chosen).strip()
)
names = st.sampled_from(["", "team-a", "team-a/sub", "team-b"])
subjects = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["user/alice", "approle/ci"]),
        "home": names,
        "action": st.sampled_from(["key:encrypt", "key:decrypt", "key:show"]),
        "place": names,
    }
)
standings = st.fixed_dictionaries(
    {
        "roles": st.sampled_from([(), ("r",)]),
        "groups": st.sampled_from([frozenset(), frozenset({"g"})]),
        "owner": st.sampled_from(["", "o"]),
        "tags": st.sampled_from([{}, {"user/alice": ""}]),
    }
)
circumstances = st.fixed_dictionaries(
    {
        "source_ip": st.sampled_from(["", "10.0.0.1", "192.0.2.1"]),
        "now": st.sampled_from([1_700_000_000.0, 1_700_000_001.5, 1_700_050_000.0]),
        "door": st.sampled_from(["rest", "aws"]),
        "mfa": st.booleans(),
        "encryption_context": st.sampled_from(
            [{}, {"t": "1"}, {"t": "2"}, {"user": "x"}, {"t": "1", "user": "y"}]
        ),
        "certificate_sha256": st.sampled_from(["", "ab"]),
    }
)
loads = st.tuples(texts, texts, texts)
visits = st.tuples(
    subjects,
    st.lists(standings, min_size=1, max_size=2),
    st.lists(circumstances, min_size=1, max_size=8),
)


def ask(
    world: Any, subject: dict[str, Any], standing: dict[str, Any], circumstance: dict[str, Any]
) -> Any:
    principal = world.principal(
        subject["name"], *standing["roles"], at=subject["home"], groups=standing["groups"]
    )
    key = world.key(at=subject["place"], owner=standing["owner"], tags=standing["tags"])
    return world.ask(principal, subject["action"], key, **circumstance)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(loads, st.lists(visits, max_size=3)), min_size=1, max_size=3))
def test_cached_and_fresh_decisions_agree_while_policies_change(
    make_world: Callable[[], Any], chapters: list[Any]
) -> None:
    cached, fresh = make_world(), make_world()
    for (root, team, sub), visited in chapters:
        for world in (cached, fresh):
            world.load(root, team_a=team, team_a__sub=sub)
        for subject, standings, circumstances in visited:
            for standing in standings:
                for circumstance in circumstances:
                    fresh.engine.invalidate()
                    asked = (subject, standing, circumstance)
                    assert ask(cached, *asked) == ask(fresh, *asked)


READERS = {
    "source_ip": ("192.0.2.1", 'context.source_ip.isInRange(ip("10.0.0.0/8"))'),
    "now": (1_700_000_001.0, 'context.time > datetime("2020-01-01")'),
    "door": ("aws", 'context.door == "rest"'),
    "mfa": (True, "context.mfa"),
    "certificate_sha256": ("ab", 'context.certificate_sha256 == "ab"'),
    "encryption_context": ({"t": "1"}, 'context.encryption_context.hasTag("t")'),
}


@pytest.mark.parametrize("attribute", READERS)
def test_an_attribute_splits_the_cache_only_if_a_policy_reads_it(
    world: Any, attribute: str
) -> None:
    other, condition = READERS[attribute]
    world.load(ALICE)
    world.ask()
    world.ask(**{attribute: other})
    assert world.engine.misses == 1
    world.load(f"permit(principal, action, resource) when {{ {condition} }};")
    world.ask()
    world.ask(**{attribute: other})
    assert world.engine.misses == 3


def test_only_the_entries_read_of_an_encryption_context_split_the_cache(world: Any) -> None:
    world.load(
        f"permit(principal, action, resource) when {{ {READERS['encryption_context'][1]} }};"
    )
    for number in range(10):
        world.ask(encryption_context={"t": "1", "n": str(number)})
    assert world.engine.misses == 1


def test_what_is_read_for_other_actions_does_not_split_the_cache(world: Any) -> None:
    world.load(
        ALICE + 'forbid(principal, action == Action::"key:export", resource)'
        ' when { context.door == "aws" };'
    )
    world.ask(door="rest")
    world.ask(door="aws")
    assert world.engine.misses == 1


def test_what_a_namespace_reads_does_not_split_the_cache_beside_it(world: Any) -> None:
    world.load(ALICE, team_b="forbid(principal, action, resource) when { context.mfa };")
    for at, misses in {"team-a": 1, "team-b": 3}.items():
        world.ask(resource=world.key(at=at), mfa=False)
        world.ask(resource=world.key(at=at), mfa=True)
        assert world.engine.misses == misses


def test_the_hour_splits_the_cache_by_hours_and_the_time_by_seconds(world: Any) -> None:
    world.load("permit(principal, action, resource) when { context.hour < 8 };")
    for second in range(1000):
        world.ask(now=1_700_000_000.0 + second)
    assert world.engine.misses == 1
    world.load(
        'permit(principal, action, resource) when { context.time > datetime("2020-01-01") };'
    )
    for tenth in range(20):
        world.ask(now=1_700_000_000.0 + tenth / 10)
    assert world.engine.misses == 3


def test_loading_and_invalidating_forget_and_count(world: Any) -> None:
    world.load(ALICE)
    assert world.ask().allowed
    generation = world.engine.generation
    world.load("forbid(principal, action, resource);")
    assert not world.ask().allowed
    world.engine.invalidate()
    world.ask()
    assert world.engine.generation == generation + 2
    assert world.engine.misses == 3


def test_the_cache_is_bounded(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "MAX_CACHED", 10)
    world.load(ALICE)
    for number in range(25):
        assert world.ask(resource=f"key-{number}").allowed
        assert len(world.engine._state.cache) <= 10


def test_a_cached_decision_costs_a_microsecond_or_two(world: Any) -> None:
    world.load(ALICE)
    arguments = (world.principal(), "key:encrypt", world.key(), world.context())
    rounds = []
    for _ in range(10):
        started = time.perf_counter()
        for _ in range(2_000):
            world.engine.decide(*arguments)
        rounds.append((time.perf_counter() - started) / 2_000)
    assert min(rounds) < 3e-6
