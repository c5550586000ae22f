"""Certificate revocation lists (RFC 5280, section 5), as far as log-ins need them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable
from hashlib import sha256

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import (
    Certificate,
    CertificateRevocationList,
    load_der_x509_crl,
    load_pem_x509_crl,
)

from keystead.errors import InvalidRequest, VerificationFailed
from keystead.store.kinds import Kind


class RevocationListRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a CRL says; the record id is its name. ``issuer_digest`` is SHA-256 of the issuer's
    DER; ``serials`` are decimal, in order."""

    issuer: str
    issuer_digest: bytes
    serials: list[str]
    issued_at: float
    next_update_at: float | None = None


REVOCATION_LIST = Kind("revocation-list", RevocationListRecord)


def parse(text: str) -> RevocationListRecord:
    """A CRL from PEM, or DER in Base64. Raises InvalidRequest. Its signature is not checked:
    whoever may write it says what is revoked."""
    try:
        crl = _load(text)
        issuer = crl.issuer
        serials = sorted(entry.serial_number for entry in crl)
        return RevocationListRecord(
            issuer=issuer.rfc4514_string(),
            issuer_digest=sha256(issuer.public_bytes()).digest(),
            serials=[str(serial) for serial in serials],
            issued_at=crl.last_update_utc.timestamp(),
            next_update_at=crl.next_update_utc.timestamp() if crl.next_update_utc else None,
        )
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidRequest("failed to parse CRL", field="crl") from None


def require_unrevoked(chain: Iterable[Certificate], lists: Iterable[RevocationListRecord]) -> None:
    """Check that no certificate of a chain is on a list of its issuer; lists do not expire.
    Raises VerificationFailed."""
    known = {(sha256(c.issuer.public_bytes()).digest(), str(c.serial_number)) for c in chain}
    for record in lists:
        for digest, serial in known:
            if digest == record.issuer_digest and serial in record.serials:
                raise VerificationFailed("The client certificate is revoked.")


def _load(text: str) -> CertificateRevocationList:
    if "-----BEGIN" in text:
        return load_pem_x509_crl(text.encode("ascii"))
    try:
        return load_der_x509_crl(b64decode("".join(text.split()), validate=True))
    except binascii.Error:
        raise ValueError("no Base64") from None
