"""Sign and verify, compute and check HMACs, in Vault's forms."""

from __future__ import annotations

from hmac import compare_digest

from keystead.crypto.transit import wire
from keystead.crypto.transit.hashes import HASHES, Hash
from keystead.crypto.transit.signers import NO_HASH, SignatureOptions, TransitSigner
from keystead.errors import InvalidRequest
from keystead.operations.cryptography import Results
from keystead.operations.transit import (
    SignatureForm,
    TransitHmac,
    TransitHmacItem,
    TransitMac,
    TransitSign,
    TransitSigned,
    TransitSignItem,
    TransitVerified,
    TransitVerify,
    TransitVerifyHmac,
    TransitVerifyHmacItem,
    TransitVerifyItem,
)
from keystead.services.keys.batches import each
from keystead.services.keys.key import Key, KeyVersion
from keystead.services.registry import uses
from keystead.services.scope import Scope
from keystead.services.transit.keyring import opened, settings_of, to_process, to_protect, type_of

_HMAC_TOO_OLD = "cannot verify HMAC: version is too old (disallowed by policy)"


def _require_signer(key: Key, doing: str) -> None:
    type_ = type_of(key)
    if not type_.signs:
        raise InvalidRequest(f"key type {type_.name} does not support {doing}")


def _signer(key: Key, version: KeyVersion) -> TransitSigner:
    signer = opened(key, version).signer
    assert signer is not None
    return signer


def _options(form: SignatureForm) -> SignatureOptions:
    if form.hash != NO_HASH and form.hash not in HASHES:
        raise InvalidRequest(f'invalid hash algorithm "{form.hash}"')
    if form.hash == NO_HASH and not (form.prehashed and form.algorithm == "pkcs1v15"):
        raise InvalidRequest(
            "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15"
        )
    return SignatureOptions(form.hash, form.prehashed, form.algorithm, form.salt, form.jws)


@uses(TransitSign)
def sign(operation: TransitSign, scope: Scope) -> Results[TransitSigned]:
    """Sign each message; raises InvalidRequest for what holds for all of them."""
    key: Key = scope.target
    _require_signer(key, "signing")
    options, urlsafe = _options(operation.form), operation.form.jws
    version = to_protect(key, operation.key_version, "signing")
    signer, number = _signer(key, version), version.number
    scope.key_version = number

    def one(item: TransitSignItem) -> TransitSigned:
        made = signer.sign(item.message, options, item.derivation)
        return TransitSigned(
            signature=wire.frame(number, made.signature, urlsafe=urlsafe),
            version=number,
            public_key=made.public_key,
        )

    return each(scope, operation.items, one)


@uses(TransitVerify)
def verify(operation: TransitVerify, scope: Scope) -> Results[TransitVerified]:
    """Say of each signature whether it holds; what is no signature fails its item."""
    key: Key = scope.target
    _require_signer(key, "verification")
    options, decode = _options(operation.form), wire.decode
    if operation.form.jws:
        decode = wire.decode_urlsafe

    def one(item: TransitVerifyItem) -> TransitVerified:
        framed = wire.split(item.signature, "signature")
        version = to_process(key, framed.version, "signature")
        try:
            signature = decode(framed.encoded)
        except InvalidRequest:
            raise InvalidRequest("invalid base64 signature value") from None
        valid = _signer(key, version).verify(item.message, signature, options, item.derivation)
        scope.key_version = version.number
        return TransitVerified(valid=valid, version=version.number)

    return each(scope, operation.items, one)


def _hash(name: str) -> Hash:
    found = HASHES.get(name)
    if found is None:
        if name == NO_HASH:
            raise InvalidRequest("algorithm cannot be none")
        raise InvalidRequest(f'unsupported algorithm "{name}"')
    return found


def _hmac(version: KeyVersion, hashed: Hash, message: bytes) -> bytes:
    key = version.hmac_key.reveal()
    if not key:
        raise InvalidRequest("no HMAC key exists for that key version")
    return hashed.hmac(key, message)


@uses(TransitHmac)
def compute_hmac(operation: TransitHmac, scope: Scope) -> Results[TransitMac]:
    """Compute each message's HMAC."""
    key: Key = scope.target
    type_of(key)
    hashed = _hash(operation.hash)
    latest = len(key.record.versions)
    if operation.key_version > latest:
        raise InvalidRequest(f"key version does not exist; latest key version is {latest}")
    if 0 < operation.key_version < settings_of(key.record).min_encryption_version:
        raise InvalidRequest("cannot generate HMAC: version is too old (disallowed by policy)")
    version = to_protect(key, operation.key_version, "HMAC")
    number = scope.key_version = version.number

    def one(item: TransitHmacItem) -> TransitMac:
        mac = _hmac(version, hashed, item.message)
        return TransitMac(hmac=wire.frame(number, mac), version=number)

    return each(scope, operation.items, one)


@uses(TransitVerifyHmac)
def verify_hmac(operation: TransitVerifyHmac, scope: Scope) -> Results[TransitVerified]:
    """Say of each HMAC whether it holds; what is none fails its item."""
    key: Key = scope.target
    type_of(key)
    hashed = _hash(operation.hash)

    def one(item: TransitVerifyHmacItem) -> TransitVerified:
        framed = wire.split(item.hmac, "HMAC")
        try:
            claimed = wire.decode(framed.encoded)
        except InvalidRequest as error:
            raise InvalidRequest(
                f"unable to decode verification HMAC as base64: {error.message}"
            ) from None
        version = to_process(key, framed.version, "HMAC", _HMAC_TOO_OLD)
        scope.key_version = version.number
        valid = compare_digest(_hmac(version, hashed, item.message), claimed)
        return TransitVerified(valid=valid, version=version.number)

    return each(scope, operation.items, one)
