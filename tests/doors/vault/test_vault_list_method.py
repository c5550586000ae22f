"""The method LIST, which is Vault's own."""

from __future__ import annotations

import socket
from typing import Any

import pytest


def _exchange(server: Any, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


def _request(method: str, body: bytes = b"", *, last: bool = True) -> bytes:
    closing = "close" if last else "keep-alive"
    return (
        f"{method} /v1/auth/token/accessors HTTP/1.1\r\nHost: x\r\nConnection: {closing}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def test_list_reaches_the_door(server: Any) -> None:
    assert b"permission denied" in _exchange(server, _request("LIST"))


def test_a_body_that_looks_like_a_listing_is_a_body(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        body = b'LIST "no JSON"'
        whole = _request("POST", body)
        connection.sendall(whole[: -len(body)])
        connection.recv(0)
        connection.sendall(body)
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("method", ["LISTS", "LIS", "list", "FETCH"])
def test_other_methods_that_nobody_knows_are_refused(server: Any, method: str) -> None:
    assert _exchange(server, _request(method)).startswith(b"HTTP/1.1 400")


def test_listings_share_a_connection_with_other_requests(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        for method in ("LIST", "GET", "LIST"):
            connection.sendall(_request(method, last=False))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 40")
