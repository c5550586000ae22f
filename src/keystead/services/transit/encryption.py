"""Encrypt, decrypt and encrypt again in Vault's forms; data keys."""

from __future__ import annotations

import os

from keystead.crypto.transit import wire
from keystead.crypto.transit.ciphers import TransitCipher
from keystead.errors import InvalidRequest
from keystead.operations.cryptography import Results
from keystead.operations.transit import (
    GenerateTransitDataKey,
    TransitDataKey,
    TransitDecrypt,
    TransitDecryptBatch,
    TransitDecrypted,
    TransitDecryptItem,
    TransitEncrypt,
    TransitEncryptBatch,
    TransitEncrypted,
    TransitEncryptItem,
    TransitRewrap,
    TransitRewrapBatch,
    TransitRewrapItem,
)
from keystead.services.keys.batches import each
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.keys.transit import CONVERGENT_VERSION
from keystead.services.registry import uses
from keystead.services.scope import Scope
from keystead.services.transit.keyring import opened, settings_of, to_process, to_protect, type_of


def _require_cipher(key: Key, doing: str) -> None:
    type_ = type_of(key)
    if not type_.encrypts:
        raise InvalidRequest(f"message {doing} not supported for key type {type_.name}")


def _cipher(key: Key, version: KeyVersion) -> TransitCipher:
    cipher = opened(key, version).cipher
    assert cipher is not None
    if version.convergent_version != CONVERGENT_VERSION and settings_of(key.record).convergent:
        raise InvalidRequest(
            "refusing to support decryption with old convergent encryption key: "
            f"version {version.convergent_version}"
        )
    return cipher


def _refuse_aad(key: Key, aad: bytes) -> None:
    if aad and not (type_ := type_of(key)).aead:
        raise InvalidRequest(
            f"'[0].associated_data' provided for non-AEAD cipher suite {type_.name}"
        )


def _seal(
    key: Key, plaintext: bytes, derivation: bytes, aad: bytes, wanted: int
) -> TransitEncrypted:
    _require_cipher(key, "encryption")
    _refuse_aad(key, aad)
    version = to_protect(key, wanted, "encryption")
    cipher = _cipher(key, version)
    version.spend_message()
    number = version.number
    sealed = cipher.encrypt(plaintext, derivation, aad)
    return TransitEncrypted(ciphertext=wire.frame(number, sealed), version=number)


def _open(key: Key, ciphertext: str, derivation: bytes, aad: bytes) -> TransitDecrypted:
    _require_cipher(key, "decryption")
    _refuse_aad(key, aad)
    framed = wire.split(ciphertext, "ciphertext")
    version = to_process(key, framed.version, "ciphertext")
    try:
        sealed = wire.decode(framed.encoded)
    except InvalidRequest:
        raise InvalidRequest("invalid ciphertext: could not decode base64") from None
    plaintext = _cipher(key, version).decrypt(sealed, derivation, aad)
    return TransitDecrypted(plaintext=plaintext, version=version.number)


@uses(TransitEncrypt)
def encrypt(operation: TransitEncrypt, scope: Scope) -> TransitEncrypted:
    """Encrypt; raises InvalidRequest in Vault's words."""
    asked = operation
    made = _seal(scope.target, asked.plaintext, asked.derivation, asked.aad, asked.key_version)
    scope.key_version = made.version
    return made


@uses(TransitEncryptBatch)
def encrypt_batch(operation: TransitEncryptBatch, scope: Scope) -> Results[TransitEncrypted]:
    key: Key = scope.target
    type_of(key)

    def one(item: TransitEncryptItem) -> TransitEncrypted:
        made = _seal(key, item.plaintext, item.derivation, item.aad, item.key_version)
        scope.key_version = made.version
        return made

    return each(scope, operation.items, one)


@uses(TransitDecrypt)
def decrypt(operation: TransitDecrypt, scope: Scope) -> TransitDecrypted:
    """Decrypt; raises InvalidRequest or DecryptionFailed in Vault's words."""
    found = _open(scope.target, operation.ciphertext, operation.derivation, operation.aad)
    scope.key_version = found.version
    return found


@uses(TransitDecryptBatch)
def decrypt_batch(operation: TransitDecryptBatch, scope: Scope) -> Results[TransitDecrypted]:
    key: Key = scope.target
    type_of(key)

    def one(item: TransitDecryptItem) -> TransitDecrypted:
        found = _open(key, item.ciphertext, item.derivation, item.aad)
        scope.key_version = found.version
        return found

    return each(scope, operation.items, one)


def _rewrap(scope: Scope, item: TransitRewrapItem | TransitRewrap) -> TransitEncrypted:
    key: Key = scope.target
    found = _open(key, item.ciphertext, item.derivation, item.aad)
    made = _seal(key, found.plaintext, item.derivation, item.aad, item.key_version)
    scope.key_version = made.version
    return made


@uses(TransitRewrap)
def rewrap(operation: TransitRewrap, scope: Scope) -> TransitEncrypted:
    return _rewrap(scope, operation)


@uses(TransitRewrapBatch)
def rewrap_batch(operation: TransitRewrapBatch, scope: Scope) -> Results[TransitEncrypted]:
    type_of(scope.target)
    return each(scope, operation.items, lambda item: _rewrap(scope, item))


@uses(GenerateTransitDataKey)
def generate_data_key(operation: GenerateTransitDataKey, scope: Scope) -> TransitDataKey:
    asked, plaintext = operation, os.urandom(operation.length)
    made = _seal(scope.target, plaintext, asked.derivation, asked.aad, asked.key_version)
    scope.key_version = made.version
    return TransitDataKey(
        ciphertext=made.ciphertext,
        version=made.version,
        plaintext=plaintext if asked.with_plaintext else None,
    )
