"""Browsers' log-ins at an OpenID provider: their beginning, and their end."""

from __future__ import annotations

import hmac
from typing import Any, NamedTuple

from keystead.errors import InvalidRequest, KeysteadError, VerificationFailed
from keystead.identity import jwt_claims
from keystead.identity.jwt import Claims, Key, parse_header, verify
from keystead.identity.jwt_fetch import ask
from keystead.identity.jwt_issuers import Provider, keys_for, provider_of
from keystead.identity.jwt_oidc import (
    State,
    authorization_url,
    exchange,
    is_allowed,
    new_state,
    open_state,
    seal_state,
)
from keystead.operations.identity import IssuedToken
from keystead.operations.jwt_auth import AuthorizationUrl, FinishOidcLogin, StartOidcLogin
from keystead.services.identity.jwt_auth import Proof, Trust, find_trust, issue, prove
from keystead.services.registry import asks, before, changes, controls
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction


class _Answer(NamedTuple):
    """What the provider sent: an ID token that is not verified yet."""

    trust: Trust
    provider: Provider
    state: State
    id_token: str
    keys: list[Key]
    user_info: Claims


@controls(StartOidcLogin)
async def start(operation: StartOidcLogin, scope: Scope) -> AuthorizationUrl:
    """Nothing is kept of it but what the state holds."""
    trust = await scope.house.store.read(
        lambda reader: find_trust(reader, scope, operation.mount, operation.role)
    )
    _require_browser(trust)
    demands = trust.role.demands
    if not is_allowed(operation.redirect_uri, demands.allowed_redirect_uris):
        return AuthorizationUrl(auth_url="")
    provider = await _provider(trust, scope)
    state = new_state(
        namespace=scope.namespace,
        mount=trust.mount.uuid,
        role=trust.name.rpartition("/")[2],
        redirect_uri=operation.redirect_uri,
        client_nonce=operation.client_nonce,
        now=scope.now,
    )
    text = seal_state(scope.house.keyring, state)
    return AuthorizationUrl(
        auth_url=authorization_url(provider, trust.issuer, state, text, demands.oidc_scopes)
    )


@asks(FinishOidcLogin)
async def redeem(operation: FinishOidcLogin, scope: Scope) -> _Answer:
    """Exchange the code, once it is sure whose log-in this is."""
    state = open_state(scope.house.keyring, operation.state)
    trust = await scope.house.store.read(
        lambda reader: find_trust(reader, scope, operation.mount, state.role)
    )
    if (state.namespace, state.mount) != (scope.namespace, trust.mount.uuid) or (
        scope.now >= state.expires_at
    ):
        raise InvalidRequest("Vault login failed. Expired or missing OAuth state.")
    if not hmac.compare_digest(operation.client_nonce.encode(), state.client_nonce.encode()):
        raise InvalidRequest("invalid client_nonce")
    if not operation.code:
        raise InvalidRequest("Vault login failed. OAuth code parameter not provided")
    _require_browser(trust)
    provider = await _provider(trust, scope)
    id_token, user_info = await ask(exchange, provider, trust.issuer, state, operation.code)
    try:
        header = parse_header(id_token)
        keys = await keys_for(trust.issuer, header, scope.house.issuers)
    except KeysteadError as error:
        raise _fails(error) from None
    return _Answer(trust, provider, state, id_token, keys, user_info)


@before(FinishOidcLogin)
def check_id_token(operation: FinishOidcLogin, scope: Scope, reader: Reader) -> Proof:
    """Verify the ID token (OpenID Connect Core 1.0, 3.1.3.7)."""
    answer: _Answer = scope.prepared
    issuer, demands = answer.trust.issuer, answer.trust.role.demands
    try:
        claims = dict(verify(answer.id_token, answer.keys, issuer.jwt_supported_algs))
    except VerificationFailed as error:
        raise _fails(error) from None
    jwt_claims.require_registered(
        claims,
        scope.now,
        issuer=answer.provider.issuer,
        audiences=[issuer.oidc_client_id],
        subject=demands.bound_subject,
    )
    audiences = jwt_claims.audiences_of(claims)
    if len(audiences) > 1 and claims.get("azp") != issuer.oidc_client_id:
        raise InvalidRequest("error validating token: the token is meant for another client")
    if demands.bound_audiences and not set(demands.bound_audiences) & set(audiences):
        raise InvalidRequest("error validating token: invalid audience (aud) claim")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), answer.state.nonce.encode()):
        raise InvalidRequest("error validating token: invalid nonce")
    if demands.max_age:
        _require_recent(claims.get("auth_time"), scope.now, demands.max_age)
    if answer.user_info.get("sub") == claims.get("sub"):
        claims = {**answer.user_info, **claims}
    return prove(answer.trust, claims)


@changes(FinishOidcLogin)
def finish(operation: FinishOidcLogin, scope: Scope, tx: Transaction) -> IssuedToken:
    return issue(scope, tx, scope.prepared)


def _require_browser(trust: Trust) -> None:
    if not trust.issuer.oidc_client_id:
        raise InvalidRequest("OIDC login is not configured for this mount")
    if trust.role.demands.role_type != "oidc":
        raise InvalidRequest("role with jwt role_type is not allowed")


def _require_recent(auth_time: Any, now: float, max_age: int) -> None:
    if isinstance(auth_time, bool) or not isinstance(auth_time, int | float):
        raise InvalidRequest("error validating token: no auth_time claim in token")
    if now > auth_time + max_age + jwt_claims.DEFAULT_CLOCK_SKEW_SECONDS:
        raise InvalidRequest("error validating token: the user logged in too long ago")


async def _provider(trust: Trust, scope: Scope) -> Provider:
    try:
        return await provider_of(trust.issuer, scope.house.issuers)
    except KeysteadError as error:
        raise _fails(error) from None


def _fails(error: KeysteadError) -> InvalidRequest:
    return InvalidRequest(f"error validating token: {error.message}")
