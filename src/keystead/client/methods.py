"""The synchronous methods, one for each operation.

Written by tools/generate_client.py; change that or the catalogue, not this.
"""
# ruff: noqa: E501 - docstrings move in by a level

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

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
from keystead.operations.audit_devices import (
    AuditDevicePage,
    AuditDeviceView,
    AuditHash,
    CreateAuditDevice,
    DeleteAuditDevice,
    HashForAuditDevice,
    ListAuditDevices,
)
from keystead.operations.base import Operation, ReplyT
from keystead.operations.certificate_auth import (
    CertificateSettings,
    DeleteRevocationList,
    ListRevocationLists,
    RevocationList,
    RevocationListNames,
    ShowCertificateSettings,
    ShowRevocationList,
    WriteCertificateSettings,
    WriteRevocationList,
)
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
from keystead.operations.database import (
    ConfigureDatabase,
    DatabaseCredentials,
    DatabaseNames,
    DatabaseRoleView,
    DatabaseView,
    DeleteDatabase,
    DeleteDatabaseRole,
    DeleteStaticRole,
    IssueDatabaseCredentials,
    ListDatabaseRoles,
    ListDatabases,
    ListStaticRoles,
    ReadStaticCredentials,
    ReloadDatabases,
    ResetDatabase,
    RotateDatabaseRoot,
    RotateStaticRole,
    ShowDatabase,
    ShowDatabaseRole,
    ShowStaticRole,
    StaticCredentials,
    StaticRoleView,
    WriteDatabaseRole,
    WriteStaticRole,
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
    DeleteTokenRole,
    DeleteUser,
    DestroySecretId,
    FindSecretId,
    FindToken,
    GroupPage,
    GroupView,
    IssuedToken,
    ListAppRoles,
    ListCertificateRoles,
    ListGroups,
    ListRoles,
    ListSecretIds,
    ListTokenRoles,
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
    SecretIdView,
    SetPassword,
    ShowAppRole,
    ShowCertificateRole,
    ShowGroup,
    ShowTokenRole,
    ShowUser,
    TokenLimits,
    TokenPage,
    TokenRoleNames,
    TokenRoleView,
    TokenView,
    UserNames,
    UserView,
    WriteAppRole,
    WriteCertificateRole,
    WriteGroup,
    WriteRole,
    WriteTokenRole,
    WriteUser,
)
from keystead.operations.jwt_auth import (
    AuthorizationUrl,
    DeleteJwtRole,
    FinishOidcLogin,
    JwtDemands,
    JwtIssuer,
    JwtIssuerView,
    JwtRoleNames,
    JwtRoleView,
    ListJwtRoles,
    LoginJwt,
    ShowJwtIssuer,
    ShowJwtRole,
    StartOidcLogin,
    WriteJwtIssuer,
    WriteJwtRole,
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
from keystead.operations.kubernetes_auth import (
    DeleteKubernetesRole,
    KubernetesCluster,
    KubernetesClusterView,
    KubernetesDemands,
    KubernetesRoleNames,
    KubernetesRoleView,
    ListKubernetesRoles,
    LoginKubernetes,
    ShowKubernetesCluster,
    ShowKubernetesRole,
    WriteKubernetesCluster,
    WriteKubernetesRole,
)
from keystead.operations.leases import (
    CountLeases,
    ForgetLeases,
    LeaseCount,
    LeasePage,
    LeaseView,
    ListLeases,
    RenewLease,
    RevokeLease,
    RevokeLeases,
    ShowLease,
    TidyLeases,
)
from keystead.operations.mfa import ValidateMfa
from keystead.operations.mounts import (
    CreateMount,
    DeleteMount,
    ListMounts,
    MountConfig,
    MountPage,
    MountTuning,
    MountView,
    MoveMount,
    ShowMount,
    TuneMount,
)
from keystead.operations.namespaces import (
    CreateNamespace,
    DeleteNamespace,
    DescribeNamespace,
    ListNamespaces,
    NamespacePage,
    NamespaceView,
    RotateNamespaceKek,
    SealNamespace,
    ShowNamespace,
    UnsealNamespace,
)
from keystead.operations.password_policies import (
    DeletePasswordPolicy,
    GeneratedPassword,
    GeneratePassword,
    ListPasswordPolicies,
    PasswordPolicyNames,
    PasswordPolicyView,
    ShowPasswordPolicy,
    WritePasswordPolicy,
)
from keystead.operations.path_policies import (
    DeletePathPolicy,
    ListPathPolicies,
    PathCapabilities,
    PathPolicyView,
    PathRights,
    ShowCapabilities,
    ShowOwnCapabilities,
    ShowOwnRights,
    ShowPathPolicy,
    ValidatePathPolicy,
    WritePathPolicy,
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
from keystead.operations.quotas import (
    DeleteLeaseLimit,
    DeleteRateLimit,
    LeaseLimit,
    ListLeaseLimits,
    ListRateLimits,
    QuotaNames,
    QuotaSettings,
    RateLimit,
    ShowLeaseLimit,
    ShowQuotaSettings,
    ShowRateLimit,
    WriteLeaseLimit,
    WriteQuotaSettings,
    WriteRateLimit,
)
from keystead.operations.secrets import (
    ConfigureSecretStore,
    DeleteSecret,
    DestroySecret,
    ListSecretDetails,
    ListSecrets,
    PatchSecret,
    PatchSecretMetadata,
    PurgeSecret,
    ReadSecret,
    ReadSubkeys,
    Secret,
    SecretInfos,
    SecretNames,
    SecretStore,
    SecretVersion,
    SecretView,
    ShowSecret,
    ShowSecretStore,
    Subkeys,
    UndeleteSecret,
    WriteSecret,
    WriteSecretMetadata,
)
from keystead.operations.system import (
    CancelGenerateRoot,
    CancelRekey,
    CeremonyStatus,
    ContinueGenerateRoot,
    ContinueRekey,
    Digest,
    HashBytes,
    Initialize,
    Initialized,
    KeyringView,
    RewrapRoot,
    RotateKeyring,
    Seal,
    SealStatus,
    ServerView,
    ShowGenerateRoot,
    ShowKeyring,
    ShowRekey,
    ShowServer,
    ShowStatus,
    StartGenerateRoot,
    StartRekey,
    Unseal,
    VerifyRekey,
)

NO_ENTRIES: Final[Mapping[str, Any]] = MappingProxyType({})
DEFAULT_MOUNTCONFIG: Final = MountConfig()
DEFAULT_TOKENLIMITS: Final = TokenLimits()


class Perform(Protocol):
    """Carries out any operation."""

    def __call__(self, operation: Operation[ReplyT], /) -> ReplyT: ...


class ApprolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def create_secret_id(
        self,
        name: str,
        *,
        ttl_seconds: int = 0,
        max_uses: int = 0,
        bound_cidrs: Sequence[str] = (),
        token_bound_cidrs: Sequence[str] = (),
        metadata: Mapping[str, str] = NO_ENTRIES,
        text: str | None = None,
    ) -> SecretId:
        """Make a secret identifier with which an AppRole logs in.

        ``metadata`` is passed on to its tokens, which are bound to ``token_bound_cidrs`` too.
        ``text`` chooses the secret identifier; without, it has 256 random bits.
        """
        return self._perform(
            CreateSecretId(
                name=name,
                ttl_seconds=ttl_seconds,
                max_uses=max_uses,
                bound_cidrs=list(bound_cidrs),
                token_bound_cidrs=list(token_bound_cidrs),
                metadata=dict(metadata),
                text=text,
            )
        )

    def delete(self, name: str) -> None:
        """Delete an AppRole and its secret identifiers, and revoke its tokens."""
        self._perform(DeleteAppRole(name=name))

    def destroy_secret_id(self, name: str, accessor: str) -> None:
        """Destroy a secret identifier by its accessor."""
        self._perform(DestroySecretId(name=name, accessor=accessor))

    def find_secret_id(self, name: str, secret_id: str) -> SecretIdView:
        """Look up a secret identifier of an AppRole by its text."""
        return self._perform(FindSecretId(name=name, secret_id=secret_id))

    def list(self, *, after: str = "", limit: int = 100, mount: str | None = None) -> AppRoleNames:
        """List AppRoles: those of a log-in ``mount`` (empty: the usual one), or all."""
        return self._perform(ListAppRoles(after=after, limit=limit, mount=mount))

    def list_secret_ids(self, name: str) -> SecretIds:
        """List an AppRole's secret identifiers by accessor."""
        return self._perform(ListSecretIds(name=name))

    def login(self, role_id: str, *, secret_id: str = "", mount: str | None = None) -> IssuedToken:
        """Log in with a role identifier and a secret identifier.

        ``mount``: the AppRole must belong to this one; empty for the usual.
        """
        return self._perform(LoginAppRole(role_id=role_id, secret_id=secret_id, mount=mount))

    def show(self, name: str) -> AppRoleView:
        """Show an AppRole and its role identifier."""
        return self._perform(ShowAppRole(name=name))

    def write(
        self,
        name: str,
        *,
        roles: Sequence[str] = (),
        bind_secret_id: bool = True,
        secret_id_ttl_seconds: int = 0,
        secret_id_max_uses: int = 0,
        secret_id_bound_cidrs: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
        role_id: str | None = None,
    ) -> AppRoleView:
        """Create or replace an AppRole: how one application logs in, and its roles.

        ``role_id`` chooses the role identifier; without, it stays, or is made at random.
        """
        return self._perform(
            WriteAppRole(
                name=name,
                roles=list(roles),
                bind_secret_id=bind_secret_id,
                secret_id_ttl_seconds=secret_id_ttl_seconds,
                secret_id_max_uses=secret_id_max_uses,
                secret_id_bound_cidrs=list(secret_id_bound_cidrs),
                limits=limits,
                role_id=role_id,
            )
        )


class AuditMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def checkpoint(self) -> CheckpointNote:
        """Show the newest checkpoint; a new one is made every few seconds while entries come."""
        return self._perform(ShowCheckpoint())

    def prove(self, index: int) -> InclusionProof:
        """Prove that the entry at ``index`` is in the log."""
        return self._perform(ProveEntry(index=index))

    def query(
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
        return self._perform(
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

    def verify(self) -> AuditReport:
        """Verify this node's whole log."""
        return self._perform(VerifyAudit())


class AuditDevicesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def create(
        self,
        path: str,
        type: str,
        *,
        description: str = "",
        options: Mapping[str, str] = NO_ENTRIES,
        local: bool = False,
    ) -> AuditDeviceView:
        """Send a copy of every audit entry, from now on and from every node, to a device.

        ``file``: ``file_path`` (or ``stdout``, ``discard``). ``socket``: ``address`` and
        ``socket_type`` (``tcp``, ``udp``, ``unix``). ``syslog``: ``facility`` and ``tag``, to the
        host's own syslog. A device that cannot be reached now is refused; one that fails later
        is tried again, and never holds up service.
        """
        return self._perform(
            CreateAuditDevice(
                path=path, type=type, description=description, options=dict(options), local=local
            )
        )

    def delete(self, path: str) -> None:
        """Send no more to a device."""
        self._perform(DeleteAuditDevice(path=path))

    def hash(self, path: str, input: str) -> AuditHash:
        """HMAC-SHA-256 of a text under the device's own salt."""
        return self._perform(HashForAuditDevice(path=path, input=input))

    def list(self) -> AuditDevicePage:
        """List the audit devices."""
        return self._perform(ListAuditDevices())


class CertificateRolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a certificate role and revoke its tokens."""
        self._perform(DeleteCertificateRole(name=name))

    def list(
        self, *, after: str = "", limit: int = 100, mount: str | None = None
    ) -> CertificateRoleNames:
        """List certificate roles: those of a log-in ``mount`` (empty: the usual one), or all."""
        return self._perform(ListCertificateRoles(after=after, limit=limit, mount=mount))

    def login(self, *, name: str | None = None, mount: str | None = None) -> IssuedToken:
        """Log in with this connection's client certificate, as ``name`` or the role that fits."""
        return self._perform(LoginCertificate(name=name, mount=mount))

    def show(self, name: str) -> CertificateRoleView:
        """Show a certificate role."""
        return self._perform(ShowCertificateRole(name=name))

    def write(
        self,
        name: str,
        ca_pem: str,
        *,
        roles: Sequence[str] = (),
        allowed_common_names: Sequence[str] = (),
        allowed_dns_names: Sequence[str] = (),
        allowed_uris: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
        allowed_names: Sequence[str] = (),
        allowed_emails: Sequence[str] = (),
        allowed_units: Sequence[str] = (),
        required_extensions: Sequence[str] = (),
        metadata_extensions: Sequence[str] = (),
        display_name: str = "",
    ) -> CertificateRoleView:
        """Create or replace a certificate role: which certificates of which CA log in as it.

        A trusted certificate that is no CA logs in itself. Names are shell-style patterns; an empty
        list places no demand. ``allowed_names`` are common names, DNS names or mail addresses,
        ``allowed_units`` organizational units. ``required_extensions`` must all be there:
        ``OID:pattern`` on a string, or ``hex:OID:pattern`` on DER. The strings in
        ``metadata_extensions`` (OIDs) go into the metadata of the tokens.
        """
        return self._perform(
            WriteCertificateRole(
                name=name,
                ca_pem=ca_pem,
                roles=list(roles),
                allowed_common_names=list(allowed_common_names),
                allowed_dns_names=list(allowed_dns_names),
                allowed_uris=list(allowed_uris),
                limits=limits,
                allowed_names=list(allowed_names),
                allowed_emails=list(allowed_emails),
                allowed_units=list(allowed_units),
                required_extensions=list(required_extensions),
                metadata_extensions=list(metadata_extensions),
                display_name=display_name,
            )
        )


class CertificateSettingsMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def show(self, *, mount: str = "") -> CertificateSettings:
        """Show what holds for all certificate roles of a mount."""
        return self._perform(ShowCertificateSettings(mount=mount))

    def write(
        self,
        *,
        mount: str = "",
        disable_binding: bool = False,
        enable_identity_alias_metadata: bool = False,
    ) -> CertificateSettings:
        """Say what holds for all certificate roles of a mount."""
        return self._perform(
            WriteCertificateSettings(
                mount=mount,
                disable_binding=disable_binding,
                enable_identity_alias_metadata=enable_identity_alias_metadata,
            )
        )


class DatabasesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def configure(
        self,
        name: str,
        *,
        plugin: str | None = None,
        connection_url: str | None = None,
        username: str | None = None,
        password: str | None = None,
        allowed_roles: Sequence[str] | None = None,
        root_rotation_statements: Sequence[str] | None = None,
        password_policy: str | None = None,
        username_template: str | None = None,
        verify_connection: bool | None = None,
        disable_escaping: bool | None = None,
        max_open_connections: int | None = None,
        max_idle_connections: int | None = None,
        max_connection_lifetime_seconds: int | None = None,
        tls_ca: str | None = None,
        tls_certificate: str | None = None,
        tls_private_key: str | None = None,
        tls_server_name: str | None = None,
        tls_skip_verify: bool | None = None,
        password_authentication: str | None = None,
        plugin_version: str | None = None,
    ) -> DatabaseView:
        """Say how a database is reached, and as whom; what is None stays.

        Unless ``verify_connection`` is false, nothing is written before a connection was made.
        ``allowed_roles`` are names at the mount, with ``*`` at the end of a prefix, or ``*``.
        """
        return self._perform(
            ConfigureDatabase(
                name=name,
                plugin=plugin,
                connection_url=connection_url,
                username=username,
                password=password,
                allowed_roles=None if allowed_roles is None else list(allowed_roles),
                root_rotation_statements=None
                if root_rotation_statements is None
                else list(root_rotation_statements),
                password_policy=password_policy,
                username_template=username_template,
                verify_connection=verify_connection,
                disable_escaping=disable_escaping,
                max_open_connections=max_open_connections,
                max_idle_connections=max_idle_connections,
                max_connection_lifetime_seconds=max_connection_lifetime_seconds,
                tls_ca=tls_ca,
                tls_certificate=tls_certificate,
                tls_private_key=tls_private_key,
                tls_server_name=tls_server_name,
                tls_skip_verify=tls_skip_verify,
                password_authentication=password_authentication,
                plugin_version=plugin_version,
            )
        )

    def delete(self, name: str) -> None:
        """Forget how a database is reached. Its leases cannot be taken back any more."""
        self._perform(DeleteDatabase(name=name))

    def list(self, *, after: str = "", limit: int = 100, mount: str = "database") -> DatabaseNames:
        """List the databases at a mount by their names there."""
        return self._perform(ListDatabases(after=after, limit=limit, mount=mount))

    def reload(self, plugin: str, *, mount: str = "database") -> DatabaseNames:
        """Close all connections to the databases at a mount that use a plugin; say which."""
        return self._perform(ReloadDatabases(plugin=plugin, mount=mount))

    def reset(self, name: str) -> None:
        """Close all connections to a database and make a new one."""
        self._perform(ResetDatabase(name=name))

    def rotate_root(self, name: str) -> None:
        """Change the password that Keystead itself uses; nobody but Keystead knows the new one."""
        self._perform(RotateDatabaseRoot(name=name))

    def show(self, name: str) -> DatabaseView:
        """Show how a database is reached."""
        return self._perform(ShowDatabase(name=name))


class DatabaseRolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a role; the accounts made with it hold until their leases end."""
        self._perform(DeleteDatabaseRole(name=name))

    def issue(self, name: str) -> DatabaseCredentials:
        """Make an account at a database and lease it. ``name`` is the role's."""
        return self._perform(IssueDatabaseCredentials(name=name))

    def list(self, *, after: str = "", limit: int = 100, mount: str = "database") -> DatabaseNames:
        """List the roles at a mount by their names there."""
        return self._perform(ListDatabaseRoles(after=after, limit=limit, mount=mount))

    def show(self, name: str) -> DatabaseRoleView:
        """Show a role."""
        return self._perform(ShowDatabaseRole(name=name))

    def write(
        self,
        name: str,
        *,
        database: str | None = None,
        creation_statements: Sequence[str] | None = None,
        revocation_statements: Sequence[str] | None = None,
        rollback_statements: Sequence[str] | None = None,
        renew_statements: Sequence[str] | None = None,
        default_ttl_seconds: int | None = None,
        max_ttl_seconds: int | None = None,
        credential_type: Literal["password", "rsa_private_key"] | None = None,
        credential_config: Mapping[str, str] | None = None,
    ) -> None:
        """Create or change a role; what is None stays. ``database`` is a name at the mount."""
        self._perform(
            WriteDatabaseRole(
                name=name,
                database=database,
                creation_statements=None
                if creation_statements is None
                else list(creation_statements),
                revocation_statements=None
                if revocation_statements is None
                else list(revocation_statements),
                rollback_statements=None
                if rollback_statements is None
                else list(rollback_statements),
                renew_statements=None if renew_statements is None else list(renew_statements),
                default_ttl_seconds=default_ttl_seconds,
                max_ttl_seconds=max_ttl_seconds,
                credential_type=credential_type,
                credential_config=None if credential_config is None else dict(credential_config),
            )
        )


class DatabaseStaticRolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a static role. The account stays, with the password it has."""
        self._perform(DeleteStaticRole(name=name))

    def list(self, *, after: str = "", limit: int = 100, mount: str = "database") -> DatabaseNames:
        """List the static roles at a mount by their names there."""
        return self._perform(ListStaticRoles(after=after, limit=limit, mount=mount))

    def rotate(self, name: str) -> None:
        """Change the credential of a static role's account now."""
        self._perform(RotateStaticRole(name=name))

    def show(self, name: str) -> StaticRoleView:
        """Show a static role."""
        return self._perform(ShowStaticRole(name=name))

    def show_credentials(self, name: str) -> StaticCredentials:
        """Read the present credential of a static role's account."""
        return self._perform(ReadStaticCredentials(name=name))

    def write(
        self,
        name: str,
        *,
        database: str | None = None,
        username: str | None = None,
        rotation_statements: Sequence[str] | None = None,
        rotation_period_seconds: int | None = None,
        rotation_schedule: str | None = None,
        rotation_window_seconds: int | None = None,
        credential_type: Literal["password", "rsa_private_key"] | None = None,
        credential_config: Mapping[str, str] | None = None,
        skip_import_rotation: bool = False,
    ) -> None:
        """Create or change a static role; what is None stays.

        A new one's password is changed at once, unless ``skip_import_rotation``: then it is
        changed when the first rotation is due, and cannot be read before. ``rotation_schedule``
        is a cron expression of five fields, in UTC; with it, a rotation that is missed by more
        than the window (0: none) waits for the next.
        """
        self._perform(
            WriteStaticRole(
                name=name,
                database=database,
                username=username,
                rotation_statements=None
                if rotation_statements is None
                else list(rotation_statements),
                rotation_period_seconds=rotation_period_seconds,
                rotation_schedule=rotation_schedule,
                rotation_window_seconds=rotation_window_seconds,
                credential_type=credential_type,
                credential_config=None if credential_config is None else dict(credential_config),
                skip_import_rotation=skip_import_rotation,
            )
        )


class GroupsMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a group; its members lose its roles."""
        self._perform(DeleteGroup(name=name))

    def list(self, *, after: str = "", limit: int = 100) -> GroupPage:
        """List groups."""
        return self._perform(ListGroups(after=after, limit=limit))

    def show(self, name: str) -> GroupView:
        """Show a group."""
        return self._perform(ShowGroup(name=name))

    def write(
        self, name: str, *, members: Sequence[str] = (), roles: Sequence[str] = ()
    ) -> GroupView:
        """Create or replace a group: its members (principal names) have its roles."""
        return self._perform(WriteGroup(name=name, members=list(members), roles=list(roles)))


class JwtIssuersMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def show(self, mount: str) -> JwtIssuerView:
        """Show whom a mount trusts."""
        return self._perform(ShowJwtIssuer(mount=mount))

    def write(self, mount: str, issuer: JwtIssuer) -> JwtIssuerView:
        """Say whom a mount trusts. Its roles must be ones that the caller may give.

        A URL is asked at once. Without ``oidc_client_secret`` the present one stays.
        """
        return self._perform(WriteJwtIssuer(mount=mount, issuer=issuer))


class JwtRolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a role and revoke its tokens."""
        self._perform(DeleteJwtRole(name=name))

    def finish_oidc(
        self, state: str, code: str, *, mount: str = "jwt", client_nonce: str = ""
    ) -> IssuedToken:
        """End a browser's log-in with what the issuer sent back."""
        return self._perform(
            FinishOidcLogin(mount=mount, state=state, code=code, client_nonce=client_nonce)
        )

    def list(self, *, after: str = "", limit: int = 100, mount: str = "jwt") -> JwtRoleNames:
        """List the roles of a mount, by their names there."""
        return self._perform(ListJwtRoles(after=after, limit=limit, mount=mount))

    def login(self, jwt: str, *, mount: str = "jwt", role: str = "") -> IssuedToken:
        """Log in with a signed token, as a role or the mount's default one."""
        return self._perform(LoginJwt(mount=mount, role=role, jwt=jwt))

    def show(self, name: str) -> JwtRoleView:
        """Show a role."""
        return self._perform(ShowJwtRole(name=name))

    def start_oidc(
        self, redirect_uri: str, *, mount: str = "jwt", role: str = "", client_nonce: str = ""
    ) -> AuthorizationUrl:
        """Begin a browser's log-in: the address of the issuer's page.

        ``redirect_uri`` is where the issuer sends the browser back to; ``client_nonce``, if
        given, must be shown again at the end, so that nobody else can end it.
        """
        return self._perform(
            StartOidcLogin(
                mount=mount, role=role, redirect_uri=redirect_uri, client_nonce=client_nonce
            )
        )

    def write(
        self,
        name: str,
        demands: JwtDemands,
        *,
        roles: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> JwtRoleView:
        """Create or replace a role: which tokens log in as it, and what they get."""
        return self._perform(
            WriteJwtRole(name=name, demands=demands, roles=list(roles), limits=limits)
        )


class KeysMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def add_alias(self, key: str, alias: str, *, move: bool = False) -> KeyView:
        """Give a key another name; ``move`` takes the alias from the key that has it."""
        return self._perform(AddAlias(key=key, alias=alias, move=move))

    def agree(self, key: str, public_key: bytes, *, version: int | None = None) -> SharedSecret:
        """Compute the raw ECDH or X25519 shared secret with a peer's public key."""
        return self._perform(Agree(public_key=public_key, version=version, key=key))

    def agree_batch(self, key: str, items: Sequence[AgreeItem]) -> Results[SharedSecret]:
        """Agree with many peers."""
        return self._perform(AgreeBatch(key=key, items=list(items)))

    def attest_public(self, key: str, *, version: int | None = None) -> PublicAttestation:
        """State, signed, which key a public part belongs to and how that key is kept."""
        return self._perform(AttestPublicKey(key=key, version=version))

    def compromise(self, key: str, *, version: int | None = None) -> KeyView:
        """Mark a key compromised: it opens what it protected, for recovery, and no more."""
        return self._perform(CompromiseKey(key=key, version=version))

    def create(
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
        return self._perform(
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

    def create_wrapping_key(self, *, spec: str = "rsa-3072") -> WrappingKey:
        """Make a wrapping key for one import, to be used within a day.

        RSA specs take ``rsa-oaep-sha256+aes-kwp``; x25519 and x25519-ml-kem-768 take ``hpke``.
        """
        return self._perform(CreateWrappingKey(spec=spec))

    def deactivate(self, key: str, *, version: int | None = None) -> KeyView:
        """Stop protecting with a key; it still decrypts and verifies."""
        return self._perform(DeactivateKey(key=key, version=version))

    def decapsulate(
        self, key: str, ciphertext: bytes, *, version: int | None = None
    ) -> SharedSecret:
        """Recover the shared secret of an encapsulation."""
        return self._perform(Decapsulate(ciphertext=ciphertext, version=version, key=key))

    def decapsulate_batch(
        self, key: str, items: Sequence[DecapsulateItem]
    ) -> Results[SharedSecret]:
        """Recover many shared secrets."""
        return self._perform(DecapsulateBatch(key=key, items=list(items)))

    def decrypt(
        self,
        ciphertext: bytes,
        *,
        key: str = "",
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
        algorithm: str = "",
    ) -> Decrypted:
        """Decrypt; the ciphertext names its key."""
        return self._perform(
            Decrypt(
                ciphertext=ciphertext, key=key, context=dict(context), aad=aad, algorithm=algorithm
            )
        )

    def decrypt_batch(self, key: str, items: Sequence[DecryptItem]) -> Results[Decrypted]:
        """Decrypt many ciphertexts of one key."""
        return self._perform(DecryptBatch(key=key, items=list(items)))

    def derive(
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
        return self._perform(
            Derive(
                length=length, info=info, salt=salt, context=dict(context), version=version, key=key
            )
        )

    def derive_batch(self, key: str, items: Sequence[DeriveItem]) -> Results[DerivedKey]:
        """Derive many keys from one key."""
        return self._perform(DeriveBatch(key=key, items=list(items)))

    def destroy(
        self, key: str, *, wait_seconds: int = 2592000, version: int | None = None
    ) -> KeyView:
        """Schedule destruction after ``wait_seconds`` (default 30 days, at least 1 day).

        ``version`` destroys one version's material only. Until then it can be restored.
        """
        return self._perform(DestroyKey(key=key, wait_seconds=wait_seconds, version=version))

    def disable(self, key: str, *, version: int | None = None) -> KeyView:
        """Suspend a key: nothing works with it until it is enabled again."""
        return self._perform(DisableKey(key=key, version=version))

    def enable(self, key: str, *, version: int | None = None) -> KeyView:
        """Make a pre-active or suspended key active."""
        return self._perform(EnableKey(key=key, version=version))

    def encapsulate(self, key: str) -> SharedSecret:
        """Make a shared secret and its encapsulation for the key's primary version."""
        return self._perform(Encapsulate(key=key))

    def encapsulate_batch(
        self, key: str, items: Sequence[EncapsulateItem]
    ) -> Results[SharedSecret]:
        """Make many encapsulations."""
        return self._perform(EncapsulateBatch(key=key, items=list(items)))

    def encrypt(
        self,
        key: str,
        plaintext: bytes,
        *,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
    ) -> Encrypted:
        """Encrypt with a key's primary version."""
        return self._perform(Encrypt(plaintext=plaintext, context=dict(context), aad=aad, key=key))

    def encrypt_batch(self, key: str, items: Sequence[EncryptItem]) -> Results[Encrypted]:
        """Encrypt many plaintexts with one key."""
        return self._perform(EncryptBatch(key=key, items=list(items)))

    def export(self, key: str, *, version: int | None = None) -> ExportedKey:
        """Give out the material of an exportable key."""
        return self._perform(ExportKey(key=key, version=version))

    def generate_data_key(
        self,
        key: str,
        *,
        length: int = 32,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
        with_plaintext: bool = True,
    ) -> DataKey:
        """Make a random data key, encrypted under ``key``, with its plaintext or without."""
        return self._perform(
            GenerateDataKey(
                length=length,
                context=dict(context),
                aad=aad,
                with_plaintext=with_plaintext,
                key=key,
            )
        )

    def generate_data_key_batch(self, key: str, items: Sequence[DataKeyItem]) -> Results[DataKey]:
        """Make many data keys under one key."""
        return self._perform(GenerateDataKeyBatch(key=key, items=list(items)))

    def generate_data_key_pair(
        self,
        key: str,
        spec: str,
        *,
        context: Mapping[str, str] = NO_ENTRIES,
        aad: bytes = b"",
        with_plaintext: bool = True,
    ) -> DataKeyPair:
        """Make a key pair whose private part is encrypted under ``key``."""
        return self._perform(
            GenerateDataKeyPair(
                spec=spec, context=dict(context), aad=aad, with_plaintext=with_plaintext, key=key
            )
        )

    def generate_data_key_pair_batch(
        self, key: str, items: Sequence[DataKeyPairItem]
    ) -> Results[DataKeyPair]:
        """Make many key pairs under one key."""
        return self._perform(GenerateDataKeyPairBatch(key=key, items=list(items)))

    def generate_mac(self, key: str, message: bytes) -> Mac:
        """Compute a message's HMAC."""
        return self._perform(GenerateMac(message=message, key=key))

    def generate_mac_batch(self, key: str, items: Sequence[MacItem]) -> Results[Mac]:
        """Compute many HMACs with one key."""
        return self._perform(GenerateMacBatch(key=key, items=list(items)))

    def import_(
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
        return self._perform(
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

    def list(
        self, *, after: str = "", limit: int = 100, state: str = "", tag: str = "", prefix: str = ""
    ) -> KeyPage:
        """List keys by name; ``state`` and ``tag`` (``name=value``) narrow the list."""
        return self._perform(
            ListKeys(after=after, limit=limit, state=state, tag=tag, prefix=prefix)
        )

    def reencrypt(
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
        return self._perform(
            Reencrypt(
                ciphertext=ciphertext,
                source_context=dict(source_context),
                source_aad=source_aad,
                context=None if context is None else dict(context),
                aad=aad,
                key=key,
            )
        )

    def reencrypt_batch(self, key: str, items: Sequence[ReencryptItem]) -> Results[Encrypted]:
        """Re-encrypt many ciphertexts with one key."""
        return self._perform(ReencryptBatch(key=key, items=list(items)))

    def remove_alias(self, key: str, alias: str) -> KeyView:
        """Take an alias away."""
        return self._perform(RemoveAlias(key=key, alias=alias))

    def restore(self, key: str, *, version: int | None = None) -> KeyView:
        """Cancel a scheduled destruction; the key comes back suspended."""
        return self._perform(RestoreKey(key=key, version=version))

    def rotate(self, key: str) -> KeyView:
        """Generate a new version and make it primary; old ones still decrypt and verify."""
        return self._perform(RotateKey(key=key))

    def show(self, key: str) -> KeyView:
        """Show a key, its versions and its public parts."""
        return self._perform(ShowKey(key=key))

    def sign(
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
        return self._perform(
            Sign(
                message=message,
                algorithm=algorithm,
                prehashed=prehashed,
                signature_format=signature_format,
                context_string=context_string,
                key=key,
            )
        )

    def sign_batch(self, key: str, items: Sequence[SignItem]) -> Results[Signed]:
        """Sign many messages with one key."""
        return self._perform(SignBatch(key=key, items=list(items)))

    def unwrap(
        self,
        key: str,
        wrapped: bytes,
        *,
        format: str = "",
        version: int | None = None,
        context: Mapping[str, str] = NO_ENTRIES,
    ) -> Unwrapped:
        """Unwrap a key that ``key`` wrapped."""
        return self._perform(
            Unwrap(wrapped=wrapped, format=format, version=version, context=dict(context), key=key)
        )

    def unwrap_batch(self, key: str, items: Sequence[UnwrapItem]) -> Results[Unwrapped]:
        """Unwrap many keys that one key wrapped."""
        return self._perform(UnwrapBatch(key=key, items=list(items)))

    def update(
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
        return self._perform(
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

    def usage(self, key: str) -> KeyUsage:
        """Show use counts and last use by version and principal."""
        return self._perform(ShowKeyUsage(key=key))

    def verify(
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
        return self._perform(
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

    def verify_batch(self, key: str, items: Sequence[VerifyItem]) -> Results[Verified]:
        """Verify many signatures of one key."""
        return self._perform(VerifyBatch(key=key, items=list(items)))

    def verify_mac(
        self, key: str, message: bytes, mac: bytes, *, version: int | None = None
    ) -> Verified:
        """Verify an HMAC, under ``version`` or any version that still verifies."""
        return self._perform(VerifyMac(message=message, mac=mac, version=version, key=key))

    def verify_mac_batch(self, key: str, items: Sequence[VerifyMacItem]) -> Results[Verified]:
        """Verify many HMACs of one key."""
        return self._perform(VerifyMacBatch(key=key, items=list(items)))

    def wrap(
        self,
        key: str,
        key_material: bytes,
        *,
        format: str = "",
        context: Mapping[str, str] = NO_ENTRIES,
    ) -> Wrapped:
        """Wrap a key under ``key``."""
        return self._perform(
            Wrap(key_material=key_material, format=format, context=dict(context), key=key)
        )

    def wrap_batch(self, key: str, items: Sequence[WrapItem]) -> Results[Wrapped]:
        """Wrap many keys under one key."""
        return self._perform(WrapBatch(key=key, items=list(items)))


class KubernetesClustersMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def show(self, mount: str) -> KubernetesClusterView:
        """Show which cluster a mount trusts."""
        return self._perform(ShowKubernetesCluster(mount=mount))

    def write(self, mount: str, cluster: KubernetesCluster) -> KubernetesClusterView:
        """Say which cluster a mount trusts."""
        return self._perform(WriteKubernetesCluster(mount=mount, cluster=cluster))


class KubernetesRolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a role and revoke its tokens."""
        self._perform(DeleteKubernetesRole(name=name))

    def list(
        self, *, after: str = "", limit: int = 100, mount: str = "kubernetes"
    ) -> KubernetesRoleNames:
        """List the roles of a mount, by their names there."""
        return self._perform(ListKubernetesRoles(after=after, limit=limit, mount=mount))

    def login(self, role: str, jwt: str, *, mount: str = "kubernetes") -> IssuedToken:
        """Log in with a service account's token."""
        return self._perform(LoginKubernetes(mount=mount, role=role, jwt=jwt))

    def show(self, name: str) -> KubernetesRoleView:
        """Show a role."""
        return self._perform(ShowKubernetesRole(name=name))

    def write(
        self,
        name: str,
        demands: KubernetesDemands,
        *,
        roles: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> KubernetesRoleView:
        """Create or replace a role: which service accounts log in as it, and what they get."""
        return self._perform(
            WriteKubernetesRole(name=name, demands=demands, roles=list(roles), limits=limits)
        )


class LeasesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def count_leases(self) -> LeaseCount:
        """Count the leases of this namespace by state."""
        return self._perform(CountLeases())

    def list(
        self, *, after: str = "", limit: int = 100, prefix: str = "", state: str = "live"
    ) -> LeasePage:
        """List leases whose ids begin with a prefix, by id: the live ones, or in another state."""
        return self._perform(ListLeases(after=after, limit=limit, prefix=prefix, state=state))

    def renew(self, lease_id: str, *, increment_seconds: int = 0) -> LeaseView:
        """Prolong a lease by ``increment_seconds`` from now, within its longest lifetime.

        0: by what it was first given for.
        """
        return self._perform(RenewLease(lease_id=lease_id, increment_seconds=increment_seconds))

    def revoke(self, lease_id: str, *, wait: bool = False) -> None:
        """Take back what was leased. ``wait``: answer when that is done, or with why not.

        A lease that is not there is one that has been revoked.
        """
        self._perform(RevokeLease(lease_id=lease_id, wait=wait))

    def revoke_force(self, prefix: str) -> None:
        """Take back everything leased below a prefix, and forget what cannot be.

        What is forgotten may still work where it was made: for targets that are gone for good.
        """
        self._perform(ForgetLeases(prefix=prefix))

    def revoke_prefix(self, prefix: str, *, wait: bool = False) -> None:
        """Take back everything leased below a prefix, whose last segment is a whole one.

        ``wait``: answer when all is done, or with the first failure.
        """
        self._perform(RevokeLeases(prefix=prefix, wait=wait))

    def show(self, lease_id: str) -> LeaseView:
        """Show a lease."""
        return self._perform(ShowLease(lease_id=lease_id))

    def tidy(self) -> None:
        """Revoke leases whose tokens are gone: none should be left, so this finds nothing."""
        self._perform(TidyLeases())


class MfaMethodsMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def validate(
        self, request_id: str, *, codes: Mapping[str, list[str]] = NO_ENTRIES
    ) -> IssuedToken:
        """End a log-in that waits for a second factor: ``codes`` by a method's identifier or
        name. A log-in waits for five minutes.
        """
        return self._perform(ValidateMfa(request_id=request_id, codes=dict(codes)))


class MountsMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def create(
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
        return self._perform(
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

    def delete(self, path: str) -> None:
        """Take a mount away, with all that is at it. There is no way back."""
        self._perform(DeleteMount(path=path))

    def list(self) -> MountPage:
        """List the mounts of this namespace, those that are there by themselves too."""
        return self._perform(ListMounts())

    def move(self, path: str, target: str) -> MountView:
        """Move a mount with all that is at it to another path."""
        return self._perform(MoveMount(path=path, target=target))

    def show(self, path: str) -> MountView:
        """Show a mount."""
        return self._perform(ShowMount(path=path))

    def tune(
        self,
        path: str,
        *,
        description: str | None = None,
        config: MountTuning | None = None,
        options: Mapping[str, str] | None = None,
    ) -> MountView:
        """Change how a mount behaves; what is None stays."""
        return self._perform(
            TuneMount(
                path=path,
                description=description,
                config=config,
                options=None if options is None else dict(options),
            )
        )


class NamespacesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def create(
        self, name: str, *, custom_metadata: Mapping[str, str] = NO_ENTRIES
    ) -> NamespaceView:
        """Create a namespace, with a key-encryption key of its own."""
        return self._perform(CreateNamespace(name=name, custom_metadata=dict(custom_metadata)))

    def delete(self, name: str, confirm: str) -> None:
        """Delete a namespace for good: its key-encryption key is destroyed, then its records.

        ``confirm`` must repeat the name.
        """
        self._perform(DeleteNamespace(name=name, confirm=confirm))

    def describe(self, name: str, custom_metadata: Mapping[str, str | None]) -> NamespaceView:
        """Change a namespace's custom metadata: what is null goes, what is not named stays."""
        return self._perform(DescribeNamespace(name=name, custom_metadata=dict(custom_metadata)))

    def list(self, *, after: str = "", limit: int = 100) -> NamespacePage:
        """List namespaces."""
        return self._perform(ListNamespaces(after=after, limit=limit))

    def rotate_kek(self, name: str) -> NamespaceView:
        """Give a namespace a new key-encryption key for what is written from now on."""
        return self._perform(RotateNamespaceKek(name=name))

    def seal(self, name: str) -> NamespaceView:
        """Seal a namespace: nothing in it is served until it is unsealed."""
        return self._perform(SealNamespace(name=name))

    def show(self, name: str) -> NamespaceView:
        """Show a namespace."""
        return self._perform(ShowNamespace(name=name))

    def unseal(self, name: str) -> NamespaceView:
        """Unseal a namespace."""
        return self._perform(UnsealNamespace(name=name))


class PasswordPoliciesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a password policy."""
        self._perform(DeletePasswordPolicy(name=name))

    def generate(self, name: str) -> GeneratedPassword:
        """Make a password by a policy."""
        return self._perform(GeneratePassword(name=name))

    def list(self, *, after: str = "", limit: int = 100) -> PasswordPolicyNames:
        """List password policies."""
        return self._perform(ListPasswordPolicies(after=after, limit=limit))

    def show(self, name: str) -> PasswordPolicyView:
        """Show a password policy as it was written."""
        return self._perform(ShowPasswordPolicy(name=name))

    def write(self, name: str, text: str) -> PasswordPolicyView:
        """Create or replace a password policy, in HCL or JSON: ``length``, and ``charset`` rules
        with their characters and how many of them there must be (``min-chars``).
        """
        return self._perform(WritePasswordPolicy(name=name, text=text))


class PoliciesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def capabilities(
        self, paths: Sequence[str], *, token: str = "", accessor: str = ""
    ) -> PathCapabilities:
        """Say what path policies let a token do at some paths. It is named by its text or its
        accessor.
        """
        return self._perform(ShowCapabilities(paths=list(paths), token=token, accessor=accessor))

    def delete_path_policy(self, name: str) -> None:
        """Delete a path policy."""
        self._perform(DeletePathPolicy(name=name))

    def delete(self, name: str) -> None:
        """Delete a policy."""
        self._perform(DeletePolicy(name=name))

    def list_path_policies(self, *, after: str = "", limit: int = 100) -> PolicyNames:
        """List path policies."""
        return self._perform(ListPathPolicies(after=after, limit=limit))

    def list(self, *, after: str = "", limit: int = 100) -> PolicyNames:
        """List policies."""
        return self._perform(ListPolicies(after=after, limit=limit))

    def own_capabilities(self, paths: Sequence[str]) -> PathCapabilities:
        """Say what path policies let the caller do at some paths."""
        return self._perform(ShowOwnCapabilities(paths=list(paths)))

    def own_rights(self) -> PathRights:
        """Show what path policies let the caller do, by paths seen from its home namespace."""
        return self._perform(ShowOwnRights())

    def schema(self) -> PolicySchema:
        """Show the schema that policies are checked against."""
        return self._perform(ShowPolicySchema())

    def show_path_policy(self, name: str) -> PathPolicyView:
        """Show a path policy as it was written."""
        return self._perform(ShowPathPolicy(name=name))

    def show(self, name: str) -> PolicyView:
        """Show a policy as it was written."""
        return self._perform(ShowPolicy(name=name))

    def validate_path_policy(self, text: str) -> PolicyErrors:
        """Check the text of a path policy without writing it."""
        return self._perform(ValidatePathPolicy(text=text))

    def validate(self, text: str) -> PolicyErrors:
        """Check a policy text against the schema without writing it."""
        return self._perform(ValidatePolicy(text=text))

    def why(
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
        return self._perform(
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

    def write_path_policy(self, name: str, text: str) -> PathPolicyView:
        """Create or replace a path policy, in HCL or JSON."""
        return self._perform(WritePathPolicy(name=name, text=text))

    def write(self, name: str, text: str, *, description: str = "") -> PolicyView:
        """Create or replace a policy. A text that the schema refuses is not written."""
        return self._perform(WritePolicy(name=name, text=text, description=description))


class QuotasMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete_lease_limit(self, name: str) -> None:
        """Delete a limit of the number of leases."""
        self._perform(DeleteLeaseLimit(name=name))

    def delete(self, name: str) -> None:
        """Delete a limit of the rate of requests."""
        self._perform(DeleteRateLimit(name=name))

    def list_lease_limits(self) -> QuotaNames:
        """List the limits of the number of leases."""
        return self._perform(ListLeaseLimits())

    def list(self) -> QuotaNames:
        """List the limits of the rate of requests."""
        return self._perform(ListRateLimits())

    def show_lease_limit(self, name: str) -> LeaseLimit:
        """Show a limit of the number of leases."""
        return self._perform(ShowLeaseLimit(name=name))

    def show(self, name: str) -> RateLimit:
        """Show a limit of the rate of requests."""
        return self._perform(ShowRateLimit(name=name))

    def show_settings(self) -> QuotaSettings:
        """Show which paths no rate limit holds for."""
        return self._perform(ShowQuotaSettings())

    def write_lease_limit(
        self, name: str, max_leases: int, *, path: str = "", inheritable: bool = False
    ) -> LeaseLimit:
        """Limit the number of leases. Of several limits the one of the narrowest path counts."""
        return self._perform(
            WriteLeaseLimit(name=name, path=path, max_leases=max_leases, inheritable=inheritable)
        )

    def write(
        self,
        name: str,
        rate: float,
        *,
        path: str = "",
        interval_seconds: float = 1.0,
        block_seconds: float = 0.0,
        inheritable: bool = False,
    ) -> RateLimit:
        """Limit the rate of requests. Of several limits the one of the narrowest path counts.

        ``inheritable``: a namespace's limit holds for the namespaces in it too.
        """
        return self._perform(
            WriteRateLimit(
                name=name,
                path=path,
                rate=rate,
                interval_seconds=interval_seconds,
                block_seconds=block_seconds,
                inheritable=inheritable,
            )
        )

    def write_settings(self, exempt_paths: Sequence[str]) -> QuotaSettings:
        """Say which paths no rate limit holds for."""
        return self._perform(WriteQuotaSettings(exempt_paths=list(exempt_paths)))


class RevocationListsMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Forget a revocation list: what it names can log in again."""
        self._perform(DeleteRevocationList(name=name))

    def list(
        self, *, after: str = "", limit: int = 100, mount: str | None = None
    ) -> RevocationListNames:
        """List revocation lists: those of a log-in ``mount``, or all."""
        return self._perform(ListRevocationLists(after=after, limit=limit, mount=mount))

    def show(self, name: str) -> RevocationList:
        """Show which certificates a revocation list names."""
        return self._perform(ShowRevocationList(name=name))

    def write(self, name: str, crl: str) -> RevocationList:
        """Refuse certificates that a CRL names (RFC 5280, section 5). ``crl``: PEM, or DER in
        Base64.
        """
        return self._perform(WriteRevocationList(name=name, crl=crl))


class RolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a role."""
        self._perform(DeleteRole(name=name))

    def list(self, *, after: str = "", limit: int = 100) -> RolePage:
        """List roles."""
        return self._perform(ListRoles(after=after, limit=limit))

    def write(self, name: str, *, description: str = "", includes: Sequence[str] = ()) -> RoleView:
        """Create or replace a role; who has it has the roles it ``includes`` too."""
        return self._perform(WriteRole(name=name, description=description, includes=list(includes)))


class SecretsMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def configure_store(
        self,
        store: str,
        *,
        max_versions: int | None = None,
        cas_required: bool | None = None,
        delete_version_after_seconds: int | None = None,
    ) -> SecretStore:
        """Change what holds for all secrets of a store; what is None stays."""
        return self._perform(
            ConfigureSecretStore(
                store=store,
                max_versions=max_versions,
                cas_required=cas_required,
                delete_version_after_seconds=delete_version_after_seconds,
            )
        )

    def delete(self, name: str, *, versions: Sequence[int] = ()) -> None:
        """Delete versions of a secret; without any named, the newest. They can be undeleted.

        In a store of version 1 the secret is gone for good.
        """
        self._perform(DeleteSecret(name=name, versions=list(versions)))

    def destroy(self, name: str, versions: Sequence[int]) -> None:
        """Remove the values of versions for good."""
        self._perform(DestroySecret(name=name, versions=list(versions)))

    def get(self, name: str, *, version: int = 0) -> Secret:
        """Read a version of a secret; 0: the newest."""
        return self._perform(ReadSecret(name=name, version=version))

    def list(self, folder: str, *, after: str = "", limit: int = 100) -> SecretNames:
        """List the names in a folder."""
        return self._perform(ListSecrets(folder=folder, after=after, limit=limit))

    def list_details(self, folder: str, *, after: str = "", limit: int = 100) -> SecretInfos:
        """List a folder with all there is to know of each secret but its values."""
        return self._perform(ListSecretDetails(folder=folder, after=after, limit=limit))

    def patch(self, name: str, data: Mapping[str, Any], *, cas: int | None = None) -> SecretVersion:
        """Write a new version that is the newest one with changes: a JSON merge patch (RFC 7396)."""
        return self._perform(PatchSecret(name=name, data=dict(data), cas=cas))

    def patch_metadata(self, name: str, patch: Mapping[str, Any]) -> SecretView:
        """Change a secret's settings by a JSON merge patch (RFC 7396) of those that
        WriteSecretMetadata takes; null sets one back.
        """
        return self._perform(PatchSecretMetadata(name=name, patch=dict(patch)))

    def purge(self, name: str) -> None:
        """Remove a secret for good: all versions and all that is known of it."""
        self._perform(PurgeSecret(name=name))

    def read_subkeys(self, name: str, *, version: int = 0, depth: int = 0) -> Subkeys:
        """Show which keys a secret has, and no value. ``depth`` 0: however deep they are."""
        return self._perform(ReadSubkeys(name=name, version=version, depth=depth))

    def show(self, name: str) -> SecretView:
        """Show a secret's versions and settings, and no value."""
        return self._perform(ShowSecret(name=name))

    def show_store(self, store: str) -> SecretStore:
        """Show what holds for all secrets of a store."""
        return self._perform(ShowSecretStore(store=store))

    def undelete(self, name: str, versions: Sequence[int]) -> None:
        """Make deleted versions readable again."""
        self._perform(UndeleteSecret(name=name, versions=list(versions)))

    def write(self, name: str, data: Mapping[str, Any], *, cas: int | None = None) -> SecretVersion:
        """Write a new version of a secret.

        ``cas`` (check and set): the number of the newest version that the caller knows of, 0 for
        none; the write is refused if there is another.
        """
        return self._perform(WriteSecret(name=name, data=dict(data), cas=cas))

    def write_metadata(
        self,
        name: str,
        *,
        max_versions: int | None = None,
        cas_required: bool | None = None,
        delete_version_after_seconds: int | None = None,
        custom_metadata: Mapping[str, str] | None = None,
    ) -> SecretView:
        """Change a secret's settings; what is None stays. A secret without versions is made if
        there is none.
        """
        return self._perform(
            WriteSecretMetadata(
                name=name,
                max_versions=max_versions,
                cas_required=cas_required,
                delete_version_after_seconds=delete_version_after_seconds,
                custom_metadata=None if custom_metadata is None else dict(custom_metadata),
            )
        )


class SystemMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def cancel_generate_root(self) -> CeremonyStatus:
        """Give up making a root token."""
        return self._perform(CancelGenerateRoot())

    def cancel_rekey(self) -> CeremonyStatus:
        """Give up a rekey."""
        return self._perform(CancelRekey())

    def continue_generate_root(self, nonce: str, share: str) -> CeremonyStatus:
        """Give one present share; the last needed one answers with the encoded token."""
        return self._perform(ContinueGenerateRoot(nonce=nonce, share=share))

    def continue_rekey(self, nonce: str, share: str) -> CeremonyStatus:
        """Give one present share; the last needed one answers with the new shares."""
        return self._perform(ContinueRekey(nonce=nonce, share=share))

    def generate_random(self, *, length: int = 32) -> Random:
        """Random bytes from the operating system's generator."""
        return self._perform(GenerateRandom(length=length))

    def generate_random_batch(self, items: Sequence[RandomItem]) -> Results[Random]:
        """Several random values."""
        return self._perform(GenerateRandomBatch(items=list(items)))

    def hash(
        self,
        input: bytes,
        *,
        algorithm: Literal[
            "sha2-224",
            "sha2-256",
            "sha2-384",
            "sha2-512",
            "sha3-224",
            "sha3-256",
            "sha3-384",
            "sha3-512",
        ] = "sha2-256",
    ) -> Digest:
        """Hash bytes (FIPS 180-4, FIPS 202), with no key."""
        return self._perform(HashBytes(algorithm=algorithm, input=input))

    def initialize(self, *, shares: int = 5, threshold: int = 3) -> Initialized:
        """Make the root key, its shares and the first root token."""
        return self._perform(Initialize(shares=shares, threshold=threshold))

    def rewrap_root(self) -> None:
        """Make a new root key and wrap the keyring under it, without a pause in service.

        For automatic seals. With Shamir a rekey does this.
        """
        self._perform(RewrapRoot())

    def rotate_keyring(self) -> KeyringView:
        """Add a keyring version, make it active, and wrap every namespace KEK under it."""
        return self._perform(RotateKeyring())

    def seal(self) -> SealStatus:
        """Forget the root key and every key on this node until it is unsealed again."""
        return self._perform(Seal())

    def show_generate_root(self) -> CeremonyStatus:
        """Show how far the making of a root token is."""
        return self._perform(ShowGenerateRoot())

    def show_keyring(self) -> KeyringView:
        """Show the keyring's versions."""
        return self._perform(ShowKeyring())

    def show_rekey(self) -> CeremonyStatus:
        """Show how far a rekey is."""
        return self._perform(ShowRekey())

    def show_server(self) -> ServerView:
        """Show this node and the host that it runs on."""
        return self._perform(ShowServer())

    def start_generate_root(self, *, one_time_pad: bytes = b"") -> CeremonyStatus:
        """Begin to make a root token. It will come out XORed with ``one_time_pad``.

        The pad is random bytes of the length of a token (base64), kept by who begins. Without
        one, the server makes it of letters and digits and answers with it.
        """
        return self._perform(StartGenerateRoot(one_time_pad=one_time_pad))

    def start_rekey(
        self, *, shares: int = 5, threshold: int = 3, verify: bool = False
    ) -> CeremonyStatus:
        """Begin to replace the shares: ``shares`` new ones, of which ``threshold`` are needed.

        With ``verify`` the new shares come into force only after ``threshold`` of them have been
        given back (VerifyRekey).
        """
        return self._perform(StartRekey(shares=shares, threshold=threshold, verify=verify))

    def status(self) -> SealStatus:
        """Show whether the server is initialized and unsealed."""
        return self._perform(ShowStatus())

    def unseal(self, *, share: str = "", reset: bool = False) -> SealStatus:
        """Give one unseal share. ``reset`` forgets those given before."""
        return self._perform(Unseal(share=share, reset=reset))

    def verify_rekey(self, nonce: str, share: str) -> CeremonyStatus:
        """Give back one new share; the last needed one brings the new shares into force.

        Shares that are not the new ones must all be given again.
        """
        return self._perform(VerifyRekey(nonce=nonce, share=share))


class TokensMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def create(
        self,
        *,
        name: str | None = None,
        roles: Sequence[str] | None = None,
        token_kind: str = "",
        orphan: bool = False,
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
        display_name: str = "",
        metadata: Mapping[str, str] = NO_ENTRIES,
        renewable: bool = True,
        token_role: str = "",
        entity_alias: str = "",
        text: str | None = None,
    ) -> IssuedToken:
        """Create a token: a child of the caller's, revoked with it, unless ``orphan``.

        ``token_kind``: ``service`` (stored, revocable; usual) or ``batch`` (self-contained, not
        stored: it ends by its lifetime or with its parent). Without ``name`` the token is for the
        caller itself. A root token without lifetimes has no end. ``token_role``: the settings that
        such tokens have; needs ``token-role:use`` on it. ``entity_alias``: who is behind it, by
        name, which only a token role allows.
        ``text``: what the token shall be, which only root may choose. ``renewable`` False: never.
        """
        return self._perform(
            CreateToken(
                name=name,
                roles=None if roles is None else list(roles),
                token_kind=token_kind,
                orphan=orphan,
                limits=limits,
                display_name=display_name,
                metadata=dict(metadata),
                renewable=renewable,
                token_role=token_role,
                entity_alias=entity_alias,
                text=text,
            )
        )

    def find(self, token: str) -> TokenView:
        """Look up a token by its text, as who holds it can."""
        return self._perform(FindToken(token=token))

    def list(self, *, after: str = "", limit: int = 100) -> TokenPage:
        """List stored tokens by accessor."""
        return self._perform(ListTokens(after=after, limit=limit))

    def lookup(self, accessor: str) -> TokenView:
        """Look up a token by its accessor."""
        return self._perform(LookupToken(accessor=accessor))

    def lookup_self(self) -> TokenView:
        """Look up the token that this request is made with."""
        return self._perform(LookupSelf())

    def renew(self, accessor: str, *, increment_seconds: int = 0) -> TokenView:
        """Renew a token by its accessor; ``increment_seconds`` 0 asks for its own lifetime again."""
        return self._perform(RenewToken(accessor=accessor, increment_seconds=increment_seconds))

    def renew_self(self, *, increment_seconds: int = 0) -> TokenView:
        """Renew the token that this request is made with."""
        return self._perform(RenewSelf(increment_seconds=increment_seconds))

    def revoke(self, accessor: str, *, orphan_children: bool = False) -> None:
        """Revoke a token by its accessor, and its children unless ``orphan_children``."""
        self._perform(RevokeToken(accessor=accessor, orphan_children=orphan_children))

    def revoke_self(self) -> None:
        """Revoke the token that this request is made with, and its children."""
        self._perform(RevokeSelf())


class TokenRolesMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a token role; tokens made by it stay."""
        self._perform(DeleteTokenRole(name=name))

    def list(self, *, after: str = "", limit: int = 100) -> TokenRoleNames:
        """List token roles."""
        return self._perform(ListTokenRoles(after=after, limit=limit))

    def show(self, name: str) -> TokenRoleView:
        """Show a token role."""
        return self._perform(ShowTokenRole(name=name))

    def write(
        self,
        name: str,
        *,
        allowed: Sequence[str] = (),
        allowed_patterns: Sequence[str] = (),
        disallowed: Sequence[str] = (),
        disallowed_patterns: Sequence[str] = (),
        orphan: bool = False,
        renewable: bool = True,
        path_suffix: str = "",
        token_kind: str = "",
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
        allowed_aliases: Sequence[str] = (),
    ) -> TokenRoleView:
        """Create or replace a token role: the settings that tokens made by it have.

        ``allowed`` and ``allowed_patterns`` (with ``*``) are roles that may be asked for, though the
        caller lacks them. What is disallowed may not be, but if nothing is allowed by name, anything
        else. Without any of these, the roles that the caller has may be. ``token_kind``: ``service``
        or ``batch``, whatever is asked for; with ``default-`` before, unless asked otherwise.
        ``allowed_aliases`` (with ``*``): which entity aliases may be asked for.
        """
        return self._perform(
            WriteTokenRole(
                name=name,
                allowed=list(allowed),
                allowed_patterns=list(allowed_patterns),
                disallowed=list(disallowed),
                disallowed_patterns=list(disallowed_patterns),
                orphan=orphan,
                renewable=renewable,
                path_suffix=path_suffix,
                token_kind=token_kind,
                limits=limits,
                allowed_aliases=list(allowed_aliases),
            )
        )


class UsersMethods:
    __slots__ = ("_perform",)

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    def delete(self, name: str) -> None:
        """Delete a user and revoke the user's tokens."""
        self._perform(DeleteUser(name=name))

    def list(self, *, after: str = "", limit: int = 100, mount: str | None = None) -> UserNames:
        """List users: those of a log-in ``mount`` (empty: the usual one), or all."""
        return self._perform(ListUsers(after=after, limit=limit, mount=mount))

    def login(self, name: str, password: str) -> IssuedToken:
        """Log in with a name and a password."""
        return self._perform(LoginUser(name=name, password=password))

    def set_password(self, name: str, password: str) -> None:
        """Set a user's password and revoke the tokens of the user."""
        self._perform(SetPassword(name=name, password=password))

    def show(self, name: str) -> UserView:
        """Show a user."""
        return self._perform(ShowUser(name=name))

    def write(
        self,
        name: str,
        *,
        password: str | None = None,
        roles: Sequence[str] = (),
        limits: TokenLimits = DEFAULT_TOKENLIMITS,
    ) -> UserView:
        """Create or replace a user. ``password`` is required for a new one (12 to 1,024 bytes)."""
        return self._perform(
            WriteUser(name=name, password=password, roles=list(roles), limits=limits)
        )


class Methods:
    """Every operation, by the kind of resource that it acts on."""

    def __init__(self, perform: Perform) -> None:
        self.approles = ApprolesMethods(perform)
        self.audit = AuditMethods(perform)
        self.audit_devices = AuditDevicesMethods(perform)
        self.certificate_roles = CertificateRolesMethods(perform)
        self.certificate_settings = CertificateSettingsMethods(perform)
        self.databases = DatabasesMethods(perform)
        self.database_roles = DatabaseRolesMethods(perform)
        self.database_static_roles = DatabaseStaticRolesMethods(perform)
        self.groups = GroupsMethods(perform)
        self.jwt_issuers = JwtIssuersMethods(perform)
        self.jwt_roles = JwtRolesMethods(perform)
        self.keys = KeysMethods(perform)
        self.kubernetes_clusters = KubernetesClustersMethods(perform)
        self.kubernetes_roles = KubernetesRolesMethods(perform)
        self.leases = LeasesMethods(perform)
        self.mfa_methods = MfaMethodsMethods(perform)
        self.mounts = MountsMethods(perform)
        self.namespaces = NamespacesMethods(perform)
        self.password_policies = PasswordPoliciesMethods(perform)
        self.policies = PoliciesMethods(perform)
        self.quotas = QuotasMethods(perform)
        self.revocation_lists = RevocationListsMethods(perform)
        self.roles = RolesMethods(perform)
        self.secrets = SecretsMethods(perform)
        self.system = SystemMethods(perform)
        self.tokens = TokensMethods(perform)
        self.token_roles = TokenRolesMethods(perform)
        self.users = UsersMethods(perform)
