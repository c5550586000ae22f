"""Identity tokens: what entities show to others who trust this server (OpenID Connect Core)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Operation, Page, Reply
from keystead.operations.identity import Seconds

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
"""What tokens may be signed with."""

OidcName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$(?!\n)")]
Text = Annotated[str, Meta(max_length=16_384)]
Texts = Annotated[list[Annotated[str, Meta(max_length=512)]], Meta(max_length=1000)]


class OidcConfig(Reply, frozen=True, omit_defaults=False):
    """Who tokens are said to be from: ``issuer`` as written, and the whole URL."""

    issuer: str
    url: str


class OidcKeyView(Reply, frozen=True, omit_defaults=False):
    """A signing key as callers see it."""

    algorithm: str
    rotation_period: int
    verification_ttl: int
    allowed_client_ids: list[str]


class OidcRoleView(Reply, frozen=True, omit_defaults=False):
    key: str
    template: str
    ttl: int
    client_id: str


class OidcNames(Reply, frozen=True, omit_defaults=False):
    names: list[str]
    next: str


class IdentityToken(Reply, frozen=True, omit_defaults=False):
    """A signed token (JWT) for ``client_id``, and its lifetime in seconds."""

    token: str
    client_id: str
    ttl: int


class Introspection(Reply, frozen=True, omit_defaults=False):
    """Whether a token holds, and if not, why."""

    active: bool
    error: str = ""


class PublicKeys(Reply, frozen=True, omit_defaults=False):
    """A JWK set (RFC 7517)."""

    keys: list[dict[str, Any]]


class WriteOidcConfig(Operation[OidcConfig], frozen=True, kw_only=True):
    """Say who tokens are from: scheme, host and port of this server as others see it."""

    action: ClassVar[str] = "oidc-config:write"
    kind: ClassVar[str] = "oidc-config"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("issuer",)

    issuer: Text = ""


class ShowOidcConfig(Operation[OidcConfig], frozen=True, kw_only=True):
    """Show who tokens are from."""

    action: ClassVar[str] = "oidc-config:show"
    kind: ClassVar[str] = "oidc-config"
    effect: ClassVar[Effect] = Effect.READ


class DiscoverOidc(Operation[OidcConfig], frozen=True, kw_only=True):
    """Tell anyone who tokens are from."""

    action: ClassVar[str] = "oidc-config:discover"
    kind: ClassVar[str] = "oidc-config"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.ANYONE


class ListPublicOidcKeys(Operation[PublicKeys], frozen=True, kw_only=True):
    """Give anyone the public keys that tokens verify with."""

    action: ClassVar[str] = "oidc-key:publish"
    kind: ClassVar[str] = "oidc-key"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.ANYONE


class WriteOidcKey(Operation[OidcKeyView], frozen=True, kw_only=True):
    """Create or change a signing key; what is None stays. Times are in seconds."""

    action: ClassVar[str] = "oidc-key:write"
    kind: ClassVar[str] = "oidc-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("algorithm",)

    name: OidcName
    algorithm: Text | None = None
    rotation_period: Seconds | None = None
    verification_ttl: Seconds | None = None
    allowed_client_ids: Texts | None = None


class ShowOidcKey(Operation[OidcKeyView], frozen=True, kw_only=True):
    """Show a signing key's settings."""

    action: ClassVar[str] = "oidc-key:show"
    kind: ClassVar[str] = "oidc-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: OidcName


class ListOidcKeys(Page, Operation[OidcNames], frozen=True, kw_only=True):
    """List signing keys by name."""

    action: ClassVar[str] = "oidc-key:list"
    kind: ClassVar[str] = "oidc-key"
    effect: ClassVar[Effect] = Effect.READ


class DeleteOidcKey(Operation[Done], frozen=True, kw_only=True):
    """Delete a signing key that no role uses. Its tokens verify no more."""

    action: ClassVar[str] = "oidc-key:delete"
    kind: ClassVar[str] = "oidc-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: OidcName


class RotateOidcKey(Operation[Done], frozen=True, kw_only=True):
    """Sign with a new key from now on; the old one verifies for another
    ``verification_ttl`` seconds (None: what the key says)."""

    action: ClassVar[str] = "oidc-key:rotate"
    kind: ClassVar[str] = "oidc-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: OidcName
    verification_ttl: Seconds | None = None


class RotateDueOidcKeys(Operation[Done], frozen=True, kw_only=True):
    """Rotate the signing keys whose period is over, and forget those that verify no more."""

    action: ClassVar[str] = "oidc-key:rotate-due"
    kind: ClassVar[str] = "oidc-key"
    effect: ClassVar[Effect] = Effect.CHANGE


class WriteOidcRole(Operation[OidcRoleView], frozen=True, kw_only=True):
    """Create or change a role for tokens; what is None stays. ``template`` is JSON, in Base64
    or not, with ``{{identity…}}`` for what is filled in."""

    action: ClassVar[str] = "oidc-role:write"
    kind: ClassVar[str] = "oidc-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("key", "client_id")

    name: OidcName
    key: Text | None = None
    template: Text | None = None
    ttl: Seconds | None = None
    client_id: Text | None = None


class ShowOidcRole(Operation[OidcRoleView], frozen=True, kw_only=True):
    """Show a role for tokens."""

    action: ClassVar[str] = "oidc-role:show"
    kind: ClassVar[str] = "oidc-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: OidcName


class ListOidcRoles(Page, Operation[OidcNames], frozen=True, kw_only=True):
    """List roles for tokens by name."""

    action: ClassVar[str] = "oidc-role:list"
    kind: ClassVar[str] = "oidc-role"
    effect: ClassVar[Effect] = Effect.READ


class DeleteOidcRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a role for tokens, if it is there."""

    action: ClassVar[str] = "oidc-role:delete"
    kind: ClassVar[str] = "oidc-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: OidcName


class IssueIdentityToken(Operation[IdentityToken], frozen=True, kw_only=True):
    """Sign a token that says who the caller is."""

    action: ClassVar[str] = "oidc-role:issue"
    kind: ClassVar[str] = "oidc-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    secret_reply: ClassVar[bool] = True

    name: OidcName


class IntrospectIdentityToken(Operation[Introspection], frozen=True, kw_only=True):
    """Check a token, and that it is for ``client_id`` if that is given."""

    action: ClassVar[str] = "oidc-config:introspect"
    kind: ClassVar[str] = "oidc-config"
    effect: ClassVar[Effect] = Effect.READ

    token: Annotated[str, Meta(max_length=65_536)]
    client_id: Text = ""
