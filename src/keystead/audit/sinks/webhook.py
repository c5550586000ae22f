"""Entries as signed HTTP requests: a batch a POST, newline-delimited JSON."""

from __future__ import annotations

import hmac
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from keystead.errors import ConfigurationError, UpstreamUnavailable

if TYPE_CHECKING:
    import httpx

SIGNATURE_HEADER = "Keystead-Signature"
MIN_SECRET_BYTES = 32


class WebhookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to post. ``secret_file`` holds the signing key: at least 32 bytes, used as they
    are but for white space at the ends. ``ca_file`` is a PEM file of authorities to trust
    instead of the system's."""

    url: str
    secret_file: Path
    ca_file: Path | None = None
    timeout_seconds: float = 10.0

    def open(self) -> WebhookSink:
        """Raises ConfigurationError if the secret, the URL or the authorities are unusable."""
        return WebhookSink(self)


class WebhookSink:
    """Posts batches; any 2xx answer is taken for delivery.

    The header ``Keystead-Signature: sha256=<hex>`` is HMAC-SHA-256 over the body. The body's
    entries carry their index, by which a receiver knows one that it has had before.
    """

    def __init__(self, config: WebhookConfig) -> None:
        if not config.url.startswith(("https://", "http://")):
            raise ConfigurationError("A webhook needs an http or https URL")
        try:
            self._secret = config.secret_file.read_bytes().strip()
            self._tls = ssl.create_default_context(cafile=config.ca_file)
        except OSError as error:
            raise ConfigurationError(f"The webhook's files: {error.strerror}") from error
        if len(self._secret) < MIN_SECRET_BYTES:
            raise ConfigurationError("The webhook secret is too short", minimum=MIN_SECRET_BYTES)
        self._config = config
        self._client: httpx.Client | None = None

    def send(self, lines: Sequence[bytes]) -> None:
        """See ``Sink.send``. Redirects are not followed."""
        import httpx  # a server without webhooks starts without it

        body = b"\n".join(lines) + b"\n"
        signature = hmac.digest(self._secret, body, "sha256").hex()
        headers = {
            "Content-Type": "application/x-ndjson",
            SIGNATURE_HEADER: f"sha256={signature}",
        }
        if self._client is None:
            self._client = httpx.Client(timeout=self._config.timeout_seconds, verify=self._tls)
        try:
            answer = self._client.post(self._config.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamUnavailable(f"The webhook: {type(error).__name__}") from error
        if not answer.is_success:
            raise UpstreamUnavailable("The webhook refused", status=answer.status_code)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
