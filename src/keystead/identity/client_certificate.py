"""TLS client certificates: whether one is of a CA, and has the names that are asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
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
    ObjectIdentifier,
    RFC822Name,
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


class Trusted(NamedTuple):
    """A bundle of trusted certificates: authorities, and others (DER) that stand for
    themselves alone."""

    store: Store
    pinned: frozenset[bytes]


@functools.lru_cache(maxsize=256)
def authorities(ca_pem: str) -> Trusted:
    """The trusted certificates of a PEM bundle; raises InvalidRequest if there is none."""
    try:
        certificates = load_pem_x509_certificates(ca_pem.encode("ascii"))
        pinned = [c.public_bytes(Encoding.DER) for c in certificates if not _is_authority(c)]
        return Trusted(Store(certificates), frozenset(pinned))
    except _UNREADABLE:
        raise InvalidRequest("The CA is not one or more PEM certificates.") from None


def _is_authority(certificate: Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        return False


def verify(certificate: Certificate, ca_pem: str, now: float) -> list[Certificate]:
    """Check that a certificate was issued by one of the CAs for TLS clients (RFC 5280, 6.1),
    and give it with those above it.

    Checked: signatures up to one of the trusted certificates, all validity times at ``now``
    (Unix seconds), of CA certificates that they are said to be such (basic constraints) and a
    key usage, if any, names keyCertSign, path lengths, name constraints; and of the
    certificate itself that it is no CA, that an extended key usage, if any, names clientAuth
    (4.2.1.12), and a key usage, if any, digitalSignature (4.2.1.3). A trusted certificate that
    is no CA is good for itself while it is valid. Not checked: revocation (CRL, OCSP). Raises
    VerificationFailed.
    """
    trusted, at = authorities(ca_pem), datetime.fromtimestamp(now, UTC)
    if certificate.public_bytes(Encoding.DER) in trusted.pinned:
        if certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return [certificate]
        raise VerificationFailed("The client certificate is not valid now.")
    verifier = (
        PolicyBuilder()
        .store(trusted.store)
        .time(at)
        .extension_policies(ca_policy=_ca_extensions(), ee_policy=_client_extensions())
        .build_client_verifier()
    )
    try:
        return verifier.verify(certificate, []).chain
    except (VerificationError, *_UNREADABLE):
        raise VerificationFailed("The client certificate is not of this CA.") from None


def require_names(
    certificate: Certificate,
    *,
    names: Sequence[str] = (),
    common_names: Sequence[str] = (),
    dns_names: Sequence[str] = (),
    emails: Sequence[str] = (),
    uris: Sequence[str] = (),
    units: Sequence[str] = (),
) -> None:
    """Check that for each list of shell-style patterns that is not empty the certificate has
    a name that fits one: subject CN, DNS names (in any case), mail addresses, URIs, subject
    OU; ``names`` are CNs, DNS names or mail addresses. Raises VerificationFailed."""
    try:
        san = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        san = SubjectAlternativeName([])
    subject = _subject(certificate, NameOID.COMMON_NAME)
    dns, mail = san.get_values_for_type(DNSName), san.get_values_for_type(RFC822Name)
    demands = (
        (names, [*subject, *dns, *mail]),
        (common_names, subject),
        ([p.lower() for p in dns_names], [n.lower() for n in dns]),
        (emails, mail),
        (uris, san.get_values_for_type(UniformResourceIdentifier)),
        (units, _subject(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)),
    )
    if not all(_fits(patterns, present) for patterns, present in demands):
        raise VerificationFailed("The client certificate does not have the names asked for.")


def _subject(certificate: Certificate, oid: ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]


def _fits(patterns: Sequence[str], present: Iterable[str]) -> bool:
    return not patterns or any(fnmatchcase(name, p) for name in present for p in patterns)


@functools.cache
def _ca_extensions() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .require_present(BasicConstraints, Criticality.AGNOSTIC, _authority)
        .may_be_present(KeyUsage, Criticality.AGNOSTIC, _for_certificates)
    )


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


def _authority(_: Policy, __: Certificate, extension: ExtensionType | None) -> None:
    if isinstance(extension, BasicConstraints) and not extension.ca:
        raise ValueError("not a CA")


def _for_certificates(_: Policy, __: Certificate, extension: ExtensionType | None) -> None:
    if isinstance(extension, KeyUsage) and not extension.key_cert_sign:
        raise ValueError("not for certificates")
