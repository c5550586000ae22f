"""Give out what may leave: exportable material, and signed statements about public parts."""

from __future__ import annotations

import msgspec

from keystead.errors import ExportForbidden, KeyUsageForbids, NotFound
from keystead.operations.keys import (
    AttestPublicKey,
    ExportedKey,
    ExportKey,
    PublicAttestation,
)
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.keys.views import public_text
from keystead.services.registry import uses
from keystead.services.scope import Scope


def _version(key: Key, number: int | None) -> KeyVersion:
    version = key.versions.get(key.primary if number is None else number)
    if version is None:
        raise NotFound(f"Key {key.record.name} has no version {number}.", version=number)
    return version


@uses(ExportKey)
def export_key(operation: ExportKey, scope: Scope) -> ExportedKey:
    key: Key = scope.target
    if not key.record.exportable:
        raise ExportForbidden(
            f"Key {key.record.name} is not exportable.",
            hint="Exportable is chosen when a key is created and can only be turned off.",
            key=key.record.name,
        )
    number = key.primary if operation.version is None else operation.version
    version = key.processing(key.usage, number)
    scope.key_version = version.number
    return ExportedKey(
        key_id=key.id,
        version=version.number,
        spec=key.record.spec,
        material=version.reveal(),
    )


@uses(AttestPublicKey)
def attest_public_key(operation: AttestPublicKey, scope: Scope) -> PublicAttestation:
    """Say which key a public part belongs to, signed with the audit log's key.

    The note's text is the statement, one line of JSON; its signature is C2SP signed-note.
    """
    key: Key = scope.target
    version = _version(key, operation.version)
    if version.public is None:
        raise KeyUsageForbids(f"Key {key.record.name} has no public part.", key=key.record.name)
    scope.key_version = version.number
    public = public_text(version.public)
    statement = {
        "statement": "keystead.key-attestation/v1",
        "key_id": key.id,
        "name": key.record.name,
        "namespace": key.namespace,
        "version": version.number,
        "spec": key.record.spec,
        "usage": str(key.usage),
        "origin": key.record.origin,
        "protection": "software",
        "exportable": key.record.exportable,
        "state": str(version.state),
        "public_key": public,
        "attested_at": int(scope.now),
    }
    text = msgspec.json.encode(statement, order="sorted").decode()
    return PublicAttestation(
        public_key=public, statement=text, note=scope.house.audit.sign_note(text)
    )
