"""Mounts: where in the tree of paths which secrets engine or log-in method answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, NamedTuple

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Input, Operation, Reply

MountPath = Annotated[str, Meta(min_length=1, max_length=512)]
"""Such as ``secret`` or ``auth/approle``; slashes at either end do not matter."""


SECRETS_ENGINES: Final = frozenset({"kv", "transit", "database", "totp"})
LOGIN_METHODS: Final = frozenset({"approle", "userpass", "cert", "jwt", "oidc", "kubernetes"})


class MountConfig(Input, frozen=True, omit_defaults=True):
    """How a mount behaves. Lifetimes are in seconds; 0: the server's own."""

    default_lease_ttl: int = 0
    max_lease_ttl: int = 0
    force_no_cache: bool = False
    listing_visibility: str = ""
    token_type: str = ""
    audit_non_hmac_request_keys: list[str] = []
    audit_non_hmac_response_keys: list[str] = []
    passthrough_request_headers: list[str] = []
    allowed_response_headers: list[str] = []
    allowed_managed_keys: list[str] = []
    plugin_version: str = ""
    identity_token_key: str = ""
    user_lockout: dict[str, str | int | bool] = {}


class MountTuning(Input, frozen=True, omit_defaults=True):
    """Changes of a ``MountConfig``; what is None stays."""

    default_lease_ttl: int | None = None
    max_lease_ttl: int | None = None
    force_no_cache: bool | None = None
    listing_visibility: str | None = None
    token_type: str | None = None
    audit_non_hmac_request_keys: list[str] | None = None
    audit_non_hmac_response_keys: list[str] | None = None
    passthrough_request_headers: list[str] | None = None
    allowed_response_headers: list[str] | None = None
    allowed_managed_keys: list[str] | None = None
    plugin_version: str | None = None
    identity_token_key: str | None = None
    user_lockout: dict[str, str | int | bool] | None = None


class MountView(Reply, frozen=True):
    """A mount. ``path`` ends in a slash; that of a log-in method begins with ``auth/``.

    ``uuid`` never changes, and is what the mount's records are kept under; ``accessor`` names
    the mount in identities. ``built_in``: it is there by itself and stays. ``moved_from`` is
    where it was before its last move.
    """

    path: str
    type: str
    accessor: str
    uuid: str
    description: str = ""
    config: MountConfig = MountConfig()
    options: dict[str, str] = {}
    local: bool = False
    seal_wrap: bool = False
    external_entropy_access: bool = False
    built_in: bool = False
    created_at: float = 0.0
    moved_from: str = ""

    @property
    def engine(self) -> str:
        """What answers here: the type, and of a key-value store its version too."""
        if self.type == "kv":
            return "kv-v2" if self.options.get("version") == "2" else "kv-v1"
        return "jwt" if self.type == "oidc" else self.type

    @property
    def is_login(self) -> bool:
        return self.path.startswith("auth/")

    @property
    def prefix(self) -> str:
        """What the names of things at this mount begin with, before a slash."""
        return self.path[:-1]


class Place(NamedTuple):
    """Where a path leads: the namespace's full name, the mount, and the path below it."""

    namespace: str
    mount: MountView | None
    rest: str


class VisibleMounts(Reply, frozen=True):
    """The mounts that a caller may know of, by path."""

    mounts: list[MountView]


class ListVisibleMounts(Operation[VisibleMounts], frozen=True, kw_only=True):
    """List the mounts that are shown to everyone: their ``listing_visibility`` says so."""

    action: ClassVar[str] = "mount:list-visible"
    kind: ClassVar[str] = "mount"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.ANYONE


class ListOwnMounts(Operation[VisibleMounts], frozen=True, kw_only=True):
    """List the mounts where the caller may do anything, and those shown to everyone."""

    action: ClassVar[str] = "mount:list-own"
    kind: ClassVar[str] = "mount"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.HOLDER


class ShowOwnMount(Operation[MountView], frozen=True, kw_only=True):
    """Show the mount that a path leads to, if the caller may do anything at it."""

    action: ClassVar[str] = "mount:show-own"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.READ
    access: ClassVar[Access] = Access.HOLDER

    path: MountPath


class MountPage(Reply, frozen=True):
    """All mounts of a namespace, by path."""

    mounts: list[MountView]


class ListMounts(Operation[MountPage], frozen=True, kw_only=True):
    """List the mounts of this namespace, those that are there by themselves too."""

    action: ClassVar[str] = "mount:list"
    kind: ClassVar[str] = "mount"
    effect: ClassVar[Effect] = Effect.READ


class ShowMount(Operation[MountView], frozen=True, kw_only=True):
    """Show a mount."""

    action: ClassVar[str] = "mount:show"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.READ

    path: MountPath


class CreateMount(Operation[MountView], frozen=True, kw_only=True):
    """Mount a secrets engine, or under ``auth/`` a log-in method."""

    action: ClassVar[str] = "mount:create"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("type",)

    path: MountPath
    type: str
    description: str = ""
    config: MountConfig = MountConfig()
    options: dict[str, str] = {}
    local: bool = False
    seal_wrap: bool = False
    external_entropy_access: bool = False


class TuneMount(Operation[MountView], frozen=True, kw_only=True):
    """Change how a mount behaves; what is None stays."""

    action: ClassVar[str] = "mount:tune"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE

    path: MountPath
    description: str | None = None
    config: MountTuning | None = None
    options: dict[str, str] | None = None


class MoveMount(Operation[MountView], frozen=True, kw_only=True):
    """Move a mount with all that is at it to another path."""

    action: ClassVar[str] = "mount:move"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("target",)

    path: MountPath
    target: MountPath


class DeleteMount(Operation[Done], frozen=True, kw_only=True):
    """Take a mount away, with all that is at it. There is no way back."""

    action: ClassVar[str] = "mount:delete"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.CHANGE

    path: MountPath


class SweepMounts(Operation[Done], frozen=True, kw_only=True):
    """Delete what mounts that were taken away have left behind: a bounded number at a time."""

    action: ClassVar[str] = "mount:sweep"
    kind: ClassVar[str] = "mount"
    effect: ClassVar[Effect] = Effect.CHANGE


class AskUnknownPath(Operation[Done], frozen=True, kw_only=True):
    """A request to a path where nothing answers: refused, once it is known who asks."""

    action: ClassVar[str] = "mount:unknown-path"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "path"
    effect: ClassVar[Effect] = Effect.READ

    path: str
    reason: str
    method_alone: bool = False
