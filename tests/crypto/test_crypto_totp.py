"""One-time passwords: the RFC's vectors, windows, replay, and URLs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.crypto.totp import CodeUsed, Totp, decode_key, encode_url, parse_url
from keystead.errors import KeysteadError, VerificationFailed

FILE = Path(__file__).parents[1] / "vectors" / "crypto" / "rfc6238-appendix-b.json"
RFC = json.loads(FILE.read_text())
TOTP = Totp(key=b"12345678901234567890")


@pytest.mark.parametrize(("now", "code", "algorithm"), RFC["vectors"])
def test_codes_are_those_of_the_rfc(now: int, code: str, algorithm: str) -> None:
    key = RFC["keys_ascii"][algorithm].encode()
    totp = Totp(key=key, algorithm=algorithm, digits=RFC["digits"], period=RFC["period"])
    assert totp.code(now) == code
    assert totp.verify(code, now) == now // 30


@pytest.mark.parametrize(("off", "right"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_code_may_be_one_period_off(off: int, right: bool) -> None:
    code = TOTP.code(3000 + off)
    if right:
        assert TOTP.verify(code, 3000) == 100 + off // 30
    else:
        with pytest.raises(VerificationFailed):
            TOTP.verify(code, 3000)


def test_without_skew_only_the_code_of_now_is_right() -> None:
    strict = Totp(key=TOTP.key, skew=0)
    assert strict.verify(TOTP.code(3000), 3000) == 100
    with pytest.raises(VerificationFailed):
        strict.verify(TOTP.code(2999), 3000)


def test_an_accepted_code_and_those_before_it_are_used_up() -> None:
    last = TOTP.verify(TOTP.code(3000), 3000)
    for used in (3000, 2970):
        with pytest.raises(CodeUsed):
            TOTP.verify(TOTP.code(used), 3000, last)
    assert TOTP.verify(TOTP.code(3030), 3000, last) == last + 1


@given(
    st.binary(min_size=1, max_size=64),
    st.text(st.characters(codec="ascii", exclude_characters=":", categories=["L", "N", "P"]),
            min_size=1),
    st.text(st.characters(codec="ascii", exclude_characters=":", categories=["L", "N", "P"]),
            min_size=1),
)  # fmt: skip
def test_a_url_says_what_was_put_into_it(key: bytes, issuer: str, account: str) -> None:
    url = parse_url(encode_url(Totp(key=key, digits=8, period=60), issuer, account))
    assert (url.issuer, url.account) == (issuer, account)
    assert (url.algorithm, url.digits, url.period) == ("SHA1", 8, 60)
    assert decode_key(url.secret) == key


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (parse_url, decode_key):
        for whole in (text, f"otpauth://totp/{text}", f"otpauth://totp/a?secret={text}&digits=6"):
            try:
                parse(whole)
            except KeysteadError:
                continue


def test_a_key_is_not_shown() -> None:
    assert "1234" not in repr(TOTP)
