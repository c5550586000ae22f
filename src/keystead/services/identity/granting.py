"""Who may give whom which roles."""

from __future__ import annotations

from collections.abc import Iterable

from keystead.errors import PermissionDenied
from keystead.identity.roles import closure, standing
from keystead.operations import Resource
from keystead.services.scope import Scope
from keystead.store.transaction import Reader


def own_roles(scope: Scope) -> frozenset[str]:
    """The caller's roles here. A role of another namespace is another role, whatever its name."""
    principal = scope.principal
    return principal.roles if principal.namespace == scope.namespace else frozenset()


def require_grant(scope: Scope, roles: Iterable[str]) -> None:
    """Check that the caller may give these roles: those it has itself, those on which it is
    permitted ``role:grant``, and root all. Raises PermissionDenied naming the first other."""
    if scope.principal.root:
        return
    for role in sorted(frozenset(roles) - own_roles(scope)):
        if not scope.permits("role:grant", Resource("role", role)):
            raise PermissionDenied(f"Giving the role {role} needs role:grant on it.", role=role)


def require_method_grant(
    scope: Scope, reader: Reader, principal: str, roles: Iterable[str]
) -> None:
    """Check that the caller may give the roles, what they include, and what the principal
    has from groups: whoever says how a principal logs in can log in as it."""
    require_grant(scope, standing(reader, scope.namespace, principal, roles).roles)


def require_roles_grant(scope: Scope, reader: Reader, roles: Iterable[str]) -> None:
    """Check that the caller may give the roles and what they include."""
    require_grant(scope, closure(reader, scope.namespace, roles))


def require_permission(scope: Scope, action: str, resource: Resource) -> None:
    """Check that the caller is permitted an action beyond the operation's own."""
    if not (scope.principal.root or scope.permits(action, resource)):
        raise PermissionDenied(f"This needs {action} too.", action=action)
