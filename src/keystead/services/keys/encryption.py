"""Encrypt, decrypt and re-encrypt data."""

from __future__ import annotations

from keystead.crypto.ciphertext import associated_data, parse
from keystead.crypto.specs import Usage
from keystead.errors import DecryptionFailed, InvalidRequest, NotFound
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
_OWN = b"KS"  # how every label of Keystead's own begins: see ``crypto.ciphertext``


WRAPPED_KEY = b"\xff\xff\xff\xffkeystead/wrapped-key"
"""Stands between header and context of a wrapped key, where data has the number of context
entries, so that decrypt cannot have a wrapped key back as data, nor unwrap data as a key."""


def seal(
    key: Key,
    version: KeyVersion,
    plaintext: bytes,
    context: dict[str, str],
    aad: bytes = b"",
    *,
    domain: bytes = b"",
) -> bytes:
    """Encrypt under a version: header ‖ body (see ``crypto.ciphertext``).

    For RSA the header, the context and the aad are the OAEP label.
    """
    if key.record.required_context:
        key.require_context(context)
    version.spend_message()
    bound = associated_data(version.header + domain, context, aad)
    ciphertext: bytes = version.header + version.handle(key.spec, _USAGE).encrypt(plaintext, bound)
    return ciphertext


def open_sealed(
    key: Key,
    ciphertext: bytes,
    context: dict[str, str],
    aad: bytes = b"",
    *,
    domain: bytes = b"",
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
    bound = associated_data(parsed.header + domain, context, aad)
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
    """Open bare RSA-OAEP ciphertext made with the public key: it names neither key nor version.

    It binds no context, so none can be claimed for it. What Keystead bound to one is not
    opened here, where the caller gives the whole label.
    """
    key.require_usage(_USAGE)
    if key.spec.symmetric or item.context:
        raise InvalidRequest(
            "Only bare RSA-OAEP ciphertext needs an algorithm, and it binds no context.",
            hint="Leave the algorithm out: the ciphertext names its key.",
        )
    key.require_context(item.context)
    if item.aad.startswith(_OWN):
        raise DecryptionFailed
    for version in key.candidates(_USAGE):
        try:
            plaintext = version.handle(key.spec, _USAGE).decrypt(
                item.ciphertext, item.aad, algorithm=item.algorithm
            )
        except DecryptionFailed:
            continue
        return Decrypted(plaintext=plaintext, key_id=key.id, version=version.number)
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
        if item.key and item.key not in (key.id, key.record.name, *key.record.aliases):
            raise DecryptionFailed
        decrypted = _decrypt(key, item)
        scope.key_version = decrypted.version
        return decrypted

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


def _name_sources(scope: Scope) -> None:
    """The audit log tells whose ciphertexts were opened."""
    scope.details["sources"] = ",".join(sorted(scope.sources))


@uses(Reencrypt)
def reencrypt(operation: Reencrypt, scope: Scope) -> Encrypted:
    _name_sources(scope)
    return _reencrypt(scope, operation)


@uses(ReencryptBatch)
def reencrypt_batch(operation: ReencryptBatch, scope: Scope) -> Results[Encrypted]:
    _name_sources(scope)
    return each(scope, operation.items, lambda item: _reencrypt(scope, item))
