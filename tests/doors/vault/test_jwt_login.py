"""Log-ins with tokens of other issuers, at Keystead and at a real OpenBao alike."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-256", {"kid": "one"})
OTHER = ECKey.generate_key("P-256", {"kid": "two"})
PEM = KEY.as_pem(private=False).decode()

GOOD = {
    "iss": "me", "aud": "a", "sub": "bob", "exp": 60, "iat": 0, "team": "red",
    "g": ["g1", "g2"], "email": "b@x",
}  # fmt: skip
ROLE = {
    "role_type": "jwt", "user_claim": "sub", "bound_audiences": "a",
    "bound_claims": {"team": ["red", "blue"]}, "token_policies": "P,q", "groups_claim": "g",
    "claim_mappings": {"email": "mail"},
}  # fmt: skip


def mint(claims: dict[str, Any], key: ECKey = KEY) -> str:
    """A signed token; its times are given from now."""
    now = int(time.time())
    times = {name: now + claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    return jwt.encode({"alg": "ES256", "kid": key.kid}, {**claims, **times}, key)


def _without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name not in names}


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Any:
    """A server with a mount ``auth/people`` that trusts KEY."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/people", type="jwt")
    made.write(
        "auth/people/config", jwt_validation_pubkeys=PEM, bound_issuer="me", default_role="dev"
    )
    made.write("auth/people/role/dev", **ROLE)
    made.write(
        "auth/people/role/loose", role_type="jwt", user_claim="sub", bound_claims={"team": "red"}
    )
    made.write(
        "auth/people/role/glob", role_type="jwt", user_claim="/who/id", bound_subject="bob",
        user_claim_json_pointer=True, bound_claims_type="glob", bound_claims={"team": "r*"},
        token_ttl="1h", token_max_ttl="2h", token_num_uses=3,
    )  # fmt: skip
    made.write(
        "auth/people/role/web", user_claim="sub", allowed_redirect_uris="http://localhost/cb"
    )
    return made


LOGINS: list[tuple[str, Any, int, str]] = [
    ("dev", GOOD, 200, ""),
    ("", GOOD, 200, ""),
    ("dev", {**GOOD, "g": "one"}, 200, ""),
    ("dev", {**GOOD, "aud": ["b", "a"]}, 200, ""),
    ("dev", {**GOOD, "team": ["green", "blue"]}, 200, ""),
    ("loose", _without("aud"), 200, ""),
    ("glob", {**_without("aud"), "who": {"id": "u7"}}, 200, ""),
    ("none", GOOD, 400, 'role "none" could not be found'),
    ("web", GOOD, 400, "role with oidc role_type is not allowed"),
    ("loose", GOOD, 400, "audience claim found in JWT but no audiences bound to the role"),
    ("glob", _without("aud"), 400, 'claim "/who/id" not found in token'),
    ("dev", {**GOOD, "team": "green"}, 400,
     'error validating claims: claim "team" does not match any associated bound claim values'),
    ("dev", _without("team"), 400, 'error validating claims: claim "team" is missing'),
    ("dev", _without("g"), 400, 'failed to fetch groups: "g" claim not found in token'),
    ("dev", {**GOOD, "g": [5]}, 400, "value 5 in groups claim could not be parsed as string"),
    ("dev", _without("sub"), 400, 'claim "sub" not found in token'),
    ("dev", {**GOOD, "iss": "you"}, 400, "error validating token: invalid issuer (iss) claim"),
    ("dev", {**GOOD, "aud": "b"}, 400, "error validating token: invalid audience (aud) claim:"
     " audience claim does not match any expected audience"),
    ("glob", {**_without("aud"), "sub": "z", "who": {"id": "u"}}, 400,
     "error validating token: invalid subject (sub) claim"),
    ("dev", {**GOOD, "exp": -400, "iat": -500}, 400,
     "error validating token: invalid expiration time (exp) claim: token is expired"),
    ("dev", {**GOOD, "iat": 300, "exp": 600}, 400,
     "error validating token: invalid not before (nbf) claim: token not yet valid"),
    ("dev", _without("exp", "iat"), 400, "error validating token: no issued at (iat), not before"
     " (nbf), or expiration time (exp) claims in token"),
    ("dev", "", 400, "missing token"),
    ("dev", "abc", 400, "error validating token: error verifying token signature: ~"),
    ("dev", mint(GOOD, OTHER), 400, "error validating token: error verifying token signature:"
     " no known key successfully validated the token signature"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "claims", "status", "error"), LOGINS)
def test_both_servers_judge_a_log_in_alike(
    api: Any, role: str, claims: Any, status: int, error: str
) -> None:
    token = mint(claims) if isinstance(claims, dict) else claims
    body = {"jwt": token, **({"role": role} if role else {})}
    reply = api.ask("POST", "auth/people/login", body, token="")
    assert reply.status == status, reply
    if error:
        (said,) = reply.errors
        start, cut, _ = error.partition("~")
        assert said.startswith(start) if cut else said == error


def test_the_token_has_the_roles_policies_limits_and_claims(api: Any) -> None:
    auth = api.ask("POST", "auth/people/login", {"jwt": mint(GOOD), "role": "dev"}).body["auth"]
    assert auth["policies"] == auth["token_policies"] == ["default", "p", "q"]
    assert auth["metadata"] == {"role": "dev", "mail": "b@x"}
    assert auth["renewable"] is True
    assert auth["token_type"] == "service"
    assert auth["entity_id"]
    claims = {**_without("aud"), "who": {"id": "u7"}}
    auth = api.ask("POST", "auth/people/login", {"jwt": mint(claims), "role": "glob"}).body["auth"]
    assert (auth["lease_duration"], auth["num_uses"]) == (3600, 3)


ROLES: list[tuple[dict[str, Any], str]] = [
    ({}, "a user claim must be defined on the role"),
    ({"role_type": "jwt"}, "a user claim must be defined on the role"),
    ({"role_type": "jwt", "user_claim": "sub"},
     "must have at least one bound constraint when creating/updating a role"),
    ({"role_type": "oidc", "user_claim": "sub"},
     "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified."),
    ({**ROLE, "role_type": "foo"}, "invalid 'role_type': foo"),
    ({**ROLE, "bound_claims_type": "x"}, "invalid 'bound_claims_type': x"),
    ({**ROLE, "claim_mappings": {"a": "b", "c": "b"}},
     'multiple keys are mapped to metadata key "b"'),
    ({**ROLE, "bound_claims_type": "glob", "bound_claims": {"a": 5}}, "claim is not a string: 5"),
    ({**ROLE, "token_ttl": "2h", "token_max_ttl": "1h"},
     "'token_ttl' cannot be greater than 'token_max_ttl'"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "error"), ROLES)
def test_a_role_that_makes_no_sense_is_refused(api: Any, body: dict[str, Any], error: str) -> None:
    reply = api.ask("POST", "auth/people/role/bad", body)
    assert (reply.status, reply.errors) == (400, [error])


def test_roles_are_written_piecemeal_listed_and_deleted(api: Any) -> None:
    api.write("auth/people/role/pieces", **ROLE)
    api.write("auth/people/role/pieces", role_type="jwt", token_ttl="1h")
    role = api.ask("GET", "auth/people/role/pieces").data
    assert (role["token_ttl"], role["bound_audiences"]) == (3600, ["a"])
    assert role["bound_claims"] == {"team": ["red", "blue"]}
    assert role["claim_mappings"] == {"email": "mail"}
    assert "pieces" in api.ask("LIST", "auth/people/role").data["keys"]
    assert api.ask("DELETE", "auth/people/role/pieces").status == 204
    assert api.ask("DELETE", "auth/people/role/pieces").status == 204
    reply = api.ask("GET", "auth/people/role/pieces")
    assert (reply.status, reply.errors) == (404, [])


def test_what_is_trusted_is_checked_when_it_is_written(api: Any) -> None:
    api.write("sys/auth/trust", type="jwt")
    for body in (
        {},
        {"jwks_url": "http://127.0.0.1:1/", "jwt_validation_pubkeys": PEM},
        {"jwt_validation_pubkeys": "x"},
        {"jwks_url": "http://127.0.0.1:1/keys"},
        {"oidc_discovery_url": "http://127.0.0.1:1/"},
        {"jwt_validation_pubkeys": PEM, "jwt_supported_algs": "HS256"},
    ):
        assert api.ask("POST", "auth/trust/config", body).status == 400, body
    assert api.ask("GET", "auth/trust/config").status == 404
    reply = api.ask("POST", "auth/trust/login", {"jwt": "a", "role": "x"}, token="")
    assert (reply.status, reply.errors) == (400, ["could not load configuration"])
    api.ask("DELETE", "sys/auth/trust")


# --- an issuer that is asked ------------------------------------------------------------


class _JwksServer:
    """Serves a key set; ``moved`` answers with a redirect to it."""

    def __init__(self) -> None:
        self.keys = [KEY]
        self.hits = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/keys")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                outer.hits += 1
                keys = [key.as_dict(private=False) for key in outer.keys]
                body = json.dumps({"keys": keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer() -> Iterator[_JwksServer]:
    made = _JwksServer()
    yield made
    made.close()


def test_keys_come_from_the_issuer_and_are_asked_for_seldom(
    keystead_api: Any, issuer: _JwksServer
) -> None:
    keystead_api.write("sys/auth/jwks", type="jwt")
    keystead_api.write("auth/jwks/config", jwks_url=f"{issuer.url}/keys")
    keystead_api.write("auth/jwks/role/dev", **ROLE)
    issuer.hits = 0
    for _ in range(5):
        body = {"jwt": mint(GOOD), "role": "dev"}
        assert keystead_api.ask("POST", "auth/jwks/login", body).status == 200
    for _ in range(5):
        body = {"jwt": mint(GOOD, OTHER), "role": "dev"}
        assert keystead_api.ask("POST", "auth/jwks/login", body).status == 400
    assert issuer.hits == 1
    keystead_api.ask("DELETE", "sys/auth/jwks")


def test_redirects_are_not_followed(keystead_api: Any, issuer: _JwksServer) -> None:
    keystead_api.write("sys/auth/moved", type="jwt")
    reply = keystead_api.ask("POST", "auth/moved/config", {"jwks_url": f"{issuer.url}/moved"})
    assert reply.status == 400
    assert issuer.hits == 0
    keystead_api.ask("DELETE", "sys/auth/moved")


def test_tokens_end_with_their_role_and_with_their_mount(keystead_api: Any) -> None:
    keystead_api.write("sys/auth/brief", type="jwt")
    keystead_api.write("auth/brief/config", jwt_validation_pubkeys=PEM)
    tokens = []
    for role in ("one", "two"):
        keystead_api.write(f"auth/brief/role/{role}", **ROLE)
        reply = keystead_api.ask("POST", "auth/brief/login", {"jwt": mint(GOOD), "role": role})
        tokens.append(reply.body["auth"]["client_token"])
    me = "auth/token/lookup-self"
    assert [keystead_api.ask("GET", me, token=t).status for t in tokens] == [200, 200]
    keystead_api.ask("DELETE", "auth/brief/role/one")
    assert [keystead_api.ask("GET", me, token=t).status for t in tokens] == [403, 200]
    keystead_api.ask("DELETE", "sys/auth/brief")
    assert [keystead_api.ask("GET", me, token=t).status for t in tokens] == [403, 403]


def test_groups_of_the_issuer_give_the_policies_of_external_groups(api: Any) -> None:
    mount = api.ask("GET", "sys/auth/people").body
    accessor = mount["accessor"]
    group = api.write("identity/group", name="g1s", type="external", policies=["from-group"])
    api.write("identity/group-alias", name="g1", mount_accessor=accessor, canonical_id=group["id"])
    login = {"jwt": mint(GOOD), "role": "dev"}
    auth = api.ask("POST", "auth/people/login", login).body["auth"]
    assert auth["identity_policies"] == ["from-group"]
    assert auth["policies"] == ["default", "from-group", "p", "q"]
    entity = api.ask("GET", f"identity/entity/id/{auth['entity_id']}").data
    assert [alias["name"] for alias in entity["aliases"]] == ["bob"]
    login = {"jwt": mint({**GOOD, "g": ["g2"]}), "role": "dev"}
    again = api.ask("POST", "auth/people/login", login).body["auth"]
    assert again["entity_id"] == auth["entity_id"]
    assert again["policies"] == ["default", "p", "q"]
