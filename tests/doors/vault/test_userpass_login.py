"""Users with passwords, at Keystead and at a real OpenBao alike."""

from __future__ import annotations

from typing import Any

import hvac
import pytest

PASSWORD = "pw"


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Any:
    """A server with the mounts ``auth/userpass`` and ``auth/staff``."""
    made = request.getfixturevalue(f"{request.param}_api")
    for mount in ("userpass", "staff"):
        mounted = made.ask("POST", f"sys/auth/{mount}", {"type": "userpass"})
        assert mounted.status == 204 or "already in use" in mounted.errors[0]
    return made


@pytest.fixture(scope="module")
def users(api: Any) -> Any:
    """hvac's client of the user method."""
    return hvac.Client(api.address, api.token).auth.userpass


def test_every_method_of_the_client_works(api: Any, users: Any) -> None:
    users.create_or_update_user("alice", PASSWORD, "P,q", token_ttl="1h")
    users.create_or_update_user("bob", PASSWORD)
    assert users.list_user()["data"]["keys"] == ["alice", "bob"]
    assert users.read_user("alice")["data"]["token_policies"] == ["p", "q"]
    users.update_password_on_user("alice", "other")
    auth = users.login("alice", "other", use_token=False)["auth"]
    assert auth["policies"] == auth["token_policies"] == ["default", "p", "q"]
    assert auth["metadata"] == {"username": "alice"}
    assert (auth["lease_duration"], auth["renewable"], auth["orphan"]) == (3600, True, True)
    assert (auth["token_type"], auth["num_uses"]) == ("service", 0)
    users.delete_user("bob")
    users.delete_user("bob")
    assert users.list_user()["data"]["keys"] == ["alice"]


def test_the_token_tells_how_it_was_made(api: Any, users: Any) -> None:
    users.create_or_update_user("teller", PASSWORD, mount_point="staff")
    auth = users.login("teller", PASSWORD, use_token=False, mount_point="staff")["auth"]
    told = api.ask("GET", "auth/token/lookup-self", token=auth["client_token"]).data
    assert told["display_name"] == "staff-teller"
    assert told["path"] == "auth/staff/login/teller"
    assert told["meta"] == {"username": "teller"}
    assert told["orphan"] is True


def test_users_of_one_mount_are_none_of_another(api: Any, users: Any) -> None:
    users.create_or_update_user("erin", PASSWORD, mount_point="staff")
    assert "erin" in users.list_user(mount_point="staff")["data"]["keys"]
    assert api.ask("GET", "auth/userpass/users/erin").status == 404
    with pytest.raises(hvac.exceptions.InvalidRequest, match="invalid username or password"):
        users.login("erin", PASSWORD, use_token=False)
    users.login("erin", PASSWORD, use_token=False, mount_point="staff")


def test_names_are_in_lower_case(api: Any, users: Any) -> None:
    users.create_or_update_user("Dave", PASSWORD)
    auth = users.login("DAVE", PASSWORD, use_token=False)["auth"]
    assert auth["metadata"] == {"username": "dave"}


def test_what_is_left_out_stays(api: Any) -> None:
    api.write("auth/userpass/users/kim", password=PASSWORD, token_policies="a", token_ttl="1h")
    api.write("auth/userpass/users/kim", token_max_ttl=7200)
    api.write("auth/userpass/users/kim/policies", token_policies=["x", "y"])
    told = api.ask("GET", "auth/userpass/users/kim").data
    assert told["token_policies"] == ["x", "y"]
    assert (told["token_ttl"], told["token_max_ttl"]) == (3600, 7200)
    assert (
        api.ask("POST", "auth/userpass/login/kim", {"password": PASSWORD}, token="").status == 200
    )


def test_a_users_settings_are_shown_with_the_same_names(api: Any) -> None:
    api.write(
        "auth/userpass/users/lee", password=PASSWORD, token_no_default_policy=True,
        token_bound_cidrs="127.0.0.0/8", token_num_uses=2, token_explicit_max_ttl="2h",
    )  # fmt: skip
    told = api.ask("GET", "auth/userpass/users/lee").data
    told.pop("token_strictly_bind_ip", None)  # OpenBao has it besides
    assert told == {
        "token_bound_cidrs": ["127.0.0.0/8"], "token_explicit_max_ttl": 7200, "token_max_ttl": 0,
        "token_no_default_policy": True, "token_num_uses": 2, "token_period": 0,
        "token_policies": [], "token_ttl": 0, "token_type": "default",
    }  # fmt: skip


REFUSED: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "userpass/users/new", {}, 400),
    ("POST", "userpass/users/new", {"policies": "a"}, 400),
    ("POST", "userpass/users/a b", {"password": "x"}, 404),
    ("POST", "userpass/users/ann", {"token_ttl": "2h", "token_max_ttl": "1h"}, 400),
    ("POST", "userpass/users/ann", {"token_type": "bogus"}, 400),
    ("POST", "userpass/users/ann", {"token_type": "batch", "token_num_uses": 2}, 400),
    ("POST", "userpass/users/ann", {"token_bound_cidrs": "bogus"}, 400),
    ("POST", "userpass/users/ann/password", {}, 400),
    ("GET", "userpass/users/nobody", {}, 404),
    ("GET", "userpass/login/ann", {}, 405),
    ("LIST", "staff2/users", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED)
def test_both_servers_refuse_alike(
    api: Any, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    api.write("auth/userpass/users/ann", password=PASSWORD)
    assert api.ask(method, f"auth/{path}", body).status == status


@pytest.mark.parametrize("who", ["ann", "nobody"])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(api: Any, who: str) -> None:
    api.write("auth/userpass/users/ann", password=PASSWORD)
    reply = api.ask("POST", f"auth/userpass/login/{who}", {"password": "bad"}, token="")
    assert (reply.status, reply.errors) == (400, ["invalid username or password"])


def test_only_who_may_write_the_path_makes_users(api: Any) -> None:
    rule = 'path "auth/userpass/users/h-*" { capabilities = ["create", "update"] }'
    api.write("sys/policy/helpdesk", policy=rule)
    made = api.ask("POST", "auth/token/create", {"policies": ["helpdesk"]}).body["auth"]
    token = made["client_token"]
    body = {"password": PASSWORD, "policies": "anything"}
    assert api.ask("POST", "auth/userpass/users/h-1", body, token=token).status == 204
    refused = api.ask("POST", "auth/userpass/users/other", body, token=token)
    assert refused.status == 403
    assert "permission denied" in refused.errors[0]


def test_with_its_mount_a_user_goes(api: Any, users: Any) -> None:
    api.write("sys/auth/gone-users", type="userpass")
    users.create_or_update_user("zoe", PASSWORD, mount_point="gone-users")
    auth = users.login("zoe", PASSWORD, use_token=False, mount_point="gone-users")["auth"]
    assert api.ask("DELETE", "sys/auth/gone-users").status == 204
    api.write("sys/auth/gone-users", type="userpass")
    assert api.ask("LIST", "auth/gone-users/users").status == 404
    assert api.ask("GET", "auth/token/lookup-self", token=auth["client_token"]).status == 403
