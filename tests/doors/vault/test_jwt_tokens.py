"""Tokens of other issuers: signatures, claims, and the keys that are kept of issuers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from keystead.errors import InvalidRequest, KeysteadError, UpstreamUnavailable, VerificationFailed
from keystead.identity import jwt_claims
from keystead.identity.jwt import (
    ALGORITHMS,
    Key,
    Unverified,
    claims_unverified,
    from_jwks,
    from_pem,
    verify,
)
from keystead.identity.jwt_keys import FRESH_SECONDS, PAUSE_SECONDS, IssuerKeys

RSA = RSAKey.generate_key(2048, {"kid": "r"})
EC = {crv: ECKey.generate_key(crv, {"kid": crv}) for crv in ("P-256", "P-384", "P-521")}
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
SIGNERS: dict[str, Key] = {
    **{a: RSA for a in ALGORITHMS if a[0] in "RP"},
    "ES256": EC["P-256"],
    "ES384": EC["P-384"],
    "ES512": EC["P-521"],
    "EdDSA": ED,
}
JWKS = {"keys": [key.as_dict(private=False) for key in (RSA, *EC.values(), ED)]}
CLAIMS = {"sub": "alice"}


def _sign(algorithm: str, key: Any = None, **header: Any) -> str:
    key = key or SIGNERS[algorithm]
    return jwt.encode({"alg": algorithm, **header}, CLAIMS, key, algorithms=[algorithm])


def _raw(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(CLAIMS).encode()]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return text + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_an_issuer_signed_is_verified_with_the_key_of_its_set(algorithm: str) -> None:
    kid = SIGNERS[algorithm].kid
    assert verify(_sign(algorithm, kid=kid), from_jwks(JWKS)) == CLAIMS
    assert verify(_sign(algorithm), from_jwks(JWKS)) == CLAIMS


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_changed_character_is_refused(algorithm: str) -> None:
    token = _sign(algorithm)
    keys = from_jwks(JWKS)
    for place in (*range(0, len(token), 37), len(token) - 4):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(VerificationFailed):
            verify(changed, keys)


def test_a_public_key_never_serves_as_the_secret_of_a_mac() -> None:
    pem = RSA.as_pem(private=False)
    for algorithm in ("HS256", "hs256"):
        unsigned = _raw({"alg": algorithm}).rpartition(".")[0]
        mac = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
        forged = unsigned + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        with pytest.raises(VerificationFailed):
            verify(forged, from_pem([pem.decode()]))


@pytest.mark.parametrize("algorithm", ["none", "None", "", "RS1", "ES256K"])
def test_no_signature_is_no_signature(algorithm: str) -> None:
    with pytest.raises(VerificationFailed):
        verify(_raw({"alg": algorithm}), from_jwks(JWKS))


def test_a_secret_in_a_key_set_is_no_key() -> None:
    oct_key = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "o"}
    assert from_jwks({"keys": [oct_key]}) == []


def test_the_keys_that_a_token_brings_along_do_not_count() -> None:
    mine = ECKey.generate_key("P-256")
    token = _sign("ES256", mine, jwk=mine.as_dict(private=False), kid="P-256")
    with pytest.raises(VerificationFailed):
        verify(token, from_jwks(JWKS))


def test_a_key_verifies_only_what_it_is_bound_to() -> None:
    bound = {**RSA.as_dict(private=False), "alg": "RS256"}
    assert verify(_sign("RS256"), from_jwks({"keys": [bound]})) == CLAIMS
    with pytest.raises(VerificationFailed):
        verify(_sign("PS256"), from_jwks({"keys": [bound]}))


def test_only_the_algorithms_asked_for_count() -> None:
    with pytest.raises(VerificationFailed):
        verify(_sign("ES256"), from_jwks(JWKS), ["RS256"])


def test_a_header_with_critical_parameters_is_refused() -> None:
    for header in ({"crit": ["exp"], "exp": 1}, {"b64": False, "crit": ["b64"]}):
        with pytest.raises(VerificationFailed):
            verify(_raw({"alg": "ES256", **header}, b"x" * 64), from_jwks(JWKS))


def test_keys_that_are_too_small_or_for_encryption_are_left_out() -> None:
    small = RSAKey.import_key(rsa.generate_private_key(65537, 1024).public_key())
    encrypting = {**RSA.as_dict(private=False), "use": "enc"}
    agreeing = OKPKey.generate_key("X25519").as_dict(private=False)
    assert from_jwks({"keys": [small.as_dict(), encrypting, agreeing, 5, {}, {"kty": "RSA"}]}) == []


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": "a"}, "x"])
def test_what_is_no_key_set_is_refused(document: object) -> None:
    with pytest.raises(VerificationFailed):
        from_jwks(document)


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----"]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="valid public keys"):
        from_pem([text])


def test_a_key_on_another_curve_is_refused() -> None:
    public = ec.generate_private_key(ec.SECP256K1()).public_key()
    pem = ECKey.import_key(public).as_pem().decode()
    with pytest.raises(InvalidRequest):
        from_pem([pem])


_SEGMENT = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode()),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=6,
    ).map(lambda v: base64.urlsafe_b64encode(json.dumps(v).encode()).decode()),
)


@given(st.lists(_SEGMENT, max_size=4).map(".".join))
def test_no_text_makes_the_parser_fail_in_any_other_way(text: str) -> None:
    keys = from_jwks(JWKS)
    for parse in (lambda: verify(text, keys), lambda: claims_unverified(text)):
        with contextlib.suppress(VerificationFailed):
            parse()


# --- claims -----------------------------------------------------------------------------

NOW = 1_000_000


@pytest.mark.parametrize(
    ("times", "leeways", "fault"),
    [
        ({"exp": NOW + 1, "iat": NOW}, {}, ""),
        ({"exp": NOW - 59, "iat": NOW - 100}, {}, ""),
        ({"exp": NOW - 61, "iat": NOW - 100}, {}, "expired"),
        ({"exp": NOW - 2, "iat": NOW - 100}, {"clock_skew_leeway": -1}, "expired"),
        ({"exp": NOW - 99, "iat": NOW - 100}, {"clock_skew_leeway": 100}, ""),
        ({"exp": NOW + 600, "nbf": NOW + 61}, {}, "not yet valid"),
        ({"exp": NOW + 600, "nbf": NOW + 59}, {}, ""),
        ({"exp": NOW + 600, "nbf": NOW, "iat": NOW + 61}, {}, "in the future"),
        ({"iat": NOW - 209}, {}, ""),
        ({"iat": NOW - 211}, {}, "expired"),
        ({"iat": NOW - 211}, {"expiration_leeway": 300}, ""),
        ({"iat": NOW - 61}, {"expiration_leeway": -1}, "expired"),
        ({"exp": NOW + 209}, {}, ""),
        ({"exp": NOW + 211}, {}, "not yet valid"),
        ({"exp": NOW + 211}, {"not_before_leeway": 300}, ""),
        ({}, {}, "no issued at"),
        ({"exp": "tomorrow"}, {}, "no time"),
        ({"exp": True}, {}, "no time"),
        ({"exp": 1e300}, {}, "no time"),
        ({"exp": None}, {}, "no time"),
    ],
)
def test_times_hold_with_their_leeways(
    times: dict[str, Any], leeways: dict[str, int], fault: str
) -> None:
    if not fault:
        jwt_claims.require_registered(times, NOW, **leeways)
        return
    with pytest.raises(InvalidRequest, match=fault):
        jwt_claims.require_registered(times, NOW, **leeways)


@pytest.mark.parametrize(
    ("bound", "globs", "fits"),
    [
        ({"team": "red"}, False, True),
        ({"team": ["blue", "red"]}, False, True),
        ({"team": "r*"}, False, False),
        ({"team": "r*"}, True, True),
        ({"team": "r?d"}, True, False),
        ({"team": "[r]ed"}, True, False),
        ({"groups": "b"}, False, True),
        ({"groups": ["c", "d"]}, False, False),
        ({"level": 5}, False, True),
        ({"level": 5.0}, False, True),
        ({"level": "5"}, False, False),
        ({"admin": True}, False, True),
        ({"admin": 1}, False, False),
        ({"/nested/a~1b/0": "x"}, False, True),
        ({"/nested/none": "x"}, False, False),
        ({"missing": "x"}, False, False),
        ({"team": "red", "level": 6}, False, False),
    ],
)
def test_every_bound_claim_must_have_one_of_its_values(
    bound: dict[str, Any], globs: bool, fits: bool
) -> None:
    claims = {
        "team": "red", "groups": ["a", "b"], "level": 5, "admin": True, "nested": {"a/b": ["x"]},
    }  # fmt: skip
    if fits:
        jwt_claims.require_bound(claims, bound, globs=globs)
        return
    with pytest.raises(InvalidRequest, match="error validating claims"):
        jwt_claims.require_bound(claims, bound, globs=globs)


# --- the keys of issuers ----------------------------------------------------------------


class _Issuer:
    """Keys that can be asked for, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.keys: list[Key] | None = from_jwks(JWKS)
        self.asked = 0
        self.known = IssuerKeys(lambda: self.now)

    async def load(self) -> list[Key]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.keys is None:
            raise UpstreamUnavailable
        return self.keys

    async def find(self, kid: str) -> list[Key]:
        return await self.known.find("issuer", Unverified("ES256", kid), self.load)


def test_keys_are_fetched_once_for_any_number_of_log_ins() -> None:
    async def many() -> None:
        issuer = _Issuer()
        found = await asyncio.gather(*(issuer.find("P-256") for _ in range(50)))
        assert all(len(keys) == 1 for keys in found)
        assert issuer.asked == 1

    asyncio.run(many())


def test_an_unknown_key_makes_for_one_fetch_in_ten_seconds() -> None:
    async def flood() -> None:
        issuer = _Issuer()
        for _ in range(50):
            assert await issuer.find("unheard-of") == []
        assert issuer.asked == 1
        issuer.now += PAUSE_SECONDS
        await asyncio.gather(*(issuer.find("unheard-of") for _ in range(50)))
        assert issuer.asked == 2
        issuer.keys = from_jwks({"keys": [{**EC["P-256"].as_dict(private=False), "kid": "new"}]})
        issuer.now += PAUSE_SECONDS
        assert len(await issuer.find("new")) == 1
        assert await issuer.find("P-256") == []

    asyncio.run(flood())


def test_an_issuer_that_is_away_keeps_its_keys_while_they_are_fresh() -> None:
    async def away() -> None:
        issuer = _Issuer()
        await issuer.find("P-256")
        issuer.keys = None
        issuer.now += PAUSE_SECONDS
        assert await issuer.find("unheard-of") == []
        assert len(await issuer.find("P-256")) == 1
        issuer.now += FRESH_SECONDS
        with pytest.raises(UpstreamUnavailable):
            await issuer.find("P-256")
        asked = issuer.asked
        for _ in range(20):
            with pytest.raises(KeysteadError):
                await issuer.find("P-256")
        assert issuer.asked == asked

    asyncio.run(away())


def test_a_provider_is_asked_once_an_hour_and_not_again_at_once_when_it_fails() -> None:
    async def ask() -> None:
        issuer = _Issuer()
        issuer.keys = None
        for _ in range(5):
            with pytest.raises(UpstreamUnavailable):
                await issuer.known.document("provider", issuer.load)
        assert issuer.asked == 1
        issuer.keys = from_jwks(JWKS)
        issuer.now += PAUSE_SECONDS
        await asyncio.gather(*(issuer.known.document("provider", issuer.load) for _ in range(9)))
        assert issuer.asked == 2
        issuer.now += FRESH_SECONDS
        await issuer.known.document("provider", issuer.load)
        assert issuer.asked == 3

    asyncio.run(ask())
