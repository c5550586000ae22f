"""Who callers are: tokens, log-in methods, groups and roles.

Principals are named by how they came in: ``user/alice``, ``approle/ci``, ``cert/web``,
``token/deploy``; the bootstrap principal is ``root``. Giving a principal a role that the
caller does not have itself needs ``role:grant`` on that role.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Input, Operation, Page, Reply

PrincipalName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$(?!\n)")]
MethodName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@/-]{0,255}$(?!\n)")]
"""How a log-in method is called; with a slash, it belongs to a mount other than the usual."""
RoleName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$(?!\n)")]
Roles = Annotated[list[RoleName], Meta(max_length=64)]
Seconds = Annotated[int, Meta(ge=0, le=10 * 365 * 86_400)]
Cidrs = Annotated[list[str], Meta(max_length=64)]
Count = Annotated[int, Meta(ge=0, le=2**31)]


class TokenLimits(Input, frozen=True, kw_only=True):
    """How long and from where tokens of a log-in method hold. Zero: the server's default.

    ``period_seconds``: renewing sets the lifetime to this, without a maximum.
    ``max_uses``: requests after which the token ends; 0 is without limit.
    ``explicit_max_ttl_seconds`` ends periodic tokens too. ``without_default``: the path policy
    ``default`` does not speak for the tokens. ``kind``: ``batch`` or, empty, ``service``.
    """

    ttl_seconds: Seconds = 0
    max_ttl_seconds: Seconds = 0
    period_seconds: Seconds = 0
    max_uses: Count = 0
    bound_cidrs: Cidrs = []
    explicit_max_ttl_seconds: Seconds = 0
    without_default: bool = False
    kind: Annotated[str, Meta(pattern=r"^(|service|batch)$(?!\n)")] = ""


class TokenView(Reply, frozen=True):
    """A token as callers see it; never the token itself. Times are Unix seconds.

    ``ttl_seconds`` is its lifetime when it was made; ``made_at`` the path it was made at and
    ``made_as`` the token role it was made by, if any.
    """

    accessor: str
    principal: str
    kind: str
    roles: list[str]
    created_at: float
    expires_at: float | None = None
    max_expires_at: float | None = None
    period_seconds: int = 0
    uses_left: int | None = None
    bound_cidrs: list[str] = []
    parent: str = ""
    orphan: bool = False
    renewable: bool = False
    root: bool = False
    ttl_seconds: int = 0
    explicit_max_ttl_seconds: int = 0
    max_uses: int = 0
    display_name: str = ""
    metadata: dict[str, str] = {}
    without_default: bool = False
    made_at: str = ""
    made_as: str = ""
    renewed_at: float | None = None
    entity_id: str = ""
    entity_roles: list[str] = []


class MfaChoice(Reply, frozen=True, omit_defaults=False):
    """A method of giving a second factor."""

    id: str
    name: str


class MfaRequirement(Reply, frozen=True, omit_defaults=False):
    """A log-in that waits for a second factor: one method of each list is to be used."""

    request_id: str
    constraints: dict[str, list[MfaChoice]]


class IssuedToken(Reply, frozen=True):
    """A new token and what it is. This is the only time that the token is shown.

    With ``mfa`` there is no token yet: the log-in waits for a second factor.
    """

    token: str
    info: TokenView
    mfa: MfaRequirement | None = None


class CreateToken(Operation[IssuedToken], frozen=True, kw_only=True):
    """Create a token: a child of the caller's, revoked with it, unless ``orphan``.

    ``token_kind``: ``service`` (stored, revocable; usual) or ``batch`` (self-contained, not
    stored: it ends by its lifetime or with its parent). Without ``name`` the token is for the
    caller itself. A root token without lifetimes has no end. ``token_role``: the settings that
    such tokens have; needs ``token-role:use`` on it. ``entity_alias``: who is behind it, by
    name, which only a token role allows.
    ``text``: what the token shall be, which only root may choose. ``renewable`` False: never.
    """

    action: ClassVar[str] = "token:create"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("name", "token_kind", "orphan")
    secret_reply: ClassVar[bool] = True

    name: PrincipalName | None = None
    roles: Roles | None = None
    token_kind: Annotated[str, Meta(pattern=r"^(|service|batch)$(?!\n)")] = ""
    orphan: bool = False
    limits: TokenLimits = TokenLimits()
    display_name: Annotated[str, Meta(max_length=256)] = ""
    metadata: Annotated[dict[str, str], Meta(max_length=64)] = {}
    renewable: bool = True
    token_role: str = ""
    entity_alias: str = ""
    text: Annotated[str, Meta(min_length=4, max_length=256)] | None = None


class FindToken(Operation[TokenView], frozen=True, kw_only=True):
    """Look up a token by its text, as who holds it can."""

    action: ClassVar[str] = "token:find"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.READ

    token: Annotated[str, Meta(max_length=8_192)]


class LookupToken(Operation[TokenView], frozen=True, kw_only=True):
    """Look up a token by its accessor."""

    action: ClassVar[str] = "token:lookup"
    kind: ClassVar[str] = "token"
    names: ClassVar[str | None] = "accessor"
    effect: ClassVar[Effect] = Effect.READ

    accessor: str


class LookupSelf(Operation[TokenView], frozen=True, kw_only=True):
    """Look up the token that this request is made with."""

    action: ClassVar[str] = "token:lookup-self"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.HOLDER


class RenewToken(Operation[TokenView], frozen=True, kw_only=True):
    """Renew a token by its accessor; ``increment_seconds`` 0 asks for its own lifetime again."""

    action: ClassVar[str] = "token:renew"
    kind: ClassVar[str] = "token"
    names: ClassVar[str | None] = "accessor"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("increment_seconds",)

    accessor: str
    increment_seconds: Seconds = 0


class RenewSelf(Operation[TokenView], frozen=True, kw_only=True):
    """Renew the token that this request is made with."""

    action: ClassVar[str] = "token:renew-self"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.HOLDER
    audited: ClassVar[tuple[str, ...]] = ("increment_seconds",)

    increment_seconds: Seconds = 0


class RevokeToken(Operation[Done], frozen=True, kw_only=True):
    """Revoke a token by its accessor, and its children unless ``orphan_children``."""

    action: ClassVar[str] = "token:revoke"
    kind: ClassVar[str] = "token"
    names: ClassVar[str | None] = "accessor"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("orphan_children",)

    accessor: str
    orphan_children: bool = False


class RevokeSelf(Operation[Done], frozen=True, kw_only=True):
    """Revoke the token that this request is made with, and its children."""

    action: ClassVar[str] = "token:revoke-self"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.HOLDER


class TokenPage(Reply, frozen=True):
    tokens: list[TokenView]
    next: str = ""


class ListTokens(Page, Operation[TokenPage], frozen=True, kw_only=True):
    """List stored tokens by accessor."""

    action: ClassVar[str] = "token:list"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.READ


class ReapTokens(Operation[Done], frozen=True, kw_only=True):
    """Delete expired tokens and secret identifiers. The scheduler asks this of itself."""

    action: ClassVar[str] = "token:reap"
    kind: ClassVar[str] = "token"
    effect: ClassVar[Effect] = Effect.CHANGE


# --- token roles ------------------------------------------------------------------------


class TokenRoleView(Reply, frozen=True):
    """What tokens made by a token role may be."""

    name: str
    allowed: list[str] = []
    allowed_patterns: list[str] = []
    disallowed: list[str] = []
    disallowed_patterns: list[str] = []
    orphan: bool = False
    renewable: bool = True
    path_suffix: str = ""
    token_kind: str = ""
    limits: TokenLimits = TokenLimits()
    allowed_aliases: list[str] = []


class TokenRoleNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class WriteTokenRole(Operation[TokenRoleView], frozen=True, kw_only=True):
    """Create or replace a token role: the settings that tokens made by it have.

    ``allowed`` and ``allowed_patterns`` (with ``*``) are roles that may be asked for, though the
    caller lacks them. What is disallowed may not be, but if nothing is allowed by name, anything
    else. Without any of these, the roles that the caller has may be. ``token_kind``: ``service``
    or ``batch``, whatever is asked for; with ``default-`` before, unless asked otherwise.
    ``allowed_aliases`` (with ``*``): which entity aliases may be asked for.
    """

    action: ClassVar[str] = "token-role:write"
    kind: ClassVar[str] = "token-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName
    allowed: Roles = []
    allowed_patterns: Annotated[list[str], Meta(max_length=64)] = []
    disallowed: Annotated[list[str], Meta(max_length=64)] = []
    disallowed_patterns: Annotated[list[str], Meta(max_length=64)] = []
    orphan: bool = False
    renewable: bool = True
    path_suffix: Annotated[str, Meta(max_length=128)] = ""
    token_kind: str = ""
    limits: TokenLimits = TokenLimits()
    allowed_aliases: Annotated[list[str], Meta(max_length=64)] = []


class ShowTokenRole(Operation[TokenRoleView], frozen=True, kw_only=True):
    """Show a token role."""

    action: ClassVar[str] = "token-role:show"
    kind: ClassVar[str] = "token-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName


class ListTokenRoles(Page, Operation[TokenRoleNames], frozen=True, kw_only=True):
    """List token roles."""

    action: ClassVar[str] = "token-role:list"
    kind: ClassVar[str] = "token-role"
    effect: ClassVar[Effect] = Effect.READ


class DeleteTokenRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a token role; tokens made by it stay."""

    action: ClassVar[str] = "token-role:delete"
    kind: ClassVar[str] = "token-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName


# --- AppRole ----------------------------------------------------------------------------


class AppRoleView(Reply, frozen=True):
    name: str
    role_id: str
    roles: list[str]
    bind_secret_id: bool
    secret_id_ttl_seconds: int
    secret_id_max_uses: int
    secret_id_bound_cidrs: list[str]
    limits: TokenLimits


class AppRoleNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class WriteAppRole(Operation[AppRoleView], frozen=True, kw_only=True):
    """Create or replace an AppRole: how one application logs in, and its roles.

    ``role_id`` chooses the role identifier; without, it stays, or is made at random.
    """

    action: ClassVar[str] = "approle:write"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName
    roles: Roles = []
    bind_secret_id: bool = True
    secret_id_ttl_seconds: Seconds = 0
    secret_id_max_uses: Count = 0
    secret_id_bound_cidrs: Cidrs = []
    limits: TokenLimits = TokenLimits()
    role_id: Annotated[str, Meta(min_length=1, max_length=4_096)] | None = None


class ShowAppRole(Operation[AppRoleView], frozen=True, kw_only=True):
    """Show an AppRole and its role identifier."""

    action: ClassVar[str] = "approle:show"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName


class ListAppRoles(Page, Operation[AppRoleNames], frozen=True, kw_only=True):
    """List AppRoles: those of a log-in ``mount`` (empty: the usual one), or all."""

    action: ClassVar[str] = "approle:list"
    kind: ClassVar[str] = "approle"
    effect: ClassVar[Effect] = Effect.READ

    mount: str | None = None


class DeleteAppRole(Operation[Done], frozen=True, kw_only=True):
    """Delete an AppRole and its secret identifiers, and revoke its tokens."""

    action: ClassVar[str] = "approle:delete"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName


class SecretId(Reply, frozen=True):
    """A new secret identifier, shown only this once, and its accessor."""

    secret_id: str
    accessor: str
    expires_at: float | None = None
    max_uses: int = 0


class SecretIdView(Reply, frozen=True):
    accessor: str
    created_at: float
    expires_at: float | None = None
    uses_left: int | None = None
    bound_cidrs: list[str] = []
    token_bound_cidrs: list[str] = []
    metadata: dict[str, str] = {}


class SecretIds(Reply, frozen=True):
    secret_ids: list[SecretIdView]


class CreateSecretId(Operation[SecretId], frozen=True, kw_only=True):
    """Make a secret identifier with which an AppRole logs in.

    ``metadata`` is passed on to its tokens, which are bound to ``token_bound_cidrs`` too.
    ``text`` chooses the secret identifier; without, it has 256 random bits.
    """

    action: ClassVar[str] = "approle:create-secret-id"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    secret_reply: ClassVar[bool] = True

    name: MethodName
    ttl_seconds: Seconds = 0
    max_uses: Count = 0
    bound_cidrs: Cidrs = []
    token_bound_cidrs: Cidrs = []
    metadata: Annotated[dict[str, str], Meta(max_length=64)] = {}
    text: Annotated[str, Meta(min_length=1, max_length=4_096)] | None = None


class FindSecretId(Operation[SecretIdView], frozen=True, kw_only=True):
    """Look up a secret identifier of an AppRole by its text."""

    action: ClassVar[str] = "approle:find-secret-id"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName
    secret_id: Annotated[str, Meta(max_length=4_096)]


class ListSecretIds(Operation[SecretIds], frozen=True, kw_only=True):
    """List an AppRole's secret identifiers by accessor."""

    action: ClassVar[str] = "approle:list-secret-ids"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName


class DestroySecretId(Operation[Done], frozen=True, kw_only=True):
    """Destroy a secret identifier by its accessor."""

    action: ClassVar[str] = "approle:destroy-secret-id"
    kind: ClassVar[str] = "approle"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("accessor",)

    name: MethodName
    accessor: str


class LoginAppRole(Operation[IssuedToken], frozen=True, kw_only=True):
    """Log in with a role identifier and a secret identifier.

    ``mount``: the AppRole must belong to this one; empty for the usual.
    """

    action: ClassVar[str] = "approle:login"
    kind: ClassVar[str] = "approle"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("role_id",)
    secret_reply: ClassVar[bool] = True

    role_id: Annotated[str, Meta(max_length=4_096)]
    secret_id: Annotated[str, Meta(max_length=4_096)] = ""
    mount: str | None = None


# --- user and password ------------------------------------------------------------------


class UserView(Reply, frozen=True):
    name: str
    roles: list[str]
    limits: TokenLimits


class UserNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class WriteUser(Operation[UserView], frozen=True, kw_only=True):
    """Create or replace a user. ``password`` is required for a new one (12 to 1,024 bytes)."""

    action: ClassVar[str] = "user:write"
    kind: ClassVar[str] = "user"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName
    password: Annotated[str, Meta(min_length=12, max_length=1024)] | None = None
    roles: Roles = []
    limits: TokenLimits = TokenLimits()


class SetPassword(Operation[Done], frozen=True, kw_only=True):
    """Set a user's password and revoke the tokens of the user."""

    action: ClassVar[str] = "user:set-password"
    kind: ClassVar[str] = "user"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName
    password: Annotated[str, Meta(min_length=12, max_length=1024)]


class ShowUser(Operation[UserView], frozen=True, kw_only=True):
    """Show a user."""

    action: ClassVar[str] = "user:show"
    kind: ClassVar[str] = "user"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName


class ListUsers(Page, Operation[UserNames], frozen=True, kw_only=True):
    """List users: those of a log-in ``mount`` (empty: the usual one), or all."""

    action: ClassVar[str] = "user:list"
    kind: ClassVar[str] = "user"
    effect: ClassVar[Effect] = Effect.READ

    mount: str | None = None


class DeleteUser(Operation[Done], frozen=True, kw_only=True):
    """Delete a user and revoke the user's tokens."""

    action: ClassVar[str] = "user:delete"
    kind: ClassVar[str] = "user"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName


class LoginUser(Operation[IssuedToken], frozen=True, kw_only=True):
    """Log in with a name and a password."""

    action: ClassVar[str] = "user:login"
    kind: ClassVar[str] = "user"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    name: MethodName
    password: Annotated[str, Meta(max_length=1024)]


# --- TLS client certificates ------------------------------------------------------------


class CertificateRoleView(Reply, frozen=True):
    name: str
    ca_pem: str
    roles: list[str]
    allowed_common_names: list[str]
    allowed_dns_names: list[str]
    allowed_uris: list[str]
    limits: TokenLimits
    allowed_names: list[str] = []
    allowed_emails: list[str] = []
    allowed_units: list[str] = []
    required_extensions: list[str] = []
    metadata_extensions: list[str] = []
    display_name: str = ""


class CertificateRoleNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class WriteCertificateRole(Operation[CertificateRoleView], frozen=True, kw_only=True):
    """Create or replace a certificate role: which certificates of which CA log in as it.

    A trusted certificate that is no CA logs in itself. Names are shell-style patterns; an empty
    list places no demand. ``allowed_names`` are common names, DNS names or mail addresses,
    ``allowed_units`` organizational units. ``required_extensions`` must all be there:
    ``OID:pattern`` on a string, or ``hex:OID:pattern`` on DER. The strings in
    ``metadata_extensions`` (OIDs) go into the metadata of the tokens.
    """

    action: ClassVar[str] = "certificate-role:write"
    kind: ClassVar[str] = "certificate-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName
    ca_pem: Annotated[str, Meta(max_length=65_536)]
    roles: Roles = []
    allowed_common_names: list[str] = []
    allowed_dns_names: list[str] = []
    allowed_uris: list[str] = []
    limits: TokenLimits = TokenLimits()
    allowed_names: list[str] = []
    allowed_emails: list[str] = []
    allowed_units: list[str] = []
    required_extensions: list[str] = []
    metadata_extensions: list[str] = []
    display_name: Annotated[str, Meta(max_length=256)] = ""


class ShowCertificateRole(Operation[CertificateRoleView], frozen=True, kw_only=True):
    """Show a certificate role."""

    action: ClassVar[str] = "certificate-role:show"
    kind: ClassVar[str] = "certificate-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName


class ListCertificateRoles(Page, Operation[CertificateRoleNames], frozen=True, kw_only=True):
    """List certificate roles: those of a log-in ``mount`` (empty: the usual one), or all."""

    action: ClassVar[str] = "certificate-role:list"
    kind: ClassVar[str] = "certificate-role"
    effect: ClassVar[Effect] = Effect.READ

    mount: str | None = None


class DeleteCertificateRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a certificate role and revoke its tokens."""

    action: ClassVar[str] = "certificate-role:delete"
    kind: ClassVar[str] = "certificate-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName


class LoginCertificate(Operation[IssuedToken], frozen=True, kw_only=True):
    """Log in with this connection's client certificate, as ``name`` or the role that fits."""

    action: ClassVar[str] = "certificate-role:login"
    kind: ClassVar[str] = "certificate-role"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("name",)
    secret_reply: ClassVar[bool] = True

    name: MethodName | None = None
    mount: str | None = None


# --- roles and groups -------------------------------------------------------------------


class RoleView(Reply, frozen=True):
    name: str
    description: str = ""
    includes: list[str] = []


class RolePage(Reply, frozen=True):
    roles: list[RoleView]
    next: str = ""


class WriteRole(Operation[RoleView], frozen=True, kw_only=True):
    """Create or replace a role; who has it has the roles it ``includes`` too."""

    action: ClassVar[str] = "role:write"
    kind: ClassVar[str] = "role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: RoleName
    description: Annotated[str, Meta(max_length=1024)] = ""
    includes: Roles = []


class ListRoles(Page, Operation[RolePage], frozen=True, kw_only=True):
    """List roles."""

    action: ClassVar[str] = "role:list"
    kind: ClassVar[str] = "role"
    effect: ClassVar[Effect] = Effect.READ


class DeleteRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a role."""

    action: ClassVar[str] = "role:delete"
    kind: ClassVar[str] = "role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: RoleName


class GroupView(Reply, frozen=True):
    name: str
    members: list[str]
    roles: list[str]


class GroupPage(Reply, frozen=True):
    groups: list[GroupView]
    next: str = ""


class WriteGroup(Operation[GroupView], frozen=True, kw_only=True):
    """Create or replace a group: its members (principal names) have its roles."""

    action: ClassVar[str] = "group:write"
    kind: ClassVar[str] = "group"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PrincipalName
    members: Annotated[list[str], Meta(max_length=10_000)] = []
    roles: Roles = []


class ShowGroup(Operation[GroupView], frozen=True, kw_only=True):
    """Show a group."""

    action: ClassVar[str] = "group:show"
    kind: ClassVar[str] = "group"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: PrincipalName


class ListGroups(Page, Operation[GroupPage], frozen=True, kw_only=True):
    """List groups."""

    action: ClassVar[str] = "group:list"
    kind: ClassVar[str] = "group"
    effect: ClassVar[Effect] = Effect.READ


class DeleteGroup(Operation[Done], frozen=True, kw_only=True):
    """Delete a group; its members lose its roles."""

    action: ClassVar[str] = "group:delete"
    kind: ClassVar[str] = "group"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PrincipalName
