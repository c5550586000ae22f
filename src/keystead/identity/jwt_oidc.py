"""A browser's log-in at an OpenID provider: authorization code with PKCE.

OpenID Connect Core 1.0, 3.1; PKCE is RFC 7636 with S256. What must be known at the end is
not kept in the server: it travels as ``state``, sealed, so that any node can end the log-in.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit, urlunsplit

import msgspec

from keystead.discreet import Discreet
from keystead.errors import IntegrityFailure, InvalidRequest, UpstreamUnavailable
from keystead.identity.jwt_fetch import fetch
from keystead.identity.jwt_issuers import Provider
from keystead.operations.jwt_auth import JwtIssuer
from keystead.store.rows import Sealer

STATE_SECONDS: Final = 600
"""How long a user has for logging in at the provider."""

_AAD: Final = b"keystead oidc state v1"


class State(Discreet, frozen=True):
    """What the end of a log-in must know of its beginning. ``role`` is the name of a role of
    ``mount`` (a uuid); ``expires_at`` is in Unix seconds."""

    namespace: str
    mount: str
    role: str
    redirect_uri: str
    client_nonce: str
    nonce: str
    verifier: str
    expires_at: float


def new_state(
    *, namespace: str, mount: str, role: str, redirect_uri: str, client_nonce: str, now: float
) -> State:
    """The state of a new log-in, with a nonce and a code verifier of its own."""
    return State(
        namespace=namespace,
        mount=mount,
        role=role,
        redirect_uri=redirect_uri,
        client_nonce=client_nonce,
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        expires_at=now + STATE_SECONDS,
    )


def seal_state(sealer: Sealer, state: State) -> str:
    """The state as text for URLs. Raises Sealed."""
    sealed = sealer.seal("", _AAD, msgspec.msgpack.encode(state))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def open_state(sealer: Sealer, text: str) -> State:
    """The state in a text; raises InvalidRequest unless Keystead made it. Whether it still
    holds is not checked here."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(sealer.open("", _AAD, sealed), type=State)
    except (ValueError, IntegrityFailure, msgspec.MsgspecError):
        raise InvalidRequest("Vault login failed. Expired or missing OAuth state.") from None


def is_allowed(redirect_uri: str, allowed: list[str]) -> bool:
    """Whether a redirect is one of those allowed. That to this very machine may have any port
    (RFC 8252, 7.3)."""
    return redirect_uri in allowed or _without_port(redirect_uri) in map(_without_port, allowed)


def authorization_url(
    provider: Provider, issuer: JwtIssuer, state: State, state_text: str, scopes: list[str]
) -> str:
    """The address of the provider's page for this log-in."""
    digest = hashlib.sha256(state.verifier.encode()).digest()
    asked = {
        "client_id": issuer.oidc_client_id,
        "response_type": "code",
        "scope": " ".join(dict.fromkeys(["openid", *scopes])),
        "redirect_uri": state.redirect_uri,
        "state": state_text,
        "nonce": state.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{joint}{urlencode(asked)}"


def exchange(
    provider: Provider, issuer: JwtIssuer, state: State, code: str
) -> tuple[str, Mapping[str, Any]]:
    """The ID token for an authorization code, not verified yet, and what the provider says
    of the user besides. Blocks.

    Raises InvalidRequest if the provider refuses, UpstreamUnavailable if it does not answer.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": state.redirect_uri,
        "code_verifier": state.verifier,
    }
    basic = None
    if provider.basic:
        # Encoded as in a form: RFC 6749, 2.3.1.
        basic = (quote_plus(issuer.oidc_client_id), quote_plus(issuer.oidc_client_secret))
    else:
        form |= {"client_id": issuer.oidc_client_id, "client_secret": issuer.oidc_client_secret}
    ca_pem = issuer.oidc_discovery_ca_pem
    answer = fetch(provider.token_endpoint, ca_pem, form=form, basic=basic)
    body = answer.body if isinstance(answer.body, dict) else {}
    token = body.get("id_token")
    if answer.status != 200 or not isinstance(token, str):
        raise InvalidRequest("Vault login failed. Error exchanging oidc code.")
    return token, _user_info(provider, ca_pem, body.get("access_token"))


def _user_info(provider: Provider, ca_pem: str, access_token: object) -> Mapping[str, Any]:
    """More claims about the user; none if the provider does not give them."""
    if not provider.userinfo_endpoint or not isinstance(access_token, str):
        return {}
    try:
        answer = fetch(provider.userinfo_endpoint, ca_pem, bearer=access_token)
    except UpstreamUnavailable:
        return {}
    return answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}


def _without_port(uri: str) -> str | None:
    """A redirect to this machine without its port; None for others."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        if parts.username is not None or not _is_loopback(host):
            return None
    except ValueError:
        return None
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
