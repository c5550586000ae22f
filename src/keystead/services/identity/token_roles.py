"""Token roles: the settings that tokens made by them have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from keystead.errors import InvalidRequest, NotFound
from keystead.identity.records import TOKEN_ROLE, TokenRoleRecord
from keystead.operations import Done, Resource
from keystead.operations.identity import (
    CreateToken,
    DeleteTokenRole,
    ListTokenRoles,
    ShowTokenRole,
    TokenRoleNames,
    TokenRoleView,
    WriteTokenRole,
)
from keystead.services.identity.granting import own_roles, require_grant, require_permission
from keystead.services.identity.issuing import kept, shown
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader, Transaction

_KINDS = ("", "service", "batch", "default-service", "default-batch")
_SUFFIX = re.compile(r"\w[\w.-]+\w", re.ASCII)


@changes(WriteTokenRole)
def write_token_role(operation: WriteTokenRole, scope: Scope, tx: Transaction) -> TokenRoleView:
    """Who writes a token role must be able to give every role that it allows."""
    _require_sensible(operation)
    require_grant(scope, operation.allowed)
    for pattern in operation.allowed_patterns:
        require_permission(scope, "role:grant", Resource("role", pattern))
    if not (operation.allowed or operation.allowed_patterns) and (
        operation.disallowed or operation.disallowed_patterns
    ):
        require_permission(scope, "role:grant", Resource("role", "*"))
    record = TokenRoleRecord(
        allowed=operation.allowed,
        allowed_patterns=operation.allowed_patterns,
        disallowed=operation.disallowed,
        disallowed_patterns=operation.disallowed_patterns,
        orphan=operation.orphan,
        fixed=not operation.renewable,
        path_suffix=operation.path_suffix,
        kind=operation.token_kind,
        limits=kept(operation.limits),
        allowed_aliases=operation.allowed_aliases,
    )
    present = tx.get(TOKEN_ROLE, scope.namespace, operation.name)
    scope.narrow("create" if present is None else "update")
    tx.put(TOKEN_ROLE, scope.namespace, operation.name, record)
    return _view(operation.name, record)


@reads(ShowTokenRole)
def show_token_role(operation: ShowTokenRole, scope: Scope, reader: Reader) -> TokenRoleView:
    return _view(operation.name, find(reader, scope, operation.name))


@reads(ListTokenRoles)
def list_token_roles(operation: ListTokenRoles, scope: Scope, reader: Reader) -> TokenRoleNames:
    page = reader.list(TOKEN_ROLE, scope.namespace, after=operation.after, limit=operation.limit)
    return TokenRoleNames(
        names=[name for name, _ in page],
        next=page[-1][0] if len(page) == operation.limit else "",
    )


@changes(DeleteTokenRole)
def delete_token_role(operation: DeleteTokenRole, scope: Scope, tx: Transaction) -> Done:
    find(tx, scope, operation.name)
    tx.delete(TOKEN_ROLE, scope.namespace, operation.name)
    return Done()


def find(reader: Reader, scope: Scope, name: str) -> TokenRoleRecord:
    """A token role; raises NotFound."""
    record = reader.get(TOKEN_ROLE, scope.namespace, name)
    if record is None:
        raise NotFound(f"unknown role {name}", role=name)
    return record


def _require_sensible(operation: WriteTokenRole) -> None:
    """Raises InvalidRequest for settings that no token can have."""
    kind, limits = operation.token_kind, operation.limits
    if kind not in _KINDS:
        raise InvalidRequest(f"invalid 'token_type' value \"{kind}\"", field="token_kind")
    if operation.path_suffix and not _SUFFIX.fullmatch(operation.path_suffix):
        raise InvalidRequest(
            "given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w",
            field="path_suffix",
        )
    if kind in ("batch", "default-batch") and limits.max_uses:
        raise InvalidRequest(
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with"
            " limited use count"
        )
    for wrong, what in (
        (not operation.orphan, "non-orphan"),
        (limits.period_seconds, "periodic"),
        (operation.renewable, "renewable"),
        (limits.explicit_max_ttl_seconds, "limited"),
    ):
        if kind == "batch" and wrong:
            raise InvalidRequest(
                f"'token_type' cannot be 'batch' when role is set to generate {what} tokens"
            )


def by_token_role(operation: CreateToken, role: TokenRoleRecord, scope: Scope) -> CreateToken:
    """What is asked for, under the settings of its token role.

    The roles that the token role allows need no other grant; without such a list they must be
    the caller's. Raises InvalidRequest for others, PermissionDenied without ``token-role:use``.
    """
    require_permission(scope, "token-role:use", Resource("token-role", operation.token_role))
    roles = _roles(operation, role, own_roles(scope), is_root=scope.principal.root)
    alias = operation.entity_alias
    if alias and not _matches(alias.lower(), [a.lower() for a in role.allowed_aliases]):
        raise InvalidRequest("invalid 'entity_alias' value", field="entity_alias")
    if role.kind in ("service", "batch"):
        kind = role.kind
    else:
        kind = operation.token_kind or role.kind.removeprefix("default-")
    limits = {name: value for name, value in msgspec.structs.asdict(role.limits).items() if value}
    return msgspec.structs.replace(
        operation,
        roles=roles,
        token_kind=kind,
        orphan=role.orphan,
        renewable=operation.renewable and not role.fixed,
        limits=msgspec.structs.replace(operation.limits, **limits),
    )


def _roles(
    operation: CreateToken, role: TokenRoleRecord, own: frozenset[str], *, is_root: bool
) -> list[str]:
    wanted = operation.roles
    if wanted is None:
        wanted = role.allowed or sorted(own)
    bounded = bool(role.allowed or role.allowed_patterns)
    own_only = not (bounded or is_root or role.disallowed or role.disallowed_patterns)
    for name in wanted:
        if bounded and not (name in role.allowed or _matches(name, role.allowed_patterns)):
            raise InvalidRequest(f"token policies ({wanted}) must be subset of the role's allowed")
        if own_only and name not in own:
            raise InvalidRequest("child policies must be subset of parent")
        if name in role.disallowed or _matches(name, role.disallowed_patterns):
            raise InvalidRequest(f'token policy "{name}" is disallowed by this role')
    return list(wanted)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _view(name: str, record: TokenRoleRecord) -> TokenRoleView:
    return TokenRoleView(
        name=name,
        allowed=record.allowed,
        allowed_patterns=record.allowed_patterns,
        disallowed=record.disallowed,
        disallowed_patterns=record.disallowed_patterns,
        orphan=record.orphan,
        renewable=not record.fixed,
        path_suffix=record.path_suffix,
        token_kind=record.kind,
        limits=shown(record.limits),
        allowed_aliases=record.allowed_aliases,
    )
