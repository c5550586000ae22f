"""What a token keeps for itself ends with it and is reached by nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import InvalidRequest, NotFound, PayloadTooLarge, Unauthenticated
from keystead.operations.cubbyholes import (
    DeleteCubbyhole,
    ListCubbyhole,
    ReadCubbyhole,
    WriteCubbyhole,
)
from keystead.operations.identity import CreateToken, RenewSelf, RevokeSelf, TokenLimits
from keystead.operations.secrets import SweepSecrets
from keystead.services.secrets.cubbyhole import CUBBYHOLE, LOOK_AGAIN_SECONDS


def kept(office: Any) -> int:
    return int(office.house.store.read_now(lambda reader: reader.count(CUBBYHOLE)))


def test_each_token_has_its_own(office: Any) -> None:
    mine, other = office.token(name="mine"), office.token(name="other")
    office.perform(WriteCubbyhole(path="a/b", data={"n": 1}), token=mine)
    office.perform(WriteCubbyhole(path="c", data={"n": 2}), token=mine)
    assert office.perform(ReadCubbyhole(path="a/b"), token=mine).data == {"n": 1}
    assert office.perform(ListCubbyhole(), token=mine).names == ["a/", "c"]
    assert office.perform(ListCubbyhole(path="a"), token=mine).names == ["b"]
    for token in (other, office.root_token):
        assert office.perform(ListCubbyhole(), token=token).names == []
        with pytest.raises(NotFound):
            office.perform(ReadCubbyhole(path="a/b"), token=token)
    office.perform(DeleteCubbyhole(path="a/b"), token=other)
    assert office.perform(ReadCubbyhole(path="a/b"), token=mine).data == {"n": 1}
    office.perform(DeleteCubbyhole(path="a/b"), token=mine)
    with pytest.raises(NotFound):
        office.perform(ReadCubbyhole(path="a/b"), token=mine)


def test_it_is_removed_when_its_token_has_ended(office: Any) -> None:
    office.now = 1_800_000_000.0
    limits = TokenLimits(ttl_seconds=86_400)
    made = office.perform(CreateToken(name="brief", orphan=True, limits=limits)).token
    office.perform(WriteCubbyhole(path="a", data={"n": 1}), token=made)
    office.as_server(SweepSecrets())
    office.now += LOOK_AGAIN_SECONDS + 1
    office.as_server(SweepSecrets())
    assert office.perform(ReadCubbyhole(path="a"), token=made).data == {"n": 1}
    office.perform(RenewSelf(increment_seconds=86_400), token=made)
    office.perform(RevokeSelf(), token=made)
    with pytest.raises(Unauthenticated):
        office.perform(ReadCubbyhole(path="a"), token=made)
    office.now += LOOK_AGAIN_SECONDS + 1
    office.as_server(SweepSecrets())
    assert kept(office) == 0


def test_it_is_removed_when_its_token_has_expired(office: Any) -> None:
    office.now = 1_800_000_000.0
    limits = TokenLimits(ttl_seconds=60)
    made = office.perform(CreateToken(name="brief", orphan=True, limits=limits)).token
    office.perform(WriteCubbyhole(path="a", data={"n": 1}), token=made)
    office.now += LOOK_AGAIN_SECONDS + 1
    office.as_server(SweepSecrets())
    assert kept(office) == 0


def test_a_batch_token_keeps_nothing(office: Any) -> None:
    made = office.perform(CreateToken(name="batch", roles=[], token_kind="batch", orphan=True))
    for operation in (
        WriteCubbyhole(path="a", data={"n": 1}),
        ReadCubbyhole(path="a"),
        ListCubbyhole(),
    ):
        with pytest.raises(InvalidRequest, match="only supported by 'service' type tokens"):
            office.perform(operation, token=made.token)


def test_nothing_too_large_and_nothing_empty_is_kept(office: Any) -> None:
    with pytest.raises(PayloadTooLarge):
        office.perform(WriteCubbyhole(path="a", data={"a": "x" * (1 << 20)}))
    for path, data in (("a", {}), ("", {"a": 1}), ("a/../b", {"a": 1}), ("x" * 2000, {"a": 1})):
        with pytest.raises(InvalidRequest):
            office.perform(WriteCubbyhole(path=path, data=data))
    assert kept(office) == 0


def test_no_value_is_in_the_log(office: Any) -> None:
    office.perform(WriteCubbyhole(path="a", data={"n": "needle-51c2"}))
    office.perform(ReadCubbyhole(path="a"))
    assert b"needle-51c2" not in office.log_bytes()
