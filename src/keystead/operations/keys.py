"""Keys: their life, from creation or import to destruction."""

from __future__ import annotations

from typing import Annotated, ClassVar, Generic

from msgspec import Meta

from keystead.operations.base import Effect, Operation, Page, Reply, ReplyT

KeyName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$(?!\n)",
        description="Letters, digits and . _ - / ; at most 255 characters.",
    ),
]
KeyRef = Annotated[
    str, Meta(min_length=1, max_length=255, description="A key's name, alias or identifier.")
]
Version = Annotated[int, Meta(ge=1, le=2**32 - 1)]
TagName = Annotated[str, Meta(min_length=1, max_length=128)]
TagValue = Annotated[str, Meta(max_length=256)]
Tags = Annotated[dict[TagName, TagValue], Meta(max_length=64)]
RequiredContext = Annotated[list[TagName], Meta(max_length=32)]
Choice = Annotated[str, Meta(max_length=64)]
"""A spec, usage, state, format or algorithm by name: short, for it goes into the audit log."""


class VersionView(Reply, frozen=True):
    """One key version as callers see it; ``public_key`` is PEM, times are Unix seconds."""

    version: int
    state: str
    created_at: float
    primary: bool = False
    public_key: str | None = None
    destroyed_at: float | None = None
    destroy_at: float | None = None


class KeyView(Reply, frozen=True):
    """A key as callers see it: everything but its material."""

    id: str
    name: str
    spec: str
    usage: str
    state: str
    primary_version: int
    versions: list[VersionView]
    created_at: float
    origin: str = "generated"
    protection: str = "software"
    exportable: bool = False
    aliases: list[str] = []
    tags: dict[str, str] = {}
    description: str = ""
    owner: str = ""
    classification: str = ""
    required_context: list[str] = []
    grace_seconds: int = 600
    destroy_at: float | None = None


class KeyPage(Reply, frozen=True):
    keys: list[KeyView]
    next: str = ""


class KeyOperation(Operation[ReplyT], Generic[ReplyT], frozen=True, kw_only=True):
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "key"


class CreateKey(Operation[KeyView], frozen=True, kw_only=True):
    """Create a key and generate its first version."""

    action: ClassVar[str] = "key:create"
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("spec", "usage", "exportable")

    name: KeyName
    spec: Choice = "xaes-256-gcm"
    usage: Choice = ""
    exportable: bool = False
    required_context: RequiredContext = []
    tags: Tags = {}
    description: Annotated[str, Meta(max_length=1024)] = ""
    owner: Annotated[str, Meta(max_length=256)] = ""
    classification: Annotated[str, Meta(max_length=64)] = ""
    grace_seconds: Annotated[int, Meta(ge=0, le=86400)] = 600
    activate: bool = True


class WrappingKey(Reply, frozen=True):
    """A public key under which material to import is wrapped (see ``crypto.byok``).

    ``public_key`` is SubjectPublicKeyInfo DER, or 1,216 raw bytes for x25519-ml-kem-768.
    """

    id: str
    spec: str
    algorithm: str
    public_key: bytes
    expires_at: float


class CreateWrappingKey(Operation[WrappingKey], frozen=True, kw_only=True):
    """Make a wrapping key for one import, to be used within a day.

    RSA specs take ``rsa-oaep-sha256+aes-kwp``; x25519 and x25519-ml-kem-768 take ``hpke``.
    """

    action: ClassVar[str] = "key:create-wrapping-key"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("spec",)

    spec: Choice = "rsa-3072"


class ImportKey(Operation[KeyView], frozen=True, kw_only=True):
    """Create a key, or add a version to one (``new_version``), from wrapped material.

    ``wrapped`` is the material (raw for symmetric keys and seeds, PKCS#8 DER for RSA and
    EC) under the wrapping key ``wrapping_key``.
    """

    action: ClassVar[str] = "key:import"
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("spec", "usage", "wrapping_key", "new_version")

    name: KeyName
    wrapped: bytes
    wrapping_key: Choice
    spec: Choice = "xaes-256-gcm"
    usage: Choice = ""
    new_version: bool = False
    exportable: bool = False
    required_context: RequiredContext = []
    tags: Tags = {}
    description: Annotated[str, Meta(max_length=1024)] = ""


class ListKeys(Page, Operation[KeyPage], frozen=True, kw_only=True):
    """List keys by name; ``state`` and ``tag`` (``name=value``) narrow the list."""

    action: ClassVar[str] = "key:list"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.READ

    state: Choice = ""
    tag: str = ""
    prefix: str = ""


class ShowKey(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Show a key, its versions and its public parts."""

    action: ClassVar[str] = "key:show"
    effect: ClassVar[Effect] = Effect.READ

    key: KeyRef


class UpdateKey(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Change what is given and leave the rest. ``exportable`` can only be turned off."""

    action: ClassVar[str] = "key:update"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("exportable", "primary_version")

    key: KeyRef
    description: Annotated[str, Meta(max_length=1024)] | None = None
    owner: Annotated[str, Meta(max_length=256)] | None = None
    classification: Annotated[str, Meta(max_length=64)] | None = None
    tags: Tags | None = None
    required_context: RequiredContext | None = None
    exportable: bool | None = None
    grace_seconds: Annotated[int, Meta(ge=0, le=86400)] | None = None
    primary_version: Version | None = None


class AddAlias(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Give a key another name; ``move`` takes the alias from the key that has it."""

    action: ClassVar[str] = "key:add-alias"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("alias", "move")

    key: KeyRef
    alias: KeyName
    move: bool = False


class RemoveAlias(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Take an alias away."""

    action: ClassVar[str] = "key:remove-alias"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("alias",)

    key: KeyRef
    alias: KeyName


class RotateKey(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Generate a new version and make it primary; old ones still decrypt and verify."""

    action: ClassVar[str] = "key:rotate"
    effect: ClassVar[Effect] = Effect.CHANGE

    key: KeyRef


class SetKeyState(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Move a key, or one ``version`` of it, to another state of its life (NIST SP 800-57)."""

    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("version",)
    to_state: ClassVar[str]

    key: KeyRef
    version: Version | None = None


class EnableKey(SetKeyState, frozen=True, kw_only=True):
    """Make a pre-active or suspended key active."""

    action: ClassVar[str] = "key:enable"
    to_state: ClassVar[str] = "active"


class DisableKey(SetKeyState, frozen=True, kw_only=True):
    """Suspend a key: nothing works with it until it is enabled again."""

    action: ClassVar[str] = "key:disable"
    to_state: ClassVar[str] = "suspended"


class DeactivateKey(SetKeyState, frozen=True, kw_only=True):
    """Stop protecting with a key; it still decrypts and verifies."""

    action: ClassVar[str] = "key:deactivate"
    to_state: ClassVar[str] = "deactivated"


class CompromiseKey(SetKeyState, frozen=True, kw_only=True):
    """Mark a key compromised: it opens what it protected, for recovery, and no more."""

    action: ClassVar[str] = "key:compromise"
    to_state: ClassVar[str] = "compromised"


class DestroyKey(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Schedule destruction after ``wait_seconds`` (default 30 days, at least 1 day).

    ``version`` destroys one version's material only. Until then it can be restored.
    """

    action: ClassVar[str] = "key:destroy"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("wait_seconds", "version")

    key: KeyRef
    wait_seconds: Annotated[int, Meta(ge=86_400, le=365 * 86_400)] = 30 * 86_400
    version: Version | None = None


class RestoreKey(KeyOperation[KeyView], frozen=True, kw_only=True):
    """Cancel a scheduled destruction; the key comes back suspended."""

    action: ClassVar[str] = "key:restore"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("version",)

    key: KeyRef
    version: Version | None = None


class ExportedKey(Reply, frozen=True):
    """Key material: raw for symmetric keys and seeds, PKCS#8 DER for RSA and EC."""

    key_id: str
    version: int
    spec: str
    material: bytes


class ExportKey(KeyOperation[ExportedKey], frozen=True, kw_only=True):
    """Give out the material of an exportable key."""

    action: ClassVar[str] = "key:export"
    effect: ClassVar[Effect] = Effect.USE
    audited: ClassVar[tuple[str, ...]] = ("version",)
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    version: Version | None = None


class PublicAttestation(Reply, frozen=True):
    """What Keystead says of a key version, signed: ``statement`` (JSON) as a signed note.

    ``note`` is in C2SP signed-note form, by the key that signs the audit log's checkpoints.
    """

    public_key: str
    statement: str
    note: str


class AttestPublicKey(KeyOperation[PublicAttestation], frozen=True, kw_only=True):
    """State, signed, which key a public part belongs to and how that key is kept."""

    action: ClassVar[str] = "key:attest-public"
    effect: ClassVar[Effect] = Effect.USE
    audited: ClassVar[tuple[str, ...]] = ("version",)

    key: KeyRef
    version: Version | None = None


class UsageCount(Reply, frozen=True):
    """How often one principal did one action with one version, and when last."""

    version: int
    principal: str
    action: str
    count: int
    last_used_at: float


class KeyUsage(Reply, frozen=True):
    key_id: str
    counts: list[UsageCount]
    last_used_at: float | None = None


class ShowKeyUsage(KeyOperation[KeyUsage], frozen=True, kw_only=True):
    """Show use counts and last use by version and principal."""

    action: ClassVar[str] = "key:usage"
    effect: ClassVar[Effect] = Effect.READ

    key: KeyRef


class DestroyedKeys(Reply, frozen=True):
    keys: list[str]


class ReapKeys(Operation[DestroyedKeys], frozen=True, kw_only=True):
    """Destroy the keys whose waiting period is over. The scheduler asks this of itself."""

    action: ClassVar[str] = "key:reap"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.CHANGE
