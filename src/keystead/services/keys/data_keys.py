"""Data keys and data key pairs: made here, used elsewhere, kept encrypted under a key."""

from __future__ import annotations

import os

from keystead.crypto import Usage, generate, public_der, spec
from keystead.errors import UnsupportedAlgorithm
from keystead.operations.cryptography import (
    DataKey,
    DataKeyItem,
    DataKeyPair,
    DataKeyPairItem,
    GenerateDataKey,
    GenerateDataKeyBatch,
    GenerateDataKeyPair,
    GenerateDataKeyPairBatch,
    Results,
)
from keystead.services.keys.batches import each
from keystead.services.keys.encryption import seal
from keystead.services.keys.key import Key
from keystead.services.registry import uses
from keystead.services.scope import Scope


def _data_key(scope: Scope, item: DataKeyItem | GenerateDataKey) -> DataKey:
    key: Key = scope.target
    version = key.protecting(Usage.ENCRYPT_DECRYPT)
    scope.key_version = version.number
    plaintext = os.urandom(item.length)
    return DataKey(
        ciphertext=seal(key, version, plaintext, item.context, item.aad),
        key_id=key.id,
        version=version.number,
        plaintext=plaintext if item.with_plaintext else None,
    )


@uses(GenerateDataKey)
def generate_data_key(operation: GenerateDataKey, scope: Scope) -> DataKey:
    return _data_key(scope, operation)


@uses(GenerateDataKeyBatch)
def generate_data_keys(operation: GenerateDataKeyBatch, scope: Scope) -> Results[DataKey]:
    return each(scope, operation.items, lambda item: _data_key(scope, item))


def _data_key_pair(scope: Scope, item: DataKeyPairItem | GenerateDataKeyPair) -> DataKeyPair:
    key: Key = scope.target
    version = key.protecting(Usage.ENCRYPT_DECRYPT)
    scope.key_version = version.number
    pair_spec = spec(item.spec)
    if pair_spec.symmetric:
        raise UnsupportedAlgorithm(
            f"{item.spec} has no public part.", hint="Use a data key for symmetric material."
        )
    private = generate(pair_spec)
    public = public_der(pair_spec, private)
    assert public is not None
    material = private.reveal()
    return DataKeyPair(
        private_key_ciphertext=seal(key, version, material, item.context, item.aad),
        public_key=public,
        key_id=key.id,
        version=version.number,
        private_key=material if item.with_plaintext else None,
    )


@uses(GenerateDataKeyPair)
def generate_data_key_pair(operation: GenerateDataKeyPair, scope: Scope) -> DataKeyPair:
    return _data_key_pair(scope, operation)


@uses(GenerateDataKeyPairBatch)
def generate_data_key_pairs(
    operation: GenerateDataKeyPairBatch, scope: Scope
) -> Results[DataKeyPair]:
    return each(scope, operation.items, lambda item: _data_key_pair(scope, item))
