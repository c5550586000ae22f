"""Encrypt, decrypt and re-encrypt data."""

from __future__ import annotations

from keystead.crypto.ciphertext import associated_data, parse
from keystead.crypto.specs import Usage
from keystead.errors import DecryptionFailed, NotFound
from keystead.operations.cryptography import (
    Decrypt,
    DecryptBatch,
    Decrypted,
    DecryptItem,
    Encrypt,
    EncryptBatch,
    Encrypted,
    EncryptItem,
    Reencrypt,
    ReencryptBatch,
    ReencryptItem,
    Results,
)
from keystead.services.keys.batches import each
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.registry import uses
from keystead.services.scope import Scope

_USAGE = Usage.ENCRYPT_DECRYPT


def seal(
    key: Key, version: KeyVersion, plaintext: bytes, context: dict[str, str], aad: bytes
) -> bytes:
    """Encrypt under a version: header ‖ body (see ``crypto.ciphertext``).

    For RSA the header, the context and the aad are the OAEP label.
    """
    if key.record.required_context:
        key.require_context(context)
    version.spend_message()
    bound = associated_data(version.header, context, aad)
    ciphertext: bytes = version.header + version.handle(key.spec, _USAGE).encrypt(plaintext, bound)
    return ciphertext


def open_sealed(
    key: Key, ciphertext: bytes, context: dict[str, str], aad: bytes
) -> tuple[KeyVersion, bytes]:
    """Decrypt what ``seal`` made, with the version that the ciphertext names.

    Raises DecryptionFailed, whatever does not fit: another key, context, aad, or bytes.
    Raises KeyStateForbids if the version's state does not allow it.
    """
    parsed = parse(ciphertext)
    if parsed.key_id.hex() != key.id or parsed.spec_code != key.spec.code:
        raise DecryptionFailed
    try:
        version = key.processing(_USAGE, parsed.version)
    except NotFound:
        raise DecryptionFailed from None
    bound = associated_data(parsed.header, context, aad)
    return version, version.handle(key.spec, _USAGE).decrypt(parsed.body, bound)


@uses(Encrypt)
def encrypt(operation: Encrypt, scope: Scope) -> Encrypted:
    key: Key = scope.target
    version = key.protecting(_USAGE)
    scope.key_version = version.number
    sealed = seal(key, version, operation.plaintext, operation.context, operation.aad)
    return Encrypted(ciphertext=sealed, key_id=key.id, version=version.number)


@uses(EncryptBatch)
def encrypt_batch(operation: EncryptBatch, scope: Scope) -> Results[Encrypted]:
    key: Key = scope.target
    version = key.protecting(_USAGE)
    scope.key_version = version.number
    key_id, number = key.id, version.number

    def one(item: EncryptItem) -> Encrypted:
        sealed = seal(key, version, item.plaintext, item.context, item.aad)
        return Encrypted(ciphertext=sealed, key_id=key_id, version=number)

    return each(scope, operation.items, one)


def _decrypt(key: Key, item: DecryptItem | Decrypt) -> Decrypted:
    if item.algorithm:
        return _decrypt_bare(key, item)
    version, plaintext = open_sealed(key, item.ciphertext, item.context, item.aad)
    return Decrypted(plaintext=plaintext, key_id=key.id, version=version.number)


def _decrypt_bare(key: Key, item: DecryptItem | Decrypt) -> Decrypted:
    """Open bare RSA-OAEP ciphertext made with the public key: it names neither key nor version."""
    key.require_usage(_USAGE)
    for number in sorted(key.versions, reverse=True):
        try:
            version = key.processing(_USAGE, number)
            plaintext = version.handle(key.spec, _USAGE).decrypt(
                item.ciphertext, item.aad, algorithm=item.algorithm
            )
        except DecryptionFailed:
            continue
        return Decrypted(plaintext=plaintext, key_id=key.id, version=number)
    raise DecryptionFailed


@uses(Decrypt)
def decrypt(operation: Decrypt, scope: Scope) -> Decrypted:
    decrypted = _decrypt(scope.target, operation)
    scope.key_version = decrypted.version
    return decrypted


@uses(DecryptBatch)
def decrypt_batch(operation: DecryptBatch, scope: Scope) -> Results[Decrypted]:
    key: Key = scope.target

    def one(item: DecryptItem) -> Decrypted:
        if item.key and item.key not in (operation.key, key.id, key.record.name):
            raise DecryptionFailed
        return _decrypt(key, item)

    return each(scope, operation.items, one)


def _reencrypt(scope: Scope, item: ReencryptItem | Reencrypt) -> Encrypted:
    key: Key = scope.target
    source: Key | None = scope.sources.get(parse(item.ciphertext).key_id.hex())
    if source is None:
        raise DecryptionFailed
    _, plaintext = open_sealed(source, item.ciphertext, item.source_context, item.source_aad)
    version = key.protecting(_USAGE)
    scope.key_version = version.number
    context = item.source_context if item.context is None else item.context
    aad = item.source_aad if item.aad is None else item.aad
    return Encrypted(
        ciphertext=seal(key, version, plaintext, context, aad),
        key_id=key.id,
        version=version.number,
    )


@uses(Reencrypt)
def reencrypt(operation: Reencrypt, scope: Scope) -> Encrypted:
    return _reencrypt(scope, operation)


@uses(ReencryptBatch)
def reencrypt_batch(operation: ReencryptBatch, scope: Scope) -> Results[Encrypted]:
    return each(scope, operation.items, lambda item: _reencrypt(scope, item))
