"""Identity tokens at Keystead and at a real OpenBao alike, verified by another library."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import hvac
import jwt
import pytest

ISSUER = "https://vault.example:8200"
TEMPLATE = """{"who": {{identity.entity.name}}, "teams": {{identity.entity.groups.names}},
 "all": {{identity.entity.metadata}}, "none": {{identity.entity.metadata.missing}},
 "nested": {"at": {{time.now}}, "quote": {{identity.entity.metadata.quote}} } }"""


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server with an issuer, and users at ``auth/oidcusers``."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/oidcusers", type="userpass")
    made.write("identity/oidc/config", issuer=ISSUER)
    yield made
    made.write("identity/oidc/config", issuer="")
    made.ask("DELETE", "sys/auth/oidcusers")


@pytest.fixture(scope="module")
def identity(api: Any) -> Any:
    return hvac.Client(api.address, api.token).secrets.identity


@pytest.fixture(scope="module")
def caller(api: Any, identity: Any) -> Any:
    """The auth block of a user whose entity has metadata and may ask for tokens."""
    api.write("auth/oidcusers/users/ann", password="pw", token_policies="asks")
    auth = api.ask("POST", "auth/oidcusers/login/ann", {"password": "pw"}).body["auth"]
    policies = ["tokens"]
    api.ask("PUT", "sys/policies/acl/tokens", {
        "policy": 'path "identity/oidc/token/*" { capabilities = ["read"] }'
    })  # fmt: skip
    identity.update_entity(
        auth["entity_id"], name="ann", policies=policies, metadata={"quote": 'a","sub":"x'}
    )
    return auth


def public_keys(api: Any) -> dict[str, Any]:
    raw = httpx.get(f"{api.address}/v1/identity/oidc/.well-known/keys", trust_env=False)
    assert raw.headers["content-type"] == "application/json"
    return {key["kid"]: key for key in raw.json()["keys"]}


def checked(api: Any, token: str, audience: str) -> Any:
    """The claims of a token, as PyJWT verifies it with the published keys."""
    header = jwt.get_unverified_header(token)
    key = jwt.PyJWK(public_keys(api)[header["kid"]])
    return jwt.decode(token, key, algorithms=[header["alg"]], audience=audience)


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_a_token_verifies_with_the_published_keys(
    api: Any, identity: Any, caller: Any, algorithm: str
) -> None:
    name = algorithm.lower()
    identity.create_named_key(name, algorithm=algorithm, allowed_client_ids=["*"])
    identity.create_or_update_role(name, name, template=TEMPLATE, ttl="10m")
    reply = api.ask("GET", f"identity/oidc/token/{name}", token=caller["client_token"])
    assert reply.status == 200, reply
    assert reply.data["ttl"] == 600
    claims = checked(api, reply.data["token"], reply.data["client_id"])
    assert claims["iss"] == f"{ISSUER}/v1/identity/oidc"
    assert (claims["sub"], claims["who"]) == (caller["entity_id"], "ann")
    assert claims["exp"] - claims["iat"] == 600
    assert claims["all"] == {"quote": 'a","sub":"x'}
    assert claims["nested"] == {"at": claims["iat"], "quote": 'a","sub":"x'}
    assert (claims["none"], claims["namespace"]) == ("", "root")
    token, client = reply.data["token"], reply.data["client_id"]
    assert identity.introspect_signed_id_token(token) == {"active": True}
    assert identity.introspect_signed_id_token(token, client) == {"active": True}
    assert identity.introspect_signed_id_token(token, "other")["active"] is False
    assert identity.introspect_signed_id_token(token[:-8] + "A" * 8)["active"] is False


def test_old_keys_verify_until_their_tokens_have_ended(
    api: Any, identity: Any, caller: Any
) -> None:
    identity.create_named_key("turning", algorithm="ES256", allowed_client_ids=["*"])
    identity.create_or_update_role("turning", "turning", ttl="10m")

    def issue() -> Any:
        return api.ask("GET", "identity/oidc/token/turning", token=caller["client_token"]).data

    def rotate(ttl: str) -> None:  # hvac's method of that name asks for another path
        api.write("identity/oidc/key/turning/rotate", verification_ttl=ttl)

    first = issue()
    following = set(public_keys(api))
    rotate(ttl="10m")
    second = issue()
    kids = [jwt.get_unverified_header(made["token"])["kid"] for made in (first, second)]
    assert kids[0] != kids[1]
    assert kids[1] in following  # was published before it signed
    for made in (first, second):
        checked(api, made["token"], made["client_id"])
    rotate(ttl="1s")
    for _ in range(200):
        if kids[1] not in public_keys(api):
            break
        time.sleep(0.2)
    assert kids[1] not in public_keys(api)
    assert kids[0] in public_keys(api)


def test_every_method_for_tokens_works(identity: Any) -> None:
    assert identity.read_tokens_backend_configuration()["data"] == {"issuer": ISSUER}
    identity.configure_tokens_backend(issuer=ISSUER)
    identity.create_named_key("m", algorithm="ES384", verification_ttl="2h", rotation_period="1h")
    assert identity.read_named_key("m")["data"] == {
        "algorithm": "ES384", "allowed_client_ids": [], "rotation_period": 3600,
        "verification_ttl": 7200,
    }  # fmt: skip
    assert {"default", "m"} <= set(identity.list_named_keys()["data"]["keys"])
    identity.create_or_update_role("m", "m", ttl="1h", client_id="me")
    assert identity.read_role("m")["data"] == {
        "client_id": "me", "key": "m", "template": "", "ttl": 3600,
    }  # fmt: skip
    assert "m" in identity.list_roles()["data"]["keys"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="currently referenced by"):
        identity.delete_named_key("m")
    identity.rotate_named_key("m", "1h")
    identity.delete_role("m")
    identity.delete_named_key("m")
    with pytest.raises(hvac.exceptions.InvalidPath):
        identity.read_named_key("m")
    well_known = identity.read_well_known_configurations()
    assert well_known["issuer"] == f"{ISSUER}/v1/identity/oidc"
    assert well_known["jwks_uri"] == f"{ISSUER}/v1/identity/oidc/.well-known/keys"
    assert isinstance(identity.read_active_public_keys()["keys"], list)


def test_a_caller_without_an_entity_gets_no_token(api: Any, identity: Any) -> None:
    identity.create_named_key("noone", algorithm="ES256", allowed_client_ids=["*"])
    identity.create_or_update_role("noone", "noone")
    with pytest.raises(hvac.exceptions.InvalidRequest, match="no entity associated"):
        identity.generate_signed_id_token("noone")


def test_a_key_signs_for_its_clients_only(api: Any, identity: Any, caller: Any) -> None:
    identity.create_named_key("few", algorithm="ES256", allowed_client_ids=["other"])
    identity.create_or_update_role("few", "few")
    reply = api.ask("GET", "identity/oidc/token/few", token=caller["client_token"])
    expected = 'the key "few" does not list the client ID of the role "few" as an allowed client ID'
    assert (reply.status, reply.errors) == (400, [expected])


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        ("key/x", {"algorithm": "XX"}, ['unknown signing algorithm "XX"']),
        ("key/x", {"algorithm": "ES256", "rotation_period": "10s"},
         ["rotation_period must be at least one minute"]),
        ("key/x", {"algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "20h"},
         ["verification_ttl cannot be longer than 10x rotation_period"]),
        ("key/none/rotate", {}, ['no named key found at "none"']),
        ("role/x", {}, ["the key parameter is required"]),
        ("role/x", {"key": "none"}, ['cannot find key "none"']),
        ("role/x", {"key": "refusing", "ttl": "48h"},
         ["a role's token ttl cannot be longer than the verification_ttl of the key it"
          " references"]),
        ("role/x", {"key": "refusing", "template": json.dumps({"iss": "x"})},
         ['top level key "iss" not allowed. Restricted keys: iat, aud, exp, iss, sub, namespace,'
          " nonce, auth_time, at_hash, c_hash"]),
        ("role/x", {"key": "refusing", "template": '{"a": {{identity.odd}} }'},
         ["error parsing template: no value could be found for one of the template directives"]),
        ("config", {"issuer": f"{ISSUER}/path"},
         ["invalid issuer, which must include only a scheme, host, and optional port"
          " (e.g. https://example.com:8200)"]),
    ],
)  # fmt: skip
def test_both_refuse_alike(
    api: Any, identity: Any, path: str, body: Any, errors: list[str]
) -> None:
    identity.create_named_key("refusing", algorithm="ES256")
    reply = api.ask("POST", f"identity/oidc/{path}", body)
    assert (reply.status, reply.errors) == (400, errors)
