"""The table of the REST door: method, path, operation.

``{name}`` stands for one path segment and is the operation's field of that name. What the
operation has besides goes into the query string (GET, DELETE) or the JSON body.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from keystead.operations import (
    Operation,
    audit,
    cubbyholes,
    database,
    identity,
    jwt_auth,
    keys,
    kubernetes_auth,
    leases,
    mounts,
    namespaces,
    policies,
    secrets,
    system,
    wrapping,
)
from keystead.operations import cryptography as use

PREFIX: Final = "/api/v1"


class Route(NamedTuple):
    """How one operation is asked for. ``status`` is that of success."""

    method: str
    path: str
    operation: type[Operation[Any]]
    status: int


def _route(method: str, path: str, operation: type[Operation[Any]], status: int = 200) -> Route:
    return Route(method, PREFIX + path, operation, status)


ROUTES: Final[tuple[Route, ...]] = (
    # keys
    _route("GET", "/keys", keys.ListKeys),
    _route("POST", "/keys", keys.CreateKey, 201),
    _route("POST", "/key-imports", keys.ImportKey, 201),
    _route("POST", "/wrapping-keys", keys.CreateWrappingKey, 201),
    _route("GET", "/keys/{key}", keys.ShowKey),
    _route("PATCH", "/keys/{key}", keys.UpdateKey),
    _route("GET", "/keys/{key}/usage", keys.ShowKeyUsage),
    _route("GET", "/keys/{key}/attestation", keys.AttestPublicKey),
    _route("POST", "/keys/{key}/aliases", keys.AddAlias, 201),
    _route("DELETE", "/keys/{key}/aliases/{alias}", keys.RemoveAlias),
    _route("POST", "/keys/{key}/rotate", keys.RotateKey),
    _route("POST", "/keys/{key}/enable", keys.EnableKey),
    _route("POST", "/keys/{key}/disable", keys.DisableKey),
    _route("POST", "/keys/{key}/deactivate", keys.DeactivateKey),
    _route("POST", "/keys/{key}/compromise", keys.CompromiseKey),
    _route("POST", "/keys/{key}/destroy", keys.DestroyKey),
    _route("POST", "/keys/{key}/restore", keys.RestoreKey),
    _route("POST", "/keys/{key}/export", keys.ExportKey),
    # the use of keys
    _route("POST", "/keys/{key}/encrypt", use.Encrypt),
    _route("POST", "/keys/{key}/encrypt-batch", use.EncryptBatch),
    _route("POST", "/decrypt", use.Decrypt),
    _route("POST", "/keys/{key}/decrypt-batch", use.DecryptBatch),
    _route("POST", "/keys/{key}/reencrypt", use.Reencrypt),
    _route("POST", "/keys/{key}/reencrypt-batch", use.ReencryptBatch),
    _route("POST", "/keys/{key}/data-key", use.GenerateDataKey),
    _route("POST", "/keys/{key}/data-key-batch", use.GenerateDataKeyBatch),
    _route("POST", "/keys/{key}/data-key-pair", use.GenerateDataKeyPair),
    _route("POST", "/keys/{key}/data-key-pair-batch", use.GenerateDataKeyPairBatch),
    _route("POST", "/keys/{key}/wrap", use.Wrap),
    _route("POST", "/keys/{key}/wrap-batch", use.WrapBatch),
    _route("POST", "/keys/{key}/unwrap", use.Unwrap),
    _route("POST", "/keys/{key}/unwrap-batch", use.UnwrapBatch),
    _route("POST", "/keys/{key}/sign", use.Sign),
    _route("POST", "/keys/{key}/sign-batch", use.SignBatch),
    _route("POST", "/keys/{key}/verify", use.Verify),
    _route("POST", "/keys/{key}/verify-batch", use.VerifyBatch),
    _route("POST", "/keys/{key}/mac", use.GenerateMac),
    _route("POST", "/keys/{key}/mac-batch", use.GenerateMacBatch),
    _route("POST", "/keys/{key}/verify-mac", use.VerifyMac),
    _route("POST", "/keys/{key}/verify-mac-batch", use.VerifyMacBatch),
    _route("POST", "/keys/{key}/derive", use.Derive),
    _route("POST", "/keys/{key}/derive-batch", use.DeriveBatch),
    _route("POST", "/keys/{key}/agree", use.Agree),
    _route("POST", "/keys/{key}/agree-batch", use.AgreeBatch),
    _route("POST", "/keys/{key}/encapsulate", use.Encapsulate),
    _route("POST", "/keys/{key}/encapsulate-batch", use.EncapsulateBatch),
    _route("POST", "/keys/{key}/decapsulate", use.Decapsulate),
    _route("POST", "/keys/{key}/decapsulate-batch", use.DecapsulateBatch),
    _route("POST", "/random", use.GenerateRandom),
    _route("POST", "/random-batch", use.GenerateRandomBatch),
    # tokens and log-in
    _route("GET", "/tokens", identity.ListTokens),
    _route("POST", "/tokens", identity.CreateToken, 201),
    _route("GET", "/tokens/self", identity.LookupSelf),
    _route("POST", "/tokens/self/renew", identity.RenewSelf),
    _route("DELETE", "/tokens/self", identity.RevokeSelf, 204),
    _route("GET", "/tokens/{accessor}", identity.LookupToken),
    _route("POST", "/tokens/{accessor}/renew", identity.RenewToken),
    _route("DELETE", "/tokens/{accessor}", identity.RevokeToken, 204),
    _route("POST", "/auth/approle/login", identity.LoginAppRole),
    _route("POST", "/auth/certificate/login", identity.LoginCertificate),
    _route("POST", "/auth/users/{name}/login", identity.LoginUser),
    # who may log in, and as what
    _route("GET", "/users", identity.ListUsers),
    _route("GET", "/users/{name}", identity.ShowUser),
    _route("PUT", "/users/{name}", identity.WriteUser),
    _route("PUT", "/users/{name}/password", identity.SetPassword, 204),
    _route("DELETE", "/users/{name}", identity.DeleteUser, 204),
    _route("GET", "/approles", identity.ListAppRoles),
    _route("GET", "/approles/{name}", identity.ShowAppRole),
    _route("PUT", "/approles/{name}", identity.WriteAppRole),
    _route("DELETE", "/approles/{name}", identity.DeleteAppRole, 204),
    _route("GET", "/approles/{name}/secret-ids", identity.ListSecretIds),
    _route("POST", "/approles/{name}/secret-ids", identity.CreateSecretId, 201),
    _route("DELETE", "/approles/{name}/secret-ids/{accessor}", identity.DestroySecretId, 204),
    _route("GET", "/certificate-roles", identity.ListCertificateRoles),
    _route("GET", "/certificate-roles/{name}", identity.ShowCertificateRole),
    _route("PUT", "/certificate-roles/{name}", identity.WriteCertificateRole),
    _route("DELETE", "/certificate-roles/{name}", identity.DeleteCertificateRole, 204),
    _route("GET", "/roles", identity.ListRoles),
    _route("PUT", "/roles/{name}", identity.WriteRole),
    _route("DELETE", "/roles/{name}", identity.DeleteRole, 204),
    _route("GET", "/groups", identity.ListGroups),
    _route("GET", "/groups/{name}", identity.ShowGroup),
    _route("PUT", "/groups/{name}", identity.WriteGroup),
    _route("DELETE", "/groups/{name}", identity.DeleteGroup, 204),
    # log-ins with tokens of other issuers
    _route("GET", "/jwt-issuers/{mount}", jwt_auth.ShowJwtIssuer),
    _route("PUT", "/jwt-issuers/{mount}", jwt_auth.WriteJwtIssuer),
    _route("GET", "/jwt-roles", jwt_auth.ListJwtRoles),
    _route("GET", "/jwt-roles/{name}", jwt_auth.ShowJwtRole),
    _route("PUT", "/jwt-roles/{name}", jwt_auth.WriteJwtRole),
    _route("DELETE", "/jwt-roles/{name}", jwt_auth.DeleteJwtRole, 204),
    _route("POST", "/auth/jwt/login", jwt_auth.LoginJwt),
    _route("POST", "/auth/oidc/start", jwt_auth.StartOidcLogin),
    _route("POST", "/auth/oidc/finish", jwt_auth.FinishOidcLogin),
    _route("GET", "/kubernetes-clusters/{mount}", kubernetes_auth.ShowKubernetesCluster),
    _route("PUT", "/kubernetes-clusters/{mount}", kubernetes_auth.WriteKubernetesCluster),
    _route("GET", "/kubernetes-roles", kubernetes_auth.ListKubernetesRoles),
    _route("GET", "/kubernetes-roles/{name}", kubernetes_auth.ShowKubernetesRole),
    _route("PUT", "/kubernetes-roles/{name}", kubernetes_auth.WriteKubernetesRole),
    _route("DELETE", "/kubernetes-roles/{name}", kubernetes_auth.DeleteKubernetesRole, 204),
    _route("POST", "/auth/kubernetes/login", kubernetes_auth.LoginKubernetes),
    # policies
    _route("GET", "/policies", policies.ListPolicies),
    _route("GET", "/policies/{name}", policies.ShowPolicy),
    _route("PUT", "/policies/{name}", policies.WritePolicy),
    _route("DELETE", "/policies/{name}", policies.DeletePolicy, 204),
    _route("POST", "/policy/validate", policies.ValidatePolicy),
    _route("POST", "/policy/why", policies.ExplainDecision),
    _route("GET", "/policy/schema", policies.ShowPolicySchema),
    # namespaces
    _route("GET", "/namespaces", namespaces.ListNamespaces),
    _route("POST", "/namespaces", namespaces.CreateNamespace, 201),
    _route("GET", "/namespaces/{name}", namespaces.ShowNamespace),
    _route("DELETE", "/namespaces/{name}", namespaces.DeleteNamespace, 204),
    _route("POST", "/namespaces/{name}/seal", namespaces.SealNamespace),
    _route("POST", "/namespaces/{name}/unseal", namespaces.UnsealNamespace),
    _route("POST", "/namespaces/{name}/rotate-kek", namespaces.RotateNamespaceKek),
    # mounts
    _route("GET", "/mounts", mounts.ListMounts),
    _route("POST", "/mounts", mounts.CreateMount, 201),
    _route("GET", "/mounts/{path}", mounts.ShowMount),
    _route("PATCH", "/mounts/{path}", mounts.TuneMount),
    _route("POST", "/mounts/{path}/move", mounts.MoveMount),
    _route("DELETE", "/mounts/{path}", mounts.DeleteMount, 204),
    # secrets
    _route("GET", "/secrets/{name}", secrets.ReadSecret),
    _route("PUT", "/secrets/{name}", secrets.WriteSecret),
    _route("PATCH", "/secrets/{name}", secrets.PatchSecret),
    _route("DELETE", "/secrets/{name}", secrets.PurgeSecret, 204),
    _route("POST", "/secrets/{name}/delete", secrets.DeleteSecret, 204),
    _route("POST", "/secrets/{name}/undelete", secrets.UndeleteSecret, 204),
    _route("POST", "/secrets/{name}/destroy", secrets.DestroySecret, 204),
    _route("GET", "/secrets/{name}/subkeys", secrets.ReadSubkeys),
    _route("GET", "/secrets/{name}/metadata", secrets.ShowSecret),
    _route("PUT", "/secrets/{name}/metadata", secrets.WriteSecretMetadata),
    _route("PATCH", "/secrets/{name}/metadata", secrets.PatchSecretMetadata),
    _route("GET", "/secret-folders/{folder}", secrets.ListSecrets),
    _route("GET", "/secret-folders/{folder}/metadata", secrets.ListSecretDetails),
    _route("GET", "/secret-stores/{store}", secrets.ShowSecretStore),
    _route("PATCH", "/secret-stores/{store}", secrets.ConfigureSecretStore),
    # leases
    _route("GET", "/leases", leases.ListLeases),
    _route("GET", "/lease-count", leases.CountLeases),
    _route("POST", "/leases/tidy", leases.TidyLeases, 204),
    _route("GET", "/leases/{lease_id}", leases.ShowLease),
    _route("POST", "/leases/{lease_id}/renew", leases.RenewLease),
    _route("POST", "/leases/{lease_id}/revoke", leases.RevokeLease, 204),
    _route("POST", "/lease-prefixes/{prefix}/revoke", leases.RevokeLeases, 204),
    _route("POST", "/lease-prefixes/{prefix}/forget", leases.ForgetLeases, 204),
    # databases
    _route("GET", "/databases", database.ListDatabases),
    _route("POST", "/databases/reload", database.ReloadDatabases),
    _route("GET", "/databases/{name}", database.ShowDatabase),
    _route("PATCH", "/databases/{name}", database.ConfigureDatabase),
    _route("DELETE", "/databases/{name}", database.DeleteDatabase, 204),
    _route("POST", "/databases/{name}/rotate-root", database.RotateDatabaseRoot, 204),
    _route("POST", "/databases/{name}/reset", database.ResetDatabase, 204),
    _route("GET", "/database-roles", database.ListDatabaseRoles),
    _route("GET", "/database-roles/{name}", database.ShowDatabaseRole),
    _route("PATCH", "/database-roles/{name}", database.WriteDatabaseRole, 204),
    _route("DELETE", "/database-roles/{name}", database.DeleteDatabaseRole, 204),
    _route("POST", "/database-roles/{name}/credentials", database.IssueDatabaseCredentials, 201),
    _route("GET", "/database-static-roles", database.ListStaticRoles),
    _route("GET", "/database-static-roles/{name}", database.ShowStaticRole),
    _route("PATCH", "/database-static-roles/{name}", database.WriteStaticRole, 204),
    _route("DELETE", "/database-static-roles/{name}", database.DeleteStaticRole, 204),
    _route("POST", "/database-static-roles/{name}/credentials", database.ReadStaticCredentials),
    _route("POST", "/database-static-roles/{name}/rotate", database.RotateStaticRole, 204),
    # the audit log
    _route("GET", "/audit/entries", audit.QueryAudit),
    _route("GET", "/audit/proof", audit.ProveEntry),
    _route("GET", "/audit/checkpoint", audit.ShowCheckpoint),
    _route("POST", "/audit/verify", audit.VerifyAudit),
    # the server
    _route("GET", "/system/status", system.ShowStatus),
    _route("POST", "/system/initialize", system.Initialize),
    _route("POST", "/system/unseal", system.Unseal),
    _route("POST", "/system/seal", system.Seal),
    _route("POST", "/system/rekey", system.StartRekey),
    _route("POST", "/system/rekey/shares", system.ContinueRekey),
    _route("DELETE", "/system/rekey", system.CancelRekey),
    _route("POST", "/system/generate-root", system.StartGenerateRoot),
    _route("POST", "/system/generate-root/shares", system.ContinueGenerateRoot),
    _route("DELETE", "/system/generate-root", system.CancelGenerateRoot),
    _route("GET", "/system/keyring", system.ShowKeyring),
    _route("POST", "/system/keyring/rotate", system.RotateKeyring),
    _route("POST", "/system/root-key/rewrap", system.RewrapRoot, 204),
)

ELSEWHERE: Final[frozenset[type[Operation[Any]]]] = frozenset(
    {
        # asked by the server itself
        database.RotateDueStaticRole,
        database.SweepDatabases,
        leases.EndLease,
        leases.SweepLeases,
        identity.ReapTokens,
        keys.ReapKeys,
        mounts.SweepMounts,
        secrets.SweepSecrets,
        # asked by other protocols only
        leases.ListLeaseKeys,
        mounts.AskUnknownPath,
        cubbyholes.DeleteCubbyhole,
        cubbyholes.ListCubbyhole,
        cubbyholes.ReadCubbyhole,
        cubbyholes.WriteCubbyhole,
        wrapping.LookupWrapping,
        wrapping.Rewrap,
        wrapping.Unwrap,
        wrapping.Wrap,
        wrapping.WrapReply,
    }
)
"""Operations that have no route here."""
