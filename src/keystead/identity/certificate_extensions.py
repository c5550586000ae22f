"""What the extensions of a client certificate say, as demanded and told by name or number."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from cryptography.x509 import (
    AuthorityKeyIdentifier,
    Certificate,
    ExtensionNotFound,
    SubjectKeyIdentifier,
    UnrecognizedExtension,
)

from keystead.errors import VerificationFailed

_ENCODINGS: Final[Mapping[int, str]] = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String
    0x16: "ascii",  # IA5String
    0x1B: "ascii",  # GeneralString
    0x1E: "utf-16-be",  # BMPString
}
"""Tags of ASN.1's strings (X.690), and how their contents are read."""


class KeyIdentifiers(NamedTuple):
    """A certificate's key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2) as ``ab:cd:…``, or
    empty."""

    subject: str
    authority: str


def key_identifiers(certificate: Certificate) -> KeyIdentifiers:
    """The identifiers of a certificate's key and of its issuer's."""
    extensions = certificate.extensions
    subject = authority = b""
    with contextlib.suppress(ExtensionNotFound):
        subject = extensions.get_extension_for_class(SubjectKeyIdentifier).value.digest
    with contextlib.suppress(ExtensionNotFound):
        value = extensions.get_extension_for_class(AuthorityKeyIdentifier).value
        authority = value.key_identifier or b""
    return KeyIdentifiers(subject.hex(":"), authority.hex(":"))


def require_extensions(certificate: Certificate, demands: Iterable[str]) -> None:
    """Check that a certificate meets every demand: ``OID:pattern`` on the string in an
    extension, or ``hex:OID:pattern`` on its DER in lower-case hexadecimal digits; patterns are
    shell-style. Raises VerificationFailed."""
    present = _contents(certificate)
    for demand in demands:
        in_hex = demand.startswith("hex:")
        oid, colon, pattern = demand.removeprefix("hex:").partition(":")
        raw = present.get(oid)
        if not colon or raw is None:
            raise VerificationFailed("The client certificate lacks an extension.")
        told, pattern = (raw.hex(), pattern.lower()) if in_hex else (text_of(raw), pattern)
        if not fnmatchcase(told, pattern):
            raise VerificationFailed("The client certificate has another extension.")


def texts_of(certificate: Certificate, oids: Iterable[str]) -> dict[str, str]:
    """The strings in those of the extensions that are there, by number."""
    present = _contents(certificate)
    return {oid: text_of(present[oid]) for oid in oids if oid in present}


def text_of(der: bytes) -> str:
    """The string that DER begins with; empty if it does not begin with one."""
    encoding = _ENCODINGS.get(der[0]) if len(der) >= 2 else None
    if encoding is None:
        return ""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    content = der[start : start + length]
    try:
        return content.decode(encoding) if len(content) == length else ""
    except UnicodeDecodeError:
        return ""


def _contents(certificate: Certificate) -> dict[str, bytes]:
    """What is in each extension (DER), by its number."""
    found = {}
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, UnrecognizedExtension):
            found[extension.oid.dotted_string] = value.value
        else:
            try:
                found[extension.oid.dotted_string] = value.public_bytes()
            except (NotImplementedError, ValueError):
                continue
    return found
