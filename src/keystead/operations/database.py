"""Databases: accounts made for a time, and accounts whose password Keystead changes.

Names are whole: the mount's path, a slash, and the name at the mount (``database/readonly``).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply

DatabaseName = Annotated[str, Meta(min_length=1, max_length=512)]
Statements = list[str]
"""SQL in which ``{{name}}``, ``{{username}}``, ``{{password}}``, ``{{public_key}}`` and
``{{expiration}}`` stand for their values; each entry may hold several statements."""

Seconds = Annotated[int, Meta(ge=0, le=1 << 40)]
CredentialType = Literal["password", "rsa_private_key"]


class DatabaseView(Reply, frozen=True, omit_defaults=False):
    """How a database is reached. Its password is never shown, not even inside the URL."""

    name: str
    plugin: str
    connection_url: str
    username: str = ""
    allowed_roles: list[str] = []
    root_rotation_statements: list[str] = []
    password_policy: str = ""
    username_template: str = ""
    verify_connection: bool = True
    disable_escaping: bool = False
    max_open_connections: int = 0
    max_idle_connections: int = 0
    max_connection_lifetime_seconds: int = 0
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_server_name: str = ""
    tls_skip_verify: bool = False
    password_authentication: str = ""
    plugin_version: str = ""


class DatabaseNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class ConfigureDatabase(Operation[DatabaseView], frozen=True, kw_only=True):
    """Say how a database is reached, and as whom; what is None stays.

    Unless ``verify_connection`` is false, nothing is written before a connection was made.
    ``allowed_roles`` are names at the mount, with ``*`` at the end of a prefix, or ``*``.
    """

    action: ClassVar[str] = "database:configure"
    kind: ClassVar[str] = "database"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("plugin",)

    name: DatabaseName
    plugin: str | None = None
    connection_url: str | None = None
    username: str | None = None
    password: str | None = None
    allowed_roles: list[str] | None = None
    root_rotation_statements: Statements | None = None
    password_policy: str | None = None
    username_template: str | None = None
    verify_connection: bool | None = None
    disable_escaping: bool | None = None
    max_open_connections: int | None = None
    max_idle_connections: int | None = None
    max_connection_lifetime_seconds: Seconds | None = None
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_private_key: str | None = None
    tls_server_name: str | None = None
    tls_skip_verify: bool | None = None
    password_authentication: str | None = None
    plugin_version: str | None = None


class ShowDatabase(Operation[DatabaseView], frozen=True, kw_only=True):
    """Show how a database is reached."""

    action: ClassVar[str] = "database:show"
    kind: ClassVar[str] = "database"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: DatabaseName


class ListDatabases(Page, Operation[DatabaseNames], frozen=True, kw_only=True):
    """List the databases at a mount by their names there."""

    action: ClassVar[str] = "database:list"
    kind: ClassVar[str] = "database"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: str = "database"


class DeleteDatabase(Operation[Done], frozen=True, kw_only=True):
    """Forget how a database is reached. Its leases cannot be taken back any more."""

    action: ClassVar[str] = "database:delete"
    kind: ClassVar[str] = "database"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL

    name: DatabaseName


class RotateDatabaseRoot(Operation[Done], frozen=True, kw_only=True):
    """Change the password that Keystead itself uses; nobody but Keystead knows the new one."""

    action: ClassVar[str] = "database:rotate-root"
    kind: ClassVar[str] = "database"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL

    name: DatabaseName


class ResetDatabase(Operation[Done], frozen=True, kw_only=True):
    """Close all connections to a database and make a new one."""

    action: ClassVar[str] = "database:reset"
    kind: ClassVar[str] = "database"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL

    name: DatabaseName


class ReloadDatabases(Operation[DatabaseNames], frozen=True, kw_only=True):
    """Close all connections to the databases at a mount that use a plugin; say which."""

    action: ClassVar[str] = "database:reload"
    kind: ClassVar[str] = "database"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("mount", "plugin")

    plugin: str
    mount: str = "database"


# --- accounts for a time ------------------------------------------------------------------


class DatabaseRoleView(Reply, frozen=True, omit_defaults=False):
    """What accounts of a role are made with. Lifetimes 0: the mount's."""

    name: str
    database: str
    creation_statements: list[str] = []
    revocation_statements: list[str] = []
    rollback_statements: list[str] = []
    renew_statements: list[str] = []
    default_ttl_seconds: int = 0
    max_ttl_seconds: int = 0
    credential_type: CredentialType = "password"
    credential_config: dict[str, str] = {}


class WriteDatabaseRole(Operation[Done], frozen=True, kw_only=True):
    """Create or change a role; what is None stays. ``database`` is a name at the mount."""

    action: ClassVar[str] = "database-role:write"
    kind: ClassVar[str] = "database-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("database",)

    name: DatabaseName
    database: str | None = None
    creation_statements: Statements | None = None
    revocation_statements: Statements | None = None
    rollback_statements: Statements | None = None
    renew_statements: Statements | None = None
    default_ttl_seconds: Seconds | None = None
    max_ttl_seconds: Seconds | None = None
    credential_type: CredentialType | None = None
    credential_config: dict[str, str] | None = None


class ShowDatabaseRole(Operation[DatabaseRoleView], frozen=True, kw_only=True):
    """Show a role."""

    action: ClassVar[str] = "database-role:show"
    kind: ClassVar[str] = "database-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: DatabaseName


class ListDatabaseRoles(Page, Operation[DatabaseNames], frozen=True, kw_only=True):
    """List the roles at a mount by their names there."""

    action: ClassVar[str] = "database-role:list"
    kind: ClassVar[str] = "database-role"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: str = "database"


class DeleteDatabaseRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a role; the accounts made with it hold until their leases end."""

    action: ClassVar[str] = "database-role:delete"
    kind: ClassVar[str] = "database-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: DatabaseName


class DatabaseCredentials(Reply, frozen=True):
    """An account at a database, leased. One of ``password`` and ``rsa_private_key`` is set."""

    username: str
    lease_id: str
    lease_seconds: int
    password: str = ""
    rsa_private_key: str = ""
    renewable: bool = True
    warnings: list[str] = []


class IssueDatabaseCredentials(Operation[DatabaseCredentials], frozen=True, kw_only=True):
    """Make an account at a database and lease it. ``name`` is the role's."""

    action: ClassVar[str] = "database-role:issue"
    kind: ClassVar[str] = "database-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL
    secret_reply: ClassVar[bool] = True

    name: DatabaseName


# --- accounts that stay -------------------------------------------------------------------


class StaticRoleView(Reply, frozen=True, omit_defaults=False):
    """An account whose password is changed every ``rotation_period_seconds`` (0: by the
    schedule). Times in Unix seconds."""

    name: str
    database: str
    username: str
    rotation_statements: list[str] = []
    rotation_period_seconds: int = 0
    rotation_schedule: str = ""
    rotation_window_seconds: int = 0
    credential_type: CredentialType = "password"
    credential_config: dict[str, str] = {}
    last_rotated_at: float | None = None
    next_rotation_at: float | None = None
    error: str = ""


class WriteStaticRole(Operation[Done], frozen=True, kw_only=True):
    """Create or change a static role; what is None stays.

    A new one's password is changed at once, unless ``skip_import_rotation``: then it is
    changed when the first rotation is due, and cannot be read before. ``rotation_schedule``
    is a cron expression of five fields, in UTC; with it, a rotation that is missed by more
    than the window (0: none) waits for the next.
    """

    action: ClassVar[str] = "database-static-role:write"
    kind: ClassVar[str] = "database-static-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("database", "username")

    name: DatabaseName
    database: str | None = None
    username: str | None = None
    rotation_statements: Statements | None = None
    rotation_period_seconds: Seconds | None = None
    rotation_schedule: str | None = None
    rotation_window_seconds: Seconds | None = None
    credential_type: CredentialType | None = None
    credential_config: dict[str, str] | None = None
    skip_import_rotation: bool = False


class ShowStaticRole(Operation[StaticRoleView], frozen=True, kw_only=True):
    """Show a static role."""

    action: ClassVar[str] = "database-static-role:show"
    kind: ClassVar[str] = "database-static-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: DatabaseName


class ListStaticRoles(Page, Operation[DatabaseNames], frozen=True, kw_only=True):
    """List the static roles at a mount by their names there."""

    action: ClassVar[str] = "database-static-role:list"
    kind: ClassVar[str] = "database-static-role"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: str = "database"


class DeleteStaticRole(Operation[Done], frozen=True, kw_only=True):
    """Delete a static role. The account stays, with the password it has."""

    action: ClassVar[str] = "database-static-role:delete"
    kind: ClassVar[str] = "database-static-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: DatabaseName


class StaticCredentials(Reply, frozen=True):
    """An account's present credential, and for how many seconds it holds."""

    username: str
    last_rotated_at: float
    ttl_seconds: int
    password: str = ""
    rsa_private_key: str = ""
    rotation_period_seconds: int = 0
    rotation_schedule: str = ""
    rotation_window_seconds: int = 0


class ReadStaticCredentials(Operation[StaticCredentials], frozen=True, kw_only=True):
    """Read the present credential of a static role's account."""

    action: ClassVar[str] = "database-static-role:show-credentials"
    kind: ClassVar[str] = "database-static-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    secret_reply: ClassVar[bool] = True

    name: DatabaseName


class RotateStaticRole(Operation[Done], frozen=True, kw_only=True):
    """Change the credential of a static role's account now."""

    action: ClassVar[str] = "database-static-role:rotate"
    kind: ClassVar[str] = "database-static-role"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CONTROL

    name: DatabaseName


class RotateDueStaticRole(Operation[Done], frozen=True, kw_only=True):
    """Change a static role's credential because it is time. Asked by the server itself, by
    the record's id."""

    action: ClassVar[str] = "database-static-role:rotate-due"
    kind: ClassVar[str] = "database-static-role"
    names: ClassVar[str | None] = "record_id"
    effect: ClassVar[Effect] = Effect.CONTROL

    record_id: str


class SweepDatabases(Operation[Done], frozen=True, kw_only=True):
    """Forget how databases are reached whose mounts are gone, once their leases are. Asked by
    the server itself."""

    action: ClassVar[str] = "database:sweep"
    kind: ClassVar[str] = "database"
    effect: ClassVar[Effect] = Effect.CHANGE
