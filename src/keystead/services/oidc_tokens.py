"""Identity tokens: roles that say what is in them, and the tokens themselves."""

from __future__ import annotations

import secrets
import string
from typing import Final
from urllib.parse import urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from keystead.errors import InvalidRequest, NotFound, VerificationFailed
from keystead.identity.entities import find_entity
from keystead.identity.jwt import from_jwks, verify
from keystead.identity.token_template import fill, require_template
from keystead.operations import Done
from keystead.operations.oidc_tokens import (
    ALGORITHMS,
    DeleteOidcRole,
    DiscoverOidc,
    IdentityToken,
    IntrospectIdentityToken,
    Introspection,
    IssueIdentityToken,
    ListOidcRoles,
    OidcConfig,
    OidcNames,
    OidcRoleView,
    ShowOidcConfig,
    ShowOidcRole,
    WriteOidcConfig,
    WriteOidcRole,
)
from keystead.services.oidc_keys import (
    DEFAULT_KEY,
    OIDC_KEY,
    OIDC_ROLE,
    OidcRoleRecord,
    default_settings,
    make,
    public_keys,
    store_new,
)
from keystead.services.registry import before, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

_DAY = 86_400
_ALPHABET: Final = string.ascii_letters + string.digits


class OidcConfigRecord(msgspec.Struct, frozen=True):
    """Who tokens are from; the record id is ``config``."""

    issuer: str = ""


OIDC_CONFIG = Kind("oidc-config", OidcConfigRecord)


@changes(WriteOidcConfig)
def write_config(operation: WriteOidcConfig, scope: Scope, tx: Transaction) -> OidcConfig:
    issuer = operation.issuer
    try:
        parts = urlsplit(issuer)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    whole = f"{parts.scheme}://{parts.hostname or ''}" + (f":{port}" if port else "")
    if issuer and (parts.scheme not in ("http", "https") or issuer.lower() != whole):
        raise InvalidRequest(
            "invalid issuer, which must include only a scheme, host, and optional port"
            " (e.g. https://example.com:8200)"
        )
    tx.put(OIDC_CONFIG, scope.namespace, "config", OidcConfigRecord(issuer))
    return _config(tx, scope)


@reads(ShowOidcConfig)
def show_config(operation: ShowOidcConfig, scope: Scope, reader: Reader) -> OidcConfig:
    return _config(reader, scope)


@reads(DiscoverOidc)
def discover(operation: DiscoverOidc, scope: Scope, reader: Reader) -> OidcConfig:
    return _config(reader, scope)


def _config(reader: Reader, scope: Scope) -> OidcConfig:
    record = reader.get(OIDC_CONFIG, scope.namespace, "config") or OidcConfigRecord()
    namespace = f"{scope.call.namespace}/" if scope.call.namespace else ""
    return OidcConfig(issuer=record.issuer, url=f"{record.issuer}/v1/{namespace}identity/oidc")


# --- roles ------------------------------------------------------------------------------


@before(WriteOidcRole)
def make_default(operation: WriteOidcRole, scope: Scope, reader: Reader) -> object:
    """The key ``default`` is made when the first role wants it."""
    if operation.key != DEFAULT_KEY:
        return None
    if reader.get(OIDC_KEY, scope.namespace, DEFAULT_KEY) is not None:
        return None
    return [make(default_settings().algorithm) for _ in range(2)]


@changes(WriteOidcRole)
def write_role(operation: WriteOidcRole, scope: Scope, tx: Transaction) -> OidcRoleView:
    present = tx.get(OIDC_ROLE, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    key_name = operation.key or (present.key if present else "")
    if not key_name:
        raise InvalidRequest("the key parameter is required")
    key = tx.get(OIDC_KEY, scope.namespace, key_name)
    if key is None and scope.prepared:
        key = store_new(tx, scope, DEFAULT_KEY, default_settings(), scope.prepared)
    if key is None:
        raise InvalidRequest(f'cannot find key "{key_name}"')
    ttl = operation.ttl if operation.ttl is not None else (present.ttl if present else _DAY)
    if ttl > key.verification_ttl:
        raise InvalidRequest(
            "a role's token ttl cannot be longer than the verification_ttl of the key it references"
        )
    template = operation.template
    if template is None:
        template = present.template if present else ""
    require_template(template)
    client_id = operation.client_id or (present.client_id if present else _new_client_id())
    record = OidcRoleRecord(key=key_name, template=template, ttl=ttl, client_id=client_id)
    tx.put(OIDC_ROLE, scope.namespace, operation.name, record)
    return _view(record)


def _new_client_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(26))


@reads(ShowOidcRole)
def show_role(operation: ShowOidcRole, scope: Scope, reader: Reader) -> OidcRoleView:
    record = reader.get(OIDC_ROLE, scope.namespace, operation.name)
    if record is None:
        raise NotFound
    return _view(record)


@reads(ListOidcRoles)
def list_roles(operation: ListOidcRoles, scope: Scope, reader: Reader) -> OidcNames:
    page = reader.list(OIDC_ROLE, scope.namespace, after=operation.after, limit=operation.limit)
    names = [name for name, _ in page]
    return OidcNames(names=names, next=names[-1] if len(page) == operation.limit else "")


@changes(DeleteOidcRole)
def delete_role(operation: DeleteOidcRole, scope: Scope, tx: Transaction) -> Done:
    tx.delete(OIDC_ROLE, scope.namespace, operation.name)
    return Done()


def _view(record: OidcRoleRecord) -> OidcRoleView:
    return OidcRoleView(
        key=record.key, template=record.template, ttl=record.ttl, client_id=record.client_id
    )


# --- tokens -----------------------------------------------------------------------------


@reads(IssueIdentityToken)
def issue(operation: IssueIdentityToken, scope: Scope, reader: Reader) -> IdentityToken:
    """Sign what the caller's entity is. A caller behind whom there is none gets no token."""
    role = reader.get(OIDC_ROLE, scope.namespace, operation.name)
    if role is None:
        raise InvalidRequest(f'role "{operation.name}" not found')
    key = reader.get(OIDC_KEY, scope.namespace, role.key)
    if key is None:
        raise InvalidRequest(f'key "{role.key}" not found')
    if not {"*", role.client_id} & set(key.allowed_client_ids):
        raise InvalidRequest(
            f'the key "{role.key}" does not list the client ID of the role'
            f' "{operation.name}" as an allowed client ID'
        )
    entity = scope.principal.entity
    if entity is None or scope.principal.namespace != scope.namespace:
        raise InvalidRequest("no entity associated with the request's token")
    now = int(scope.now)
    ttl = min(role.ttl, key.verification_ttl)
    claims = fill(role.template, entity, now) | {
        "iss": _config(reader, scope).url,
        "sub": entity.id,
        "aud": role.client_id,
        "iat": now,
        "exp": now + ttl,
        "namespace": scope.namespace,
    }
    header = {"alg": key.algorithm, "kid": key.current.kid}
    token = jwt.encode(header, claims, key.load(), algorithms=list(ALGORITHMS))
    scope.details["client_id"] = role.client_id
    return IdentityToken(token=token, client_id=role.client_id, ttl=ttl)


@reads(IntrospectIdentityToken)
def introspect(operation: IntrospectIdentityToken, scope: Scope, reader: Reader) -> Introspection:
    """A token holds while its key is published, its time has not ended and its entity is
    there and not disabled."""
    try:
        claims = verify(operation.token, from_jwks({"keys": public_keys(reader, scope)}))
    except (VerificationFailed, InvalidRequest, JoseError):
        return Introspection(active=False, error="error validating token")
    expires, audience = claims.get("exp"), claims.get("aud")
    if claims.get("iss") != _config(reader, scope).url:
        return Introspection(active=False, error="error validating claims: invalid issuer (iss)")
    if not isinstance(expires, int) or expires <= scope.now:
        return Introspection(active=False, error="error validating claims: token is expired (exp)")
    if operation.client_id and audience != operation.client_id:
        return Introspection(
            active=False, error="error validating claims: invalid audience claim (aud)"
        )
    found = find_entity(reader, scope.namespace, str(claims.get("sub")))
    if found is None or found[1].disabled:
        return Introspection(active=False, error="entity was not found or is disabled")
    return Introspection(active=True)
