"""Signing requests for transit keys, and the certificates that come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.crypto.transit.signers import private_part_missing
from keystead.crypto.transit.types import TYPES, TransitType
from keystead.errors import InvalidRequest
from keystead.operations.transit import (
    SetCertificateChain,
    SignCsr,
    SigningRequest,
    TransitKey,
)
from keystead.services.keys.key import Key
from keystead.services.keys.lifecycle import record_of
from keystead.services.keys.records import KEY, MATERIAL, material_id
from keystead.services.registry import changes, uses
from keystead.services.scope import Scope
from keystead.services.transit.keyring import opened, settings_of, type_of
from keystead.services.transit.views import view

if TYPE_CHECKING:
    from keystead.store.transaction import Transaction


def _require_signing(type_: TransitType) -> None:
    if not type_.signs:
        raise InvalidRequest(f"key type '{type_.name}' does not support signing")


@uses(SignCsr)
def sign_csr(operation: SignCsr, scope: Scope) -> SigningRequest:
    """Make a signing request; raises InvalidRequest for a derived key or a bad template."""
    key: Key = scope.target
    type_ = type_of(key)
    _require_signing(type_)
    if settings_of(key.record).derived:
        raise InvalidRequest("operation not supported on keys with derivation enabled")
    version = key.versions.get(operation.key_version or len(key.record.versions))
    if version is None:
        raise InvalidRequest("could not create the csr: no such key version")
    if not version.may_protect:
        raise key.state_forbids(version.number, version)
    private = opened(key, version).private
    if private is None:
        raise private_part_missing()
    builder = _in_the_image_of(operation.template)
    scope.key_version = version.number
    request = builder.sign(private, _hash(type_))
    return SigningRequest(
        name=key.record.name.rpartition("/")[2],
        type=type_.name,
        csr=request.public_bytes(Encoding.PEM).decode(),
    )


def _hash(type_: TransitType) -> Any:
    if type_.rsa or type_.name == "ecdsa-p256":
        return hashes.SHA256()
    return {"ecdsa-p384": hashes.SHA384(), "ecdsa-p521": hashes.SHA512()}.get(type_.name)


def _in_the_image_of(template: str) -> x509.CertificateSigningRequestBuilder:
    """A request with the subject and the extensions of another (PEM), or with none."""
    builder = x509.CertificateSigningRequestBuilder()
    if not template:
        return builder.subject_name(x509.Name([]))
    try:
        given = x509.load_pem_x509_csr(template.encode())
        builder = builder.subject_name(given.subject)
        for extension in given.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise InvalidRequest("could not decode PEM CSR") from None
    return builder


@changes(SetCertificateChain)
def set_certificate_chain(
    operation: SetCertificateChain, scope: Scope, tx: Transaction
) -> TransitKey:
    """Keep a chain with a version; raises InvalidRequest if its first is of another key."""
    key_id, record = record_of(tx, scope, operation.key)
    type_ = TYPES[settings_of(record).type]
    _require_signing(type_)
    number = operation.version or len(record.versions)
    row = tx.get(MATERIAL, scope.namespace, material_id(key_id, number))
    if row is None or row.public is None:
        raise InvalidRequest("failed to persist certificate chain: no such key version")
    chain = _parse_chain(operation.chain)
    public = chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public != row.public:
        raise InvalidRequest(
            "failed to persist certificate chain: leaf certificate public key does not match "
            "the selected key version"
        )
    certificates = [certificate.public_bytes(Encoding.DER) for certificate in chain]
    changed = msgspec.structs.replace(row, certificates=certificates)
    tx.put(MATERIAL, scope.namespace, material_id(key_id, number), changed)
    tx.touch(KEY, scope.namespace, key_id)
    scope.key_version = number
    return view(tx, scope.namespace, key_id, record)


def _parse_chain(text: str) -> list[x509.Certificate]:
    if not text.strip():
        raise InvalidRequest(
            "provided certificate chain did not contain any valid PEM encoded certificate"
        )
    try:
        chain = x509.load_pem_x509_certificates(text.encode())
        leaf = chain[0]
        constraints = [
            extension.value
            for extension in leaf.extensions
            if isinstance(extension.value, x509.BasicConstraints)
        ]
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise InvalidRequest("could not decode a PEM block in the certificate chain") from None
    if any(value.ca for value in constraints):
        raise InvalidRequest(
            "failed to persist certificate chain: certificate in the first element is not a "
            "valid leaf certificate"
        )
    return chain
