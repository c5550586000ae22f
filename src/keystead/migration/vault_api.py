"""The few requests of Vault's HTTP API that a migration needs, of either side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from keystead.errors import (
    FixRequest,
    InvalidRequest,
    PermissionDenied,
    UpstreamUnavailable,
)

_ATTEMPTS = 5
_AGAIN = frozenset({412, 429, 500, 502, 503, 504})


class VaultApi:
    """One server: OpenBao, Vault, or Keystead's Vault door.

    Answers that may be better later (overload, a standby, a lost connection) are asked for
    again a few times. Raises UpstreamUnavailable when they stay bad, PermissionDenied, and
    InvalidRequest for what the server will not do. No error holds the token.
    """

    def __init__(
        self, address: str, token: str, *, namespace: str = "", ca_file: str | None = None
    ) -> None:
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        try:
            self._http = httpx.Client(
                base_url=address.rstrip("/"),
                headers=headers,
                timeout=30,
                verify=ca_file or True,
                follow_redirects=True,
            )
        except (httpx.InvalidURL, OSError, ValueError):
            raise InvalidRequest(f"{address} cannot be reached so.") from None
        self.address = address

    def read(self, path: str, **query: str | int) -> dict[str, Any] | None:
        """``data`` of what is at a path (the whole reply where it has none); None if nothing."""
        reply = self._ask("GET", path, params=query)
        return None if reply is None else reply.get("data") or reply

    def read_whole(self, path: str, **query: str | int) -> dict[str, Any] | None:
        """What is at a path; of a 404 the body too, if it holds data."""
        return self._ask("GET", path, params=query, keep_missing=True)

    def list(self, path: str) -> list[str]:
        """The names below a path; none if there is nothing."""
        reply = self._ask("GET", path, params={"list": "true"})
        return [] if reply is None else list((reply.get("data") or {}).get("keys") or [])

    def write(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write to a path."""
        return self._ask("POST", path, json=dict(body)) or {}

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def close(self) -> None:
        self._http.close()

    def _ask(
        self, method: str, path: str, *, keep_missing: bool = False, **given: Any
    ) -> dict[str, Any] | None:
        reply = self._send(method, f"/v1/{quote(path)}", given)
        if reply.status_code == 404:
            body = _json(reply)
            return body if keep_missing and body.get("data") else None
        if reply.status_code == 403:
            raise PermissionDenied(f"{self.address} denies {method} {path}.", path=path)
        if reply.is_error:
            said = "; ".join(map(str, _json(reply).get("errors") or [])) or reply.reason_phrase
            raise InvalidRequest(f"{self.address} refuses {method} {path}: {said}", path=path)
        return _json(reply)

    def _send(self, method: str, url: str, given: dict[str, Any]) -> httpx.Response:
        reason = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(0.2 * 2**attempt)
            try:
                reply = self._http.request(method, url, **given)
            except httpx.HTTPError as error:
                reason = type(error).__name__
                continue
            if reply.status_code not in _AGAIN or (reply.status_code == 500 and method == "POST"):
                return reply
            reason = str(reply.status_code)
        raise UpstreamUnavailable(f"{self.address} does not answer: {reason}.")


def _json(reply: httpx.Response) -> dict[str, Any]:
    if not reply.content:
        return {}
    try:
        body = reply.json()
    except ValueError:
        raise UpstreamUnavailable("This is not a server of Vault's API.") from None
    return body if isinstance(body, dict) else {}


REFUSED: Final = (FixRequest, PermissionDenied)
"""What one item may fail for without ending the whole."""
