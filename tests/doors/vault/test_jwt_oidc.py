"""Browsers' log-ins at a real OpenID provider, at Keystead and at a real OpenBao alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

REDIRECT = "http://localhost:8250/oidc/callback"


@pytest.fixture(params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest, provider: Any) -> Iterator[Any]:
    """A server whose mount ``auth/web`` trusts the provider."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/web", type="oidc")
    made.write(
        "auth/web/config", oidc_discovery_url=provider.url, oidc_client_id=provider.client,
        oidc_client_secret=provider.secret, default_role="user",
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


def test_a_user_logs_in_with_a_browser(api: Any, provider: Any) -> None:
    url = start(api)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"].split() == ["openid", "email"]
    assert (asked["response_type"], asked["client_id"]) == ("code", provider.client)
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
    api: Any, provider: Any, claims: dict[str, Any]
) -> None:
    provider.id_claims = claims
    assert finish(api, **visit(start(api))).status == 400


def test_an_id_token_of_somebody_else_is_refused(api: Any, provider: Any) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "p1"})
    assert finish(api, **visit(start(api))).status == 400


def test_what_the_provider_says_of_somebody_else_does_not_count(api: Any, provider: Any) -> None:
    provider.info = {"sub": "mallory", "email": "alice@example.org"}
    assert finish(api, **visit(start(api))).status == 400


def test_an_old_session_at_the_provider_is_not_enough(api: Any, provider: Any) -> None:
    api.write(
        "auth/web/role/strict", user_claim="sub", allowed_redirect_uris=[REDIRECT], max_age="30s"
    )
    assert finish(api, **visit(start(api, role="strict"))).status == 400
    provider.id_claims = {"auth_time": int(time.time())}
    assert finish(api, **visit(start(api, role="strict"))).status == 200


def test_a_provider_that_takes_its_secret_in_the_body_is_served(api: Any, provider: Any) -> None:
    provider.methods = ["client_secret_post"]
    assert finish(api, **visit(start(api))).status == 200


def test_a_provider_that_calls_itself_otherwise_is_not_trusted(api: Any, provider: Any) -> None:
    provider.issuer = "http://another"
    reply = api.ask("POST", "auth/web/config", {"oidc_discovery_url": provider.url})
    assert reply.status == 400


def test_a_token_may_be_shown_instead_of_a_browser(api: Any, provider: Any) -> None:
    api.write("auth/web/role/machine", role_type="jwt", user_claim="sub", bound_audiences="service")
    now = int(time.time())
    claims = {"iss": provider.url, "aud": "service", "sub": "job", "iat": now, "exp": now + 60}
    token = jwt.encode({"alg": "RS256", "kid": "p1"}, claims, provider.key)
    reply = api.ask("POST", "auth/web/login", {"role": "machine", "jwt": token}, token="")
    assert reply.status == 200, reply
