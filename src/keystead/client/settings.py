"""Where the server is and who asks: from arguments, then the environment."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from keystead.errors import ConfigurationError

DEFAULT_ADDRESS = "http://127.0.0.1:8200"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the server.

    ``address`` is ``http://`` or ``https://`` with host and port. ``ca_file`` is PEM, in
    place of the system's certificate authorities. ``client_certificate`` is a PEM
    certificate file and its key file.
    """

    address: str = DEFAULT_ADDRESS
    token: str = field(default="", repr=False)
    namespace: str = ""
    ca_file: str = ""
    client_certificate: tuple[str, str] | None = None
    timeout_seconds: float = 30.0
    retries: int = 3

    @classmethod
    def resolve(
        cls,
        address: str | None,
        token: str | None,
        namespace: str | None,
        ca_file: str | None,
        client_certificate: tuple[str, str] | None,
        timeout_seconds: float,
        retries: int,
    ) -> Settings:
        """Fill what is None from KEYSTEAD_ADDR, _TOKEN, _NAMESPACE and _CACERT.

        Raises ConfigurationError for an address that is none.
        """
        environment = os.environ.get
        address = address or environment("KEYSTEAD_ADDR") or DEFAULT_ADDRESS
        return cls(
            address=_checked_address(address),
            token=environment("KEYSTEAD_TOKEN", "") if token is None else token,
            namespace=environment("KEYSTEAD_NAMESPACE", "") if namespace is None else namespace,
            ca_file=environment("KEYSTEAD_CACERT", "") if ca_file is None else ca_file,
            client_certificate=client_certificate,
            timeout_seconds=timeout_seconds,
            retries=retries,
        )

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context: TLS 1.2 or newer, certificate and host name verified.

        Raises ConfigurationError for files that cannot be read.
        """
        if self.address.startswith("http:"):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nothing, and costs nothing
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.client_certificate:
                context.load_cert_chain(*self.client_certificate)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                "The CA or client certificate files cannot be used.",
                hint="Give PEM files that exist: KEYSTEAD_CACERT, or the client certificate.",
                ca_file=self.ca_file,
                reason=str(error),
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def headers(self) -> dict[str, str]:
        """Return what goes with every request."""
        headers = {"Accept": "application/json", "User-Agent": "keystead-python"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.namespace:
            headers["X-Keystead-Namespace"] = self.namespace
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ConfigurationError("A token or namespace holds characters that none has.")
        return headers


def _checked_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise ConfigurationError(
            "The server's address is not one.",
            hint="Give KEYSTEAD_ADDR like https://kms.example:8200",
            address=address,
        )
    return address.rstrip("/")
