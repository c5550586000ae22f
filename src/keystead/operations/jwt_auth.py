"""Log-ins with a token that another issuer signed: JSON Web Tokens, OpenID Connect.

Each mount of type ``jwt`` or ``oidc`` trusts one issuer and has roles of its own. The role
``ci`` of the mount ``auth/jwt`` is called ``ci``, that of ``auth/team`` is ``team/ci``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from keystead.discreet import Discreet
from keystead.operations.base import Access, Done, Effect, Input, Operation, Page, Reply
from keystead.operations.identity import IssuedToken, Roles, TokenLimits

LoginMount = Annotated[str, Meta(min_length=1, max_length=512)]
"""The path of a log-in method below ``auth/``."""
MountedRole = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*$(?!\n)")
]
"""A role's name, after the path of its mount unless that is the usual one."""
Pem = Annotated[str, Meta(max_length=65_536)]
Token = Annotated[str, Meta(max_length=65_536)]
Text = Annotated[str, Meta(max_length=2_048)]
Texts = Annotated[list[Text], Meta(max_length=256)]


class JwtIssuer(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a mount trusts, by exactly one of: ``jwt_validation_pubkeys`` (PEM), ``jwks_url``,
    ``oidc_discovery_url``.

    ``…_ca_pem``: the authorities that count for that server instead of the system's.
    ``bound_issuer`` is what ``iss`` must be. ``oidc_client_id`` and ``oidc_client_secret``
    are what browsers' log-ins need besides.
    """

    oidc_discovery_url: Text = ""
    oidc_discovery_ca_pem: Pem = ""
    oidc_client_id: Text = ""
    oidc_client_secret: Text = ""
    jwks_url: Text = ""
    jwks_ca_pem: Pem = ""
    jwt_validation_pubkeys: Annotated[list[Pem], Meta(max_length=64)] = []
    bound_issuer: Text = ""
    jwt_supported_algs: Texts = []
    default_role: Text = ""


class JwtIssuerView(Reply, frozen=True, omit_defaults=False):
    """Whom a mount trusts; the client secret is never shown."""

    oidc_discovery_url: str = ""
    oidc_discovery_ca_pem: str = ""
    oidc_client_id: str = ""
    jwks_url: str = ""
    jwks_ca_pem: str = ""
    jwt_validation_pubkeys: list[str] = []
    bound_issuer: str = ""
    jwt_supported_algs: list[str] = []
    default_role: str = ""


class JwtDemands(Input, frozen=True, kw_only=True, omit_defaults=True):
    """What a token must claim to log in as a role, and what is taken from it.

    ``user_claim`` says who it is (a JSON pointer if so said); claims are named, or pointed to
    by JSON pointers that begin with a slash. ``bound_claims`` are values, or lists of them, of
    which one must be claimed; ``bound_claims_type`` ``glob`` makes ``*`` stand for anything.
    ``claim_mappings`` keeps claims as the token's metadata. Leeways are in seconds: 0 the
    default, negative none. ``max_age`` (seconds) is how long ago the user may have proved
    itself to the issuer, of browsers' log-ins (``role_type`` ``oidc``).
    """

    role_type: str = "oidc"
    user_claim: Text = ""
    user_claim_json_pointer: bool = False
    bound_audiences: Texts = []
    bound_subject: Text = ""
    bound_claims: dict[str, Any] = {}
    bound_claims_type: str = "string"
    claim_mappings: dict[str, str] = {}
    groups_claim: Text = ""
    expiration_leeway: int = 0
    not_before_leeway: int = 0
    clock_skew_leeway: int = 0
    max_age: int = 0
    allowed_redirect_uris: Texts = []
    oidc_scopes: Texts = []
    verbose_oidc_logging: bool = False


class JwtRoleView(Reply, frozen=True):
    name: str
    roles: list[str]
    demands: JwtDemands
    limits: TokenLimits


class JwtRoleNames(Reply, frozen=True):
    names: list[str]


class WriteJwtIssuer(Operation[JwtIssuerView], frozen=True, kw_only=True):
    """Say whom a mount trusts. Its roles must be ones that the caller may give.

    A URL is asked at once. Without ``oidc_client_secret`` the present one stays.
    """

    action: ClassVar[str] = "jwt-issuer:write"
    kind: ClassVar[str] = "jwt-issuer"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.CHANGE

    mount: LoginMount
    issuer: JwtIssuer


class ShowJwtIssuer(Operation[JwtIssuerView], frozen=True, kw_only=True):
    """Show whom a mount trusts."""

    action: ClassVar[str] = "jwt-issuer:show"
    kind: ClassVar[str] = "jwt-issuer"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.READ

    mount: LoginMount


class WriteJwtRole(Operation[JwtRoleView], frozen=True, kw_only=True):
    """Create or replace a role: which tokens log in as it, and what they get."""

    action: ClassVar[str] = "jwt-role:write"
    kind: ClassVar[str] = "jwt-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MountedRole
    demands: JwtDemands
    roles: Roles = []
    limits: TokenLimits = TokenLimits()


class ShowJwtRole(Operation[JwtRoleView], frozen=True, kw_only=True):
    """Show a role."""

    action: ClassVar[str] = "jwt-role:show"
    kind: ClassVar[str] = "jwt-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MountedRole


class ListJwtRoles(Page, Operation[JwtRoleNames], frozen=True, kw_only=True):
    """List the roles of a mount, by their names there."""

    action: ClassVar[str] = "jwt-role:list"
    kind: ClassVar[str] = "jwt-role"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: LoginMount = "jwt"


class DeleteJwtRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a role and revoke its tokens."""

    action: ClassVar[str] = "jwt-role:delete"
    kind: ClassVar[str] = "jwt-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MountedRole


class LoginJwt(Operation[IssuedToken], frozen=True, kw_only=True):
    """Log in with a signed token, as a role or the mount's default one."""

    action: ClassVar[str] = "jwt-role:login"
    kind: ClassVar[str] = "jwt-role"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("mount", "role")
    secret_reply: ClassVar[bool] = True

    mount: LoginMount = "jwt"
    role: Text = ""
    jwt: Token


class AuthorizationUrl(Reply, frozen=True, omit_defaults=False):
    """Where to send the browser; empty if the role does not allow that redirect."""

    auth_url: str


class StartOidcLogin(Operation[AuthorizationUrl], frozen=True, kw_only=True):
    """Begin a browser's log-in: the address of the issuer's page.

    ``redirect_uri`` is where the issuer sends the browser back to; ``client_nonce``, if
    given, must be shown again at the end, so that nobody else can end it.
    """

    action: ClassVar[str] = "jwt-role:start-oidc"
    kind: ClassVar[str] = "jwt-role"
    effect: ClassVar[Effect] = Effect.OBSERVE
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("mount", "role")

    mount: LoginMount = "jwt"
    role: Text = ""
    redirect_uri: Text
    client_nonce: Text = ""


class FinishOidcLogin(Operation[IssuedToken], frozen=True, kw_only=True):
    """End a browser's log-in with what the issuer sent back."""

    action: ClassVar[str] = "jwt-role:finish-oidc"
    kind: ClassVar[str] = "jwt-role"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("mount",)
    secret_reply: ClassVar[bool] = True

    mount: LoginMount = "jwt"
    state: Annotated[str, Meta(max_length=8_192)]
    code: Text
    client_nonce: Text = ""
