"""What tests of several log-in methods share: an OpenID provider."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey


class Provider:
    """An OpenID provider at which the user ``alice`` is logged in.

    ``id_claims`` change its ID tokens; ``key`` signs them.
    """

    client = "keystead"
    secret = "client:secret/+ %"

    def __init__(self) -> None:
        self.key = self.published = RSAKey.generate_key(2048, {"kid": "p1"})
        self.id_claims: dict[str, Any] = {}
        self.info: dict[str, Any] = {"sub": "alice", "email": "alice@example.org"}
        self.methods: list[str] | None = None
        self.codes: dict[str, dict[str, str]] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.get(self)

            def do_POST(self) -> None:
                outer.token(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.issuer = self.url
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        if parts.path == "/.well-known/openid-configuration":
            document = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
            }
            if self.methods is not None:
                document["token_endpoint_auth_methods_supported"] = self.methods
            _answer(handler, document)
        elif parts.path == "/keys":
            _answer(handler, {"keys": [self.published.as_dict(private=False)]})
        elif parts.path == "/authorize":
            asked = dict(parse_qsl(parts.query))
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            target = f"{asked['redirect_uri']}?code={code}&state={asked['state']}"
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif parts.path == "/userinfo" and handler.headers["Authorization"] == "Bearer access":
            _answer(handler, self.info)
        else:
            handler.send_error(404)

    def token(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        form = {k: v[0] for k, v in parse_qs(handler.rfile.read(length).decode()).items()}
        if not self._is_client(handler, form):
            _answer(handler, {"error": "invalid_client"}, 401)
            return
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            _answer(handler, {"error": "invalid_grant"}, 400)
            return
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (challenge, form["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            _answer(handler, {"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": self.client, "sub": "alice", "nonce": asked["nonce"],
            "iat": now, "exp": now + 300, "auth_time": now - 100, "groups": ["dev"],
            **self.id_claims,
        }  # fmt: skip
        id_token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)
        _answer(
            handler,
            {"access_token": "access", "token_type": "Bearer", "id_token": id_token},
        )

    def _is_client(self, handler: http.server.BaseHTTPRequestHandler, form: dict[str, str]) -> bool:
        header = handler.headers.get("Authorization", "")
        if self.methods == ["client_secret_post"]:
            return (form.get("client_id"), form.get("client_secret")) == (self.client, self.secret)
        sent = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        name, _, secret = sent
        return (name, parse_qs(f"s={secret}")["s"][0]) == (self.client, self.secret)


def _answer(handler: http.server.BaseHTTPRequestHandler, document: Any, status: int = 200) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider of its own."""
    made = Provider()
    yield made
    made.close()
