"""Write and show path policies, bring them into the engine, and say what they give."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from keystead.errors import (
    Conflict,
    IntegrityFailure,
    InvalidRequest,
    NamespaceSealed,
    NotFound,
    Unauthenticated,
)
from keystead.identity.principal import Principal
from keystead.identity.records import TOKEN
from keystead.operations import Done
from keystead.operations.path_policies import (
    DeletePathPolicy,
    ListPathPolicies,
    PathCapabilities,
    PathPolicyView,
    PathRight,
    PathRights,
    ShowCapabilities,
    ShowOwnCapabilities,
    ShowOwnRights,
    ShowPathPolicy,
    ValidatePathPolicy,
    WritePathPolicy,
)
from keystead.operations.policies import PolicyErrors, PolicyNames
from keystead.policy.paths.default import DEFAULT, DEFAULT_TEXT, ROOT
from keystead.policy.paths.document import rules_of
from keystead.policy.paths.engine import PathPolicies
from keystead.policy.paths.permissions import Permissions
from keystead.policy.paths.records import PATH_POLICY, PathPolicyRecord
from keystead.services.registry import before, changes, controls, reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

_NOBODYS: Final = frozenset({ROOT, "response-wrapping"})
_PAGE: Final = 1000


def load_path_policies(reader: Reader, namespaces: Mapping[str, str], engine: PathPolicies) -> None:
    """Bring all path policies into the engine, given every namespace's name by identifier.

    Those of a sealed namespace, or that do not authenticate, count as unreadable.
    """
    engine.load(namespaces, {namespace: _texts(reader, namespace) for namespace in namespaces})


def _texts(reader: Reader, namespace: str) -> dict[str, str] | None:
    texts: dict[str, str] = {}
    after = ""
    try:
        while page := reader.list(PATH_POLICY, namespace, after=after, limit=_PAGE):
            texts |= {name: record.text for name, record in page}
            after = page[-1][0]
    except (NamespaceSealed, IntegrityFailure):
        return None
    return texts


@reads(ValidatePathPolicy)
def validate_path_policy(
    operation: ValidatePathPolicy, scope: Scope, reader: Reader
) -> PolicyErrors:
    """Say what is wrong with a text."""
    try:
        rules_of(operation.text)
    except InvalidRequest as error:
        return PolicyErrors(errors=[error.message])
    return PolicyErrors(errors=[])


@before(WritePathPolicy)
def check_path_policy(operation: WritePathPolicy, scope: Scope, reader: Reader) -> None:
    """Raises InvalidRequest that says where the text is wrong."""
    rules_of(operation.text)


@changes(WritePathPolicy)
def write_path_policy(operation: WritePathPolicy, scope: Scope, tx: Transaction) -> PathPolicyView:
    """Write a policy that was checked; raises InvalidRequest for one that is nobody's."""
    if operation.name in _NOBODYS:
        raise InvalidRequest(f'cannot update "{operation.name}" policy')
    there = tx.get(PATH_POLICY, scope.namespace, operation.name) is not None
    scope.narrow("update" if there or operation.name == DEFAULT else "create")
    record = PathPolicyRecord(text=operation.text, written_at=scope.now)
    tx.put(PATH_POLICY, scope.namespace, operation.name, record)
    scope.details["text_sha256"] = hashlib.sha256(operation.text.encode()).hexdigest()
    return _view(operation.name, record)


@reads(ShowPathPolicy)
def show_path_policy(operation: ShowPathPolicy, scope: Scope, reader: Reader) -> PathPolicyView:
    """Show a policy; raises NotFound. That of root has no text: root is asked nothing."""
    if operation.name == ROOT:
        return PathPolicyView(name=ROOT, text="")
    record = reader.get(PATH_POLICY, scope.namespace, operation.name)
    if record is None:
        if operation.name != DEFAULT:
            raise NotFound(policy=operation.name)
        record = PathPolicyRecord(text=DEFAULT_TEXT)
    return _view(operation.name, record)


@reads(ListPathPolicies)
def list_path_policies(operation: ListPathPolicies, scope: Scope, reader: Reader) -> PolicyNames:
    """List this namespace's own policies by name; ``default`` is there even if not written."""
    after, limit = operation.after, operation.limit
    page = reader.list(PATH_POLICY, scope.namespace, after=after, limit=limit + 1)
    names = [name for name, _ in page]
    if after < DEFAULT and DEFAULT not in names:
        bisect.insort(names, DEFAULT)
    return PolicyNames(names=names[:limit], next=names[limit - 1] if len(names) > limit else "")


@changes(DeletePathPolicy)
def delete_path_policy(operation: DeletePathPolicy, scope: Scope, tx: Transaction) -> Done:
    """Delete a policy; raises NotFound, and Conflict for one that every server has."""
    if operation.name == DEFAULT:
        raise Conflict("cannot delete default policy")
    if operation.name in _NOBODYS:
        raise Conflict(f'cannot delete "{operation.name}" policy')
    if not tx.delete(PATH_POLICY, scope.namespace, operation.name):
        raise NotFound(policy=operation.name)
    return Done()


# --- what they give ---------------------------------------------------------------------


@reads(ShowCapabilities)
def show_capabilities(
    operation: ShowCapabilities, scope: Scope, reader: Reader
) -> PathCapabilities:
    """Raises InvalidRequest for a token that is none, has ended, or is not of this namespace."""
    if not operation.token and not operation.accessor:
        raise InvalidRequest("Name a token, or the accessor of one.")
    try:
        principal = _principal_of(operation, scope, reader)
    except Unauthenticated:
        named = "token" if operation.token else "accessor"
        raise InvalidRequest(f"1 error occurred:\n\t* invalid {named}\n\n") from None
    return _capabilities(operation.paths, principal, scope)


def _principal_of(operation: ShowCapabilities, scope: Scope, reader: Reader) -> Principal:
    authenticator = scope.house.authenticator
    if operation.token:
        token = authenticator.record_of(operation.token, reader)
        within = token and token.namespace in scope.house.namespaces.path(scope.namespace)
    else:
        found = reader.by_name(TOKEN, "", f"{scope.namespace}/{operation.accessor}")
        token = within = found and found[1]
    if token is None or not within:
        raise Unauthenticated
    return authenticator.principal_of(token, reader)


@controls(ShowOwnCapabilities)
async def show_own_capabilities(operation: ShowOwnCapabilities, scope: Scope) -> PathCapabilities:
    """What the caller may do."""
    return _capabilities(operation.paths, scope.principal, scope)


def _capabilities(paths: list[str], principal: Principal, scope: Scope) -> PathCapabilities:
    ask = scope.house.paths.capabilities
    return PathCapabilities(
        capabilities={path: ask(principal, scope.namespace, path) for path in paths}
    )


@controls(ShowOwnRights)
async def show_own_rights(operation: ShowOwnRights, scope: Scope) -> PathRights:
    """All rights of the caller, ordered by path."""
    if scope.principal.root:
        return PathRights(root=True)
    acl = scope.house.paths.rights(scope.principal)
    if acl is None:
        return PathRights()
    wide = sorted(acl.wide, key=lambda item: item[0].text)
    return PathRights(
        exact={path: _right(given) for path, given in sorted(acl.exact.items())},
        globs={p.text: _right(given) for p, given in wide if not p.segments},
        patterns={p.text + "*" * p.glob: _right(given) for p, given in wide if p.segments},
    )


def _right(given: Permissions) -> PathRight:
    return PathRight(
        capabilities=given.names() or ["deny"],
        allowed_parameters={name: list(values) for name, values in (given.allowed or {}).items()},
        denied_parameters={name: list(values) for name, values in (given.denied or {}).items()},
        required_parameters=sorted(given.required),
        min_wrapping_ttl=given.min_wrapping_ttl,
        max_wrapping_ttl=given.max_wrapping_ttl,
    )


def _view(name: str, record: PathPolicyRecord) -> PathPolicyView:
    return PathPolicyView(name=name, text=record.text, written_at=record.written_at)
