"""A seal by another server: its transit key wraps the root key over HTTP."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from keystead.crypto.material import KeyMaterial
from keystead.errors import ConfigurationError, UnsealFailed, UpstreamUnavailable
from keystead.seal.base import ROOT_KEY_BYTES

_ATTEMPTS = 4
_TIMEOUT_SECONDS = 5.0
_RETRIED_STATUS = {429, 500, 502, 503, 504}


class Dialect(Protocol):
    """How a server is asked to encrypt and decrypt: path, body, and where the answer is."""

    def headers(self, token: str) -> dict[str, str]: ...

    def encryption(self, plaintext: str) -> tuple[str, dict[str, Any]]: ...

    def decryption(self, ciphertext: str) -> tuple[str, dict[str, Any]]: ...

    def answer(self, body: Any) -> Mapping[str, Any]: ...


class VaultTransit:
    """The transit engine of OpenBao or Vault, mounted at ``mount``."""

    def __init__(self, key: str, mount: str = "transit", namespace: str = "") -> None:
        self._path = f"/v1/{quote(mount)}/{{}}/{quote(key, safe='')}"
        self._namespace = namespace

    def headers(self, token: str) -> dict[str, str]:
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        return headers | ({"X-Vault-Namespace": self._namespace} if self._namespace else {})

    def encryption(self, plaintext: str) -> tuple[str, dict[str, Any]]:
        return self._path.format("encrypt"), {"plaintext": plaintext}

    def decryption(self, ciphertext: str) -> tuple[str, dict[str, Any]]:
        return self._path.format("decrypt"), {"ciphertext": ciphertext}

    def answer(self, body: Any) -> Mapping[str, Any]:
        return body["data"]  # type: ignore[no-any-return]


class KeysteadTransit:
    """An encryption key of another Keystead."""

    _context = {"purpose": "keystead root key"}

    def __init__(self, key: str, namespace: str = "") -> None:
        self._encrypt = f"/api/v1/keys/{quote(key, safe='')}/encrypt"
        self._namespace = namespace

    def headers(self, token: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token}"}
        return headers | ({"X-Keystead-Namespace": self._namespace} if self._namespace else {})

    def encryption(self, plaintext: str) -> tuple[str, dict[str, Any]]:
        return self._encrypt, {"plaintext": plaintext, "context": self._context}

    def decryption(self, ciphertext: str) -> tuple[str, dict[str, Any]]:
        return "/api/v1/decrypt", {"ciphertext": ciphertext, "context": self._context}

    def answer(self, body: Any) -> Mapping[str, Any]:
        return body  # type: ignore[no-any-return]


class TransitSeal:
    """Wraps the root key with a key that another server holds.

    ``address`` is that server's ``https://host:port``. ``token`` is asked for at each use,
    so that a token file may be renewed. Each request has 5 seconds and is tried up to 4
    times while the server does not answer.
    """

    type = "transit"
    automatic = True

    def __init__(
        self,
        address: str,
        dialect: Dialect,
        token: Callable[[], str],
        ca_file: Path | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._dialect = dialect
        self._token = token
        self._ca_file = ca_file

    def wrap(self, root_key: KeyMaterial) -> bytes:
        """The other server's ciphertext (text in its own form).

        Raises UpstreamUnavailable, or ConfigurationError if the server refuses.
        """
        plaintext = base64.b64encode(root_key.reveal()).decode()
        return self._ask(*self._dialect.encryption(plaintext), "ciphertext").encode()

    def unwrap(self, blob: bytes) -> KeyMaterial:
        """The root key. Raises UnsealFailed if the answer is none, else as ``wrap``."""
        ciphertext = blob.decode("utf-8", "replace")
        answer = self._ask(*self._dialect.decryption(ciphertext), "plaintext")
        try:
            key = base64.b64decode(answer, validate=True)
        except ValueError:
            key = b""
        if len(key) != ROOT_KEY_BYTES:
            raise UnsealFailed("The transit server did not answer with a root key.")
        return KeyMaterial(key)

    def _ask(self, path: str, body: dict[str, Any], field: str) -> str:
        headers = self._dialect.headers(self._token())
        for attempt in range(1, _ATTEMPTS + 1):
            status, answer = self._post(path, body, headers)
            if status is not None and status not in _RETRIED_STATUS:
                break
            if attempt == _ATTEMPTS:
                raise UpstreamUnavailable(
                    f"The transit server {self._address} does not answer.", status=status
                )
            time.sleep(random.uniform(0.1, 0.2) * 2**attempt)  # noqa: S311 - jitter
        if status != 200:
            raise ConfigurationError(
                f"The transit server {self._address} refuses: HTTP {status}.",
                hint="Check the seal's key name, its token and what the token may do.",
                status=status,
            )
        try:
            return str(self._dialect.answer(answer)[field])
        except (TypeError, LookupError):
            raise UnsealFailed(f"The transit server's answer has no {field}.") from None

    def _post(
        self, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> tuple[int | None, Any]:
        """Status and JSON of one request; (None, None) if there was no answer."""
        import ssl

        import httpx

        verify = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        try:
            with httpx.Client(
                base_url=self._address, verify=verify, timeout=_TIMEOUT_SECONDS, trust_env=False
            ) as client:
                response = client.post(path, json=body, headers=headers)
                return response.status_code, response.json()
        except httpx.HTTPError:
            return None, None
        except (ValueError, RecursionError):
            return response.status_code, None


def token_from_file(path: Path) -> Callable[[], str]:
    """Reads the token anew at each use; raises ConfigurationError then if it cannot."""

    def read() -> str:
        try:
            return path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"The token file {path} cannot be read.") from None

    return read
