"""Tokens: made, looked up, renewed, revoked.

Children never exceed their parent: they hold only while it holds and only from where it
holds, and have its roles or fewer. More needs ``role:grant``; another principal's name needs
``token:create-named``, and outliving the parent ``token:create-orphan``.
"""

from __future__ import annotations

import msgspec

from keystead.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from keystead.identity.authenticator import Authenticator
from keystead.identity.credentials import (
    BATCH_PREFIX,
    LONGEST_BATCH,
    fingerprint,
    is_mistyped,
    new_accessor,
)
from keystead.identity.lineage import Authority, descend, trace
from keystead.identity.records import SECRET_ID, TOKEN, TokenRecord
from keystead.identity.roles import closure
from keystead.operations import Done, Resource
from keystead.operations.identity import (
    CreateToken,
    FindToken,
    IssuedToken,
    ListTokens,
    LookupSelf,
    LookupToken,
    ReapTokens,
    RenewSelf,
    RenewToken,
    RevokeSelf,
    RevokeToken,
    TokenLimits,
    TokenPage,
    TokenView,
)
from keystead.services.identity.certificates import ROLES, require_binding
from keystead.services.identity.entities_login import alias_at, on_login
from keystead.services.identity.granting import own_roles, require_grant, require_permission
from keystead.services.identity.issuing import kept, lifetime, store_token, view
from keystead.services.identity.revoking import end, revoke, sweep
from keystead.services.identity.token_roles import by_token_role, find
from keystead.services.registry import at_hand, changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_SERVICE, _BATCH = "service", "batch"
_GENERATIONS = 32
_REAP_AT_ONCE = 500
_PAGE = 1_000


# --- creation ---------------------------------------------------------------------------


@changes(CreateToken)
def create_token(operation: CreateToken, scope: Scope, tx: Transaction) -> IssuedToken:
    """Create a token below the caller's, or an orphan.

    1. The caller's token must be one that may have children.
    2. Another name and life as an orphan need a permission each.
    3. The token gets what was asked for;
    4. what it would have beyond the caller's roles must be granted.
    """
    suffix = ""
    if operation.token_role:
        role = find(tx, scope, operation.token_role)
        operation = by_token_role(operation, role, scope)
        suffix = f"/{role.path_suffix}" if role.path_suffix else ""
    batch = _is_batch(operation)
    caller = _own_record(scope, tx)
    _require_fertile(caller)
    authority = trace(tx, caller, scope.now)
    _require_permissions(operation, scope)
    record = _draft(operation, scope, tx, caller, authority)
    if suffix:
        record = msgspec.structs.replace(record, made_at=record.made_at + suffix)
    if operation.entity_alias:
        record = msgspec.structs.replace(record, entity=_entity(operation, scope, tx))
    if batch and record.root:
        raise InvalidRequest("A root token is never a batch token.", hint="Give it roles.")
    granted = trace(tx, record, scope.now) if operation.orphan else descend(tx, record, authority)
    if not (record.root or operation.token_role):
        require_grant(scope, granted.roles)
    authenticator: Authenticator = scope.house.authenticator
    text = authenticator.seal_batch(record) if batch else _store(tx, record, operation.text)
    if len(text) > LONGEST_BATCH:
        raise InvalidRequest("A batch token cannot hold so much.", hint="Give it fewer roles.")
    scope.details["accessor"] = record.accessor
    parent = "" if operation.orphan else caller.accessor
    info = view(record, granted.given, parent, granted.entity_roles)
    return IssuedToken(token=text, info=info)


def _store(tx: Transaction, record: TokenRecord, text: str | None) -> str:
    if text is not None and (is_mistyped(text) or text.startswith(BATCH_PREFIX)):
        raise InvalidRequest("A token of this form must be one that Keystead made.", field="text")
    return store_token(tx, record, text)


def _is_batch(operation: CreateToken) -> bool:
    if operation.token_kind not in {"", _SERVICE, _BATCH}:
        raise InvalidRequest("A token is of kind service or batch.", field="token_kind")
    batch = operation.token_kind == _BATCH
    if batch and (operation.limits.max_uses or operation.limits.period_seconds):
        raise InvalidRequest("A batch token has neither a period nor a number of uses.")
    return batch


def _require_fertile(caller: TokenRecord) -> None:
    """Children of a token with limited uses would be uses without limit; a batch token
    cannot be revoked, so nothing may hang on it."""
    if caller.batch:
        raise Conflict("A batch token has no children.")
    if caller.uses_left is not None:
        raise Conflict("A token of limited uses has no children.")
    if caller.generation >= _GENERATIONS:
        raise Conflict("A token has no more than so many parents.", limit=_GENERATIONS)


def _require_permissions(operation: CreateToken, scope: Scope) -> None:
    if operation.name is not None:
        require_permission(scope, "token:create-named", Resource("token", operation.name))
    elif scope.principal.namespace != scope.namespace:
        raise InvalidRequest(
            "Your own tokens are created in your own namespace.", hint="Give the token a name."
        )
    if operation.orphan and not operation.token_role:
        require_permission(scope, "token:create-orphan", Resource("token"))
    if operation.text is not None and not scope.principal.root:
        raise PermissionDenied("Only root chooses the text of a token.", field="text")
    if operation.entity_alias and not operation.token_role:
        raise InvalidRequest(
            "'entity_alias' is only allowed in combination with token role", field="entity_alias"
        )


def _draft(
    operation: CreateToken, scope: Scope, tx: Transaction, caller: TokenRecord, above: Authority
) -> TokenRecord:
    accessor = new_accessor()
    limits = lifetime(kept(operation.limits), scope.now)
    roles = operation.roles
    for_self = operation.name is None
    if operation.name is not None:
        principal = f"token/{operation.name}"
        if above.root and roles is None:
            roles = []
    elif above.root and roles is not None:
        principal = f"token/{accessor}"  # fewer rights than root is somebody else
        for_self = False
    else:
        principal = above.principal
    root = above.root and for_self
    if root and not _has_lifetime(operation.limits):
        limits["expires_at"] = limits["max_expires_at"] = None
        limits["ttl_seconds"] = 0
    granted: list[str] = []
    if roles is not None and not above.root:
        granted = sorted(closure(tx, scope.namespace, roles) - own_roles(scope))
    if operation.orphan:
        if roles is None:
            roles = sorted(above.roles if above.namespace == scope.namespace else ())
        limits["bound_cidrs"] = limits["bound_cidrs"] or caller.bound_cidrs
    return TokenRecord(
        accessor=accessor,
        principal=principal,
        namespace=scope.namespace,
        parent="" if operation.orphan else fingerprint(scope.call.token),
        generation=0 if operation.orphan else caller.generation + 1,
        roles=roles,
        granted=granted,
        without_groups=for_self and (operation.roles is not None or caller.without_groups),
        batch=operation.token_kind == _BATCH,
        root=root,
        display_name=operation.display_name,
        metadata=operation.metadata,
        fixed=not operation.renewable,
        made_at=scope.call.path.path if scope.call.path else "",
        made_as=operation.token_role,
        entity=caller.entity if for_self and not operation.orphan else "",
        mfa=caller.mfa and for_self and not operation.orphan,
        **limits,
    )


def _has_lifetime(limits: TokenLimits) -> bool:
    return any(
        (
            limits.ttl_seconds,
            limits.max_ttl_seconds,
            limits.period_seconds,
            limits.explicit_max_ttl_seconds,
        )
    )


def _entity(operation: CreateToken, scope: Scope, tx: Transaction) -> str:
    alias = alias_at(scope, "token", operation.entity_alias, {})
    if alias is None:
        raise InvalidRequest("There are no entities here.")
    return on_login(tx, scope, alias).info.id


# --- looking up -------------------------------------------------------------------------


@reads(LookupSelf)
def lookup_self(operation: LookupSelf, scope: Scope, reader: Reader) -> TokenView:
    record = _own_record(scope, reader)
    return _shown(reader, record, trace(reader, record, scope.now))


@at_hand(LookupSelf)
def lookup_self_at_hand(operation: LookupSelf, scope: Scope) -> TokenView | None:
    known = scope.house.authenticator.at_hand(scope.call)
    if known is None:
        return None
    record, authority = known
    return view(record, authority.given, authority.parent_accessor, authority.entity_roles)


@reads(FindToken)
def find_token(operation: FindToken, scope: Scope, reader: Reader) -> TokenView:
    """A token that is used in this namespace; raises NotFound for any other text."""
    try:
        record = scope.house.authenticator.record_of(operation.token, reader)
        if record is None or record.namespace != scope.namespace:
            raise Unauthenticated
        return _shown(reader, record, _alive(reader, record, scope.now))
    except Unauthenticated:
        raise NotFound("bad token") from None


@reads(LookupToken)
def lookup_token(operation: LookupToken, scope: Scope, reader: Reader) -> TokenView:
    _, record, authority = _find(reader, scope, operation.accessor)
    return _shown(reader, record, authority)


@reads(ListTokens)
def list_tokens(operation: ListTokens, scope: Scope, reader: Reader) -> TokenPage:
    """Records that wait to be swept are left out, so a page may be short of its limit."""
    prefix = f"{scope.namespace}/"
    page = reader.list(
        TOKEN,
        "",
        by="name",
        prefix=prefix,
        after=prefix + operation.after if operation.after else "",
        limit=operation.limit,
    )
    tokens = []
    for _, record in page:
        try:
            tokens.append(_shown(reader, record, _alive(reader, record, scope.now)))
        except Unauthenticated:
            continue
    return TokenPage(
        tokens=tokens, next=page[-1][1].accessor if len(page) == operation.limit else ""
    )


def _own_record(scope: Scope, reader: Reader) -> TokenRecord:
    authenticator: Authenticator = scope.house.authenticator
    record = authenticator.record_of(scope.call.token, reader)
    if record is None:
        raise Unauthenticated
    return record


def _alive(reader: Reader, record: TokenRecord, now: float) -> Authority:
    if record.uses_left == 0:
        raise Unauthenticated
    return trace(reader, record, now)


def _find(reader: Reader, scope: Scope, accessor: str) -> tuple[str, TokenRecord, Authority]:
    """A token of this namespace by its accessor; raises NotFound, for one that ended too."""
    found = reader.by_name(TOKEN, "", f"{scope.namespace}/{accessor}")
    try:
        if found is not None:
            return (*found, _alive(reader, found[1], scope.now))
    except Unauthenticated:
        pass
    raise NotFound("There is no such token.", accessor=accessor)


def _shown(reader: Reader, record: TokenRecord, authority: Authority) -> TokenView:
    parent = reader.get(TOKEN, "", record.parent_token) if record.parent_token else None
    accessor = parent.accessor if parent else ""
    return view(record, authority.given, accessor, authority.entity_roles)


# --- renewal ----------------------------------------------------------------------------


@changes(RenewSelf)
def renew_self(operation: RenewSelf, scope: Scope, tx: Transaction) -> TokenView:
    record = _own_record(scope, tx)
    authority = trace(tx, record, scope.now)
    token_id = fingerprint(scope.call.token)
    return _renew(tx, scope, token_id, record, authority, operation.increment_seconds)


@changes(RenewToken)
def renew_token(operation: RenewToken, scope: Scope, tx: Transaction) -> TokenView:
    token_id, record, authority = _find(tx, scope, operation.accessor)
    return _renew(tx, scope, token_id, record, authority, operation.increment_seconds)


def _renew(
    tx: Transaction,
    scope: Scope,
    token_id: str,
    record: TokenRecord,
    authority: Authority,
    increment_seconds: int,
) -> TokenView:
    """Set the end of the lifetime anew, at most to the maximum; a period is what it is."""
    if record.batch or record.fixed or record.expires_at is None:
        raise Conflict("lease is not renewable")
    if record.method == ROLES.prefix:
        require_binding(tx, scope, record)
    wanted = record.period_seconds or increment_seconds or record.ttl_seconds
    expires_at = scope.now + wanted
    if record.max_expires_at is not None:
        expires_at = min(expires_at, record.max_expires_at)
    renewed = msgspec.structs.replace(record, expires_at=expires_at, renewed_at=scope.now)
    tx.put(TOKEN, "", token_id, renewed)
    return _shown(tx, renewed, authority)


# --- revocation -------------------------------------------------------------------------


@changes(RevokeSelf)
def revoke_self(operation: RevokeSelf, scope: Scope, tx: Transaction) -> Done:
    if _own_record(scope, tx).batch:
        raise Conflict("A batch token ends with its lifetime or its parent.")
    revoke(tx, fingerprint(scope.call.token))
    return Done()


@changes(RevokeToken)
def revoke_token(operation: RevokeToken, scope: Scope, tx: Transaction) -> Done:
    token_id, record, _ = _find(tx, scope, operation.accessor)
    if operation.orphan_children:
        require_permission(scope, "token:create-orphan", Resource("token"))
        _set_free(tx, scope, token_id, record)
    revoke(tx, token_id)
    return Done()


def _set_free(tx: Transaction, scope: Scope, token_id: str, parent: TokenRecord) -> None:
    """Make orphans of a token's children, with the roles that they have now. Batch tokens
    below it are not known here, and end."""
    while children := tx.list(TOKEN, "", parent=token_id, limit=_PAGE):
        for child_id, child in children:
            try:
                authority = trace(tx, child, scope.now)
            except Unauthenticated:
                end(tx, child_id)
                continue
            free = msgspec.structs.replace(
                child,
                parent="",
                generation=0,
                roles=sorted(authority.roles),
                granted=[],
                bound_cidrs=child.bound_cidrs or parent.bound_cidrs,
            )
            tx.put(TOKEN, "", child_id, free)


@changes(ReapTokens)
def reap_tokens(operation: ReapTokens, scope: Scope, tx: Transaction) -> Done:
    """Expired tokens go with all that hang on them: a bounded number at a time."""
    tokens = tx.expired(TOKEN, scope.now, _REAP_AT_ONCE)
    for _, token_id, _ in tokens:
        end(tx, token_id)
        sweep(tx, token_id, _REAP_AT_ONCE)
    secret_ids = tx.expired(SECRET_ID, scope.now, _REAP_AT_ONCE)
    for namespace, secret_id, _ in secret_ids:
        tx.delete(SECRET_ID, namespace, secret_id)
    scope.details["tokens"] = len(tokens)
    scope.details["secret_ids"] = len(secret_ids)
    return Done()
