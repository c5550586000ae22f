"""How to come by the keys of whoever a mount trusts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from keystead.errors import InvalidRequest, UpstreamUnavailable, VerificationFailed
from keystead.identity.jwt import ALGORITHMS, Key, Unverified, fitting, from_jwks, from_pem
from keystead.identity.jwt_fetch import Answer, ask, fetch, require_ca, require_url
from keystead.identity.jwt_keys import IssuerKeys
from keystead.operations.jwt_auth import JwtIssuer

_DISCOVERY: Final = "/.well-known/openid-configuration"


class Provider(NamedTuple):
    """What an OpenID provider says of itself (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    basic: bool


def require_consistent(issuer: JwtIssuer) -> None:
    """Check what can be checked without asking anyone; raises InvalidRequest."""
    sources = (issuer.oidc_discovery_url, issuer.jwks_url, issuer.jwt_validation_pubkeys)
    if sum(map(bool, sources)) != 1:
        raise InvalidRequest(
            "exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be"
            " set"
        )
    if bool(issuer.oidc_client_id) != bool(issuer.oidc_client_secret):
        raise InvalidRequest("both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC")
    if issuer.oidc_client_id and not issuer.oidc_discovery_url:
        raise InvalidRequest("'oidc_discovery_url' must be set for OIDC")
    for algorithm in issuer.jwt_supported_algs:
        if algorithm not in ALGORITHMS:
            raise InvalidRequest(f"Invalid supported algorithm: {algorithm}")
    from_pem(issuer.jwt_validation_pubkeys)
    for url, ca_pem in (
        (issuer.oidc_discovery_url, issuer.oidc_discovery_ca_pem),
        (issuer.jwks_url, issuer.jwks_ca_pem),
    ):
        if url:
            require_url(url)
        if ca_pem:
            require_ca(ca_pem)


async def require_answer(issuer: JwtIssuer) -> None:
    """Check that whoever is configured answers with keys; raises InvalidRequest."""
    try:
        if issuer.jwks_url:
            await _fetch_jwks(issuer.jwks_url, issuer.jwks_ca_pem)
        elif issuer.oidc_discovery_url:
            await discover(issuer)
    except (UpstreamUnavailable, VerificationFailed) as error:
        what = "jwks URL" if issuer.jwks_url else "oidc discovery URL"
        raise InvalidRequest(f"error checking {what}: {error.message}") from None


async def keys_for(issuer: JwtIssuer, header: Unverified, known: IssuerKeys) -> list[Key]:
    """The keys that a token with that header may be signed with.

    Raises UpstreamUnavailable if they must be fetched and cannot be.
    """
    if issuer.jwt_validation_pubkeys:
        return fitting(from_pem(issuer.jwt_validation_pubkeys), header)
    if issuer.jwks_url:
        source = (issuer.jwks_url, issuer.jwks_ca_pem)
        return await known.find(source, header, lambda: _fetch_jwks(*source))
    source = (issuer.oidc_discovery_url, issuer.oidc_discovery_ca_pem)
    return await known.find(("oidc", *source), header, lambda: _fetch_discovered(issuer))


async def provider_of(issuer: JwtIssuer, known: IssuerKeys) -> Provider:
    """The provider that a mount trusts, as it was when last asked; raises as ``discover``."""
    source = ("provider", issuer.oidc_discovery_url, issuer.oidc_discovery_ca_pem)
    return await known.document(source, lambda: discover(issuer))


async def discover(issuer: JwtIssuer) -> Provider:
    """Ask an OpenID provider about itself. What it names must be as safe to reach as itself.

    Raises UpstreamUnavailable, or VerificationFailed if it is not who it should be.
    """
    url = issuer.oidc_discovery_url.rstrip("/")
    answer: Answer = await ask(
        fetch, url.removesuffix(_DISCOVERY) + _DISCOVERY, issuer.oidc_discovery_ca_pem
    )
    if answer.status != 200 or not isinstance(answer.body, Mapping):
        raise UpstreamUnavailable(f"The OpenID provider answers {answer.status}.")
    said = str(answer.body.get("issuer", ""))
    if said.rstrip("/") != url.removesuffix(_DISCOVERY):
        raise VerificationFailed("The OpenID provider is not the issuer that was configured.")
    methods = answer.body.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Provider(
        issuer=said,
        jwks_uri=_endpoint(answer.body, "jwks_uri", url),
        authorization_endpoint=_endpoint(answer.body, "authorization_endpoint", url),
        token_endpoint=_endpoint(answer.body, "token_endpoint", url),
        userinfo_endpoint=_endpoint(answer.body, "userinfo_endpoint", url),
        basic="client_secret_basic" in methods if isinstance(methods, list) else True,
    )


def _endpoint(document: Mapping[str, Any], name: str, url: str) -> str:
    value = document.get(name) or ""
    if not isinstance(value, str) or (url.startswith("https:") and value.startswith("http:")):
        raise VerificationFailed(f"The OpenID provider names no safe {name}.")
    return value


async def _fetch_discovered(issuer: JwtIssuer) -> list[Key]:
    provider = await discover(issuer)
    return await _fetch_jwks(provider.jwks_uri, issuer.oidc_discovery_ca_pem)


async def _fetch_jwks(url: str, ca_pem: str) -> list[Key]:
    """The keys at a URL; raises UpstreamUnavailable, or VerificationFailed if there are none."""
    answer = await ask(fetch, url, ca_pem)
    if answer.status != 200:
        raise UpstreamUnavailable(f"The server of the keys answers {answer.status}.")
    return from_jwks(answer.body)
