"""External groups: who is in them is what another issuer says, at both servers alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-256")


@pytest.fixture(params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server with tokens of KEY at ``auth/teams`` and the groups ``dev`` and ``ops`` of its
    issuer."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/auth/teams", type="jwt")
    made.write("auth/teams/config", jwt_validation_pubkeys=[KEY.as_pem(private=False).decode()])
    made.write(
        "auth/teams/role/r", role_type="jwt", user_claim="sub", groups_claim="teams",
        bound_audiences="k", token_policies="own",
    )  # fmt: skip
    accessor = made.ask("GET", "sys/auth").data["teams/"]["accessor"]
    for team in ("dev", "ops"):
        group = made.write(
            "identity/group", name=f"ext-{team}", type="external", policies=f"of-{team}"
        )["id"]
        made.write("identity/group-alias", name=team, mount_accessor=accessor, canonical_id=group)
    yield made
    for team in ("dev", "ops"):
        made.ask("DELETE", f"identity/group/name/ext-{team}")
    made.ask("DELETE", "sys/auth/teams")


def login(api: Any, *teams: str) -> Any:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 600}
    claims = {"sub": "kim", "aud": "k", "teams": list(teams), **times}
    body = {"role": "r", "jwt": jwt.encode({"alg": "ES256"}, claims, KEY)}
    reply = api.ask("POST", "auth/teams/login", body, token="")
    assert reply.status == 200, reply
    return reply.body["auth"]


def test_each_log_in_says_anew_which_groups_it_is_in(api: Any) -> None:
    first = login(api, "dev", "unknown")
    assert first["identity_policies"] == ["of-dev"]
    both = login(api, "dev", "ops")
    assert sorted(both["identity_policies"]) == ["of-dev", "of-ops"]
    assert both["entity_id"] == first["entity_id"]
    members = api.ask("GET", "identity/group/name/ext-ops").data["member_entity_ids"]
    assert members == [first["entity_id"]]
    assert not login(api).get("identity_policies")


def test_who_leaves_a_group_loses_its_policies_for_older_tokens_too(api: Any) -> None:
    token = login(api, "ops")["client_token"]
    login(api, "dev")
    told = api.ask("GET", "auth/token/lookup-self", token=token).data
    assert told["identity_policies"] == ["of-dev"]
