"""What the store keeps of identities.

Tokens are system records (namespace ``""``), so that a token is found before it is known
whose it is; all others live in the namespace they belong to.
"""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.discreet import Discreet
from keystead.operations.jwt_auth import JwtDemands
from keystead.operations.kubernetes_auth import KubernetesDemands
from keystead.store.kinds import Kind

SPENT_SECONDS = 60.0
"""How long the record of a spent token stays: longer than its last request takes."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lifetimes in seconds, uses and networks of tokens; 0 and [] place no demand.

    ``explicit_max_ttl_seconds`` ends periodic tokens too. ``without_default``: path policies'
    ``default`` does not speak for them. ``kind`` is ``batch`` or ``service``; empty: service.
    """

    ttl_seconds: int = 0
    max_ttl_seconds: int = 0
    period_seconds: int = 0
    max_uses: int = 0
    bound_cidrs: list[str] = []
    explicit_max_ttl_seconds: int = 0
    without_default: bool = False
    kind: str = ""


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token. Its record id is SHA-256 of its text; a batch token carries this, sealed.

    ``parent`` is what it hangs on: another token's record id, the *incarnation* of a log-in
    method (``user/alice@…``), or nothing. A token holds only while all above it hold.
    ``roles`` None: all that its parent has; otherwise those named, of which the ones its
    parent lacks must be among ``granted``. ``without_groups``: it was narrowed to fewer
    roles than its principal has, so what groups give is left out. Times are Unix seconds.
    ``fixed``: it cannot be renewed. ``made_at`` is the path that it was made at, where the
    protocol has paths; ``made_as`` the token role that it was made by. ``entity`` is who is
    behind it; ``mfa``: its log-in took a second factor.
    ``spent_at`` is when its last use was; it is swept soon after, with what was leased to it.
    """

    accessor: str
    principal: str
    namespace: str
    created_at: float
    expires_at: float | None = None
    max_expires_at: float | None = None
    ttl_seconds: int = 0
    period_seconds: int = 0
    uses_left: int | None = None
    bound_cidrs: list[str] = []
    parent: str = ""
    generation: int = 0
    roles: list[str] | None = None
    granted: list[str] = []
    without_groups: bool = False
    batch: bool = False
    root: bool = False
    display_name: str = ""
    metadata: dict[str, str] = {}
    explicit_max_ttl_seconds: int = 0
    max_uses: int = 0
    without_default: bool = False
    fixed: bool = False
    made_at: str = ""
    made_as: str = ""
    renewed_at: float | None = None
    spent_at: float | None = None
    entity: str = ""
    mfa: bool = False

    @property
    def method(self) -> str:
        """The prefix of its log-in method (see METHODS) if it comes from one, else empty."""
        return self.parent.partition("/")[0] if "/" in self.parent else ""

    @property
    def parent_token(self) -> str:
        """The record id of the token it is a child of, or empty."""
        return "" if "/" in self.parent else self.parent


class TokenRoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What tokens made by this token role may be; the record id is the name.

    Lists of roles: what may be asked for and what not, by name and by pattern with ``*``.
    ``allowed_aliases`` are patterns of names of entities.
    """

    allowed: list[str] = []
    allowed_patterns: list[str] = []
    disallowed: list[str] = []
    disallowed_patterns: list[str] = []
    orphan: bool = False
    fixed: bool = False
    path_suffix: str = ""
    kind: str = ""
    limits: Limits = Limits()
    allowed_aliases: list[str] = []


class UserRecord(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """A user; the record id is the name. A new password is a new ``incarnation``."""

    password_hash: str
    incarnation: str
    roles: list[str] = []
    limits: Limits = Limits()


class AppRoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An AppRole; the record id is the name, and its role identifier its incarnation."""

    incarnation: str
    roles: list[str] = []
    bind_secret_id: bool = True
    secret_id_ttl_seconds: int = 0
    secret_id_max_uses: int = 0
    secret_id_bound_cidrs: list[str] = []
    limits: Limits = Limits()


class SecretIdRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A secret identifier; the record id is SHA-256 of its text."""

    accessor: str
    role_id: str
    created_at: float
    expires_at: float | None = None
    uses_left: int | None = None
    bound_cidrs: list[str] = []
    token_bound_cidrs: list[str] = []
    metadata: dict[str, str] = {}


class CertificateRoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A certificate role; the record id is the name. Other demands are a new incarnation."""

    incarnation: str
    ca_pem: str
    roles: list[str] = []
    allowed_common_names: list[str] = []
    allowed_dns_names: list[str] = []
    allowed_uris: list[str] = []
    limits: Limits = Limits()
    allowed_names: list[str] = []
    allowed_emails: list[str] = []
    allowed_units: list[str] = []
    required_extensions: list[str] = []
    metadata_extensions: list[str] = []
    display_name: str = ""


class JwtRoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A role for tokens of another issuer; the record id is the name. ``mount`` is a uuid."""

    incarnation: str
    mount: str
    demands: JwtDemands
    roles: list[str] = []
    limits: Limits = Limits()


class KubernetesRoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A role for service accounts; the record id is the name. ``mount`` is a uuid."""

    incarnation: str
    mount: str
    demands: KubernetesDemands
    roles: list[str] = []
    limits: Limits = Limits()


class RoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a role says of itself; the record id is the name. A role needs no record."""

    description: str = ""
    includes: list[str] = []


class GroupRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group; the record id is the name. Its members are MembershipRecords."""

    roles: list[str] = []


class MembershipRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One principal in one group; the record id is ``group/principal``."""

    group: str
    principal: str


TOKEN = Kind(
    "token",
    TokenRecord,
    name_of=lambda r: f"{r.namespace}/{r.accessor}",
    parent_of=lambda r: r.parent,
    expires_of=lambda r: r.expires_at if r.spent_at is None else r.spent_at + SPENT_SECONDS,
)
TOKEN_ROLE = Kind("token-role", TokenRoleRecord)
USER = Kind("user", UserRecord)
APPROLE = Kind("approle", AppRoleRecord, name_of=lambda r: r.incarnation)
SECRET_ID = Kind(
    "secret-id",
    SecretIdRecord,
    name_of=lambda r: r.accessor,
    parent_of=lambda r: r.role_id,
    expires_of=lambda r: r.expires_at,
)
CERTIFICATE_ROLE = Kind("certificate-role", CertificateRoleRecord)
JWT_ROLE = Kind("jwt-role", JwtRoleRecord, parent_of=lambda r: r.mount)
KUBERNETES_ROLE = Kind("kubernetes-role", KubernetesRoleRecord, parent_of=lambda r: r.mount)
ROLE = Kind("role", RoleRecord)
GROUP = Kind("group", GroupRecord)
MEMBERSHIP = Kind("group-member", MembershipRecord, parent_of=lambda r: r.principal)

Method = UserRecord | AppRoleRecord | CertificateRoleRecord | JwtRoleRecord | KubernetesRoleRecord
METHODS: dict[str, Kind[Any]] = {
    "user": USER,
    "approle": APPROLE,
    "cert": CERTIFICATE_ROLE,
    "jwt": JWT_ROLE,
    "kubernetes": KUBERNETES_ROLE,
}
"""How principals log in: what their names begin with, and where the method is kept."""
