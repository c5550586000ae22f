"""Where the clients take their settings from, and what they never show."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from keystead import AsyncClient, Client
from keystead.errors import ConfigurationError, UpstreamUnavailable


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADDR", "TOKEN", "NAMESPACE", "CACERT"):
        monkeypatch.delenv(f"KEYSTEAD_{name}", raising=False)


STATUS = b'{"initialized":true,"sealed":false,"seal_type":"shamir"}'


def test_the_environment_fills_what_is_not_given(
    monkeypatch: pytest.MonkeyPatch, scripted: Callable[..., Any], answer: Any
) -> None:
    script = scripted(answer(200, STATUS))
    monkeypatch.setenv("KEYSTEAD_ADDR", script.address + "/")
    monkeypatch.setenv("KEYSTEAD_TOKEN", "from-env")
    monkeypatch.setenv("KEYSTEAD_NAMESPACE", "acme")
    Client().system.status()
    Client(token="given", namespace="").system.status()
    first, second = (asked.headers for asked in script.asked)
    assert first["authorization"] == "Bearer from-env"
    assert first["x-keystead-namespace"] == "acme"
    assert second["authorization"] == "Bearer given"
    assert "x-keystead-namespace" not in second


def test_no_proxy_of_the_environment_gets_the_token(
    monkeypatch: pytest.MonkeyPatch, scripted: Callable[..., Any], answer: Any
) -> None:
    proxy, script = scripted(answer(200, STATUS)), scripted(answer(200, STATUS))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.address)
    Client(script.address, "t").system.status()
    assert proxy.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8200",
        "ftp://x",
        "http://",
        "http://u:p@h",
        "http://h:x",
        "http://h?q",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        Client(address)


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX: y", "schlüssel", "a\0"])
def test_a_token_cannot_smuggle_a_header(token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client("http://127.0.0.1:1", token)
    assert token not in str(caught.value)


def test_files_that_are_not_there_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        Client("https://127.0.0.1:1", ca_file="/nowhere/ca.pem")
    with pytest.raises(ConfigurationError):
        Client("https://127.0.0.1:1", client_certificate=("/nowhere/c", "/nowhere/k"))


@pytest.mark.parametrize("cls", [Client, AsyncClient])
def test_neither_repr_nor_errors_show_the_token(cls: type[Any]) -> None:
    client = cls("http://127.0.0.1:1", "very-secret", retries=0)
    assert "very-secret" not in repr(client) + repr(client._settings) + str(client)


def test_a_traceback_does_not_show_the_token() -> None:
    client = Client("http://127.0.0.1:1", "very-secret", retries=0)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.keys.encrypt("orders", "-".join(["plaintext", "too"]).encode())
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    assert "very-secret" not in shown
    assert "plaintext-too" not in shown


def test_use_token_changes_who_asks(scripted: Callable[..., Any], answer: Any) -> None:
    script = scripted(answer(200, STATUS))
    client = Client(script.address, "first")
    client.use_token("second")
    client.system.status()
    assert script.asked[0].headers["authorization"] == "Bearer second"
