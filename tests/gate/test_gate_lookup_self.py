"""A token that is known looks at itself without a look into storage."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import Unauthenticated
from keystead.operations.identity import CreateToken, LookupSelf, RenewSelf, RevokeToken


def test_a_known_token_is_shown_to_itself_from_memory(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = office.perform(CreateToken(name="t", roles=["r"], metadata={"a": "b"}))
    first = office.perform(LookupSelf(), token=made.token)
    assert first == made.info
    reads: list[Any] = []
    read = office.house.store.read
    monkeypatch.setattr(
        type(office.house.store), "read", lambda self, work: reads.append(work) or read(work)
    )
    assert office.perform(LookupSelf(), token=made.token) == first
    assert not reads


def test_what_changes_about_a_token_is_shown_at_once(office: Any) -> None:
    made = office.perform(CreateToken(name="t", roles=["r"]))
    before = office.perform(LookupSelf(), token=made.token)
    office.perform(RenewSelf(increment_seconds=60), token=made.token)
    after = office.perform(LookupSelf(), token=made.token)
    assert after.expires_at < before.expires_at
    assert after.renewed_at is not None
    office.perform(RevokeToken(accessor=made.info.accessor))
    with pytest.raises(Unauthenticated):
        office.perform(LookupSelf(), token=made.token)
