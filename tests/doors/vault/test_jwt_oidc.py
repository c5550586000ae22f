"""Browsers' log-ins at a real OpenID provider, at Keystead and at a real OpenBao alike."""

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

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "keystead", "client:secret/+ %"
REDIRECT = "http://localhost:8250/oidc/callback"


class Provider:
    """An OpenID provider at which the user ``alice`` is logged in.

    ``id_claims`` change its ID tokens; ``key`` signs them.
    """

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
            "iss": self.issuer, "aud": CLIENT, "sub": "alice", "nonce": asked["nonce"],
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
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        sent = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        name, _, secret = sent
        return (name, parse_qs(f"s={secret}")["s"][0]) == (CLIENT, SECRET)


def _answer(handler: http.server.BaseHTTPRequestHandler, document: Any, status: int = 200) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture(params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest, provider: Provider) -> Iterator[Any]:
    """A server whose mount ``auth/web`` trusts the provider."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/web", type="oidc")
    made.write(
        "auth/web/config", oidc_discovery_url=provider.url, oidc_client_id=CLIENT,
        oidc_client_secret=SECRET, default_role="user",
    )  # fmt: skip
    made.write(
        "auth/web/role/user", user_claim="email", allowed_redirect_uris=[REDIRECT],
        groups_claim="groups", token_policies="web", oidc_scopes="email",
        claim_mappings={"sub": "who"},
    )  # fmt: skip
    yield made
    made.ask("DELETE", "sys/auth/web")


def start(api: Any, **given: str) -> str:
    """The address of the provider's page."""
    body = {"redirect_uri": REDIRECT, **given}
    reply = api.ask("POST", "auth/web/oidc/auth_url", body, token="")
    assert reply.status == 200, reply
    return str(reply.data["auth_url"])


def visit(url: str) -> dict[str, str]:
    """What the provider sends the browser back with."""
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 302
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def finish(api: Any, **given: str) -> Any:
    query = httpx.QueryParams(given)
    return api.ask("GET", f"auth/web/oidc/callback?{query}", token="")


def test_a_user_logs_in_with_a_browser(api: Any, provider: Provider) -> None:
    url = start(api)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"].split() == ["openid", "email"]
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
    reply = finish(api, **visit(url))
    assert reply.status == 200, reply
    auth = reply.body["auth"]
    assert auth["policies"] == ["default", "web"]
    assert auth["metadata"] == {"role": "user", "who": "alice"}
    assert api.ask("GET", "auth/token/lookup-self", token=auth["client_token"]).status == 200


def test_a_code_is_good_once(api: Any) -> None:
    sent = visit(start(api))
    assert finish(api, **sent).status == 200
    assert finish(api, **sent).status == 400


def test_another_state_is_refused(api: Any) -> None:
    sent = visit(start(api))
    for state in ("", "a", sent["state"][:-4] + "AAAA"):
        reply = finish(api, code=sent["code"], state=state)
        assert reply.status == 400
        assert reply.errors[0].endswith("login failed. Expired or missing OAuth state.")


def test_who_begins_with_a_nonce_must_end_with_it(api: Any) -> None:
    sent = visit(start(api, client_nonce="mine"))
    assert finish(api, **sent, client_nonce="yours").status == 400
    sent = visit(start(api, client_nonce="mine"))
    assert finish(api, **sent, client_nonce="mine").status == 200


@pytest.mark.parametrize(
    ("redirect", "allowed"),
    [
        (REDIRECT, True),
        ("http://localhost:9999/oidc/callback", True),
        ("http://localhost:8250/other", False),
        ("http://127.0.0.1:8250/oidc/callback", False),
        ("https://localhost:8250/oidc/callback", False),
        ("http://evil.example/oidc/callback", False),
        ("http://localhost:8250@evil.example/oidc/callback", False),
    ],
)
def test_only_the_redirects_of_the_role_are_made(api: Any, redirect: str, allowed: bool) -> None:
    assert bool(start(api, redirect_uri=redirect)) is allowed


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "http://another"},
        {"exp": 1_000_000_000},
        {"groups": [5]},
    ],
)
def test_an_id_token_that_is_not_for_this_log_in_is_refused(
    api: Any, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.id_claims = claims
    assert finish(api, **visit(start(api))).status == 400


def test_an_id_token_of_somebody_else_is_refused(api: Any, provider: Provider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "p1"})
    assert finish(api, **visit(start(api))).status == 400


def test_what_the_provider_says_of_somebody_else_does_not_count(
    api: Any, provider: Provider
) -> None:
    provider.info = {"sub": "mallory", "email": "alice@example.org"}
    assert finish(api, **visit(start(api))).status == 400


def test_an_old_session_at_the_provider_is_not_enough(api: Any, provider: Provider) -> None:
    api.write(
        "auth/web/role/strict", user_claim="sub", allowed_redirect_uris=[REDIRECT], max_age="30s"
    )
    assert finish(api, **visit(start(api, role="strict"))).status == 400
    provider.id_claims = {"auth_time": int(time.time())}
    assert finish(api, **visit(start(api, role="strict"))).status == 200


def test_a_provider_that_takes_its_secret_in_the_body_is_served(
    api: Any, provider: Provider
) -> None:
    provider.methods = ["client_secret_post"]
    assert finish(api, **visit(start(api))).status == 200


def test_a_provider_that_calls_itself_otherwise_is_not_trusted(
    api: Any, provider: Provider
) -> None:
    provider.issuer = "http://another"
    reply = api.ask("POST", "auth/web/config", {"oidc_discovery_url": provider.url})
    assert reply.status == 400


def test_a_token_may_be_shown_instead_of_a_browser(api: Any, provider: Provider) -> None:
    api.write("auth/web/role/machine", role_type="jwt", user_claim="sub", bound_audiences="service")
    now = int(time.time())
    claims = {"iss": provider.url, "aud": "service", "sub": "job", "iat": now, "exp": now + 60}
    token = jwt.encode({"alg": "RS256", "kid": "p1"}, claims, provider.key)
    reply = api.ask("POST", "auth/web/login", {"role": "machine", "jwt": token}, token="")
    assert reply.status == 200, reply
