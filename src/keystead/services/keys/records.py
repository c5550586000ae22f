"""What the store keeps of keys."""

from __future__ import annotations

import msgspec

from keystead.discreet import Discreet
from keystead.services.keys.states import State
from keystead.store.kinds import Kind


class VersionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version's life. Times are Unix seconds; ``before_destruction`` is what restoring needs."""

    version: int
    state: State
    created_at: float
    origin: str = "generated"
    destroy_at: float | None = None
    destroyed_at: float | None = None
    before_destruction: State | None = None


class TransitSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Vault's transit engine keeps of a key besides; ``type`` is its name for the spec.

    ``kdf`` is ``hkdf`` or, in keys of old, ``counter``. ``imported`` until it is rotated here.
    ``key_bytes`` is the length of an HMAC key. Times are Unix seconds.
    """

    type: str
    derived: bool = False
    kdf: str = "hkdf"
    convergent: bool = False
    allow_plaintext_backup: bool = False
    min_decryption_version: int = 1
    min_encryption_version: int = 0
    min_available_version: int = 0
    deletion_allowed: bool = False
    auto_rotate_seconds: int = 0
    imported: bool = False
    allow_rotation: bool = False
    key_bytes: int = 0
    soft_deleted: bool = False
    backed_up_at: float | None = None
    backed_up_version: int = 0
    restored_at: float | None = None
    restored_version: int = 0


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key without its material. Its record id is the key id: 32 hexadecimal digits."""

    name: str
    spec: str
    usage: str
    state: State
    primary: int
    versions: list[VersionState]
    created_at: float
    origin: str = "generated"
    exportable: bool = False
    aliases: list[str] = []
    tags: dict[str, str] = {}
    description: str = ""
    owner: str = ""
    classification: str = ""
    required_context: list[str] = []
    grace_seconds: int = 600
    destroy_at: float | None = None
    before_destruction: State | None = None
    transit: TransitSettings | None = None

    def version(self, number: int) -> VersionState | None:
        """The state of a version, or None. Versions are kept in order, counted from 1."""
        return self.versions[number - 1] if 1 <= number <= len(self.versions) else None


class MaterialRecord(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """One version's material (see ``crypto.specs`` for its encoding) and its public part.

    ``public`` is SubjectPublicKeyInfo DER, or raw where no such form exists. Destroying a
    version empties ``material`` and leaves the public part as a tombstone. A version that was
    imported as a public key has no material either: ``public_only``.

    ``hmac_key`` and ``convergent_version`` are those of transit keys, which have an HMAC key
    with each version; ``certificates`` is a chain in DER, the version's own first.
    """

    key_id: str
    version: int
    material: bytes
    public: bytes | None = None
    public_only: bool = False
    hmac_key: bytes = b""
    convergent_version: int = 0
    certificates: list[bytes] = []


class AliasRecord(msgspec.Struct, frozen=True):
    """Another name of a key. Its record id is the alias itself."""

    key_id: str


class WrappingKeyRecord(Discreet, frozen=True, kw_only=True):
    """A private wrapping key for one import."""

    spec: str
    material: bytes
    expires_at: float


class RotationRecord(msgspec.Struct, frozen=True):
    """When a key is to be rotated by itself. The record id is the key id."""

    due_at: float


class RemovedKeyRecord(msgspec.Struct, frozen=True):
    """A key that is gone, whatever an old copy of the database says. The record id is its."""

    name: str


class MessageReservation(msgspec.Struct, frozen=True):
    """How many messages of a version have been handed out to workers, in blocks."""

    reserved: int


def _next_destruction(record: KeyRecord) -> float | None:
    due = [record.destroy_at, *(version.destroy_at for version in record.versions)]
    return min((at for at in due if at is not None), default=None)


KEY = Kind(
    "key",
    KeyRecord,
    name_of=lambda r: r.name,
    state_of=lambda r: r.state,
    expires_of=_next_destruction,
)
MATERIAL = Kind("key-material", MaterialRecord, parent_of=lambda r: r.key_id)
ALIAS = Kind("key-alias", AliasRecord, parent_of=lambda r: r.key_id)
WRAPPING_KEY = Kind("wrapping-key", WrappingKeyRecord, expires_of=lambda r: r.expires_at)
ROTATION = Kind("key-rotation", RotationRecord, expires_of=lambda r: r.due_at)
REMOVED_KEY = Kind("removed-key", RemovedKeyRecord)
RESERVATION = Kind("key-messages", MessageReservation)


def material_id(key_id: str, version: int) -> str:
    """The record id of a version's material: padded, so that versions sort as numbers."""
    return f"{key_id}/{version:010d}"
