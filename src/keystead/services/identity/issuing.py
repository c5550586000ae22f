"""New tokens: how long they hold, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

import msgspec

from keystead.errors import InvalidRequest, Unauthenticated
from keystead.identity.cidr import allows, parse_all
from keystead.identity.credentials import fingerprint, new_accessor, new_service_token
from keystead.identity.lineage import incarnation
from keystead.identity.records import TOKEN, Limits, Method, TokenRecord
from keystead.operations.identity import IssuedToken, TokenLimits, TokenView
from keystead.services.identity.entities_login import LoginAlias, on_login
from keystead.services.mfa_checks import enforcements_for, keep_waiting, require_factors
from keystead.services.scope import Scope
from keystead.store.transaction import Transaction

DEFAULT_TTL_SECONDS = 32 * 86_400
MAX_TTL_SECONDS = 32 * 86_400
_BATCH = "batch"


class Lifetime(TypedDict):
    """The fields of a token record that its limits decide."""

    created_at: float
    expires_at: float | None
    max_expires_at: float | None
    ttl_seconds: int
    period_seconds: int
    uses_left: int | None
    max_uses: int
    bound_cidrs: list[str]
    explicit_max_ttl_seconds: int
    without_default: bool


def lifetime(limits: Limits, now: float) -> Lifetime:
    """How long a token with such limits holds from ``now``; no limit exceeds the server's."""
    explicit = limits.explicit_max_ttl_seconds
    longest = min(limits.max_ttl_seconds or MAX_TTL_SECONDS, MAX_TTL_SECONDS)
    longest = min(explicit or longest, longest)
    period = min(limits.period_seconds, MAX_TTL_SECONDS)
    ttl = period or min(limits.ttl_seconds or DEFAULT_TTL_SECONDS, longest)
    if explicit:
        ttl = min(ttl, explicit)
    last = None if period and not explicit else now + (explicit if period else longest)
    return Lifetime(
        created_at=now,
        expires_at=now + ttl,
        max_expires_at=last,
        ttl_seconds=ttl,
        period_seconds=period,
        uses_left=limits.max_uses or None,
        max_uses=limits.max_uses,
        bound_cidrs=limits.bound_cidrs,
        explicit_max_ttl_seconds=explicit,
        without_default=limits.without_default,
    )


def kept(limits: TokenLimits) -> Limits:
    """Limits as stored; raises InvalidRequest for networks that are none."""
    parse_all(limits.bound_cidrs)
    if limits.kind == _BATCH and (limits.max_uses or limits.period_seconds):
        raise InvalidRequest("A batch token has neither a period nor a number of uses.")
    return Limits(**msgspec.structs.asdict(limits))


def shown(limits: Limits) -> TokenLimits:
    """Limits as callers see them."""
    return TokenLimits(**msgspec.structs.asdict(limits))


def login_failed() -> Unauthenticated:
    """The one answer to every log-in that fails."""
    return Unauthenticated("The log-in failed.")


def require_source(scope: Scope, *bounds: list[str]) -> None:
    """Check that the request comes from each of these lists of networks, as far as they are
    not empty; the log-in fails otherwise."""
    for cidrs in bounds:
        if cidrs and not allows(parse_all(cidrs), scope.call.source_ip):
            raise login_failed()


def issue_login(
    scope: Scope,
    tx: Transaction,
    principal: str,
    method: Method,
    *,
    display_name: str = "",
    metadata: Mapping[str, str] | None = None,
    alias: LoginAlias | None = None,
) -> IssuedToken:
    """Make a token for a principal that has proved itself, under the name of ``alias``. The
    log-in fails from outside of the networks that the token would be bound to, and waits while
    a second factor is missing."""
    require_source(scope, method.limits.bound_cidrs)
    known = on_login(tx, scope, alias) if alias is not None else None
    record = TokenRecord(
        accessor=new_accessor(),
        principal=principal,
        namespace=scope.namespace,
        parent=incarnation(principal, method),
        batch=method.limits.kind == _BATCH,
        display_name=display_name or principal.replace("/", "-"),
        metadata=dict(metadata or {}),
        made_at=scope.call.path.path if scope.call.path else "",
        entity=known.info.id if known else "",
        **lifetime(method.limits, scope.now),
    )
    if alias is None or known is None:
        return give_out(scope, tx, record, method.roles)
    wanted = enforcements_for(tx, scope, alias.mount, known)
    if wanted and not scope.call.mfa:
        scope.details["principal"] = principal
        waiting = keep_waiting(tx, scope, record, method.limits, method.roles, wanted)
        return IssuedToken(token="", info=view(record, []), mfa=waiting)
    if wanted:
        require_factors(tx, scope, known.info.id, wanted, scope.call.mfa)
        record = msgspec.structs.replace(record, mfa=True)
    return give_out(scope, tx, record, method.roles, known.roles)


def give_out(
    scope: Scope,
    tx: Transaction,
    record: TokenRecord,
    roles: Iterable[str],
    entity_roles: Iterable[str] = (),
) -> IssuedToken:
    """Make the token of a log-in that is done."""
    authenticator = scope.house.authenticator
    text = authenticator.seal_batch(record) if record.batch else store_token(tx, record)
    scope.details["principal"] = record.principal
    scope.details["accessor"] = record.accessor
    return IssuedToken(token=text, info=view(record, roles, entity_roles=entity_roles))


def store_token(tx: Transaction, record: TokenRecord, text: str | None = None) -> str:
    """Store a service token and return its text; ``text`` chooses it."""
    text = text or new_service_token()
    tx.add(TOKEN, "", fingerprint(text), record)
    return text


def view(
    record: TokenRecord,
    roles: Iterable[str],
    parent: str = "",
    entity_roles: Iterable[str] = (),
) -> TokenView:
    """A token as callers see it. ``roles`` are its own, before groups and included roles are
    added; ``parent`` is its parent token's accessor; ``entity_roles`` come from its entity."""
    return TokenView(
        accessor=record.accessor,
        principal=record.principal,
        kind="batch" if record.batch else "service",
        roles=sorted(roles),
        created_at=record.created_at,
        expires_at=record.expires_at,
        max_expires_at=record.max_expires_at,
        period_seconds=record.period_seconds,
        uses_left=record.uses_left,
        bound_cidrs=record.bound_cidrs,
        parent=parent,
        orphan=not record.parent_token,
        renewable=not (record.batch or record.fixed) and record.expires_at is not None,
        root=record.root,
        ttl_seconds=record.ttl_seconds,
        explicit_max_ttl_seconds=record.explicit_max_ttl_seconds,
        max_uses=record.max_uses,
        display_name=record.display_name,
        metadata=record.metadata,
        without_default=record.without_default,
        made_at=record.made_at,
        made_as=record.made_as,
        renewed_at=record.renewed_at,
        entity_id=record.entity,
        entity_roles=sorted(entity_roles),
    )
