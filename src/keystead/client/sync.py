"""The synchronous client."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

import httpx
import msgspec

from keystead.client.methods import NO_ENTRIES, Methods
from keystead.client.retry import retry_delay
from keystead.client.settings import Settings
from keystead.client.transport import http_options, unreachable
from keystead.client.wire import Request, reply_from, request_for
from keystead.errors import WaitAndRetry
from keystead.operations import Operation
from keystead.operations.base import ReplyT
from keystead.operations.cryptography import Decrypted


class Client(Methods):
    """A connection to a Keystead server; safe to share between threads.

    ``client(operation)`` carries out any operation and returns its reply;
    ``client.keys``, ``client.tokens``, … have a method for each. What is not given is
    taken from KEYSTEAD_ADDR, KEYSTEAD_TOKEN, KEYSTEAD_NAMESPACE and KEYSTEAD_CACERT. No
    proxy is taken from the environment: tokens go to the address and nowhere else.

    Every call raises the server's error (``keystead.errors``) with the ``request_id`` in
    its details, and UpstreamUnavailable if no server answers. A call that is safe to
    repeat is repeated up to ``retries`` times while the error is a WaitAndRetry.
    """

    def __init__(
        self,
        address: str | None = None,
        token: str | None = None,
        *,
        namespace: str | None = None,
        ca_file: str | None = None,
        client_certificate: tuple[str, str] | None = None,
        timeout_seconds: float = 30.0,
        retries: int = 3,
    ) -> None:
        super().__init__(self)
        self._settings = Settings.resolve(
            address, token, namespace, ca_file, client_certificate, timeout_seconds, retries
        )
        self._http = httpx.Client(**http_options(self._settings))

    def __call__(self, operation: Operation[ReplyT], /) -> ReplyT:
        """Carry out an operation."""
        request = request_for(operation)
        for attempt in itertools.count():
            try:
                response = self._send(request)
                return reply_from(
                    operation, response.status_code, response.headers, response.content
                )
            except WaitAndRetry as error:
                retries = self._settings.retries
                delay = retry_delay(error, attempt, retries, request.repeatable)
                if delay is None:
                    raise
            time.sleep(delay)
        raise AssertionError("unreachable")

    def _send(self, request: Request) -> httpx.Response:
        try:
            return self._http.request(
                request.method,
                self._settings.address + request.path,
                headers=request.headers,
                content=request.body,
                timeout=self._settings.timeout_seconds + request.wait_seconds,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(self._settings.address, error) from None

    def decrypt(
        self, ciphertext: bytes, *, context: Mapping[str, str] = NO_ENTRIES, aad: bytes = b""
    ) -> Decrypted:
        """Decrypt a ciphertext, which names its key."""
        return self.keys.decrypt(ciphertext, context=context, aad=aad)

    def pages(self, operation: Operation[ReplyT]) -> Iterator[ReplyT]:
        """Carry out a listing page by page, from the operation's ``after`` to the end."""
        while True:
            page = self(operation)
            yield page
            after: Any = getattr(page, "next", None)
            if not after:
                return
            operation = msgspec.structs.replace(operation, after=after)

    def use_token(self, token: str) -> None:
        """Ask with another token from now on, as after a log-in."""
        self._settings = dataclasses.replace(self._settings, token=token)
        self._http.headers = httpx.Headers(self._settings.headers())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The server's URL."""
        return self._settings.address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.address}>"
