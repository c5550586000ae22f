"""The keys that identity tokens are signed with: made, rotated, published.

The key that will sign next is published with the one that signs, so that whoever keeps a copy
of the public keys has it by then; those that have signed are published until all of their
tokens have ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec
from joserfc.jwk import ECKey, OKPKey, RSAKey

from keystead.discreet import Discreet
from keystead.errors import InvalidRequest, NotFound
from keystead.operations import Done
from keystead.operations.oidc_tokens import (
    DeleteOidcKey,
    ListOidcKeys,
    ListPublicOidcKeys,
    OidcKeyView,
    OidcNames,
    PublicKeys,
    RotateDueOidcKeys,
    RotateOidcKey,
    ShowOidcKey,
    WriteOidcKey,
)
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

Key = RSAKey | ECKey | OKPKey

_MAKE: Final[dict[str, tuple[type[Key], Callable[[], Key]]]] = {
    "RS256": (RSAKey, lambda: RSAKey.generate_key(2048)),
    "RS384": (RSAKey, lambda: RSAKey.generate_key(2048)),
    "RS512": (RSAKey, lambda: RSAKey.generate_key(2048)),
    "ES256": (ECKey, lambda: ECKey.generate_key("P-256")),
    "ES384": (ECKey, lambda: ECKey.generate_key("P-384")),
    "ES512": (ECKey, lambda: ECKey.generate_key("P-521")),
    "EdDSA": (OKPKey, lambda: OKPKey.generate_key("Ed25519")),
}
DEFAULT_KEY: Final = "default"
"""A key that is there without being made, for all clients."""

_DAY = 86_400
_SHORTEST_PERIOD = 60
_AT_ONCE = 20


class SigningKey(Discreet, frozen=True):
    """A private key (PKCS #8 in PEM) and the name it goes by."""

    kid: str
    pem: bytes


class OidcKeyRecord(Discreet, frozen=True, kw_only=True):
    """A signing key; the record id is its name. Times are in seconds, ``rotates_at`` in Unix
    seconds."""

    algorithm: str
    rotation_period: int
    verification_ttl: int
    allowed_client_ids: list[str]
    current: SigningKey
    following: SigningKey
    rotates_at: float

    def load(self) -> Key:
        """The key that signs now."""
        return _MAKE[self.algorithm][0].import_key(self.current.pem)


class PublicKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A public key as JWK; the record id is its ``kid``. It has an end (Unix seconds) once
    its private half signs no more."""

    key: str
    jwk: dict[str, Any]
    expires_at: float | None = None


class OidcRoleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A role for tokens; the record id is its name. ``ttl`` is in seconds."""

    key: str
    template: str
    ttl: int
    client_id: str


OIDC_ROLE = Kind("oidc-role", OidcRoleRecord, parent_of=lambda r: r.key)
OIDC_KEY = Kind("oidc-key", OidcKeyRecord, expires_of=lambda r: r.rotates_at)
PUBLIC_KEY = Kind(
    "oidc-public-key",
    PublicKeyRecord,
    parent_of=lambda r: r.key,
    expires_of=lambda r: r.expires_at,
)


class _Made(Discreet, frozen=True):
    signing: SigningKey
    jwk: dict[str, Any]


def make(algorithm: str) -> _Made:
    """A new key, and its public half as JWK. RSA takes a while."""
    key, kid = _MAKE[algorithm][1](), str(uuid.uuid4())
    public = dict(key.as_dict(private=False))
    jwk = public | {"kid": kid, "alg": algorithm, "use": "sig"}
    return _Made(SigningKey(kid, key.as_pem(private=True)), jwk)


@before(WriteOidcKey)
def make_both(operation: WriteOidcKey, scope: Scope, reader: Reader) -> list[_Made]:
    present = reader.get(OIDC_KEY, scope.namespace, operation.name)
    algorithm = operation.algorithm or (present.algorithm if present else "RS256")
    if algorithm not in _MAKE:
        raise InvalidRequest(f'unknown signing algorithm "{algorithm}"')
    if present is not None and present.algorithm == algorithm:
        return []
    return [make(algorithm), make(algorithm)]


@changes(WriteOidcKey)
def write_key(operation: WriteOidcKey, scope: Scope, tx: Transaction) -> OidcKeyView:
    """Another algorithm is another key; what the old one signed verifies for its time."""
    present = tx.get(OIDC_KEY, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    old = _view(present) if present else DEFAULTS
    period, ttl = operation.rotation_period, operation.verification_ttl
    settings = OidcKeyView(
        algorithm=operation.algorithm or old.algorithm,
        rotation_period=old.rotation_period if period is None else period,
        verification_ttl=old.verification_ttl if ttl is None else ttl,
        allowed_client_ids=old.allowed_client_ids
        if operation.allowed_client_ids is None
        else operation.allowed_client_ids,
    )
    if settings.rotation_period < _SHORTEST_PERIOD:
        raise InvalidRequest("rotation_period must be at least one minute")
    if settings.verification_ttl > 10 * settings.rotation_period:
        raise InvalidRequest("verification_ttl cannot be longer than 10x rotation_period")
    if scope.prepared:
        if present is not None:
            _retire(tx, scope, present, present.verification_ttl)
            tx.delete(PUBLIC_KEY, scope.namespace, present.following.kid)
        store_new(tx, scope, operation.name, settings, scope.prepared)
    elif present is not None:
        changed = msgspec.structs.replace(
            present,
            rotation_period=settings.rotation_period,
            verification_ttl=settings.verification_ttl,
            allowed_client_ids=settings.allowed_client_ids,
            rotates_at=scope.now + settings.rotation_period,
        )
        tx.put(OIDC_KEY, scope.namespace, operation.name, changed)
    else:
        raise InvalidRequest("the key was deleted meanwhile")
    return settings


DEFAULTS: Final = OidcKeyView(
    algorithm="RS256", rotation_period=_DAY, verification_ttl=_DAY, allowed_client_ids=[]
)


def store_new(
    tx: Transaction, scope: Scope, name: str, settings: OidcKeyView, made: list[_Made]
) -> OidcKeyRecord:
    """Store a key with these settings that signs now, and one that will follow it."""
    current, following = made
    record = OidcKeyRecord(
        algorithm=settings.algorithm,
        rotation_period=settings.rotation_period,
        verification_ttl=settings.verification_ttl,
        allowed_client_ids=settings.allowed_client_ids,
        current=current.signing,
        following=following.signing,
        rotates_at=scope.now + settings.rotation_period,
    )
    tx.put(OIDC_KEY, scope.namespace, name, record)
    for one in made:
        _publish(tx, scope, name, one)
    return record


def _publish(tx: Transaction, scope: Scope, name: str, made: _Made) -> None:
    record = PublicKeyRecord(key=name, jwk=made.jwk)
    tx.put(PUBLIC_KEY, scope.namespace, made.signing.kid, record)


def _retire(tx: Transaction, scope: Scope, record: OidcKeyRecord, ttl: int) -> None:
    """Publish the key that signed until now for so many seconds more."""
    public = tx.get(PUBLIC_KEY, scope.namespace, record.current.kid)
    if public is not None:
        ending = msgspec.structs.replace(public, expires_at=scope.now + ttl)
        tx.put(PUBLIC_KEY, scope.namespace, record.current.kid, ending)


@reads(ShowOidcKey)
def show_key(operation: ShowOidcKey, scope: Scope, reader: Reader) -> OidcKeyView:
    record = reader.get(OIDC_KEY, scope.namespace, operation.name)
    if record is not None:
        return _view(record)
    if operation.name == DEFAULT_KEY:
        return default_settings()
    raise NotFound


def default_settings() -> OidcKeyView:
    """How the key is that is there without being made."""
    return msgspec.structs.replace(DEFAULTS, allowed_client_ids=["*"])


@reads(ListOidcKeys)
def list_keys(operation: ListOidcKeys, scope: Scope, reader: Reader) -> OidcNames:
    page = reader.list(OIDC_KEY, scope.namespace, after=operation.after, limit=operation.limit)
    names = [name for name, _ in page]
    following = names[-1] if len(page) == operation.limit else ""
    if not operation.after and DEFAULT_KEY not in names:
        names = sorted([*names, DEFAULT_KEY])
    return OidcNames(names=names, next=following)


@changes(DeleteOidcKey)
def delete_key(operation: DeleteOidcKey, scope: Scope, tx: Transaction) -> Done:
    roles = [name for name, _ in tx.list(OIDC_ROLE, scope.namespace, parent=operation.name)]
    if roles:
        raise InvalidRequest(
            f'unable to delete key "{operation.name}" because it is currently referenced by'
            f" these roles: {', '.join(roles)}"
        )
    if tx.delete(OIDC_KEY, scope.namespace, operation.name):
        for kid, _ in tx.list(PUBLIC_KEY, scope.namespace, parent=operation.name, limit=1000):
            tx.delete(PUBLIC_KEY, scope.namespace, kid)
    return Done()


@before(RotateOidcKey)
def make_next(operation: RotateOidcKey, scope: Scope, reader: Reader) -> _Made:
    return make(_find(reader, scope, operation.name).algorithm)


@changes(RotateOidcKey)
def rotate_key(operation: RotateOidcKey, scope: Scope, tx: Transaction) -> Done:
    record = _find(tx, scope, operation.name)
    if scope.prepared.jwk["alg"] != record.algorithm:
        raise InvalidRequest("the key was changed meanwhile")
    ttl = operation.verification_ttl
    _rotate(tx, scope, operation.name, record, scope.prepared, ttl)
    return Done()


def _rotate(
    tx: Transaction,
    scope: Scope,
    name: str,
    record: OidcKeyRecord,
    made: _Made,
    ttl: int | None = None,
) -> None:
    _retire(tx, scope, record, record.verification_ttl if ttl is None else ttl)
    _publish(tx, scope, name, made)
    rotated = msgspec.structs.replace(
        record,
        current=record.following,
        following=made.signing,
        rotates_at=scope.now + record.rotation_period,
    )
    tx.put(OIDC_KEY, scope.namespace, name, rotated)


@before(RotateDueOidcKeys)
def make_due(
    operation: RotateDueOidcKeys, scope: Scope, reader: Reader
) -> dict[tuple[str, str], _Made]:
    due = reader.expired(OIDC_KEY, scope.now, _AT_ONCE)
    return {(namespace, name): make(record.algorithm) for namespace, name, record in due}


@changes(RotateDueOidcKeys)
def rotate_due(operation: RotateDueOidcKeys, scope: Scope, tx: Transaction) -> Done:
    home, rotated = scope.namespace, 0
    for namespace, name, record in tx.expired(OIDC_KEY, scope.now, _AT_ONCE):
        made = scope.prepared.get((namespace, name))
        if made is not None and made.jwk["alg"] == record.algorithm:
            scope.namespace = namespace
            _rotate(tx, scope, name, record, made)
            rotated += 1
    scope.namespace = home
    for namespace, kid, _ in tx.expired(PUBLIC_KEY, scope.now, 500):
        tx.delete(PUBLIC_KEY, namespace, kid)
    scope.details["keys"] = rotated
    return Done()


@reads(ListPublicOidcKeys)
def list_public(operation: ListPublicOidcKeys, scope: Scope, reader: Reader) -> PublicKeys:
    return PublicKeys(keys=public_keys(reader, scope))


def public_keys(reader: Reader, scope: Scope) -> list[dict[str, Any]]:
    """The keys that tokens of this namespace verify with now."""
    found = reader.list(PUBLIC_KEY, scope.namespace, limit=1000)
    return [
        record.jwk
        for _, record in found
        if record.expires_at is None or record.expires_at > scope.now
    ]


def _find(reader: Reader, scope: Scope, name: str) -> OidcKeyRecord:
    record = reader.get(OIDC_KEY, scope.namespace, name)
    if record is None:
        raise InvalidRequest(f'no named key found at "{name}"')
    return record


def _view(record: OidcKeyRecord) -> OidcKeyView:
    return OidcKeyView(
        algorithm=record.algorithm,
        rotation_period=record.rotation_period,
        verification_ttl=record.verification_ttl,
        allowed_client_ids=record.allowed_client_ids,
    )
