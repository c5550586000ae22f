"""What the store keeps of databases. Record ids are the mount's uuid, a slash and a name."""

from __future__ import annotations

from typing import Final

import msgspec

from keystead.discreet import Discreet
from keystead.store.kinds import Kind


class DatabaseRecord(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """How a database is reached, and as whom.

    ``next_password`` is one that the database may have been given already: a crash or a lost
    connection left it open whether it, or ``password``, is the right one.
    ``generation`` grows with each change, so that old connections are not used any more.
    """

    plugin: str
    connection_url: str
    username: str = ""
    password: str = ""
    next_password: str = ""
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
    tls_private_key: str = ""
    tls_server_name: str = ""
    tls_skip_verify: bool = False
    password_authentication: str = ""
    plugin_version: str = ""
    generation: str = ""


class DatabaseRoleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What accounts for a time are made with. ``database`` is a name at the same mount."""

    database: str
    creation_statements: list[str] = []
    revocation_statements: list[str] = []
    rollback_statements: list[str] = []
    renew_statements: list[str] = []
    default_ttl_seconds: int = 0
    max_ttl_seconds: int = 0
    credential_type: str = "password"
    credential_config: dict[str, str] = {}


class StaticRoleRecord(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """An account whose credential is changed. ``secret`` is a password or a private key (PEM).

    ``next_secret`` is one that is being set: after a crash the same is set again, so what
    the database has is always one of the two. ``due_at``: the next rotation or attempt.
    """

    mount: str
    database: str
    username: str
    rotation_statements: list[str] = []
    rotation_period_seconds: int = 0
    rotation_schedule: str = ""
    rotation_window_seconds: int = 0
    credential_type: str = "password"
    credential_config: dict[str, str] = {}
    secret: str = ""
    next_secret: str = ""
    rotated_at: float | None = None
    due_at: float | None = None
    attempts: int = 0
    error: str = ""


class DatabaseHandle(msgspec.Struct, frozen=True, kw_only=True):
    """What a lease must know to prolong an account and to take it back."""

    database: str
    role: str
    username: str
    revocation_statements: list[str] = []
    rollback_statements: list[str] = []
    renew_statements: list[str] = []


class DatabaseRemainsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A mount that is gone but whose leases may not all be; the record id is its uuid.

    ``order`` is the id of the sweep that ends them; ``due_at``: when to look again.
    """

    path: str
    order: str
    due_at: float = 0.0


DATABASE: Final = Kind("database", DatabaseRecord)
DATABASE_ROLE: Final = Kind("database-role", DatabaseRoleRecord)
STATIC_ROLE: Final = Kind(
    "database-static-role", StaticRoleRecord, expires_of=lambda record: record.due_at
)
DATABASE_REMAINS: Final = Kind(
    "database-remains", DatabaseRemainsRecord, expires_of=lambda record: record.due_at
)
