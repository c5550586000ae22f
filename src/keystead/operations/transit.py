"""Keys as Vault's transit engine has them: their life and use, in its forms.

A transit key is a key like any other. Its name is the mount's path and the name below it:
``transit/orders``. ``derivation`` is the context from which derived keys are derived: secret
or not, it is not audited. Ciphertexts, signatures and HMACs are text: ``vault:v1:…``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Input, Operation, Reply
from keystead.operations.cryptography import MAX_BATCH, KeyUse, Results
from keystead.operations.keys import Choice, KeyName, KeyOperation, KeyRef
from keystead.operations.mounts import MountPath

AnyVersion = Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]
"""A version as asked for; 0: the newest."""
Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Wrapped = Annotated[bytes, Meta(max_length=65_536)]


class TransitVersion(Reply, frozen=True):
    """One version. ``public_key`` is PEM; for Ed25519 and ML-DSA the raw key in base64.
    ``certificate_chain`` is PEM."""

    version: int
    created_at: float
    public_key: str = ""
    certificate_chain: str = ""


class TransitKey(Reply, frozen=True):
    """A transit key but for its material. ``versions`` are those that still process.

    ``curve`` is what versions of a key pair are called; empty for symmetric keys.
    """

    name: str
    type: str
    latest_version: int
    versions: list[TransitVersion]
    derived: bool = False
    kdf: str = ""
    convergent: bool = False
    exportable: bool = False
    allow_plaintext_backup: bool = False
    deletion_allowed: bool = False
    min_decryption_version: int = 1
    min_encryption_version: int = 0
    min_available_version: int = 0
    auto_rotate_seconds: int = 0
    imported: bool = False
    allow_rotation: bool = False
    key_bytes: int = 0
    soft_deleted: bool = False
    backed_up_at: float | None = None
    backed_up_version: int = 0
    restored_at: float | None = None
    restored_version: int = 0
    encrypts: bool = False
    signs: bool = False
    derives: bool = False
    curve: str = ""


# --- a key's life -----------------------------------------------------------------------


class CreateTransitKey(Operation[TransitKey], frozen=True, kw_only=True):
    """Create a transit key, or show the one there is.

    ``upsert``: it is made because something is to be encrypted, unless the mount forbids that;
    one that is there is refused.
    """

    action: ClassVar[str] = "key:create"
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("type", "exportable", "derived", "convergent")

    name: KeyName
    mount: MountPath
    type: Choice = "aes256-gcm96"
    derived: bool = False
    convergent: bool = False
    exportable: bool = False
    allow_plaintext_backup: bool = False
    auto_rotate_seconds: Count = 0
    key_bytes: Count = 0
    upsert: bool = False


class ShowTransitKey(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Show a transit key. With ``derivation``, the public keys are those derived for it."""

    action: ClassVar[str] = "key:show"
    effect: ClassVar[Effect] = Effect.READ

    key: KeyRef
    derivation: bytes = b""


class TransitNames(Reply, frozen=True):
    names: list[str]


class ListTransitKeys(Operation[TransitNames], frozen=True, kw_only=True):
    """List the transit keys of a mount, by their names below it."""

    action: ClassVar[str] = "key:list"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.READ

    mount: MountPath


class ConfigureTransitKey(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Change what is given. ``exportable`` and ``allow_plaintext_backup`` are never taken back."""

    action: ClassVar[str] = "key:update"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = (
        "min_decryption_version",
        "min_encryption_version",
        "deletion_allowed",
        "exportable",
        "allow_plaintext_backup",
        "auto_rotate_seconds",
    )

    key: KeyRef
    min_decryption_version: AnyVersion | None = None
    min_encryption_version: AnyVersion | None = None
    deletion_allowed: bool | None = None
    exportable: bool | None = None
    allow_plaintext_backup: bool | None = None
    auto_rotate_seconds: Count | None = None


class RotateTransitKey(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Generate a new version and make it the newest."""

    action: ClassVar[str] = "key:rotate"
    effect: ClassVar[Effect] = Effect.CHANGE

    key: KeyRef


class TrimTransitKey(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Delete the material of all versions before ``min_available_version``, at once."""

    action: ClassVar[str] = "key:destroy"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("min_available_version",)

    key: KeyRef
    min_available_version: AnyVersion


class DeleteTransitKey(KeyOperation[Done], frozen=True, kw_only=True):
    """Delete a key that allows it, at once and for ever; its name is free again."""

    action: ClassVar[str] = "key:destroy"
    effect: ClassVar[Effect] = Effect.CHANGE

    key: KeyRef


class SoftDeleteTransitKey(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Refuse every use of a key until it is restored."""

    action: ClassVar[str] = "key:disable"
    effect: ClassVar[Effect] = Effect.CHANGE

    key: KeyRef


class UndeleteTransitKey(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Take a soft deletion back."""

    action: ClassVar[str] = "key:enable"
    effect: ClassVar[Effect] = Effect.CHANGE

    key: KeyRef


class RotatedKeys(Reply, frozen=True):
    keys: list[str]


class RotateDueKeys(Operation[RotatedKeys], frozen=True, kw_only=True):
    """Rotate the keys whose period is over. The scheduler asks this of itself."""

    action: ClassVar[str] = "key:rotate"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.CHANGE


# --- a mount's settings -----------------------------------------------------------------


class TransitSettingsView(Reply, frozen=True):
    """``cache_size`` 0: no limit of the mount's own. It is kept for those who ask."""

    disable_upsert: bool = False
    cache_size: int = 0


class ShowTransitSettings(Operation[TransitSettingsView], frozen=True, kw_only=True):
    """Show what holds for all keys of a mount."""

    action: ClassVar[str] = "mount:show"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.READ

    mount: MountPath


class ConfigureTransit(Operation[TransitSettingsView], frozen=True, kw_only=True):
    """Change what is given of what holds for all keys of a mount."""

    action: ClassVar[str] = "mount:tune"
    kind: ClassVar[str] = "mount"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("disable_upsert", "cache_size")

    mount: MountPath
    disable_upsert: bool | None = None
    cache_size: Count | None = None


# --- bringing and taking keys -----------------------------------------------------------


class ImportWrappingKey(Reply, frozen=True):
    """The public key (PEM) under which keys are wrapped for a mount."""

    public_key: str


class ShowImportWrappingKey(Operation[ImportWrappingKey], frozen=True, kw_only=True):
    """Show a mount's wrapping key; raises NotFound before the first is made."""

    action: ClassVar[str] = "key:show"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: MountPath


class MakeImportWrappingKey(Operation[ImportWrappingKey], frozen=True, kw_only=True):
    """Make a mount's wrapping key (RSA-4096), unless there is one."""

    action: ClassVar[str] = "key:create-wrapping-key"
    kind: ClassVar[str] = "key"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("mount",)

    mount: MountPath


class ImportTransitKey(Operation[TransitKey], frozen=True, kw_only=True):
    """Create a transit key from material that was wrapped elsewhere, or from a public key (PEM).

    ``wrapped`` is RSA-OAEP (with ``hash_function``) of an AES-256 key, then the material under
    that key (AES-KWP): raw for symmetric keys, PKCS #8 DER for others.
    """

    action: ClassVar[str] = "key:import"
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("type", "exportable", "derived", "allow_rotation")

    name: KeyName
    mount: MountPath
    wrapped: Wrapped = b""
    public_key: Annotated[str, Meta(max_length=16_384)] = ""
    hash_function: Choice = "SHA256"
    type: Choice = "aes256-gcm96"
    derived: bool = False
    exportable: bool = False
    allow_plaintext_backup: bool = False
    allow_rotation: bool = False
    auto_rotate_seconds: Count = 0


class ImportTransitVersion(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Add a version to an imported key, or the private key to a version that lacks it."""

    action: ClassVar[str] = "key:import"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("version",)

    key: KeyRef
    mount: MountPath
    wrapped: Wrapped = b""
    public_key: Annotated[str, Meta(max_length=16_384)] = ""
    hash_function: Choice = "SHA256"
    version: AnyVersion | None = None


class DeriveTransitKey(Operation[TransitKey], frozen=True, kw_only=True):
    """Create a symmetric key from an ECDH agreement of ``base_key`` with a peer (PEM)."""

    action: ClassVar[str] = "key:create"
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("base_key", "base_version", "type")

    name: KeyName
    mount: MountPath
    base_key: KeyRef
    peer_public_key: Annotated[str, Meta(max_length=16_384)]
    base_version: AnyVersion = 0
    type: Choice = "aes256-gcm96"


class ExportedTransitKey(Reply, frozen=True):
    """Text for each version: base64 or PEM."""

    name: str
    type: str
    keys: dict[int, str]


class ExportTransitKey(KeyOperation[ExportedTransitKey], frozen=True, kw_only=True):
    """Give out ``encryption-key``, ``signing-key``, ``hmac-key``, ``public-key`` or
    ``certificate-chain`` of a version (``latest``, or a number), or of all."""

    action: ClassVar[str] = "key:export"
    effect: ClassVar[Effect] = Effect.USE
    audited: ClassVar[tuple[str, ...]] = ("export", "version")
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    export: Choice
    version: Choice = ""


class ExportWrappedKey(KeyOperation[ExportedTransitKey], frozen=True, kw_only=True):
    """Give out an exportable key wrapped under another RSA key of this server, for an import."""

    action: ClassVar[str] = "key:export"
    effect: ClassVar[Effect] = Effect.READ
    audited: ClassVar[tuple[str, ...]] = ("destination", "version")

    key: KeyRef
    destination: KeyRef
    hash_function: Choice = "SHA256"
    version: Choice = ""


class TransitBackup(Reply, frozen=True):
    """All of a key, its material too, as base64 of JSON: whoever holds it holds the key."""

    backup: str


class BackUpTransitKey(KeyOperation[TransitBackup], frozen=True, kw_only=True):
    """Give out all of a key that allows it, in plaintext."""

    action: ClassVar[str] = "key:export"
    effect: ClassVar[Effect] = Effect.CHANGE
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class RestoreTransitKey(Operation[TransitKey], frozen=True, kw_only=True):
    """Create a key from a backup that this server, Vault or OpenBao made.

    ``key`` empty: under the name that the backup has. ``force``: also if there is a key of
    that name, which is replaced.
    """

    action: ClassVar[str] = "key:import"
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "key"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("force",)

    key: Annotated[str, Meta(max_length=255)] = ""
    mount: MountPath
    backup: Annotated[str, Meta(max_length=16_777_216)]
    force: bool = False


# --- certificates -----------------------------------------------------------------------


class SigningRequest(Reply, frozen=True):
    """A certificate signing request, PEM."""

    name: str
    type: str
    csr: str


class SignCsr(KeyUse[SigningRequest], frozen=True, kw_only=True):
    """Make a certificate signing request for a version, in the image of one given (PEM)."""

    action: ClassVar[str] = "key:sign"
    audited: ClassVar[tuple[str, ...]] = ("key_version",)

    key: KeyRef
    template: Annotated[str, Meta(max_length=65_536)] = ""
    key_version: AnyVersion = 0


class SetCertificateChain(KeyOperation[TransitKey], frozen=True, kw_only=True):
    """Keep a chain of certificates (PEM, its own first) with a version."""

    action: ClassVar[str] = "key:update"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("version",)

    key: KeyRef
    chain: Annotated[str, Meta(max_length=262_144)]
    version: AnyVersion = 0


# --- encrypting -------------------------------------------------------------------------


class TransitEncryptItem(Input, frozen=True, kw_only=True):
    plaintext: bytes
    derivation: bytes = b""
    aad: bytes = b""
    key_version: AnyVersion = 0


class TransitEncrypted(Reply, frozen=True):
    ciphertext: str
    version: int


class TransitEncrypt(TransitEncryptItem, KeyUse[TransitEncrypted], frozen=True, kw_only=True):
    """Encrypt with a version of a transit key."""

    action: ClassVar[str] = "key:encrypt"

    key: KeyRef


class TransitEncryptBatch(KeyUse[Results[TransitEncrypted]], frozen=True, kw_only=True):
    """Encrypt many plaintexts with one transit key."""

    action: ClassVar[str] = "key:encrypt"

    key: KeyRef
    items: Annotated[list[TransitEncryptItem], Meta(max_length=MAX_BATCH)]


class TransitDecryptItem(Input, frozen=True, kw_only=True):
    ciphertext: str
    derivation: bytes = b""
    aad: bytes = b""


class TransitDecrypted(Reply, frozen=True):
    plaintext: bytes
    version: int


class TransitDecrypt(TransitDecryptItem, KeyUse[TransitDecrypted], frozen=True, kw_only=True):
    """Decrypt what a transit key encrypted."""

    action: ClassVar[str] = "key:decrypt"
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class TransitDecryptBatch(KeyUse[Results[TransitDecrypted]], frozen=True, kw_only=True):
    """Decrypt many ciphertexts of one transit key."""

    action: ClassVar[str] = "key:decrypt"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[TransitDecryptItem], Meta(max_length=MAX_BATCH)]


class TransitRewrapItem(Input, frozen=True, kw_only=True):
    ciphertext: str
    derivation: bytes = b""
    aad: bytes = b""
    key_version: AnyVersion = 0


class TransitRewrap(TransitRewrapItem, KeyUse[TransitEncrypted], frozen=True, kw_only=True):
    """Decrypt and encrypt again with another version of the same key."""

    action: ClassVar[str] = "key:reencrypt"

    key: KeyRef


class TransitRewrapBatch(KeyUse[Results[TransitEncrypted]], frozen=True, kw_only=True):
    """Encrypt many ciphertexts of one key again."""

    action: ClassVar[str] = "key:reencrypt"

    key: KeyRef
    items: Annotated[list[TransitRewrapItem], Meta(max_length=MAX_BATCH)]


class TransitDataKey(Reply, frozen=True):
    ciphertext: str
    version: int
    plaintext: bytes | None = None


class GenerateTransitDataKey(KeyUse[TransitDataKey], frozen=True, kw_only=True):
    """Make a random data key, encrypted under a transit key, with its plaintext or without."""

    action: ClassVar[str] = "key:generate-data-key"
    audited: ClassVar[tuple[str, ...]] = ("with_plaintext", "length")
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    length: Annotated[int, Meta(ge=16, le=64, description="In bytes.")] = 32
    derivation: bytes = b""
    aad: bytes = b""
    key_version: AnyVersion = 0
    with_plaintext: bool = True


# --- signing ----------------------------------------------------------------------------


class SignatureForm(Input, frozen=True, kw_only=True):
    """``hash`` and ``algorithm`` by Vault's names. ``salt`` in bytes; 0: the scheme's own,
    -1: as long as the hash. ``jws``: r and s raw (ECDSA), in URL-safe base64."""

    hash: Choice = "sha2-256"
    prehashed: bool = False
    algorithm: Choice = ""
    salt: Annotated[int, Meta(ge=-1, le=65_536)] = 0
    jws: bool = False


class TransitSignItem(Input, frozen=True, kw_only=True):
    message: bytes
    derivation: bytes = b""


class TransitSigned(Reply, frozen=True):
    """``public_key`` is that of a key derived for the signature."""

    signature: str
    version: int
    public_key: bytes = b""


class TransitSign(KeyUse[Results[TransitSigned]], frozen=True, kw_only=True):
    """Sign messages with a version of a transit key."""

    action: ClassVar[str] = "key:sign"
    audited: ClassVar[tuple[str, ...]] = ("key_version",)

    key: KeyRef
    items: Annotated[list[TransitSignItem], Meta(max_length=MAX_BATCH)]
    form: SignatureForm = SignatureForm()
    key_version: AnyVersion = 0


class TransitVerifyItem(Input, frozen=True, kw_only=True):
    message: bytes
    signature: str
    derivation: bytes = b""


class TransitVerified(Reply, frozen=True):
    valid: bool
    version: int


class TransitVerify(KeyUse[Results[TransitVerified]], frozen=True, kw_only=True):
    """Say of signatures whether they hold."""

    action: ClassVar[str] = "key:verify"

    key: KeyRef
    items: Annotated[list[TransitVerifyItem], Meta(max_length=MAX_BATCH)]
    form: SignatureForm = SignatureForm()


class TransitHmacItem(Input, frozen=True, kw_only=True):
    message: bytes


class TransitMac(Reply, frozen=True):
    hmac: str
    version: int


class TransitHmac(KeyUse[Results[TransitMac]], frozen=True, kw_only=True):
    """Compute HMACs with the HMAC key of a version."""

    action: ClassVar[str] = "key:generate-mac"
    audited: ClassVar[tuple[str, ...]] = ("hash", "key_version")

    key: KeyRef
    items: Annotated[list[TransitHmacItem], Meta(max_length=MAX_BATCH)]
    hash: Choice = "sha2-256"
    key_version: AnyVersion = 0


class TransitVerifyHmacItem(Input, frozen=True, kw_only=True):
    message: bytes
    hmac: str


class TransitVerifyHmac(KeyUse[Results[TransitVerified]], frozen=True, kw_only=True):
    """Say of HMACs whether they hold."""

    action: ClassVar[str] = "key:verify-mac"
    audited: ClassVar[tuple[str, ...]] = ("hash",)

    key: KeyRef
    items: Annotated[list[TransitVerifyHmacItem], Meta(max_length=MAX_BATCH)]
    hash: Choice = "sha2-256"
