"""Certificate roles: who logs in with a TLS client certificate."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from keystead.errors import NotFound, VerificationFailed
from keystead.identity.client_certificate import authorities, parse_der, require_names, verify
from keystead.identity.lineage import incarnation
from keystead.identity.records import CERTIFICATE_ROLE, CertificateRoleRecord
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
from keystead.services.identity.granting import require_method_grant
from keystead.services.identity.issuing import issue_login, kept, login_failed, shown
from keystead.services.identity.revoking import sweep
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_PAGE = 100


@changes(WriteCertificateRole)
def write_role(
    operation: WriteCertificateRole, scope: Scope, tx: Transaction
) -> CertificateRoleView:
    """Its tokens have its new roles at once; another CA or other names revoke them."""
    require_method_grant(scope, tx, _principal(operation.name), operation.roles)
    authorities(operation.ca_pem)
    present = tx.get(CERTIFICATE_ROLE, scope.namespace, operation.name)
    same = present is not None and _demands(present) == _demands(operation)
    record = CertificateRoleRecord(
        incarnation=present.incarnation if present and same else secrets.token_hex(16),
        ca_pem=operation.ca_pem,
        roles=operation.roles,
        allowed_common_names=operation.allowed_common_names,
        allowed_dns_names=operation.allowed_dns_names,
        allowed_uris=operation.allowed_uris,
        limits=kept(operation.limits),
    )
    if present and not same:
        sweep(tx, incarnation(_principal(operation.name), present))
    tx.put(CERTIFICATE_ROLE, scope.namespace, operation.name, record)
    return _view(operation.name, record)


@reads(ShowCertificateRole)
def show_role(operation: ShowCertificateRole, scope: Scope, reader: Reader) -> CertificateRoleView:
    return _view(operation.name, _find(reader, scope, operation.name))


@reads(ListCertificateRoles)
def list_roles(
    operation: ListCertificateRoles, scope: Scope, reader: Reader
) -> CertificateRoleNames:
    page = reader.list(
        CERTIFICATE_ROLE, scope.namespace, after=operation.after, limit=operation.limit
    )
    return CertificateRoleNames(
        names=[name for name, _ in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteCertificateRole)
def delete_role(operation: DeleteCertificateRole, scope: Scope, tx: Transaction) -> Done:
    record = _find(tx, scope, operation.name)
    tx.delete(CERTIFICATE_ROLE, scope.namespace, operation.name)
    sweep(tx, incarnation(_principal(operation.name), record))
    return Done()


@before(LoginCertificate)
def check_certificate(
    operation: LoginCertificate, scope: Scope, reader: Reader
) -> tuple[str, CertificateRoleRecord]:
    """The named role if the certificate fits it, or the first in order of names that it fits."""
    if scope.call.client_certificate is None:
        raise login_failed()
    try:
        certificate = parse_der(scope.call.client_certificate)
    except VerificationFailed:
        raise login_failed() from None
    for name, role in _candidates(operation, scope, reader):
        try:
            require_names(
                certificate,
                common_names=role.allowed_common_names,
                dns_names=role.allowed_dns_names,
                uris=role.allowed_uris,
            )
            verify(certificate, role.ca_pem, scope.now)
        except VerificationFailed:
            continue
        return name, role
    raise login_failed()


@changes(LoginCertificate)
def login_certificate(operation: LoginCertificate, scope: Scope, tx: Transaction) -> IssuedToken:
    name, checked = scope.prepared
    role = tx.get(CERTIFICATE_ROLE, scope.namespace, name)
    if role is None or role.incarnation != checked.incarnation:
        raise login_failed()  # deleted, or its demands changed, while they were checked
    return issue_login(scope, tx, _principal(name), role)


def _candidates(
    operation: LoginCertificate, scope: Scope, reader: Reader
) -> Iterator[tuple[str, CertificateRoleRecord]]:
    if operation.name is not None:
        role = reader.get(CERTIFICATE_ROLE, scope.namespace, operation.name)
        if role is not None:
            yield operation.name, role
        return
    after = ""
    while page := reader.list(CERTIFICATE_ROLE, scope.namespace, after=after, limit=_PAGE):
        after = page[-1][0]
        yield from page


def _demands(role: CertificateRoleRecord | WriteCertificateRole) -> tuple[object, ...]:
    return (
        role.ca_pem,
        role.allowed_common_names,
        role.allowed_dns_names,
        role.allowed_uris,
    )


def _principal(name: str) -> str:
    return f"cert/{name}"


def _find(reader: Reader, scope: Scope, name: str) -> CertificateRoleRecord:
    record = reader.get(CERTIFICATE_ROLE, scope.namespace, name)
    if record is None:
        raise NotFound(f"There is no certificate role {name}.", role=name)
    return record


def _view(name: str, record: CertificateRoleRecord) -> CertificateRoleView:
    return CertificateRoleView(
        name=name,
        ca_pem=record.ca_pem,
        roles=record.roles,
        allowed_common_names=record.allowed_common_names,
        allowed_dns_names=record.allowed_dns_names,
        allowed_uris=record.allowed_uris,
        limits=shown(record.limits),
    )
