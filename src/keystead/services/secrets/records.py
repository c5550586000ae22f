"""What the store keeps of secrets. Record ids begin with the mount's uuid and a slash.

Names and the columns derived from them are in clear; values are in the sealed blobs.
"""

from __future__ import annotations

import msgspec

from keystead.discreet import Discreet
from keystead.services.mounts import keep_under_mounts
from keystead.store.kinds import Kind


class VersionState(msgspec.Struct, frozen=True, array_like=True):
    """One version. Times are Unix seconds; see ``operations.secrets.SecretVersion``."""

    version: int
    created_at: float
    deletion_at: float | None = None
    destroyed: bool = False

    def is_gone(self, now: float) -> bool:
        """Whether it cannot be read: deleted or destroyed."""
        return self.destroyed or (self.deletion_at is not None and self.deletion_at <= now)


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the owner of a secret may choose."""

    max_versions: int = 0
    cas_required: bool = False
    delete_version_after_seconds: int = 0
    custom_metadata: dict[str, str] = {}


class SecretRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A secret but its values; the record id is ``<uuid>/<path>``.

    ``versions`` are those that are kept, oldest first. ``current`` is the newest version's
    number, 0 before the first, ``oldest`` the oldest kept, 0 as long as none was dropped.
    """

    created_at: float
    updated_at: float
    versions: list[VersionState] = []
    current: int = 0
    oldest: int = 0
    settings: Settings = Settings()

    def find(self, version: int) -> VersionState | None:
        """The version of that number, 0 for the newest; None if it is not kept."""
        wanted = version or self.current
        for state in reversed(self.versions):
            if state.version == wanted:
                return state
        return None


class SecretValue(Discreet, frozen=True):
    """The value of one version as JSON; the record id is ``<uuid>/<path>@<version>``."""

    data: bytes


class StoreRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for all secrets of a store; the record id is ``<uuid>/``."""

    max_versions: int = 0
    cas_required: bool = False
    delete_version_after_seconds: int = 0


SECRET = Kind("secret", SecretRecord)
SECRET_VALUE = Kind("secret-value", SecretValue)
SECRET_STORE = Kind("secret-store", StoreRecord)

keep_under_mounts(SECRET, SECRET_VALUE, SECRET_STORE)
