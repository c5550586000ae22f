"""A log-in in the user's browser: the address to go to, and waiting for what comes back."""

from __future__ import annotations

import http.server
import secrets
import time
import webbrowser
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import click

from keystead.errors import InvalidRequest, Unauthenticated

if TYPE_CHECKING:
    from keystead.client.sync import Client
    from keystead.operations.identity import IssuedToken

PATH: Final = "/oidc/callback"
WAIT_SECONDS: Final = 300
_DONE: Final = b"<!doctype html><title>Keystead</title><p>Go back to your terminal."


def log_in(client: Client, mount: str, role: str, port: int) -> IssuedToken:
    """Have the user log in at the mount's OpenID provider; wait at most five minutes.

    Raises InvalidRequest if the role does not let browsers come back to this machine.
    """
    from keystead.operations.jwt_auth import FinishOidcLogin, StartOidcLogin

    nonce = secrets.token_urlsafe(24)
    with _Listener(port) as listener:
        started = client(
            StartOidcLogin(
                mount=mount,
                role=role,
                redirect_uri=f"http://localhost:{listener.server_port}{PATH}",
                client_nonce=nonce,
            )
        )
        if not started.auth_url:
            raise InvalidRequest(
                "The role does not let a browser come back here.",
                hint=f"Write it with --redirect http://localhost:{port}{PATH}",
            )
        click.echo(f"Log in at\n\n  {started.auth_url}\n", err=True)
        webbrowser.open(started.auth_url)
        sent = listener.wait()
    return client(
        FinishOidcLogin(
            mount=mount,
            state=sent.get("state", ""),
            code=sent.get("code", ""),
            client_nonce=nonce,
        )
    )


class _Listener(http.server.HTTPServer):
    """Waits on this machine for the browser to come back."""

    timeout = 1.0

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.sent: dict[str, str] | None = None

    def wait(self) -> dict[str, str]:
        """What the provider sent; raises Unauthenticated if that is nothing."""
        until = time.monotonic() + WAIT_SECONDS
        while self.sent is None and time.monotonic() < until:
            self.handle_request()
        if self.sent is None or "error" in self.sent:
            raise Unauthenticated("The provider has not let you in.")
        return self.sent


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != PATH:
            self.send_error(404)
            return
        assert isinstance(self.server, _Listener)
        self.server.sent = dict(parse_qsl(parts.query))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(_DONE)))
        self.end_headers()
        self.wfile.write(_DONE)

    def log_message(self, format: str, *args: object) -> None:
        """The address holds the code: say nothing."""
