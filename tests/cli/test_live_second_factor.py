"""Logging in with a second factor, as a user types it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from keystead.crypto.totp import Totp, decode_key, parse_url

PASSWORD = "correct horse battery"


@pytest.fixture
def url(keystead_api: Any, keystead: Any) -> Any:
    """The key of the user ``factor``, who must use it, as a URL."""
    api = keystead_api
    if api.ask("GET", "sys/auth").data.get("userpass/") is None:
        api.write("sys/auth/userpass", type="userpass")
    api.write("auth/userpass/users/factor", password=PASSWORD)
    login = api.ask("POST", "auth/userpass/login/factor", {"password": PASSWORD})
    entity = login.body["auth"]["entity_id"]
    method = api.write("identity/mfa/method/totp", issuer="Iss", method_name="app")["method_id"]
    path = "identity/mfa/login-enforcement/factor"
    api.write(path, mfa_method_ids=[method], identity_entity_ids=[entity])
    whose = {"method_id": method, "entity_id": entity}
    yield api.write("identity/mfa/method/totp/admin-generate", **whose)["url"]
    api.ask("DELETE", path)
    api.ask("DELETE", f"identity/mfa/method/totp/{method}")


def test_a_log_in_asks_for_the_second_factor(keystead: Any, url: str, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    asked = ("login", "--user", "factor", "--password-file", str(password))
    keystead(*asked, given="nonsense", code=3, KEYSTEAD_TOKEN="")
    code = Totp(key=decode_key(parse_url(url).secret)).code(time.time())
    told = keystead(*asked, given=f"{code}\n", KEYSTEAD_TOKEN="")
    assert "user/factor" in told.text
    assert code not in told.text + told.err
