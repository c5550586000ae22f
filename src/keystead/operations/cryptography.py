"""What keys are used for: encrypt, sign, authenticate, derive, agree, encapsulate.

Bytes are base64 in JSON. ``context`` is the encryption context: public, audited, bound to
the ciphertext, and needed again to decrypt. ``aad`` is bound likewise but not audited.
Every operation has a batch form whose items succeed or fail one by one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Generic, TypeVar

from msgspec import Meta

from keystead.operations.base import Effect, Input, Operation, Problem, Reply, ReplyT
from keystead.operations.keys import Choice, KeyRef, Version

ContextName = Annotated[str, Meta(min_length=1, max_length=256)]
ContextValue = Annotated[str, Meta(max_length=1024)]
Context = Annotated[dict[ContextName, ContextValue], Meta(max_length=32)]
ValueT = TypeVar("ValueT")
MAX_BATCH = 10_000


class Outcome(Reply, Generic[ValueT], frozen=True):
    """One item's result: a value or an error."""

    value: ValueT | None = None
    error: Problem | None = None


class Results(Reply, Generic[ValueT], frozen=True):
    """The items' results, in the order of the items."""

    results: list[Outcome[ValueT]]


class KeyUse(Operation[ReplyT], Generic[ReplyT], frozen=True, kw_only=True):
    kind: ClassVar[str] = "key"
    names: ClassVar[str | None] = "key"
    effect: ClassVar[Effect] = Effect.USE


# --- encrypt, decrypt, re-encrypt -------------------------------------------------------


class EncryptItem(Input, frozen=True, kw_only=True):
    plaintext: bytes
    context: Context = {}
    aad: bytes = b""


class Encrypted(Reply, frozen=True):
    ciphertext: bytes
    key_id: str
    version: int


class Encrypt(EncryptItem, KeyUse[Encrypted], frozen=True, kw_only=True):
    """Encrypt with a key's primary version."""

    action: ClassVar[str] = "key:encrypt"

    key: KeyRef


class EncryptBatch(KeyUse[Results[Encrypted]], frozen=True, kw_only=True):
    """Encrypt many plaintexts with one key."""

    action: ClassVar[str] = "key:encrypt"

    key: KeyRef
    items: Annotated[list[EncryptItem], Meta(min_length=1, max_length=MAX_BATCH)]


class DecryptItem(Input, frozen=True, kw_only=True):
    """``key`` is needed only for bare RSA-OAEP ciphertext; otherwise it must match if given."""

    ciphertext: bytes
    key: Annotated[str, Meta(max_length=255)] = ""
    context: Context = {}
    aad: bytes = b""
    algorithm: Choice = ""


class Decrypted(Reply, frozen=True):
    plaintext: bytes
    key_id: str
    version: int


class Decrypt(DecryptItem, KeyUse[Decrypted], frozen=True, kw_only=True):
    """Decrypt; the ciphertext names its key."""

    action: ClassVar[str] = "key:decrypt"
    secret_reply: ClassVar[bool] = True


class DecryptBatch(KeyUse[Results[Decrypted]], frozen=True, kw_only=True):
    """Decrypt many ciphertexts of one key."""

    action: ClassVar[str] = "key:decrypt"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[DecryptItem], Meta(min_length=1, max_length=MAX_BATCH)]


class ReencryptItem(Input, frozen=True, kw_only=True):
    ciphertext: bytes
    source_context: Context = {}
    source_aad: bytes = b""
    context: Context | None = None
    aad: bytes | None = None


class Reencrypt(ReencryptItem, KeyUse[Encrypted], frozen=True, kw_only=True):
    """Decrypt and encrypt again with ``key``'s primary version; the plaintext stays inside.

    The source key is named by the ciphertext and needs ``key:reencrypt`` too. Context and
    aad stay as they were unless new ones are given.
    """

    action: ClassVar[str] = "key:reencrypt"

    key: KeyRef


class ReencryptBatch(KeyUse[Results[Encrypted]], frozen=True, kw_only=True):
    """Re-encrypt many ciphertexts with one key."""

    action: ClassVar[str] = "key:reencrypt"

    key: KeyRef
    items: Annotated[list[ReencryptItem], Meta(min_length=1, max_length=MAX_BATCH)]


# --- data keys --------------------------------------------------------------------------


class DataKeyItem(Input, frozen=True, kw_only=True):
    length: Annotated[int, Meta(ge=16, le=1024, description="In bytes.")] = 32
    context: Context = {}
    aad: bytes = b""
    with_plaintext: bool = True


class DataKey(Reply, frozen=True):
    ciphertext: bytes
    key_id: str
    version: int
    plaintext: bytes | None = None


class GenerateDataKey(DataKeyItem, KeyUse[DataKey], frozen=True, kw_only=True):
    """Make a random data key, encrypted under ``key``, with its plaintext or without."""

    action: ClassVar[str] = "key:generate-data-key"
    audited: ClassVar[tuple[str, ...]] = ("with_plaintext",)
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class GenerateDataKeyBatch(KeyUse[Results[DataKey]], frozen=True, kw_only=True):
    """Make many data keys under one key."""

    action: ClassVar[str] = "key:generate-data-key"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[DataKeyItem], Meta(min_length=1, max_length=MAX_BATCH)]


class DataKeyPairItem(Input, frozen=True, kw_only=True):
    spec: Choice
    context: Context = {}
    aad: bytes = b""
    with_plaintext: bool = True


class DataKeyPair(Reply, frozen=True):
    """``private_key`` is raw (seeds) or PKCS#8 DER; ``public_key`` SPKI DER (or raw: X-Wing)."""

    private_key_ciphertext: bytes
    public_key: bytes
    key_id: str
    version: int
    private_key: bytes | None = None


class GenerateDataKeyPair(DataKeyPairItem, KeyUse[DataKeyPair], frozen=True, kw_only=True):
    """Make a key pair whose private part is encrypted under ``key``."""

    action: ClassVar[str] = "key:generate-data-key-pair"
    audited: ClassVar[tuple[str, ...]] = ("spec", "with_plaintext")
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class GenerateDataKeyPairBatch(KeyUse[Results[DataKeyPair]], frozen=True, kw_only=True):
    """Make many key pairs under one key."""

    action: ClassVar[str] = "key:generate-data-key-pair"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[DataKeyPairItem], Meta(min_length=1, max_length=100)]


# --- wrap, unwrap -----------------------------------------------------------------------


class WrapItem(Input, frozen=True, kw_only=True):
    """``format``: ``keystead`` (names its key) under encryption keys; under aes-kwp keys
    ``aes-kwp`` (RFC 5649, the default) or ``aes-kw`` (RFC 3394)."""

    key_material: bytes
    format: Choice = ""
    context: Context = {}


class Wrapped(Reply, frozen=True):
    wrapped: bytes
    key_id: str
    version: int


class Wrap(WrapItem, KeyUse[Wrapped], frozen=True, kw_only=True):
    """Wrap a key under ``key``."""

    action: ClassVar[str] = "key:wrap"
    audited: ClassVar[tuple[str, ...]] = ("format",)

    key: KeyRef


class WrapBatch(KeyUse[Results[Wrapped]], frozen=True, kw_only=True):
    """Wrap many keys under one key."""

    action: ClassVar[str] = "key:wrap"

    key: KeyRef
    items: Annotated[list[WrapItem], Meta(min_length=1, max_length=MAX_BATCH)]


class UnwrapItem(Input, frozen=True, kw_only=True):
    wrapped: bytes
    format: Choice = ""
    version: Version | None = None
    context: Context = {}


class Unwrapped(Reply, frozen=True):
    key_material: bytes
    key_id: str
    version: int


class Unwrap(UnwrapItem, KeyUse[Unwrapped], frozen=True, kw_only=True):
    """Unwrap a key that ``key`` wrapped."""

    action: ClassVar[str] = "key:unwrap"
    audited: ClassVar[tuple[str, ...]] = ("format",)
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class UnwrapBatch(KeyUse[Results[Unwrapped]], frozen=True, kw_only=True):
    """Unwrap many keys that one key wrapped."""

    action: ClassVar[str] = "key:unwrap"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[UnwrapItem], Meta(min_length=1, max_length=MAX_BATCH)]


# --- sign, verify -----------------------------------------------------------------------


class SignItem(Input, frozen=True, kw_only=True):
    """``prehashed``: ``message`` is the digest (for ML-DSA the 64-byte external mu).

    ``signature_format`` is for ECDSA: ``der`` or ``raw`` (r and s, fixed length).
    ``context_string`` is for ML-DSA: at most 255 bytes.
    """

    message: bytes
    algorithm: Choice = ""
    prehashed: bool = False
    signature_format: Choice = "der"
    context_string: Annotated[bytes, Meta(max_length=255)] = b""


class Signed(Reply, frozen=True):
    signature: bytes
    key_id: str
    version: int
    algorithm: str


class Sign(SignItem, KeyUse[Signed], frozen=True, kw_only=True):
    """Sign a message with a key's primary version."""

    action: ClassVar[str] = "key:sign"
    audited: ClassVar[tuple[str, ...]] = ("algorithm", "prehashed")

    key: KeyRef


class SignBatch(KeyUse[Results[Signed]], frozen=True, kw_only=True):
    """Sign many messages with one key."""

    action: ClassVar[str] = "key:sign"

    key: KeyRef
    items: Annotated[list[SignItem], Meta(min_length=1, max_length=MAX_BATCH)]


class VerifyItem(Input, frozen=True, kw_only=True):
    message: bytes
    signature: bytes
    version: Version | None = None
    algorithm: Choice = ""
    prehashed: bool = False
    signature_format: Choice = "der"
    context_string: Annotated[bytes, Meta(max_length=255)] = b""


class Verified(Reply, frozen=True):
    """The signature or MAC holds, under this version. What does not hold is an error."""

    key_id: str
    version: int


class Verify(VerifyItem, KeyUse[Verified], frozen=True, kw_only=True):
    """Verify a signature, under ``version`` or the newest version that it holds for."""

    action: ClassVar[str] = "key:verify"
    audited: ClassVar[tuple[str, ...]] = ("algorithm", "prehashed")

    key: KeyRef


class VerifyBatch(KeyUse[Results[Verified]], frozen=True, kw_only=True):
    """Verify many signatures of one key."""

    action: ClassVar[str] = "key:verify"

    key: KeyRef
    items: Annotated[list[VerifyItem], Meta(min_length=1, max_length=MAX_BATCH)]


# --- MAC --------------------------------------------------------------------------------


class MacItem(Input, frozen=True, kw_only=True):
    message: bytes


class Mac(Reply, frozen=True):
    mac: bytes
    key_id: str
    version: int


class GenerateMac(MacItem, KeyUse[Mac], frozen=True, kw_only=True):
    """Compute a message's HMAC."""

    action: ClassVar[str] = "key:generate-mac"

    key: KeyRef


class GenerateMacBatch(KeyUse[Results[Mac]], frozen=True, kw_only=True):
    """Compute many HMACs with one key."""

    action: ClassVar[str] = "key:generate-mac"

    key: KeyRef
    items: Annotated[list[MacItem], Meta(min_length=1, max_length=MAX_BATCH)]


class VerifyMacItem(Input, frozen=True, kw_only=True):
    message: bytes
    mac: bytes
    version: Version | None = None


class VerifyMac(VerifyMacItem, KeyUse[Verified], frozen=True, kw_only=True):
    """Verify an HMAC, under ``version`` or any version that still verifies."""

    action: ClassVar[str] = "key:verify-mac"

    key: KeyRef


class VerifyMacBatch(KeyUse[Results[Verified]], frozen=True, kw_only=True):
    """Verify many HMACs of one key."""

    action: ClassVar[str] = "key:verify-mac"

    key: KeyRef
    items: Annotated[list[VerifyMacItem], Meta(min_length=1, max_length=MAX_BATCH)]


# --- derive, agree, encapsulate ---------------------------------------------------------


class DeriveItem(Input, frozen=True, kw_only=True):
    """``info`` and the context are bound into the derived key (HKDF, RFC 5869)."""

    length: Annotated[int, Meta(ge=16, le=1024, description="In bytes.")] = 32
    info: Annotated[bytes, Meta(max_length=1024)] = b""
    salt: Annotated[bytes, Meta(max_length=1024)] = b""
    context: Context = {}
    version: Version | None = None


class DerivedKey(Reply, frozen=True):
    derived_key: bytes
    key_id: str
    version: int


class Derive(DeriveItem, KeyUse[DerivedKey], frozen=True, kw_only=True):
    """Derive a key from ``key``."""

    action: ClassVar[str] = "key:derive"
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class DeriveBatch(KeyUse[Results[DerivedKey]], frozen=True, kw_only=True):
    """Derive many keys from one key."""

    action: ClassVar[str] = "key:derive"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[DeriveItem], Meta(min_length=1, max_length=MAX_BATCH)]


class AgreeItem(Input, frozen=True, kw_only=True):
    """``public_key`` is the peer's, SPKI DER (or 32 raw bytes for X25519)."""

    public_key: bytes
    version: Version | None = None


class SharedSecret(Reply, frozen=True):
    shared_secret: bytes
    key_id: str
    version: int
    ciphertext: bytes | None = None


class Agree(AgreeItem, KeyUse[SharedSecret], frozen=True, kw_only=True):
    """Compute the raw ECDH or X25519 shared secret with a peer's public key."""

    action: ClassVar[str] = "key:agree"
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class AgreeBatch(KeyUse[Results[SharedSecret]], frozen=True, kw_only=True):
    """Agree with many peers."""

    action: ClassVar[str] = "key:agree"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[AgreeItem], Meta(min_length=1, max_length=MAX_BATCH)]


class EncapsulateItem(Input, frozen=True, kw_only=True):
    pass


class Encapsulate(KeyUse[SharedSecret], frozen=True, kw_only=True):
    """Make a shared secret and its encapsulation for the key's primary version."""

    action: ClassVar[str] = "key:encapsulate"
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class EncapsulateBatch(KeyUse[Results[SharedSecret]], frozen=True, kw_only=True):
    """Make many encapsulations."""

    action: ClassVar[str] = "key:encapsulate"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[EncapsulateItem], Meta(min_length=1, max_length=MAX_BATCH)]


class DecapsulateItem(Input, frozen=True, kw_only=True):
    ciphertext: bytes
    version: Version | None = None


class Decapsulate(DecapsulateItem, KeyUse[SharedSecret], frozen=True, kw_only=True):
    """Recover the shared secret of an encapsulation."""

    action: ClassVar[str] = "key:decapsulate"
    secret_reply: ClassVar[bool] = True

    key: KeyRef


class DecapsulateBatch(KeyUse[Results[SharedSecret]], frozen=True, kw_only=True):
    """Recover many shared secrets."""

    action: ClassVar[str] = "key:decapsulate"
    secret_reply: ClassVar[bool] = True

    key: KeyRef
    items: Annotated[list[DecapsulateItem], Meta(min_length=1, max_length=MAX_BATCH)]


# --- random -----------------------------------------------------------------------------


class RandomItem(Input, frozen=True, kw_only=True):
    length: Annotated[int, Meta(ge=1, le=1_048_576, description="In bytes.")] = 32


class Random(Reply, frozen=True):
    random: bytes


class GenerateRandom(RandomItem, Operation[Random], frozen=True, kw_only=True):
    """Random bytes from the operating system's generator."""

    action: ClassVar[str] = "system:generate-random"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.USE
    secret_reply: ClassVar[bool] = True
    audited: ClassVar[tuple[str, ...]] = ("length",)


class GenerateRandomBatch(Operation[Results[Random]], frozen=True, kw_only=True):
    """Several random values."""

    action: ClassVar[str] = "system:generate-random"
    kind: ClassVar[str] = "system"
    effect: ClassVar[Effect] = Effect.USE
    secret_reply: ClassVar[bool] = True

    items: Annotated[list[RandomItem], Meta(min_length=1, max_length=1000)]
