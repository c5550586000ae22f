"""The asynchronous methods, one for each operation.

Written by tools/generate_client.py; change that or the catalogue, not this.
"""
# ruff: noqa: E501, S107 - docstrings move in by a level; a kind of token is not a token

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from keystead.operations.audit import (
    AuditEntries,
    AuditReport,
    CheckpointNote,
    InclusionProof,
    ProveEntry,
    QueryAudit,
    ShowCheckpoint,
    VerifyAudit,
)
from keystead.operations.base import Operation, ReplyT
from keystead.operations.cryptography import (
    Agree,
    AgreeBatch,
    AgreeItem,
    DataKey,
    DataKeyItem,
    DataKeyPair,
    DataKeyPairItem,
    Decapsulate,
    DecapsulateBatch,
    DecapsulateItem,
    Decrypt,
    DecryptBatch,
    Decrypted,
    DecryptItem,
    Derive,
    DeriveBatch,
    DerivedKey,
    DeriveItem,
    Encapsulate,
    EncapsulateBatch,
    EncapsulateItem,
    Encrypt,
    EncryptBatch,
    Encrypted,
    EncryptItem,
    GenerateDataKey,
    GenerateDataKeyBatch,
    GenerateDataKeyPair,
    GenerateDataKeyPairBatch,
    GenerateMac,
    GenerateMacBatch,
    GenerateRandom,
    GenerateRandomBatch,
    Mac,
    MacItem,
    Random,
    RandomItem,
    Reencrypt,
    ReencryptBatch,
    ReencryptItem,
    Results,
    SharedSecret,
    Sign,
    SignBatch,
    Signed,
    SignItem,
    Unwrap,
    UnwrapBatch,
    UnwrapItem,
    Unwrapped,
    Verified,
    Verify,
    VerifyBatch,
    VerifyItem,
    VerifyMac,
    VerifyMacBatch,
    VerifyMacItem,
    Wrap,
    WrapBatch,
    WrapItem,
    Wrapped,
)
from keystead.operations.identity import (
    AppRoleNames,
    AppRoleView,
    CertificateRoleNames,
    CertificateRoleView,
    CreateSecretId,
    CreateToken,
    DeleteAppRole,
    DeleteCertificateRole,
    DeleteGroup,
    DeleteRole,
    DeleteUser,
    DestroySecretId,
    GroupPage,
    GroupView,
    IssuedToken,
    ListAppRoles,
    ListCertificateRoles,
    ListGroups,
    ListRoles,
    ListSecretIds,
    ListTokens,
    ListUsers,
    LoginAppRole,
    LoginCertificate,
    LoginUser,
    LookupSelf,
    LookupToken,
    RenewSelf,
    RenewToken,
    RevokeSelf,
    RevokeToken,
    RolePage,
    RoleView,
    SecretId,
    SecretIds,
    SetPassword,
    ShowAppRole,
    ShowCertificateRole,
    ShowGroup,
    ShowUser,
    TokenLimits,
    TokenPage,
    TokenView,
    UserNames,
    UserView,
    WriteAppRole,
    WriteCertificateRole,
    WriteGroup,
    WriteRole,
    WriteUser,
)
from keystead.operations.keys import (
    AddAlias,
    AttestPublicKey,
    CompromiseKey,
    CreateKey,
    CreateWrappingKey,
    DeactivateKey,
    DestroyKey,
    DisableKey,
    EnableKey,
    ExportedKey,
    ExportKey,
    ImportKey,
    KeyPage,
    KeyUsage,
    KeyView,
    ListKeys,
    PublicAttestation,
    RemoveAlias,
    RestoreKey,
    RotateKey,
    ShowKey,
    ShowKeyUsage,
    UpdateKey,
    WrappingKey,
)
from keystead.operations.mounts import (
    CreateMount,
    DeleteMount,
    ListMounts,
    MountConfig,
    MountPage,
    MountView,
    MoveMount,
    ShowMount,
    TuneMount,
)
from keystead.operations.namespaces import (
    CreateNamespace,
    DeleteNamespace,
    ListNamespaces,
    NamespacePage,
    NamespaceView,
    RotateNamespaceKek,
    SealNamespace,
    ShowNamespace,
    UnsealNamespace,
)
from keystead.operations.policies import (
    DeletePolicy,
    ExplainDecision,
    Explanation,
    ListPolicies,
    PolicyErrors,
    PolicyNames,
    PolicySchema,
    PolicyView,
    ShowPolicy,
    ShowPolicySchema,
    ValidatePolicy,
    WritePolicy,
)
from keystead.operations.system import (
    CancelGenerateRoot,
    CancelRekey,
    CeremonyStatus,
    ContinueGenerateRoot,
    ContinueRekey,
    Initialize,
    Initialized,
    KeyringView,
    RewrapRoot,
    RotateKeyring,
    Seal,
    SealStatus,
    ShowKeyring,
    ShowStatus,
    StartGenerateRoot,
    StartRekey,
    Unseal,
)

NO_ENTRIES: Final[Mapping[str, str]] = MappingProxyType({})
DEFAULT_MOUNTCONFIG: Final = MountConfig()
DEFAULT_TOKENLIMITS: Final = TokenLimits()


class AsyncPerform(Protocol):
    """Carries out any operation."""

    def __call__(self, operation: Operation[ReplyT], /) -> Awaitable[ReplyT]: ...


class AsyncApproles:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def create_secret_id(
        self, name: str, *, ttl_seconds: int = 0, max_uses: int = 0, bound_cidrs: Sequence[str] = ()
    ) -> SecretId:
        """Make a secret identifier with which an AppRole logs in."""
        return await self._perform(
            CreateSecretId(
                name=name, ttl_seconds=ttl_seconds, max_uses=max_uses, bound_cidrs=list(bound_cidrs)
            )
        )

    async def delete(self, name: str) -> None:
        """Delete an AppRole and its secret identifiers, and revoke its tokens."""
        await self._perform(DeleteAppRole(name=name))

    async def destroy_secret_id(self, name: str, accessor: str) -> None:
        """Destroy a secret identifier by its accessor."""
        await self._perform(DestroySecretId(name=name, accessor=accessor))

    async def list(self, *, after: str = "", limit: int = 100) -> AppRoleNames:
        """List AppRoles."""
        return await self._perform(ListAppRoles(after=after, limit=limit))

    async def list_secret_ids(self, name: str) -> SecretIds:
        """List an AppRole's secret identifiers by accessor."""
        return await self._perform(ListSecretIds(name=name))

    async def login(self, role_id: str, *, secret_id: str = "") -> IssuedToken:
        """Log in with a role identifier and a secret identifier."""
        return await self._perform(LoginAppRole(role_id=role_id, secret_id=secret_id))

    async def show(self, name: str) -> AppRoleView:
        """Show an AppRole and its role identifier."""
        return await self._perform(ShowAppRole(name=name))

    async def write(
        self,
        name: str,
        *,
        roles: Sequence[str] = (),
        bind_secret_id: bool = True,
        secret_id_ttl_seconds: int = 0,
        secret_id_max_uses: int = 0,
        secret_id_bound_cidrs: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> AppRoleView:
        """Create or replace an AppRole: how one application logs in, and its roles."""
        return await self._perform(
            WriteAppRole(
                name=name,
                roles=list(roles),
                bind_secret_id=bind_secret_id,
                secret_id_ttl_seconds=secret_id_ttl_seconds,
                secret_id_max_uses=secret_id_max_uses,
                secret_id_bound_cidrs=list(secret_id_bound_cidrs),
                limits=limits,
            )
        )


class AsyncAudit:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def checkpoint(self) -> CheckpointNote:
        """Show the newest checkpoint; a new one is made every few seconds while entries come."""
        return await self._perform(ShowCheckpoint())

    async def prove(self, index: int) -> InclusionProof:
        """Prove that the entry at ``index`` is in the log."""
        return await self._perform(ProveEntry(index=index))

    async def query(
        self,
        *,
        principal: str = "",
        key: str = "",
        audit_action: str = "",
        outcome: str = "",
        source_ip: str = "",
        request_id: str = "",
        trace_id: str = "",
        since: str = "",
        until: str = "",
        after: int | None = None,
        newest_first: bool = False,
        limit: int = 100,
        wait_seconds: int = 0,
    ) -> AuditEntries:
        """Find entries. Times are RFC 3339; ``after`` is an index; an empty filter takes all.

        ``wait_seconds`` holds the reply until an entry comes (at most 30): to follow the log.
        """
        return await self._perform(
            QueryAudit(
                principal=principal,
                key=key,
                audit_action=audit_action,
                outcome=outcome,
                source_ip=source_ip,
                request_id=request_id,
                trace_id=trace_id,
                since=since,
                until=until,
                after=after,
                newest_first=newest_first,
                limit=limit,
                wait_seconds=wait_seconds,
            )
        )

    async def verify(self) -> AuditReport:
        """Verify this node's whole log."""
        return await self._perform(VerifyAudit())


class AsyncCertificateRoles:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def delete(self, name: str) -> None:
        """Delete a certificate role and revoke its tokens."""
        await self._perform(DeleteCertificateRole(name=name))

    async def list(self, *, after: str = "", limit: int = 100) -> CertificateRoleNames:
        """List certificate roles."""
        return await self._perform(ListCertificateRoles(after=after, limit=limit))

    async def login(self, *, name: str | None = None) -> IssuedToken:
        """Log in with this connection's client certificate, as ``name`` or the role that fits."""
        return await self._perform(LoginCertificate(name=name))

    async def show(self, name: str) -> CertificateRoleView:
        """Show a certificate role."""
        return await self._perform(ShowCertificateRole(name=name))

    async def write(
        self,
        name: str,
        ca_pem: str,
        *,
        roles: Sequence[str] = (),
        allowed_common_names: Sequence[str] = (),
        allowed_dns_names: Sequence[str] = (),
        allowed_uris: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> CertificateRoleView:
        """Create or replace a certificate role: which certificates of which CA log in as it.

        Names are shell-style patterns; an empty list places no demand.
        """
        return await self._perform(
            WriteCertificateRole(
                name=name,
                ca_pem=ca_pem,
                roles=list(roles),
                allowed_common_names=list(allowed_common_names),
                allowed_dns_names=list(allowed_dns_names),
                allowed_uris=list(allowed_uris),
                limits=limits,
            )
        )


class AsyncGroups:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def delete(self, name: str) -> None:
        """Delete a group; its members lose its roles."""
        await self._perform(DeleteGroup(name=name))

    async def list(self, *, after: str = "", limit: int = 100) -> GroupPage:
        """List groups."""
        return await self._perform(ListGroups(after=after, limit=limit))

    async def show(self, name: str) -> GroupView:
        """Show a group."""
        return await self._perform(ShowGroup(name=name))

    async def write(
        self, name: str, *, members: Sequence[str] = (), roles: Sequence[str] = ()
    ) -> GroupView:
        """Create or replace a group: its members (principal names) have its roles."""
        return await self._perform(WriteGroup(name=name, members=list(members), roles=list(roles)))


class AsyncKeys:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def add_alias(self, key: str, alias: str, *, move: bool = False) -> KeyView:
        """Give a key another name; ``move`` takes the alias from the key that has it."""
        return await self._perform(AddAlias(key=key, alias=alias, move=move))

    async def agree(
        self, key: str, public_key: bytes, *, version: int | None = None
    ) -> SharedSecret:
        """Compute the raw ECDH or X25519 shared secret with a peer's public key."""
        return await self._perform(Agree(public_key=public_key, version=version, key=key))

    async def agree_batch(self, key: str, items: Sequence[AgreeItem]) -> Results[SharedSecret]:
        """Agree with many peers."""
        return await self._perform(AgreeBatch(key=key, items=list(items)))

    async def attest_public(self, key: str, *, version: int | None = None) -> PublicAttestation:
        """State, signed, which key a public part belongs to and how that key is kept."""
        return await self._perform(AttestPublicKey(key=key, version=version))

    async def compromise(self, key: str, *, version: int | None = None) -> KeyView:
        """Mark a key compromised: it opens what it protected, for recovery, and no more."""
        return await self._perform(CompromiseKey(key=key, version=version))

    async def create(
        self,
        name: str,
        *,
        spec: str = "xaes-256-gcm",
        usage: str = "",
        exportable: bool = False,
        required_context: Sequence[str] = (),
        tags: Mapping[str, str] = NO_ENTRIES,
        description: str = "",
        owner: str = "",
        classification: str = "",
        grace_seconds: int = 600,
        activate: bool = True,
    ) -> KeyView:
        """Create a key and generate its first version."""
        return await self._perform(
            CreateKey(
                name=name,
                spec=spec,
                usage=usage,
                exportable=exportable,
                required_context=list(required_context),
                tags=dict(tags),
                description=description,
                owner=owner,
                classification=classification,
                grace_seconds=grace_seconds,
                activate=activate,
            )
        )

    async def create_wrapping_key(self, *, spec: str = "rsa-3072") -> WrappingKey:
        """Make a wrapping key for one import, to be used within a day.

        RSA specs take ``rsa-oaep-sha256+aes-kwp``; x25519 and x25519-ml-kem-768 take ``hpke``.
        """
        return await self._perform(CreateWrappingKey(spec=spec))

    async def deactivate(self, key: str, *, version: int | None = None) -> KeyView:
        """Stop protecting with a key; it still decrypts and verifies."""
        return await self._perform(DeactivateKey(key=key, version=version))

    async def decapsulate(
        self, key: str, ciphertext: bytes, *, version: int | None = None
    ) -> SharedSecret:
        """Recover the shared secret of an encapsulation."""
        return await self._perform(Decapsulate(ciphertext=ciphertext, version=version, key=key))

    async def decapsulate_batch(
        self, key: str, items: Sequence[DecapsulateItem]
    ) -> Results[SharedSecret]:
        """Recover many shared secrets."""
        return await self._perform(DecapsulateBatch(key=key, items=list(items)))

    async def decrypt(
        self,
        ciphertext: bytes,
        *,
        key: str = "",
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
        algorithm: str = "",
    ) -> Decrypted:
        """Decrypt; the ciphertext names its key."""
        return await self._perform(
            Decrypt(
                ciphertext=ciphertext, key=key, context=dict(context), aad=aad, algorithm=algorithm
            )
        )

    async def decrypt_batch(self, key: str, items: Sequence[DecryptItem]) -> Results[Decrypted]:
        """Decrypt many ciphertexts of one key."""
        return await self._perform(DecryptBatch(key=key, items=list(items)))

    async def derive(
        self,
        key: str,
        *,
        length: int = 32,
        info: bytes = b"",
        salt: bytes = b"",
        context: Mapping[str, str] = NO_ENTRIES,
        version: int | None = None,
    ) -> DerivedKey:
        """Derive a key from ``key``."""
        return await self._perform(
            Derive(
                length=length, info=info, salt=salt, context=dict(context), version=version, key=key
            )
        )

    async def derive_batch(self, key: str, items: Sequence[DeriveItem]) -> Results[DerivedKey]:
        """Derive many keys from one key."""
        return await self._perform(DeriveBatch(key=key, items=list(items)))

    async def destroy(
        self, key: str, *, wait_seconds: int = 2592000, version: int | None = None
    ) -> KeyView:
        """Schedule destruction after ``wait_seconds`` (default 30 days, at least 1 day).

        ``version`` destroys one version's material only. Until then it can be restored.
        """
        return await self._perform(DestroyKey(key=key, wait_seconds=wait_seconds, version=version))

    async def disable(self, key: str, *, version: int | None = None) -> KeyView:
        """Suspend a key: nothing works with it until it is enabled again."""
        return await self._perform(DisableKey(key=key, version=version))

    async def enable(self, key: str, *, version: int | None = None) -> KeyView:
        """Make a pre-active or suspended key active."""
        return await self._perform(EnableKey(key=key, version=version))

    async def encapsulate(self, key: str) -> SharedSecret:
        """Make a shared secret and its encapsulation for the key's primary version."""
        return await self._perform(Encapsulate(key=key))

    async def encapsulate_batch(
        self, key: str, items: Sequence[EncapsulateItem]
    ) -> Results[SharedSecret]:
        """Make many encapsulations."""
        return await self._perform(EncapsulateBatch(key=key, items=list(items)))

    async def encrypt(
        self,
        key: str,
        plaintext: bytes,
        *,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
    ) -> Encrypted:
        """Encrypt with a key's primary version."""
        return await self._perform(
            Encrypt(plaintext=plaintext, context=dict(context), aad=aad, key=key)
        )

    async def encrypt_batch(self, key: str, items: Sequence[EncryptItem]) -> Results[Encrypted]:
        """Encrypt many plaintexts with one key."""
        return await self._perform(EncryptBatch(key=key, items=list(items)))

    async def export(self, key: str, *, version: int | None = None) -> ExportedKey:
        """Give out the material of an exportable key."""
        return await self._perform(ExportKey(key=key, version=version))

    async def generate_data_key(
        self,
        key: str,
        *,
        length: int = 32,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
        with_plaintext: bool = True,
    ) -> DataKey:
        """Make a random data key, encrypted under ``key``, with its plaintext or without."""
        return await self._perform(
            GenerateDataKey(
                length=length,
                context=dict(context),
                aad=aad,
                with_plaintext=with_plaintext,
                key=key,
            )
        )

    async def generate_data_key_batch(
        self, key: str, items: Sequence[DataKeyItem]
    ) -> Results[DataKey]:
        """Make many data keys under one key."""
        return await self._perform(GenerateDataKeyBatch(key=key, items=list(items)))

    async def generate_data_key_pair(
        self,
        key: str,
        spec: str,
        *,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
        with_plaintext: bool = True,
    ) -> DataKeyPair:
        """Make a key pair whose private part is encrypted under ``key``."""
        return await self._perform(
            GenerateDataKeyPair(
                spec=spec, context=dict(context), aad=aad, with_plaintext=with_plaintext, key=key
            )
        )

    async def generate_data_key_pair_batch(
        self, key: str, items: Sequence[DataKeyPairItem]
    ) -> Results[DataKeyPair]:
        """Make many key pairs under one key."""
        return await self._perform(GenerateDataKeyPairBatch(key=key, items=list(items)))

    async def generate_mac(self, key: str, message: bytes) -> Mac:
        """Compute a message's HMAC."""
        return await self._perform(GenerateMac(message=message, key=key))

    async def generate_mac_batch(self, key: str, items: Sequence[MacItem]) -> Results[Mac]:
        """Compute many HMACs with one key."""
        return await self._perform(GenerateMacBatch(key=key, items=list(items)))

    async def import_(
        self,
        name: str,
        wrapped: bytes,
        wrapping_key: str,
        *,
        spec: str = "xaes-256-gcm",
        usage: str = "",
        new_version: bool = False,
        exportable: bool = False,
        required_context: Sequence[str] = (),
        tags: Mapping[str, str] = NO_ENTRIES,
        description: str = "",
    ) -> KeyView:
        """Create a key, or add a version to one (``new_version``), from wrapped material.

        ``wrapped`` is the material (raw for symmetric keys and seeds, PKCS#8 DER for RSA and
        EC) under the wrapping key ``wrapping_key``.
        """
        return await self._perform(
            ImportKey(
                name=name,
                wrapped=wrapped,
                wrapping_key=wrapping_key,
                spec=spec,
                usage=usage,
                new_version=new_version,
                exportable=exportable,
                required_context=list(required_context),
                tags=dict(tags),
                description=description,
            )
        )

    async def list(
        self, *, after: str = "", limit: int = 100, state: str = "", tag: str = "", prefix: str = ""
    ) -> KeyPage:
        """List keys by name; ``state`` and ``tag`` (``name=value``) narrow the list."""
        return await self._perform(
            ListKeys(after=after, limit=limit, state=state, tag=tag, prefix=prefix)
        )

    async def reencrypt(
        self,
        key: str,
        ciphertext: bytes,
        *,
        source_context: Mapping[str, str] = NO_ENTRIES,
        source_aad: bytes = b"",
        context: Mapping[str, str] | None = None,
        aad: bytes | None = None,
    ) -> Encrypted:
        """Decrypt and encrypt again with ``key``'s primary version; the plaintext stays inside.

        The source key is named by the ciphertext and needs ``key:reencrypt`` too. Context and
        aad stay as they were unless new ones are given.
        """
        return await self._perform(
            Reencrypt(
                ciphertext=ciphertext,
                source_context=dict(source_context),
                source_aad=source_aad,
                context=None if context is None else dict(context),
                aad=aad,
                key=key,
            )
        )

    async def reencrypt_batch(self, key: str, items: Sequence[ReencryptItem]) -> Results[Encrypted]:
        """Re-encrypt many ciphertexts with one key."""
        return await self._perform(ReencryptBatch(key=key, items=list(items)))

    async def remove_alias(self, key: str, alias: str) -> KeyView:
        """Take an alias away."""
        return await self._perform(RemoveAlias(key=key, alias=alias))

    async def restore(self, key: str, *, version: int | None = None) -> KeyView:
        """Cancel a scheduled destruction; the key comes back suspended."""
        return await self._perform(RestoreKey(key=key, version=version))

    async def rotate(self, key: str) -> KeyView:
        """Generate a new version and make it primary; old ones still decrypt and verify."""
        return await self._perform(RotateKey(key=key))

    async def show(self, key: str) -> KeyView:
        """Show a key, its versions and its public parts."""
        return await self._perform(ShowKey(key=key))

    async def sign(
        self,
        key: str,
        message: bytes,
        *,
        algorithm: str = "",
        prehashed: bool = False,
        signature_format: str = "der",
        context_string: bytes = b"",
    ) -> Signed:
        """Sign a message with a key's primary version."""
        return await self._perform(
            Sign(
                message=message,
                algorithm=algorithm,
                prehashed=prehashed,
                signature_format=signature_format,
                context_string=context_string,
                key=key,
            )
        )

    async def sign_batch(self, key: str, items: Sequence[SignItem]) -> Results[Signed]:
        """Sign many messages with one key."""
        return await self._perform(SignBatch(key=key, items=list(items)))

    async def unwrap(
        self,
        key: str,
        wrapped: bytes,
        *,
        format: str = "",
        version: int | None = None,
        context: Mapping[str, str] = NO_ENTRIES,
    ) -> Unwrapped:
        """Unwrap a key that ``key`` wrapped."""
        return await self._perform(
            Unwrap(wrapped=wrapped, format=format, version=version, context=dict(context), key=key)
        )

    async def unwrap_batch(self, key: str, items: Sequence[UnwrapItem]) -> Results[Unwrapped]:
        """Unwrap many keys that one key wrapped."""
        return await self._perform(UnwrapBatch(key=key, items=list(items)))

    async def update(
        self,
        key: str,
        *,
        description: str | None = None,
        owner: str | None = None,
        classification: str | None = None,
        tags: Mapping[str, str] | None = None,
        required_context: Sequence[str] | None = None,
        exportable: bool | None = None,
        grace_seconds: int | None = None,
        primary_version: int | None = None,
    ) -> KeyView:
        """Change what is given and leave the rest. ``exportable`` can only be turned off."""
        return await self._perform(
            UpdateKey(
                key=key,
                description=description,
                owner=owner,
                classification=classification,
                tags=None if tags is None else dict(tags),
                required_context=None if required_context is None else list(required_context),
                exportable=exportable,
                grace_seconds=grace_seconds,
                primary_version=primary_version,
            )
        )

    async def usage(self, key: str) -> KeyUsage:
        """Show use counts and last use by version and principal."""
        return await self._perform(ShowKeyUsage(key=key))

    async def verify(
        self,
        key: str,
        message: bytes,
        signature: bytes,
        *,
        version: int | None = None,
        algorithm: str = "",
        prehashed: bool = False,
        signature_format: str = "der",
        context_string: bytes = b"",
    ) -> Verified:
        """Verify a signature, under ``version`` or the newest version that it holds for."""
        return await self._perform(
            Verify(
                message=message,
                signature=signature,
                version=version,
                algorithm=algorithm,
                prehashed=prehashed,
                signature_format=signature_format,
                context_string=context_string,
                key=key,
            )
        )

    async def verify_batch(self, key: str, items: Sequence[VerifyItem]) -> Results[Verified]:
        """Verify many signatures of one key."""
        return await self._perform(VerifyBatch(key=key, items=list(items)))

    async def verify_mac(
        self, key: str, message: bytes, mac: bytes, *, version: int | None = None
    ) -> Verified:
        """Verify an HMAC, under ``version`` or any version that still verifies."""
        return await self._perform(VerifyMac(message=message, mac=mac, version=version, key=key))

    async def verify_mac_batch(self, key: str, items: Sequence[VerifyMacItem]) -> Results[Verified]:
        """Verify many HMACs of one key."""
        return await self._perform(VerifyMacBatch(key=key, items=list(items)))

    async def wrap(
        self,
        key: str,
        key_material: bytes,
        *,
        format: str = "",
        context: Mapping[str, str] = NO_ENTRIES,
    ) -> Wrapped:
        """Wrap a key under ``key``."""
        return await self._perform(
            Wrap(key_material=key_material, format=format, context=dict(context), key=key)
        )

    async def wrap_batch(self, key: str, items: Sequence[WrapItem]) -> Results[Wrapped]:
        """Wrap many keys under one key."""
        return await self._perform(WrapBatch(key=key, items=list(items)))


class AsyncMounts:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def create(
        self,
        path: str,
        type: str,
        *,
        description: str = "",
        config: MountConfig = DEFAULT_MOUNTCONFIG,
        options: Mapping[str, str] = NO_ENTRIES,
        local: bool = False,
        seal_wrap: bool = False,
        external_entropy_access: bool = False,
    ) -> MountView:
        """Mount a secrets engine, or under ``auth/`` a log-in method."""
        return await self._perform(
            CreateMount(
                path=path,
                type=type,
                description=description,
                config=config,
                options=dict(options),
                local=local,
                seal_wrap=seal_wrap,
                external_entropy_access=external_entropy_access,
            )
        )

    async def delete(self, path: str) -> None:
        """Take a mount away, with all that is at it. There is no way back."""
        await self._perform(DeleteMount(path=path))

    async def list(self) -> MountPage:
        """List the mounts of this namespace, those that are there by themselves too."""
        return await self._perform(ListMounts())

    async def move(self, path: str, target: str) -> MountView:
        """Move a mount with all that is at it to another path."""
        return await self._perform(MoveMount(path=path, target=target))

    async def show(self, path: str) -> MountView:
        """Show a mount."""
        return await self._perform(ShowMount(path=path))

    async def tune(
        self,
        path: str,
        *,
        description: str | None = None,
        config: MountConfig | None = None,
        options: Mapping[str, str] | None = None,
    ) -> MountView:
        """Change how a mount behaves; what is None stays."""
        return await self._perform(
            TuneMount(
                path=path,
                description=description,
                config=config,
                options=None if options is None else dict(options),
            )
        )


class AsyncNamespaces:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def create(self, name: str) -> NamespaceView:
        """Create a namespace, with a key-encryption key of its own."""
        return await self._perform(CreateNamespace(name=name))

    async def delete(self, name: str, confirm: str) -> None:
        """Delete a namespace for good: its key-encryption key is destroyed, then its records.

        ``confirm`` must repeat the name.
        """
        await self._perform(DeleteNamespace(name=name, confirm=confirm))

    async def list(self, *, after: str = "", limit: int = 100) -> NamespacePage:
        """List namespaces."""
        return await self._perform(ListNamespaces(after=after, limit=limit))

    async def rotate_kek(self, name: str) -> NamespaceView:
        """Give a namespace a new key-encryption key for what is written from now on."""
        return await self._perform(RotateNamespaceKek(name=name))

    async def seal(self, name: str) -> NamespaceView:
        """Seal a namespace: nothing in it is served until it is unsealed."""
        return await self._perform(SealNamespace(name=name))

    async def show(self, name: str) -> NamespaceView:
        """Show a namespace."""
        return await self._perform(ShowNamespace(name=name))

    async def unseal(self, name: str) -> NamespaceView:
        """Unseal a namespace."""
        return await self._perform(UnsealNamespace(name=name))


class AsyncPolicies:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def delete(self, name: str) -> None:
        """Delete a policy."""
        await self._perform(DeletePolicy(name=name))

    async def list(self, *, after: str = "", limit: int = 100) -> PolicyNames:
        """List policies."""
        return await self._perform(ListPolicies(after=after, limit=limit))

    async def schema(self) -> PolicySchema:
        """Show the schema that policies are checked against."""
        return await self._perform(ShowPolicySchema())

    async def show(self, name: str) -> PolicyView:
        """Show a policy as it was written."""
        return await self._perform(ShowPolicy(name=name))

    async def validate(self, text: str) -> PolicyErrors:
        """Check a policy text against the schema without writing it."""
        return await self._perform(ValidatePolicy(text=text))

    async def why(
        self,
        principal: str,
        asked_action: str,
        *,
        resource_kind: str = "key",
        resource_name: str = "",
        roles: Sequence[str] = (),
        source_ip: str = "",
        context: Mapping[str, str] = NO_ENTRIES,
    ) -> Explanation:
        """Say whether a principal may do something, and which policies decide."""
        return await self._perform(
            ExplainDecision(
                principal=principal,
                asked_action=asked_action,
                resource_kind=resource_kind,
                resource_name=resource_name,
                roles=list(roles),
                source_ip=source_ip,
                context=dict(context),
            )
        )

    async def write(self, name: str, text: str, *, description: str = "") -> PolicyView:
        """Create or replace a policy. A text that the schema refuses is not written."""
        return await self._perform(WritePolicy(name=name, text=text, description=description))


class AsyncRoles:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def delete(self, name: str) -> None:
        """Delete a role."""
        await self._perform(DeleteRole(name=name))

    async def list(self, *, after: str = "", limit: int = 100) -> RolePage:
        """List roles."""
        return await self._perform(ListRoles(after=after, limit=limit))

    async def write(
        self, name: str, *, description: str = "", includes: Sequence[str] = ()
    ) -> RoleView:
        """Create or replace a role; who has it has the roles it ``includes`` too."""
        return await self._perform(
            WriteRole(name=name, description=description, includes=list(includes))
        )


class AsyncSystem:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def cancel_generate_root(self) -> CeremonyStatus:
        """Give up making a root token."""
        return await self._perform(CancelGenerateRoot())

    async def cancel_rekey(self) -> CeremonyStatus:
        """Give up a rekey."""
        return await self._perform(CancelRekey())

    async def continue_generate_root(self, nonce: str, share: str) -> CeremonyStatus:
        """Give one present share; the last needed one answers with the encoded token."""
        return await self._perform(ContinueGenerateRoot(nonce=nonce, share=share))

    async def continue_rekey(self, nonce: str, share: str) -> CeremonyStatus:
        """Give one present share; the last needed one answers with the new shares."""
        return await self._perform(ContinueRekey(nonce=nonce, share=share))

    async def generate_random(self, *, length: int = 32) -> Random:
        """Random bytes from the operating system's generator."""
        return await self._perform(GenerateRandom(length=length))

    async def generate_random_batch(self, items: Sequence[RandomItem]) -> Results[Random]:
        """Several random values."""
        return await self._perform(GenerateRandomBatch(items=list(items)))

    async def initialize(self, *, shares: int = 5, threshold: int = 3) -> Initialized:
        """Make the root key, its shares and the first root token."""
        return await self._perform(Initialize(shares=shares, threshold=threshold))

    async def rewrap_root(self) -> None:
        """Make a new root key and wrap the keyring under it, without a pause in service.

        For automatic seals. With Shamir a rekey does this.
        """
        await self._perform(RewrapRoot())

    async def rotate_keyring(self) -> KeyringView:
        """Add a keyring version, make it active, and wrap every namespace KEK under it."""
        return await self._perform(RotateKeyring())

    async def seal(self) -> SealStatus:
        """Forget the root key and every key on this node until it is unsealed again."""
        return await self._perform(Seal())

    async def show_keyring(self) -> KeyringView:
        """Show the keyring's versions."""
        return await self._perform(ShowKeyring())

    async def start_generate_root(self, one_time_pad: bytes) -> CeremonyStatus:
        """Begin to make a root token. It will come out XORed with ``one_time_pad``.

        The pad is random bytes of the length of a token (base64), kept by who begins.
        """
        return await self._perform(StartGenerateRoot(one_time_pad=one_time_pad))

    async def start_rekey(self, *, shares: int = 5, threshold: int = 3) -> CeremonyStatus:
        """Begin to replace the shares: ``shares`` new ones, of which ``threshold`` are needed."""
        return await self._perform(StartRekey(shares=shares, threshold=threshold))

    async def status(self) -> SealStatus:
        """Show whether the server is initialized and unsealed."""
        return await self._perform(ShowStatus())

    async def unseal(self, *, share: str = "", reset: bool = False) -> SealStatus:
        """Give one unseal share. ``reset`` forgets those given before."""
        return await self._perform(Unseal(share=share, reset=reset))


class AsyncTokens:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def create(
        self,
        *,
        name: str | None = None,
        roles: Sequence[str] | None = None,
        token_kind: str = "service",
        orphan: bool = False,
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> IssuedToken:
        """Create a token: a child of the caller's, revoked with it, unless ``orphan``.

        ``kind``: ``service`` (stored, revocable) or ``batch`` (self-contained, not stored: it
        ends by its lifetime or with its parent). Without ``name`` the token is for the caller itself.
        """
        return await self._perform(
            CreateToken(
                name=name,
                roles=None if roles is None else list(roles),
                token_kind=token_kind,
                orphan=orphan,
                limits=limits,
            )
        )

    async def list(self, *, after: str = "", limit: int = 100) -> TokenPage:
        """List stored tokens by accessor."""
        return await self._perform(ListTokens(after=after, limit=limit))

    async def lookup(self, accessor: str) -> TokenView:
        """Look up a token by its accessor."""
        return await self._perform(LookupToken(accessor=accessor))

    async def lookup_self(self) -> TokenView:
        """Look up the token that this request is made with."""
        return await self._perform(LookupSelf())

    async def renew(self, accessor: str, *, increment_seconds: int = 0) -> TokenView:
        """Renew a token by its accessor; ``increment_seconds`` 0 asks for its own lifetime again."""
        return await self._perform(
            RenewToken(accessor=accessor, increment_seconds=increment_seconds)
        )

    async def renew_self(self, *, increment_seconds: int = 0) -> TokenView:
        """Renew the token that this request is made with."""
        return await self._perform(RenewSelf(increment_seconds=increment_seconds))

    async def revoke(self, accessor: str, *, orphan_children: bool = False) -> None:
        """Revoke a token by its accessor, and its children unless ``orphan_children``."""
        await self._perform(RevokeToken(accessor=accessor, orphan_children=orphan_children))

    async def revoke_self(self) -> None:
        """Revoke the token that this request is made with, and its children."""
        await self._perform(RevokeSelf())


class AsyncUsers:
    __slots__ = ("_perform",)

    def __init__(self, perform: AsyncPerform) -> None:
        self._perform = perform

    async def delete(self, name: str) -> None:
        """Delete a user and revoke the user's tokens."""
        await self._perform(DeleteUser(name=name))

    async def list(self, *, after: str = "", limit: int = 100) -> UserNames:
        """List users."""
        return await self._perform(ListUsers(after=after, limit=limit))

    async def login(self, name: str, password: str) -> IssuedToken:
        """Log in with a name and a password."""
        return await self._perform(LoginUser(name=name, password=password))

    async def set_password(self, name: str, password: str) -> None:
        """Set a user's password and revoke the tokens of the user."""
        await self._perform(SetPassword(name=name, password=password))

    async def show(self, name: str) -> UserView:
        """Show a user."""
        return await self._perform(ShowUser(name=name))

    async def write(
        self,
        name: str,
        *,
        password: str | None = None,
        roles: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> UserView:
        """Create or replace a user. ``password`` is required for a new one (12 to 1,024 bytes)."""
        return await self._perform(
            WriteUser(name=name, password=password, roles=list(roles), limits=limits)
        )


class AsyncMethods:
    """Every operation, by the kind of resource that it acts on."""

    def __init__(self, perform: AsyncPerform) -> None:
        self.approles = AsyncApproles(perform)
        self.audit = AsyncAudit(perform)
        self.certificate_roles = AsyncCertificateRoles(perform)
        self.groups = AsyncGroups(perform)
        self.keys = AsyncKeys(perform)
        self.mounts = AsyncMounts(perform)
        self.namespaces = AsyncNamespaces(perform)
        self.policies = AsyncPolicies(perform)
        self.roles = AsyncRoles(perform)
        self.system = AsyncSystem(perform)
        self.tokens = AsyncTokens(perform)
        self.users = AsyncUsers(perform)
