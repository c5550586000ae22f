"""Sign and verify; compute and check MACs."""

from __future__ import annotations

from collections.abc import Callable

from keystead.crypto.specs import Usage
from keystead.errors import VerificationFailed
from keystead.operations.cryptography import (
    GenerateMac,
    GenerateMacBatch,
    Mac,
    MacItem,
    Results,
    Sign,
    SignBatch,
    Signed,
    SignItem,
    Verified,
    Verify,
    VerifyBatch,
    VerifyItem,
    VerifyMac,
    VerifyMacBatch,
    VerifyMacItem,
)
from keystead.services.keys.batches import each
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.registry import uses
from keystead.services.scope import Scope

_SIGN = Usage.SIGN_VERIFY
_MAC = Usage.GENERATE_VERIFY_MAC


def _format(key: Key, wanted: str) -> str | None:
    """``der`` is the default and means nothing to schemes that have one format only."""
    return wanted if wanted != "der" or key.spec.name.startswith("ec-") else None


def _sign(scope: Scope, item: SignItem | Sign) -> Signed:
    key: Key = scope.target
    version = key.protecting(_SIGN)
    scope.key_version = version.number
    signature = version.handle(key.spec, _SIGN).sign(
        item.message,
        algorithm=item.algorithm or None,
        prehashed=item.prehashed,
        context=item.context_string,
        signature_format=_format(key, item.signature_format),
    )
    algorithm = item.algorithm or key.spec.algorithms[_SIGN][0]
    return Signed(signature=signature, key_id=key.id, version=version.number, algorithm=algorithm)


def _first_that_holds(
    scope: Scope, usage: Usage, number: int | None, check: Callable[[KeyVersion], None]
) -> Verified:
    key: Key = scope.target
    for version in key.candidates(usage, number):
        try:
            check(version)
        except VerificationFailed:
            continue
        scope.key_version = version.number
        return Verified(key_id=key.id, version=version.number)
    raise VerificationFailed("The signature or MAC does not hold.")


def _verify(scope: Scope, item: VerifyItem | Verify) -> Verified:
    key: Key = scope.target

    def check(version: KeyVersion) -> None:
        version.handle(key.spec, _SIGN).verify(
            item.message,
            item.signature,
            algorithm=item.algorithm or None,
            prehashed=item.prehashed,
            context=item.context_string,
            signature_format=_format(key, item.signature_format),
        )

    return _first_that_holds(scope, _SIGN, item.version, check)


@uses(Sign)
def sign(operation: Sign, scope: Scope) -> Signed:
    return _sign(scope, operation)


@uses(SignBatch)
def sign_batch(operation: SignBatch, scope: Scope) -> Results[Signed]:
    return each(scope, operation.items, lambda item: _sign(scope, item))


@uses(Verify)
def verify(operation: Verify, scope: Scope) -> Verified:
    return _verify(scope, operation)


@uses(VerifyBatch)
def verify_batch(operation: VerifyBatch, scope: Scope) -> Results[Verified]:
    return each(scope, operation.items, lambda item: _verify(scope, item))


def _mac(scope: Scope, item: MacItem | GenerateMac) -> Mac:
    key: Key = scope.target
    version = key.protecting(_MAC)
    scope.key_version = version.number
    mac = version.handle(key.spec, _MAC).generate(item.message)
    return Mac(mac=mac, key_id=key.id, version=version.number)


def _verify_mac(scope: Scope, item: VerifyMacItem | VerifyMac) -> Verified:
    key: Key = scope.target
    return _first_that_holds(
        scope,
        _MAC,
        item.version,
        lambda version: version.handle(key.spec, _MAC).verify(item.message, item.mac),
    )


@uses(GenerateMac)
def generate_mac(operation: GenerateMac, scope: Scope) -> Mac:
    return _mac(scope, operation)


@uses(GenerateMacBatch)
def generate_macs(operation: GenerateMacBatch, scope: Scope) -> Results[Mac]:
    return each(scope, operation.items, lambda item: _mac(scope, item))


@uses(VerifyMac)
def verify_mac(operation: VerifyMac, scope: Scope) -> Verified:
    return _verify_mac(scope, operation)


@uses(VerifyMacBatch)
def verify_macs(operation: VerifyMacBatch, scope: Scope) -> Results[Verified]:
    return each(scope, operation.items, lambda item: _verify_mac(scope, item))
