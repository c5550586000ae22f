"""Secrets: values at a path, in versions, in stores that are mounted.

A secret's name is the mount's path and the path below it: ``secret/app/db``. A store of
version 1 keeps one version of each secret and nothing about it; one of version 2 keeps ten
versions unless it is told otherwise, and lets them be deleted, undeleted and destroyed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Input, Operation, Reply, Resource

SecretName = Annotated[str, Meta(min_length=1, max_length=1024)]
Version = Annotated[int, Meta(ge=1)]
Versions = Annotated[list[Version], Meta(min_length=1, max_length=1000)]
Count = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Seconds = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
SecondsOrNever = Annotated[int, Meta(ge=-1, le=0xFFFF_FFFF)]


class SecretVersion(Reply, frozen=True):
    """One version of a secret. Times are Unix seconds.

    ``deletion_at`` says when the version was deleted, or when it will be; None: it stays.
    A deleted version can be undeleted, a destroyed one is gone.
    """

    version: int
    created_at: float
    deletion_at: float | None = None
    destroyed: bool = False
    custom_metadata: dict[str, str] = {}

    def is_gone(self, now: float) -> bool:
        """Whether it cannot be read: deleted or destroyed."""
        return self.destroyed or (self.deletion_at is not None and self.deletion_at <= now)


class Secret(Reply, frozen=True):
    """A version of a secret with its value. ``data`` None: it is deleted or destroyed, and
    ``version`` says which."""

    version: SecretVersion
    data: dict[str, Any] | None = None


class Subkeys(Reply, frozen=True):
    """A secret's keys without its values. ``subkeys`` None: this version is deleted."""

    version: SecretVersion
    subkeys: dict[str, Any] | None = None


class SecretView(Reply, frozen=True):
    """All there is to know of a secret but its values.

    ``max_versions`` 0: what the store says. ``delete_version_after_seconds`` 0: likewise.
    """

    created_at: float
    updated_at: float
    current_version: int
    oldest_version: int
    versions: list[SecretVersion]
    max_versions: int = 0
    cas_required: bool = False
    delete_version_after_seconds: int = 0
    custom_metadata: dict[str, str] = {}


class SecretNames(Reply, frozen=True):
    """What is in a folder; names of folders in it end in a slash."""

    names: list[str]
    next: str = ""


class SecretInfo(Input, frozen=True):
    """What is in a folder under a name; ``secret`` None: a folder."""

    name: str
    secret: SecretView | None = None


class SecretInfos(Reply, frozen=True):
    """What is in a folder, with all there is to know of each secret but its values."""

    secrets: list[SecretInfo]
    next: str = ""


class SecretStore(Reply, frozen=True):
    """What holds for all secrets of a store.

    ``max_versions`` 0: ten. ``delete_version_after_seconds`` 0: never; negative: never,
    whatever the secrets say.
    """

    max_versions: int = 0
    cas_required: bool = False
    delete_version_after_seconds: int = 0


# --- values -----------------------------------------------------------------------------


class ReadSecret(Operation[Secret], frozen=True, kw_only=True):
    """Read a version of a secret; 0: the newest."""

    action: ClassVar[str] = "secret:get"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("version",)
    secret_reply: ClassVar[bool] = True

    name: SecretName
    version: Annotated[int, Meta(ge=0)] = 0


class ReadSubkeys(Operation[Subkeys], frozen=True, kw_only=True):
    """Show which keys a secret has, and no value. ``depth`` 0: however deep they are."""

    action: ClassVar[str] = "secret:read-subkeys"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("version",)

    name: SecretName
    version: Annotated[int, Meta(ge=0)] = 0
    depth: Annotated[int, Meta(ge=0)] = 0


class WriteSecret(Operation[SecretVersion], frozen=True, kw_only=True):
    """Write a new version of a secret.

    ``cas`` (check and set): the number of the newest version that the caller knows of, 0 for
    none; the write is refused if there is another.
    """

    action: ClassVar[str] = "secret:write"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName
    data: dict[str, Any]
    cas: int | None = None


class PatchSecret(Operation[SecretVersion], frozen=True, kw_only=True):
    """Write a new version that is the newest one with changes: a JSON merge patch (RFC 7396)."""

    action: ClassVar[str] = "secret:patch"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName
    data: dict[str, Any]
    cas: int | None = None


class DeleteSecret(Operation[Done], frozen=True, kw_only=True):
    """Delete versions of a secret; without any named, the newest. They can be undeleted.

    In a store of version 1 the secret is gone for good.
    """

    action: ClassVar[str] = "secret:delete"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName
    versions: Annotated[list[Version], Meta(max_length=1000)] = []


class UndeleteSecret(Operation[Done], frozen=True, kw_only=True):
    """Make deleted versions readable again."""

    action: ClassVar[str] = "secret:undelete"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName
    versions: Versions


class DestroySecret(Operation[Done], frozen=True, kw_only=True):
    """Remove the values of versions for good."""

    action: ClassVar[str] = "secret:destroy"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName
    versions: Versions


# --- what is known of a secret ----------------------------------------------------------


class ShowSecret(Operation[SecretView], frozen=True, kw_only=True):
    """Show a secret's versions and settings, and no value."""

    action: ClassVar[str] = "secret:show"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: SecretName


class WriteSecretMetadata(Operation[SecretView], frozen=True, kw_only=True):
    """Change a secret's settings; what is None stays. A secret without versions is made if
    there is none."""

    action: ClassVar[str] = "secret:write-metadata"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = (
        "max_versions",
        "cas_required",
        "delete_version_after_seconds",
    )

    name: SecretName
    max_versions: Count | None = None
    cas_required: bool | None = None
    delete_version_after_seconds: Seconds | None = None
    custom_metadata: dict[str, str] | None = None


class PatchSecretMetadata(Operation[SecretView], frozen=True, kw_only=True):
    """Change a secret's settings by a JSON merge patch (RFC 7396) of those that
    WriteSecretMetadata takes; null sets one back."""

    action: ClassVar[str] = "secret:patch-metadata"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName
    patch: dict[str, Any]


class PurgeSecret(Operation[Done], frozen=True, kw_only=True):
    """Remove a secret for good: all versions and all that is known of it."""

    action: ClassVar[str] = "secret:purge"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: SecretName


# --- folders ----------------------------------------------------------------------------


class Folder(Input, frozen=True, kw_only=True):
    """A folder of a store, such as ``secret/app``, and which part of it: ``limit`` names (0:
    all) after ``after``. For policy its name ends in a slash."""

    folder: SecretName
    after: str = ""
    limit: Annotated[int, Meta(ge=0)] = 100

    def resource(self) -> Resource:
        return Resource("secret", self.folder.strip("/") + "/")


class ListSecrets(Folder, Operation[SecretNames], frozen=True, kw_only=True):
    """List the names in a folder."""

    action: ClassVar[str] = "secret:list"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "folder"
    effect: ClassVar[Effect] = Effect.READ


class ListSecretDetails(Folder, Operation[SecretInfos], frozen=True, kw_only=True):
    """List a folder with all there is to know of each secret but its values."""

    action: ClassVar[str] = "secret:list-details"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "folder"
    effect: ClassVar[Effect] = Effect.READ


# --- stores -----------------------------------------------------------------------------


class ShowSecretStore(Operation[SecretStore], frozen=True, kw_only=True):
    """Show what holds for all secrets of a store."""

    action: ClassVar[str] = "secret:show-store"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "store"
    effect: ClassVar[Effect] = Effect.READ

    store: SecretName


class ConfigureSecretStore(Operation[SecretStore], frozen=True, kw_only=True):
    """Change what holds for all secrets of a store; what is None stays."""

    action: ClassVar[str] = "secret:configure-store"
    kind: ClassVar[str] = "secret"
    names: ClassVar[str | None] = "store"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = (
        "max_versions",
        "cas_required",
        "delete_version_after_seconds",
    )

    store: SecretName
    max_versions: Count | None = None
    cas_required: bool | None = None
    delete_version_after_seconds: SecondsOrNever | None = None


# --- what a token keeps for itself ------------------------------------------------------


class SweepSecrets(Operation[Done], frozen=True, kw_only=True):
    """Remove wrapped replies that nobody fetched, and what tokens that ended kept for
    themselves: a bounded number at a time."""

    action: ClassVar[str] = "secret:sweep"
    kind: ClassVar[str] = "secret"
    effect: ClassVar[Effect] = Effect.CHANGE
