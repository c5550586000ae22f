"""TLS client certificates: whether one is of a CA, and has the names that are asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DNSName,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    ExtensionType,
    InvalidVersion,
    KeyUsage,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from keystead.errors import InvalidRequest, VerificationFailed

_LONGEST_DER = 65_536
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    InvalidVersion,
    DuplicateExtension,
    UnsupportedGeneralNameType,
)


def parse_der(der: bytes) -> Certificate:
    """The certificate; raises VerificationFailed for bytes that are none."""
    try:
        if len(der) > _LONGEST_DER:
            raise ValueError
        certificate = load_der_x509_certificate(der)
        certificate.extensions  # noqa: B018 - parsed on first use
        certificate.subject  # noqa: B018
    except _UNREADABLE:
        raise VerificationFailed("The client certificate cannot be read.") from None
    return certificate


@functools.lru_cache(maxsize=256)
def authorities(ca_pem: str) -> Store:
    """The trusted certificates of a PEM bundle; raises InvalidRequest if there is none."""
    try:
        certificates = load_pem_x509_certificates(ca_pem.encode("ascii"))
        for certificate in certificates:
            certificate.extensions  # noqa: B018 - parsed on first use
        return Store(certificates)
    except _UNREADABLE:
        raise InvalidRequest("The CA is not one or more PEM certificates.") from None


def verify(certificate: Certificate, ca_pem: str, now: float) -> None:
    """Check that a certificate was issued by one of the CAs for TLS clients (RFC 5280, 6.1).

    Checked: signatures up to one of the trusted certificates, all validity times at ``now``
    (Unix seconds), CA certificates by the Web PKI's profile (key usage and basic constraints
    are needed), path lengths, name constraints; and of the certificate itself that it is no CA,
    that an extended key usage, if any, names clientAuth (4.2.1.12), and a key usage, if any,
    digitalSignature (4.2.1.3). Not checked: revocation (CRL, OCSP). Raises VerificationFailed.
    """
    policies = PolicyBuilder().store(authorities(ca_pem)).time(datetime.fromtimestamp(now, UTC))
    verifier = policies.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=_client_extensions()
    ).build_client_verifier()
    try:
        verifier.verify(certificate, [])
    except (VerificationError, *_UNREADABLE):
        raise VerificationFailed("The client certificate is not of this CA.") from None


def require_names(
    certificate: Certificate,
    *,
    common_names: Sequence[str],
    dns_names: Sequence[str],
    uris: Sequence[str],
) -> None:
    """Check that for each list of shell-style patterns that is not empty the certificate has
    a name that fits one: subject CN, DNS names (in any case) and URIs. Raises
    VerificationFailed."""
    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        names = SubjectAlternativeName([])
    subject = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    demands = (
        (common_names, [str(attribute.value) for attribute in subject]),
        ([p.lower() for p in dns_names], [n.lower() for n in names.get_values_for_type(DNSName)]),
        (uris, names.get_values_for_type(UniformResourceIdentifier)),
    )
    if not all(_fits(patterns, present) for patterns, present in demands):
        raise VerificationFailed("The client certificate does not have the names asked for.")


def _fits(patterns: Sequence[str], present: Iterable[str]) -> bool:
    return not patterns or any(fnmatchcase(name, p) for name in present for p in patterns)


@functools.cache
def _client_extensions() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients)
        .may_be_present(KeyUsage, Criticality.AGNOSTIC, _for_signing)
        .may_be_present(BasicConstraints, Criticality.AGNOSTIC, _no_authority)
    )


def _for_clients(_: Policy, __: Certificate, extension: ExtensionType | None) -> None:
    if isinstance(extension, ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in extension:
        raise ValueError("not for TLS clients")


def _for_signing(_: Policy, __: Certificate, extension: ExtensionType | None) -> None:
    if isinstance(extension, KeyUsage) and not extension.digital_signature:
        raise ValueError("not for signatures")


def _no_authority(_: Policy, __: Certificate, extension: ExtensionType | None) -> None:
    if isinstance(extension, BasicConstraints) and extension.ca:
        raise ValueError("a CA is no client")
