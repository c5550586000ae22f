"""A wrapped reply is fetched once, within its time, by whoever has the token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from keystead.errors import InvalidRequest, PayloadTooLarge, PermissionDenied, Unauthenticated
from keystead.operations.namespaces import CreateNamespace
from keystead.operations.secrets import SweepSecrets
from keystead.operations.wrapping import RewrapReply, ShowWrapping, UnwrapReply, WrapData, WrapReply
from keystead.services.wrapping import LONGEST_TTL_SECONDS, MAX_PAYLOAD_BYTES, WRAPPED

NOT_VALID = "wrapping token is not valid or does not exist"


def wrapped(office: Any, payload: bytes = b'{"a":1}', ttl: int = 60, **given: Any) -> Any:
    operation = WrapReply(payload=payload, ttl_seconds=ttl, creation_path="secret/data/a")
    return office.perform(operation, token="", **given)


def test_it_is_fetched_once(office: Any) -> None:
    info = wrapped(office)
    shown = office.perform(ShowWrapping(token=info.token), token="")
    assert (shown.creation_path, shown.creation_ttl_seconds) == ("secret/data/a", 60)
    assert office.perform(UnwrapReply(token=info.token), token="").payload == b'{"a":1}'
    for operation in (UnwrapReply, RewrapReply, ShowWrapping):
        with pytest.raises(InvalidRequest, match=NOT_VALID):
            office.perform(operation(token=info.token), token="")


def test_of_many_who_come_at_once_one_is_served(office: Any) -> None:
    info = wrapped(office)

    async def all_at_once() -> list[Any]:
        gate = office.worker.gate
        asked = (gate.perform(UnwrapReply(token=info.token), office.call("")) for _ in range(20))
        return await asyncio.gather(*asked, return_exceptions=True)

    replies = office.run(all_at_once())
    assert sum(not isinstance(reply, InvalidRequest) for reply in replies) == 1


def test_it_ends_with_its_time_and_is_swept(office: Any) -> None:
    office.now = 1_800_000_000.0
    info = wrapped(office, ttl=60)
    office.now += 59
    assert office.perform(ShowWrapping(token=info.token), token="")
    office.now += 1
    with pytest.raises(InvalidRequest, match=NOT_VALID):
        office.perform(UnwrapReply(token=info.token), token="")
    office.now += 1
    office.as_server(SweepSecrets())
    assert office.house.store.read_now(lambda reader: reader.count(WRAPPED)) == 0


def test_a_rewrapped_reply_has_a_new_token_and_its_old_origin(office: Any) -> None:
    first = wrapped(office, ttl=90)
    second = office.perform(RewrapReply(token=first.token), token="")
    assert second.token != first.token
    assert (second.creation_path, second.ttl_seconds) == ("secret/data/a", 90)
    with pytest.raises(InvalidRequest):
        office.perform(UnwrapReply(token=first.token), token="")
    assert office.perform(UnwrapReply(token=second.token), token="").payload == b'{"a":1}'


@pytest.mark.parametrize("token", ["", "zz", "kst_" + "A" * 48, "ksb_zz", "\ud800", "x" * 5000])
def test_what_is_no_wrapping_token_opens_nothing(office: Any, token: str) -> None:
    with pytest.raises(InvalidRequest, match=NOT_VALID):
        office.perform(UnwrapReply(token=token), token="")


def test_a_wrapping_token_is_no_other_token_and_no_other_is_one(office: Any) -> None:
    from keystead.operations.identity import LookupSelf

    info = wrapped(office)
    with pytest.raises(Unauthenticated):
        office.perform(LookupSelf(), token=info.token)
    with pytest.raises(InvalidRequest, match=NOT_VALID):
        office.perform(UnwrapReply(token=office.root_token), token="")
    assert office.perform(LookupSelf()).root


def test_a_namespace_keeps_its_own_replies(office: Any) -> None:
    office.perform(CreateNamespace(name="team"))
    info = wrapped(office, namespace="team")
    with pytest.raises(InvalidRequest):
        office.perform(UnwrapReply(token=info.token), token="")
    assert office.perform(UnwrapReply(token=info.token), token="", namespace="team").payload


def test_what_a_caller_brings_takes_a_right_to_wrap(office: Any) -> None:
    with pytest.raises(PermissionDenied):
        office.perform(WrapData(payload=b"{}", ttl_seconds=5), token=office.token())
    assert (
        office.perform(WrapData(payload=b"{}", ttl_seconds=5)).creation_path == "sys/wrapping/wrap"
    )


def test_bounds(office: Any) -> None:
    assert wrapped(office, ttl=1 << 40).ttl_seconds == LONGEST_TTL_SECONDS
    with pytest.raises(PayloadTooLarge):
        wrapped(office, payload=b"x" * (MAX_PAYLOAD_BYTES + 1))


def test_neither_reply_nor_token_is_in_the_log_or_in_clear_in_the_database(office: Any) -> None:
    info = wrapped(office, payload=b'{"a":"needle-77aa"}')
    office.perform(
        UnwrapReply(token=wrapped(office, payload=b'{"b":"needle-77aa"}').token), token=""
    )
    entries = office.entries("wrapping:wrap-reply")
    assert entries[-1]["details"]["wrapping_accessor"]
    content = office.log_bytes()
    for path in office.folder.glob("keystead.db*"):
        content += path.read_bytes()
    for needle in (b"needle-77aa", info.token.encode()):
        assert needle not in content
