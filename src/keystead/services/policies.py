"""Write, show and explain policies, and bring them into the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from keystead.errors import IntegrityFailure, InvalidRequest, NamespaceSealed, NotFound
from keystead.identity.principal import Principal
from keystead.identity.roles import method_of, standing
from keystead.operations import Access, Done, catalogue
from keystead.operations.policies import (
    DeletePolicy,
    ExplainDecision,
    Explanation,
    ListPolicies,
    PolicyErrors,
    PolicyNames,
    PolicySchema,
    PolicyView,
    ShowPolicy,
    ShowPolicySchema,
    ValidatePolicy,
    WritePolicy,
)
from keystead.policy.engine import DecisionContext, PolicyEngine, PolicyResource
from keystead.policy.paths.records import PATH_POLICY
from keystead.policy.records import POLICY, PolicyRecord
from keystead.policy.schema import Action, actions, cedar_schema
from keystead.policy.statements import errors_in
from keystead.services.keys.cache import describe, find_record
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

RELOAD_ON = frozenset({POLICY.name, PATH_POLICY.name, "namespace"})
"""Kinds whose changes the engines must hear of. Roles and groups are part of a principal, so
a decision about one who has gained or lost some is another decision."""

_PAGE = 1000
_REPORTED_ERRORS = 20


def load_policies(reader: Reader, namespaces: Mapping[str, str], engine: PolicyEngine) -> None:
    """Bring all policies into the engine, given every namespace's name by identifier.

    Only what has changed is compiled. The policies of a sealed namespace, or of one whose
    stored policies do not authenticate, count as unreadable: nothing is permitted there.
    """
    engine.load(namespaces, {namespace: _texts(reader, namespace) for namespace in namespaces})


def _texts(reader: Reader, namespace: str) -> dict[str, str] | None:
    texts: dict[str, str] = {}
    after = ""
    try:
        while page := reader.list(POLICY, namespace, after=after, limit=_PAGE):
            texts |= {name: record.text for name, record in page}
            after = page[-1][0]
    except (NamespaceSealed, IntegrityFailure):
        return None
    return texts


@reads(ValidatePolicy)
def validate_policy(operation: ValidatePolicy, scope: Scope, reader: Reader) -> PolicyErrors:
    """Say what is wrong with a text."""
    return PolicyErrors(errors=errors_in(operation.text))


@changes(WritePolicy)
def write_policy(operation: WritePolicy, scope: Scope, tx: Transaction) -> PolicyView:
    """Write a valid policy; raises InvalidRequest with every error and its line."""
    if errors := errors_in(operation.text):
        listed = "; ".join(errors[:_REPORTED_ERRORS])
        raise InvalidRequest(f"The policy is not valid: {listed}", errors=listed)
    record = PolicyRecord(
        text=operation.text, description=operation.description, written_at=scope.now
    )
    tx.put(POLICY, scope.namespace, operation.name, record)
    scope.details["text_sha256"] = hashlib.sha256(operation.text.encode()).hexdigest()
    return _view(operation.name, record)


@reads(ShowPolicy)
def show_policy(operation: ShowPolicy, scope: Scope, reader: Reader) -> PolicyView:
    """Show a policy; raises NotFound."""
    record = reader.get(POLICY, scope.namespace, operation.name)
    if record is None:
        raise _missing(operation.name)
    return _view(operation.name, record)


@reads(ListPolicies)
def list_policies(operation: ListPolicies, scope: Scope, reader: Reader) -> PolicyNames:
    """List this namespace's own policies by name."""
    limit = operation.limit
    page = reader.list(POLICY, scope.namespace, after=operation.after, limit=limit + 1)
    names = [name for name, _ in page[:limit]]
    return PolicyNames(names=names, next=names[-1] if len(page) > limit else "")


@changes(DeletePolicy)
def delete_policy(operation: DeletePolicy, scope: Scope, tx: Transaction) -> Done:
    """Delete a policy; raises NotFound."""
    if not tx.delete(POLICY, scope.namespace, operation.name):
        raise _missing(operation.name)
    return Done()


@reads(ShowPolicySchema)
def show_policy_schema(operation: ShowPolicySchema, scope: Scope, reader: Reader) -> PolicySchema:
    """Show the schema."""
    return PolicySchema(cedar_schema=cedar_schema())


@reads(ExplainDecision)
def explain_decision(operation: ExplainDecision, scope: Scope, reader: Reader) -> Explanation:
    """Judge a request as if it were made now, by a principal of this namespace.

    It is judged by the roles that it is known to have and those given in the request, without
    MFA and without a client certificate. Raises InvalidRequest for an unknown action.
    """
    if operation.principal == "root":
        return Explanation(allowed=True, reason="root may do everything: no policy is asked.")
    action = actions().get(operation.asked_action)
    if action is None:
        return _undecided(operation.asked_action)
    if operation.resource_kind not in (action.kind, "key"):
        raise InvalidRequest(
            f"{action.name} is about a {action.kind}, not about a {operation.resource_kind}."
        )
    principal = _principal(operation, scope, reader)
    decision = scope.house.policies.decide(
        principal,
        action.name,
        _resource(action, operation.resource_name, scope.namespace, reader),
        DecisionContext(
            source_ip=operation.source_ip,
            now=scope.now,
            door=scope.call.door,
            mfa=False,
            encryption_context=operation.context,
            certificate_sha256="",
        ),
    )
    may = "may" if decision.allowed else "may not"
    request = f"{principal.name} {may} {action.name} {operation.resource_name}".rstrip()
    roles = ", ".join(sorted(principal.roles)) or "none"
    return Explanation(
        allowed=decision.allowed,
        reason=f"{request}: {decision.reason}. Its roles: {roles}.",
        policies=list(decision.policies),
    )


def _undecided(action: str) -> Explanation:
    for operation in catalogue():
        if operation.action == action:
            whom = "anyone" if operation.access is Access.ANYONE else "every token, about itself"
            return Explanation(
                allowed=True, reason=f"{action} is open to {whom}: no policy is asked."
            )
    raise InvalidRequest(f"There is no action {action}.", hint="List them: keystead policy schema.")


def _principal(operation: ExplainDecision, scope: Scope, reader: Reader) -> Principal:
    method = method_of(reader, scope.namespace, operation.principal)
    own = [*operation.roles, *(method.roles if method else ())]
    roles, groups = standing(reader, scope.namespace, operation.principal, own)
    return Principal(operation.principal, scope.namespace, roles=roles, groups=groups)


def _resource(action: Action, name: str, namespace: str, reader: Reader) -> PolicyResource:
    if action.kind == "key" and name and (found := find_record(reader, namespace, name)):
        return describe(found[0], namespace, found[1])
    return PolicyResource(action.kind, namespace, name, {}, {}, (action.kind, namespace, name))


def _view(name: str, record: PolicyRecord) -> PolicyView:
    return PolicyView(
        name=name,
        text=record.text,
        description=record.description,
        written_at=record.written_at,
    )


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no policy {name}.", policy=name)
