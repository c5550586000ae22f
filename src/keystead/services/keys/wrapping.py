"""Wrap and unwrap keys: under an encryption key in Keystead's form, or by AES key wrap."""

from __future__ import annotations

from keystead.crypto.specs import Usage
from keystead.errors import DecryptionFailed, InvalidRequest
from keystead.operations.cryptography import (
    Results,
    Unwrap,
    UnwrapBatch,
    UnwrapItem,
    Unwrapped,
    Wrap,
    WrapBatch,
    WrapItem,
    Wrapped,
)
from keystead.services.keys.batches import each
from keystead.services.keys.encryption import WRAPPED_KEY, open_sealed, seal
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.registry import uses
from keystead.services.scope import Scope


def _wrap(scope: Scope, item: WrapItem | Wrap) -> Wrapped:
    key: Key = scope.target
    if key.usage is Usage.WRAP_UNWRAP:
        version = key.protecting(Usage.WRAP_UNWRAP)
        _refuse_context(item.context)
        handle = version.handle(key.spec, Usage.WRAP_UNWRAP)
        wrapped = handle.wrap(item.key_material, algorithm=item.format or None)
    else:
        version = key.protecting(Usage.ENCRYPT_DECRYPT)
        _require_own_format(item.format)
        wrapped = seal(key, version, item.key_material, item.context, domain=WRAPPED_KEY)
    scope.key_version = version.number
    return Wrapped(wrapped=wrapped, key_id=key.id, version=version.number)


def _unwrap(scope: Scope, item: UnwrapItem | Unwrap) -> Unwrapped:
    key: Key = scope.target
    if key.usage is Usage.WRAP_UNWRAP:
        _refuse_context(item.context)
        version, material = _try_versions(key, item)
    else:
        key.require_usage(Usage.ENCRYPT_DECRYPT)
        _require_own_format(item.format)
        version, material = open_sealed(key, item.wrapped, item.context, domain=WRAPPED_KEY)
    scope.key_version = version.number
    return Unwrapped(key_material=material, key_id=key.id, version=version.number)


def _try_versions(key: Key, item: UnwrapItem | Unwrap) -> tuple[KeyVersion, bytes]:
    for version in key.candidates(Usage.WRAP_UNWRAP, item.version):
        handle = version.handle(key.spec, Usage.WRAP_UNWRAP)
        try:
            return version, handle.unwrap(item.wrapped, algorithm=item.format or None).reveal()
        except DecryptionFailed:
            continue
    raise DecryptionFailed


def _require_own_format(name: str) -> None:
    if name not in ("", "keystead"):
        raise InvalidRequest(
            f"Format {name} needs a key of usage wrap-unwrap.",
            hint="Create one: keystead key create NAME --spec aes-256-kwp.",
        )


def _refuse_context(context: dict[str, str]) -> None:
    if context:
        raise InvalidRequest("AES key wrap binds no encryption context.")


@uses(Wrap)
def wrap(operation: Wrap, scope: Scope) -> Wrapped:
    return _wrap(scope, operation)


@uses(WrapBatch)
def wrap_batch(operation: WrapBatch, scope: Scope) -> Results[Wrapped]:
    return each(scope, operation.items, lambda item: _wrap(scope, item))


@uses(Unwrap)
def unwrap(operation: Unwrap, scope: Scope) -> Unwrapped:
    return _unwrap(scope, operation)


@uses(UnwrapBatch)
def unwrap_batch(operation: UnwrapBatch, scope: Scope) -> Results[Unwrapped]:
    return each(scope, operation.items, lambda item: _unwrap(scope, item))
