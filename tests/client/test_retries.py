"""What is sent again, and what is not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from keystead import AsyncClient, Client
from keystead.client.retry import LONGEST_DELAY_SECONDS, retry_delay
from keystead.doors.rest.problems import document
from keystead.errors import (
    AuditUnavailable,
    KeysteadError,
    NotFound,
    Overloaded,
    Sealed,
    StoreUnavailable,
    Unauthenticated,
    UpstreamUnavailable,
)
from keystead.operations.cryptography import Encrypt
from keystead.operations.keys import CreateKey, ShowKey
from keystead.operations.system import Seal, ShowStatus

KEY = (
    b'{"id":"1","name":"k","spec":"s","usage":"u","state":"active","primary_version":1,'
    b'"versions":[],"created_at":1.0}'
)
ENCRYPTED = b'{"ciphertext":"AAAA","key_id":"1","version":1}'
STATUS = b'{"initialized":true,"sealed":false,"seal_type":"shamir"}'
REPLIES = {CreateKey: KEY, ShowKey: KEY, Encrypt: ENCRYPTED, ShowStatus: STATUS, Seal: STATUS}
SHOW, CREATE = ShowKey(key="k"), CreateKey(name="k")
ENCRYPT, STATE = Encrypt(key="k", plaintext=b"x"), ShowStatus()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keystead.client.retry.FIRST_DELAY_SECONDS", 0.001)


def problem(error: KeysteadError, status: int) -> bytes:
    return document(error, status, "r1")


@pytest.mark.parametrize("operation", [SHOW, CREATE, ENCRYPT, STATE], ids=lambda o: o.action)
@pytest.mark.parametrize("error", [StoreUnavailable(), AuditUnavailable(), Overloaded()], ids=repr)
def test_safe_operations_are_sent_again_while_the_server_says_later(
    operation: Any, error: KeysteadError, scripted: Callable[..., Any], answer: Any
) -> None:
    later = answer(503, problem(error, 503), {"Retry-After": "0"})
    script = scripted(later, later, answer(200, REPLIES[type(operation)]))
    Client(script.address, "t")(operation)
    assert len(script.asked) == 3


@pytest.mark.parametrize("operation", [SHOW, CREATE, ENCRYPT, STATE], ids=lambda o: o.action)
def test_safe_operations_are_sent_again_after_a_broken_connection(
    operation: Any, scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(0), answer(200, REPLIES[type(operation)]))
    Client(script.address, "t")(operation)
    assert len(script.asked) == 2


def test_a_change_goes_again_with_the_same_idempotency_key_and_another_change_with_another(
    scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(0), answer(200, KEY))
    client = Client(script.address, "t")
    client(CREATE)
    client(CREATE)
    first, again, other = (asked.headers["idempotency-key"] for asked in script.asked)
    assert first == again != other


def test_what_acts_on_the_server_itself_is_not_sent_again(
    scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(0), answer(200, STATUS))
    with pytest.raises(UpstreamUnavailable) as caught:
        Client(script.address, "t")(Seal())
    assert len(script.asked) == 1
    assert caught.value.details["sent"] is True


@pytest.mark.parametrize("error", [NotFound(), Unauthenticated(), Sealed()], ids=repr)
def test_what_will_not_pass_by_waiting_is_not_sent_again(
    error: KeysteadError, scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(503, problem(error, 503), {"Retry-After": "0"}))
    with pytest.raises(type(error)):
        Client(script.address, "t")(SHOW)
    assert len(script.asked) == 1


def test_retries_end_with_the_servers_error_and_its_request_id(
    scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(503, problem(StoreUnavailable(), 503)))
    with pytest.raises(StoreUnavailable) as caught:
        Client(script.address, "t", retries=2)(SHOW)
    assert len(script.asked) == 3
    assert caught.value.details["request_id"] == "r1"


def test_the_asynchronous_client_retries_alike(scripted: Callable[..., Any], answer: Any) -> None:
    script = scripted(answer(0), answer(503, problem(Overloaded(), 429)), answer(200, KEY))

    async def ask() -> str:
        async with AsyncClient(script.address, "t") as client:
            return (await client.keys.create("k")).name

    assert asyncio.run(ask()) == "k"
    assert len({asked.headers["idempotency-key"] for asked in script.asked}) == 1
    assert len(script.asked) == 3


def test_a_request_that_never_left_may_always_go_again() -> None:
    error = UpstreamUnavailable(sent=False)
    assert retry_delay(error, 0, 3, repeatable=False) is not None
    assert retry_delay(UpstreamUnavailable(sent=True), 0, 3, repeatable=False) is None


def test_delays_are_bounded_and_a_server_that_asks_for_more_is_not_waited_for() -> None:
    random.seed(1)
    for attempt in range(50):
        delay = retry_delay(Overloaded(), attempt, 100, repeatable=True)
        assert delay is not None
        assert 0 < delay <= 2 * LONGEST_DELAY_SECONDS
    assert retry_delay(Overloaded(retry_after_seconds=11), 0, 3, repeatable=True) is None
    assert retry_delay(Overloaded(), 3, 3, repeatable=True) is None


def test_an_answer_that_is_not_keysteads_is_said_to_be_so(
    scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(200, b"<html>hello</html>"))
    with pytest.raises(UpstreamUnavailable, match="not Keystead"):
        Client(script.address, "t", retries=0)(SHOW)


def test_a_redirect_is_not_followed_with_the_token(
    scripted: Callable[..., Any], answer: Any
) -> None:
    other = scripted(answer(200, KEY))
    script = scripted(answer(307, b"", {"Location": other.address + "/api/v1/keys/k"}))
    with pytest.raises(KeysteadError):
        Client(script.address, "secret-token")(SHOW)
    assert other.asked == []
