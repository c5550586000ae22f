"""Certificate roles: who logs in with a TLS client certificate."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.x509 import Certificate
from cryptography.x509.oid import NameOID

from keystead.errors import InvalidRequest, NotFound, VerificationFailed
from keystead.identity.certificate_extensions import (
    key_identifiers,
    require_extensions,
    texts_of,
)
from keystead.identity.client_certificate import authorities, parse_der, require_names, verify
from keystead.identity.lineage import incarnation
from keystead.identity.records import CERTIFICATE_ROLE, CertificateRoleRecord, TokenRecord
from keystead.identity.revocation_lists import require_unrevoked
from keystead.operations import Done
from keystead.operations.identity import (
    CertificateRoleNames,
    CertificateRoleView,
    DeleteCertificateRole,
    IssuedToken,
    ListCertificateRoles,
    LoginCertificate,
    ShowCertificateRole,
    WriteCertificateRole,
)
from keystead.operations.mounts import MountView
from keystead.services.identity import certificate_auth
from keystead.services.identity.entities_login import alias_at
from keystead.services.identity.granting import require_method_grant
from keystead.services.identity.issuing import issue_login, kept, login_failed, shown
from keystead.services.identity.mounted_names import MountedNames
from keystead.services.identity.revoking import sweep
from keystead.services.mounts import on_move, on_unmount
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

ROLES = MountedNames(CERTIFICATE_ROLE, "cert", "cert")

_PAGE = 100
_DEMANDS = (
    "ca_pem",
    "allowed_names",
    "allowed_common_names",
    "allowed_dns_names",
    "allowed_emails",
    "allowed_uris",
    "allowed_units",
    "required_extensions",
)


class Proof(NamedTuple):
    """Which role a certificate fits, and what the token shall say of the certificate."""

    name: str
    role: CertificateRoleRecord
    metadata: dict[str, str]


@changes(WriteCertificateRole)
def write_role(
    operation: WriteCertificateRole, scope: Scope, tx: Transaction
) -> CertificateRoleView:
    """Its tokens have its new roles at once; another CA or other names revoke them."""
    require_method_grant(scope, tx, ROLES.principal(operation.name), operation.roles)
    ROLES.require_mount(tx, scope, operation.name)
    authorities(operation.ca_pem)
    present = tx.get(CERTIFICATE_ROLE, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    same = present is not None and _demands(present) == _demands(operation)
    record = CertificateRoleRecord(
        incarnation=present.incarnation if present and same else secrets.token_hex(16),
        roles=operation.roles,
        limits=kept(operation.limits),
        metadata_extensions=operation.metadata_extensions,
        display_name=operation.display_name,
        **{name: getattr(operation, name) for name in _DEMANDS},
    )
    if present and not same:
        sweep(tx, incarnation(ROLES.principal(operation.name), present))
    tx.put(CERTIFICATE_ROLE, scope.namespace, operation.name, record)
    return _view(operation.name, record)


@reads(ShowCertificateRole)
def show_role(operation: ShowCertificateRole, scope: Scope, reader: Reader) -> CertificateRoleView:
    return _view(operation.name, _find(reader, scope, operation.name))


@reads(ListCertificateRoles)
def list_roles(
    operation: ListCertificateRoles, scope: Scope, reader: Reader
) -> CertificateRoleNames:
    names, more = ROLES.page(
        reader, scope.namespace, operation.mount, operation.after, operation.limit
    )
    return CertificateRoleNames(names=names, next=more)


@changes(DeleteCertificateRole)
def delete_role(operation: DeleteCertificateRole, scope: Scope, tx: Transaction) -> Done:
    _find(tx, scope, operation.name)
    ROLES.delete(tx, scope.namespace, operation.name)
    return Done()


@on_unmount(ROLES.type)
def unmount(tx: Transaction, namespace: str, mount: MountView) -> None:
    """What belongs to the mount goes with it."""
    ROLES.unmount(tx, namespace, mount)
    certificate_auth.forget_mount(tx, namespace, ROLES.short(mount.path))


@on_move(ROLES.type)
def move(tx: Transaction, namespace: str, mount: MountView, target: str) -> None:
    """What belongs to the mount goes with it; tokens end."""
    ROLES.move(tx, namespace, mount, target)
    certificate_auth.move_mount(tx, namespace, ROLES.short(mount.path), ROLES.short(target))


# --- log-in -----------------------------------------------------------------------------


@before(LoginCertificate)
def check_certificate(operation: LoginCertificate, scope: Scope, reader: Reader) -> Proof:
    """The named role if the certificate fits it, or the first in order of names that it fits."""
    if scope.call.client_certificate is None:
        raise login_failed()
    try:
        certificate = parse_der(scope.call.client_certificate)
    except VerificationFailed:
        raise login_failed() from None
    for name, role in _candidates(operation, scope, reader):
        try:
            _require_fit(reader, scope, name, role, certificate)
        except VerificationFailed:
            continue
        return Proof(name, role, _metadata(name, role, certificate))
    raise login_failed()


@changes(LoginCertificate)
def login_certificate(operation: LoginCertificate, scope: Scope, tx: Transaction) -> IssuedToken:
    name, checked, metadata = scope.prepared
    role = tx.get(CERTIFICATE_ROLE, scope.namespace, name)
    if role is None or role.incarnation != checked.incarnation:
        raise login_failed()  # deleted, or its demands changed, while they were checked
    mount, _, short = name.rpartition("/")
    alias = metadata.get("common_name") or _fingerprint(scope)
    return issue_login(
        scope,
        tx,
        ROLES.principal(name),
        role,
        display_name=f"{mount.replace('/', '-') or ROLES.type}-{role.display_name or short}",
        metadata=metadata,
        alias=alias_at(scope, mount or ROLES.type, alias, metadata),
    )


def _fingerprint(scope: Scope) -> str:
    """What a certificate without a common name is known by: its SHA-256, in hexadecimal."""
    return hashlib.sha256(scope.call.client_certificate or b"").hexdigest()


def require_binding(reader: Reader, scope: Scope, token: TokenRecord) -> None:
    """Check that who renews a token of a certificate role still has its certificate, or one of
    the same key and issuer that fits the role, unless the mount does without.

    Raises InvalidRequest.
    """
    name = token.principal.removeprefix(f"{ROLES.prefix}/")
    mount = name.rpartition("/")[0]
    if certificate_auth.settings_at(reader, scope.namespace, mount).disable_binding:
        return
    if scope.call.client_certificate is None:
        raise InvalidRequest("client certificate must be supplied")
    try:
        certificate = parse_der(scope.call.client_certificate)
        role = _find(reader, scope, name)
        _require_fit(reader, scope, name, role, certificate)
    except (VerificationFailed, NotFound):
        raise InvalidRequest("invalid certificate or no client certificate supplied") from None
    told = key_identifiers(certificate)
    if told.subject != token.metadata.get("subject_key_id") or told.authority != (
        token.metadata.get("authority_key_id")
    ):
        raise InvalidRequest(
            "client identity during renewal not matching client identity used during login"
        )


def _require_fit(
    reader: Reader, scope: Scope, name: str, role: CertificateRoleRecord, certificate: Certificate
) -> None:
    """Check that a certificate may log in as a role; raises VerificationFailed."""
    require_names(
        certificate,
        names=role.allowed_names,
        common_names=role.allowed_common_names,
        dns_names=role.allowed_dns_names,
        emails=role.allowed_emails,
        uris=role.allowed_uris,
        units=role.allowed_units,
    )
    require_extensions(certificate, role.required_extensions)
    chain = verify(certificate, role.ca_pem, scope.now)
    mount = name.rpartition("/")[0]
    require_unrevoked(chain, certificate_auth.lists_at(reader, scope.namespace, mount))


def _metadata(name: str, role: CertificateRoleRecord, certificate: Certificate) -> dict[str, str]:
    identifiers = key_identifiers(certificate)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    told = texts_of(certificate, role.metadata_extensions)
    return {oid.replace(".", "-"): text for oid, text in told.items()} | {
        "cert_name": name.rpartition("/")[2],
        "common_name": str(names[0].value) if names else "",
        "serial_number": str(certificate.serial_number),
        "subject_key_id": identifiers.subject,
        "authority_key_id": identifiers.authority,
    }


def _candidates(
    operation: LoginCertificate, scope: Scope, reader: Reader
) -> Iterator[tuple[str, CertificateRoleRecord]]:
    if operation.name is not None:
        role = reader.get(CERTIFICATE_ROLE, scope.namespace, operation.name)
        if role is not None:
            yield operation.name, role
        return
    mount = operation.mount
    prefix = f"{mount}/" if mount else ""
    after = ""
    while page := reader.list(
        CERTIFICATE_ROLE, scope.namespace, prefix=prefix, after=after, limit=_PAGE
    ):
        after = page[-1][0]
        yield from (p for p in page if mount is None or p[0].rpartition("/")[0] == mount)


def _demands(role: CertificateRoleRecord | WriteCertificateRole) -> list[object]:
    return [getattr(role, name) for name in _DEMANDS]


def _find(reader: Reader, scope: Scope, name: str) -> CertificateRoleRecord:
    record = reader.get(CERTIFICATE_ROLE, scope.namespace, name)
    if record is None:
        raise NotFound(f"There is no certificate role {name}.", role=name)
    return record


def _view(name: str, record: CertificateRoleRecord) -> CertificateRoleView:
    return CertificateRoleView(
        name=name,
        roles=record.roles,
        limits=shown(record.limits),
        metadata_extensions=record.metadata_extensions,
        display_name=record.display_name,
        **{demand: getattr(record, demand) for demand in _DEMANDS},
    )
