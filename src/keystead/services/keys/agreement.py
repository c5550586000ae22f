"""Derive keys, agree on them with a peer, encapsulate and decapsulate them."""

from __future__ import annotations

from keystead.crypto.ciphertext import associated_data
from keystead.crypto.specs import Usage
from keystead.operations.cryptography import (
    Agree,
    AgreeBatch,
    AgreeItem,
    Decapsulate,
    DecapsulateBatch,
    DecapsulateItem,
    Derive,
    DeriveBatch,
    DerivedKey,
    DeriveItem,
    Encapsulate,
    EncapsulateBatch,
    Results,
    SharedSecret,
)
from keystead.services.keys.batches import each
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.registry import uses
from keystead.services.scope import Scope


def _version(scope: Scope, usage: Usage, number: int | None) -> KeyVersion:
    """The primary to make something new; a named version to make again what it made before."""
    key: Key = scope.target
    version = key.protecting(usage) if number is None else key.processing(usage, number)
    scope.key_version = version.number
    return version


def _derive(scope: Scope, item: DeriveItem | Derive) -> DerivedKey:
    key: Key = scope.target
    if key.record.required_context:
        key.require_context(item.context)
    version = _version(scope, Usage.DERIVE, item.version)
    # HKDF's info (RFC 5869) binds the length-prefixed context, then the caller's info.
    info = associated_data(b"", item.context, item.info)
    derived = version.handle(key.spec, Usage.DERIVE).derive(
        info=info, salt=item.salt, length=item.length
    )
    return DerivedKey(derived_key=derived.reveal(), key_id=key.id, version=version.number)


@uses(Derive)
def derive(operation: Derive, scope: Scope) -> DerivedKey:
    return _derive(scope, operation)


@uses(DeriveBatch)
def derive_batch(operation: DeriveBatch, scope: Scope) -> Results[DerivedKey]:
    return each(scope, operation.items, lambda item: _derive(scope, item))


def _agree(scope: Scope, item: AgreeItem | Agree) -> SharedSecret:
    key: Key = scope.target
    version = _version(scope, Usage.KEY_AGREEMENT, item.version)
    secret = version.handle(key.spec, Usage.KEY_AGREEMENT).agree(item.public_key)
    return SharedSecret(shared_secret=secret.reveal(), key_id=key.id, version=version.number)


@uses(Agree)
def agree(operation: Agree, scope: Scope) -> SharedSecret:
    return _agree(scope, operation)


@uses(AgreeBatch)
def agree_batch(operation: AgreeBatch, scope: Scope) -> Results[SharedSecret]:
    return each(scope, operation.items, lambda item: _agree(scope, item))


def _encapsulate(scope: Scope) -> SharedSecret:
    key: Key = scope.target
    version = _version(scope, Usage.ENCAPSULATE_DECAPSULATE, None)
    secret, ciphertext = version.handle(key.spec, Usage.ENCAPSULATE_DECAPSULATE).encapsulate()
    return SharedSecret(
        shared_secret=secret.reveal(),
        key_id=key.id,
        version=version.number,
        ciphertext=ciphertext,
    )


@uses(Encapsulate)
def encapsulate(operation: Encapsulate, scope: Scope) -> SharedSecret:
    return _encapsulate(scope)


@uses(EncapsulateBatch)
def encapsulate_batch(operation: EncapsulateBatch, scope: Scope) -> Results[SharedSecret]:
    return each(scope, operation.items, lambda _: _encapsulate(scope))


def _decapsulate(scope: Scope, item: DecapsulateItem | Decapsulate) -> SharedSecret:
    key: Key = scope.target
    number = key.primary if item.version is None else item.version
    version = _version(scope, Usage.ENCAPSULATE_DECAPSULATE, number)
    secret = version.handle(key.spec, Usage.ENCAPSULATE_DECAPSULATE).decapsulate(item.ciphertext)
    return SharedSecret(shared_secret=secret.reveal(), key_id=key.id, version=version.number)


@uses(Decapsulate)
def decapsulate(operation: Decapsulate, scope: Scope) -> SharedSecret:
    return _decapsulate(scope, operation)


@uses(DecapsulateBatch)
def decapsulate_batch(operation: DecapsulateBatch, scope: Scope) -> Results[SharedSecret]:
    return each(scope, operation.items, lambda item: _decapsulate(scope, item))
