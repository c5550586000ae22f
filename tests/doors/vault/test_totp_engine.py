"""One-time passwords at Keystead and at a real OpenBao alike."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

URL = (
    "otpauth://totp/Google:test@gmail.com?secret=HTXT7KJFVNAJUPYWQRWMNVQE5AF5YZI2"
    "&issuer=Vault&algorithm=SHA256&digits=8&period=60"
)
GENERATE = {"generate": True, "issuer": "a", "account_name": "b"}


@pytest.fixture(scope="module", params=["keystead", "openbao"])
def api(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server with one-time passwords at ``codes``."""
    made = request.getfixturevalue(f"{request.param}_api")
    made.write("sys/mounts/codes", type="totp")
    yield made
    made.ask("DELETE", "sys/mounts/codes")


def reckon(url: str, now: float) -> str:
    """The code of a URL, by RFC 4226 read independently."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    secret = given["secret"]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = struct.pack(">Q", int(now) // int(given["period"]))
    mac = hmac.new(key, counter, getattr(hashlib, given["algorithm"].lower())).digest()
    at = mac[-1] & 15
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFFFFFF
    digits = int(given["digits"])
    return f"{number % 10**digits:0{digits}d}"


def test_a_generated_key_is_handed_on_as_url_and_picture(api: Any) -> None:
    made = api.write("codes/keys/g", generate=True, issuer="Iss", account_name="a@b")
    assert made["url"].startswith("otpauth://totp/Iss:a@b?algorithm=SHA1&digits=6&issuer=Iss")
    assert base64.b64decode(made["barcode"]).startswith(b"\x89PNG")
    code = api.ask("GET", "codes/code/g").data
    assert code["code"] == reckon(made["url"], code["generated"])
    assert set(code) >= {"code", "expire_time", "generated", "period"}
    assert api.ask("GET", "codes/keys/g").data == {
        "account_name": "a@b", "algorithm": "SHA1", "digits": 6, "issuer": "Iss", "period": 30,
    }  # fmt: skip


def test_a_key_that_is_not_exported_is_never_shown(api: Any) -> None:
    reply = api.ask("POST", "codes/keys/hidden", {**GENERATE, "exported": False})
    assert (reply.status, reply.body) == (204, None)
    assert set(api.write("codes/keys/plain", **GENERATE, qr_size=0)) == {"url"}


def test_a_url_brings_its_settings(api: Any) -> None:
    assert api.ask("POST", "codes/keys/u", {"url": URL}).status == 204
    assert api.ask("GET", "codes/keys/u").data == {
        "account_name": "test@gmail.com", "algorithm": "SHA256", "digits": 8,
        "issuer": "Vault", "period": 60,
    }  # fmt: skip
    code = api.ask("GET", "codes/code/u").data
    assert code["code"] == reckon(URL, code["generated"])
    assert code["period"] == "1m0s"


def test_a_code_is_good_once(api: Any) -> None:
    api.write("codes/keys/once", key="HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ", period="1h")
    code = api.ask("GET", "codes/code/once").data["code"]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert api.write("codes/code/once", code=wrong) == {"valid": False}
    assert api.write("codes/code/once", code=code) == {"valid": True}
    again = api.ask("POST", "codes/code/once", {"code": code})
    expected = ["code already used; wait until the next time period"]
    assert (again.status, again.errors) == (400, expected)


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        ("keys/x", {**GENERATE, "issuer": ""},
         ["the issuer value is required for generated keys"]),
        ("keys/x", {**GENERATE, "account_name": ""},
         ["the account_name value is required for generated keys"]),
        ("keys/x", {**GENERATE, "key": "ABC"},
         ["a key should not be passed if generate is true"]),
        ("keys/x", {**GENERATE, "url": "x"}, ["a url should not be passed if generate is true"]),
        ("keys/x", {**GENERATE, "digits": 7}, ["the digits value can only be 6 or 8"]),
        ("keys/x", {**GENERATE, "period": 0}, ["the period value must be greater than zero"]),
        ("keys/x", {**GENERATE, "skew": 2}, ["the skew value must be 0 or 1"]),
        ("keys/x", {**GENERATE, "algorithm": "MD5"}, ["the algorithm value is not valid"]),
        ("keys/x", {**GENERATE, "key_size": 0}, ["the key_size value must be greater than zero"]),
        ("keys/x", {"key": ""}, ["the key value is required"]),
        ("keys/x", {"url": "otpauth://totp/x?issuer=a"}, ["the key value is required"]),
        ("code/none", {"code": "1"}, ["unknown key: none"]),
    ],
)  # fmt: skip
def test_both_refuse_alike(api: Any, path: str, body: Any, errors: list[str]) -> None:
    reply = api.ask("POST", f"codes/{path}", body)
    assert (reply.status, reply.errors) == (400, errors)


def test_keys_are_listed_and_deleted(api: Any) -> None:
    api.write("codes/keys/gone", **GENERATE)
    assert "gone" in api.ask("LIST", "codes/keys").data["keys"]
    for _ in range(2):
        assert api.ask("DELETE", "codes/keys/gone").status == 204
    missing = api.ask("GET", "codes/keys/gone")
    assert (missing.status, missing.errors) == (404, [])
