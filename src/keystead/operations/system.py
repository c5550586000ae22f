"""The server itself: initialize, unseal, seal, rekey, rotate the keyring."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Operation, Reply

ShareText = Annotated[str, Meta(min_length=1, max_length=1024)]
HashName = Literal[
    "sha2-224", "sha2-256", "sha2-384", "sha2-512",
    "sha3-224", "sha3-256", "sha3-384", "sha3-512",
]  # fmt: skip
ShareCount = Annotated[int, Meta(ge=1, le=16)]


class SealStatus(Reply, frozen=True):
    """Whether the server serves. ``progress`` of ``threshold`` shares have been given.

    ``automatic``: the seal opens by itself, and the shares are recovery shares. ``storage``
    is ``sqlite`` or ``postgresql``. ``cluster_id`` names the database once it is unsealed.
    """

    initialized: bool
    sealed: bool
    seal_type: str
    automatic: bool = False
    storage: str = ""
    cluster_id: str = ""
    shares: int = 0
    threshold: int = 0
    progress: int = 0
    version: str = ""
    node: str = ""


class ShowStatus(Operation[SealStatus], frozen=True, kw_only=True):
    """Show whether the server is initialized and unsealed."""

    action: ClassVar[str] = "system:status"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.OBSERVE
    access: ClassVar[Access] = Access.ANYONE
    while_sealed: ClassVar[bool] = True


class Initialized(Reply, frozen=True):
    """The unseal (or recovery) shares and the first root token, shown only this once.

    With Shamir the shares unseal; with an automatic seal they are recovery shares, which
    authorise rekey and generate-root.
    """

    shares: list[str]
    root_token: str


class Initialize(Operation[Initialized], frozen=True, kw_only=True):
    """Make the root key, its shares and the first root token."""

    action: ClassVar[str] = "system:initialize"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    access: ClassVar[Access] = Access.ANYONE
    audited: ClassVar[tuple[str, ...]] = ("shares", "threshold")
    secret_reply: ClassVar[bool] = True
    while_sealed: ClassVar[bool] = True

    shares: ShareCount = 5
    threshold: ShareCount = 3


class Unseal(Operation[SealStatus], frozen=True, kw_only=True):
    """Give one unseal share. ``reset`` forgets those given before."""

    action: ClassVar[str] = "system:unseal"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    access: ClassVar[Access] = Access.ANYONE
    while_sealed: ClassVar[bool] = True

    share: Annotated[str, Meta(max_length=1024)] = ""
    reset: bool = False


class Seal(Operation[SealStatus], frozen=True, kw_only=True):
    """Forget the root key and every key on this node until it is unsealed again."""

    action: ClassVar[str] = "system:seal"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL


class CeremonyStatus(Reply, frozen=True):
    """How far a ceremony of share holders is. ``nonce`` names this run of it.

    A rekey makes ``new_shares``, of which ``new_threshold`` will be needed. ``verifying``:
    the new shares are made, and come into force once enough of them have been given back.
    ``one_time_pad`` is shown only to who began without one of their own; it is
    ``pad_length`` bytes.
    """

    started: bool
    nonce: str = ""
    threshold: int = 0
    progress: int = 0
    complete: bool = False
    shares: list[str] = []
    encoded_token: str = ""
    new_shares: int = 0
    new_threshold: int = 0
    verification_required: bool = False
    verifying: bool = False
    one_time_pad: bytes = b""
    pad_length: int = 0


class StartRekey(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Begin to replace the shares: ``shares`` new ones, of which ``threshold`` are needed.

    With ``verify`` the new shares come into force only after ``threshold`` of them have been
    given back (VerifyRekey).
    """

    action: ClassVar[str] = "system:start-rekey"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    audited: ClassVar[tuple[str, ...]] = ("shares", "threshold", "verify")

    shares: ShareCount = 5
    threshold: ShareCount = 3
    verify: bool = False


class ShowRekey(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Show how far a rekey is."""

    action: ClassVar[str] = "system:show-rekey"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.OBSERVE
    access: ClassVar[Access] = Access.ANYONE


class ContinueRekey(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Give one present share; the last needed one answers with the new shares."""

    action: ClassVar[str] = "system:continue-rekey"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    nonce: str
    share: ShareText


class VerifyRekey(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Give back one new share; the last needed one brings the new shares into force.

    Shares that are not the new ones must all be given again.
    """

    action: ClassVar[str] = "system:verify-rekey"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    access: ClassVar[Access] = Access.ANYONE

    nonce: str
    share: ShareText


class CancelRekey(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Give up a rekey."""

    action: ClassVar[str] = "system:cancel-rekey"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL


class StartGenerateRoot(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Begin to make a root token. It will come out XORed with ``one_time_pad``.

    The pad is random bytes of the length of a token (base64), kept by who begins. Without
    one, the server makes it of letters and digits and answers with it.
    """

    action: ClassVar[str] = "system:start-generate-root"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    one_time_pad: Annotated[bytes, Meta(max_length=256)] = b""


class ShowGenerateRoot(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Show how far the making of a root token is."""

    action: ClassVar[str] = "system:show-generate-root"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.OBSERVE
    access: ClassVar[Access] = Access.ANYONE


class ContinueGenerateRoot(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Give one present share; the last needed one answers with the encoded token."""

    action: ClassVar[str] = "system:continue-generate-root"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    nonce: str
    share: ShareText


class CancelGenerateRoot(Operation[CeremonyStatus], frozen=True, kw_only=True):
    """Give up making a root token."""

    action: ClassVar[str] = "system:cancel-generate-root"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CONTROL


class KeyringView(Reply, frozen=True):
    """The keyring's versions; new records are sealed under the active one."""

    active: int
    versions: list[int]
    rotated_at: float


class ShowKeyring(Operation[KeyringView], frozen=True, kw_only=True):
    """Show the keyring's versions."""

    action: ClassVar[str] = "system:show-keyring"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.READ


class RotateKeyring(Operation[KeyringView], frozen=True, kw_only=True):
    """Add a keyring version, make it active, and wrap every namespace KEK under it."""

    action: ClassVar[str] = "system:rotate-keyring"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CHANGE


class RewrapRoot(Operation[Done], frozen=True, kw_only=True):
    """Make a new root key and wrap the keyring under it, without a pause in service.

    For automatic seals. With Shamir a rekey does this.
    """

    action: ClassVar[str] = "system:rewrap-root"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.CHANGE


class Processor(Reply, frozen=True):
    """One processor as the operating system tells of it."""

    number: int
    model: str = ""
    megahertz: float = 0.0


class ServerView(Reply, frozen=True):
    """The host that a node runs on. Sizes are in bytes, times in Unix seconds."""

    hostname: str
    node: str
    version: str
    started_at: float
    now: float
    cluster_id: str
    storage: str
    platform: str
    kernel: str
    architecture: str
    booted_at: float
    processors: list[Processor]
    memory_total: int
    memory_available: int
    memory_free: int
    swap_total: int
    swap_free: int
    disk_path: str
    disk_total: int
    disk_free: int
    load: list[float]


class ShowServer(Operation[ServerView], frozen=True, kw_only=True):
    """Show this node and the host that it runs on."""

    action: ClassVar[str] = "system:show-server"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.OBSERVE


class MetricsText(Reply, frozen=True):
    """Metrics in Prometheus' text format."""

    text: bytes


class ShowMetrics(Operation[MetricsText], frozen=True, kw_only=True):
    """Show this node's metrics."""

    action: ClassVar[str] = "system:show-metrics"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.OBSERVE


class ThingCounts(Reply, frozen=True):
    """How many there are now."""

    tokens: int
    entities: int


class CountThings(Operation[ThingCounts], frozen=True, kw_only=True):
    """Count the service tokens of the whole server, and the entities of this namespace."""

    action: ClassVar[str] = "system:count"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.READ


class Digest(Reply, frozen=True):
    digest: bytes


class HashBytes(Operation[Digest], frozen=True, kw_only=True):
    """Hash bytes (FIPS 180-4, FIPS 202), with no key."""

    action: ClassVar[str] = "system:hash"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.USE
    audited: ClassVar[tuple[str, ...]] = ("algorithm",)

    algorithm: HashName = "sha2-256"
    input: bytes
