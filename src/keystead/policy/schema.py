"""The vocabulary of policies, as a Cedar schema made from the operation catalogue.

Everything is in Cedar's unnamed namespace, so that policies say ``Key::"payments"`` and
``Action::"key:encrypt"``. Actions that no policy decides (log-ins, what holders of a token
may do to it) are left out: a policy that names one is refused, not ignored.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from cedarpy import Schema

from keystead.operations import Access, Effect, Operation, catalogue

NAMESPACE = "Namespace"
PRINCIPAL = "Principal"
ROLE = "Role"
GROUP = "Group"
ENCRYPTION_CONTEXT = "EncryptionContext"

SERVER_WIDE = frozenset({"system"})
"""Kinds of which a server has one: the root namespace's policies alone decide about them."""

METHODS = {
    "user": "user",
    "approle": "approle",
    "certificate-role": "cert",
    "jwt-role": "jwt",
    "kubernetes-role": "kubernetes",
}
"""Log-in methods by kind of resource, with the prefix of the principals they make."""

_GROUP_OF_EFFECT = {
    Effect.USE: "use",
    Effect.READ: "read",
    Effect.OBSERVE: "read",
    Effect.CHANGE: "manage",
    Effect.CONTROL: "manage",
}
_READS_THOUGH_IT_USES = "key:attest-public"
_APART = frozenset({"key:export"})
_BESIDES = {
    "role:grant": "role",
    "token:create-named": "token",
    "token:create-orphan": "token",
    "token-role:use": "token-role",
}
"""Rights that no operation is called by, with their kind: some operations ask for them too."""

_STRING = {"type": "String"}
_BOOLEAN = {"type": "Boolean"}
_LONG = {"type": "Long"}

KEY_ATTRIBUTES: dict[str, str | bool] = {
    "id": "",
    "spec": "",
    "usage": "",
    "owner": "",
    "classification": "",
    "exportable": False,
}
"""What policies know of a key besides its name and tags, as it is of a key that is not there."""

CONTEXT: dict[str, dict[str, str]] = {
    "source_ip": {"type": "Extension", "name": "ipaddr"},
    "time": {"type": "Extension", "name": "datetime"},
    "hour": _LONG,
    "weekday": _LONG,
    "mfa": _BOOLEAN,
    "door": _STRING,
    "certificate_sha256": _STRING,
    "encryption_context": {"type": "Entity", "name": ENCRYPTION_CONTEXT},
}


@dataclass(frozen=True, slots=True)
class Action:
    """An action that policy decides, the kind of resource it is about, and its groups."""

    name: str
    kind: str
    groups: tuple[str, ...]


def entity_type(kind: str) -> str:
    """The Cedar type of a kind of resource: ``certificate-role`` is ``CertificateRole``."""
    if kind == "approle":
        return "AppRole"
    return "".join(part.capitalize() for part in kind.split("-"))


@functools.cache
def actions() -> dict[str, Action]:
    """Every action that policy decides, by name.

    Groups: ``key:use``, ``key:read``, ``key:manage`` by kind and effect, ``use``, ``read``,
    ``manage`` over all kinds, and ``key:*`` for all actions of a kind. Those that break what
    other rules hold (``key:export``, ``role:grant``, ``token:create-named``,
    ``token:create-orphan``) are apart: only their kind's ``:*`` contains them.
    """
    found = [_action(operation) for operation in catalogue() if _decided(operation)]
    found += [Action(name, kind, (f"{kind}:*",)) for name, kind in _BESIDES.items()]
    return {action.name: action for action in found}


def _decided(operation: type[Operation[Any]]) -> bool:
    return operation.access is Access.POLICY


def _action(operation: type[Operation[Any]]) -> Action:
    name, kind = operation.action, operation.kind
    if name in _APART:
        return Action(name, kind, (f"{kind}:*",))
    group = _GROUP_OF_EFFECT[operation.effect]
    if name == _READS_THOUGH_IT_USES:
        group = "read"
    elif group == "read" and operation.secret_reply:
        group = "use"  # to see what is secret is to use it: no auditor needs to
    return Action(name, kind, (f"{kind}:{group}", f"{kind}:*", group))


@functools.cache
def kinds() -> tuple[str, ...]:
    """Every kind of resource that policy decides about."""
    return tuple(sorted({action.kind for action in actions().values()}))


@functools.cache
def groups() -> dict[str, tuple[str, ...]]:
    """Every group of actions, with the actions in it."""
    found: dict[str, list[str]] = {}
    for action in actions().values():
        for group in action.groups:
            found.setdefault(group, []).append(action.name)
    return {group: tuple(sorted(found[group])) for group in sorted(found)}


def _record(attributes: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {"type": "Record", "attributes": attributes}


def _resource_type(kind: str) -> dict[str, Any]:
    attributes = {"name": _STRING}
    if kind in METHODS:
        attributes["principal"] = {"type": "Entity", "name": PRINCIPAL}
    described: dict[str, Any] = {"memberOfTypes": [NAMESPACE]}
    if kind == "key":
        for name, default in KEY_ATTRIBUTES.items():
            attributes[name] = _BOOLEAN if isinstance(default, bool) else _STRING
        described["tags"] = _STRING
    return described | {"shape": _record(attributes)}


def cedar_schema() -> dict[str, Any]:
    """The schema in Cedar's JSON form."""
    entity_types: dict[str, Any] = {
        ROLE: _resource_type("role"),
        GROUP: _resource_type("group"),
        ENCRYPTION_CONTEXT: {"tags": _STRING},
        PRINCIPAL: {
            "memberOfTypes": [ROLE, GROUP, NAMESPACE],
            "shape": _record({"name": _STRING, "method": _STRING}),
        },
    }
    for kind in kinds():
        entity_types[entity_type(kind)] = _resource_type(kind)
    declared: dict[str, Any] = {group: {} for group in groups()}
    for action in actions().values():
        declared[action.name] = {
            "memberOf": [{"id": group} for group in action.groups],
            "appliesTo": {
                "principalTypes": [PRINCIPAL],
                "resourceTypes": [entity_type(action.kind)],
                "context": {"type": "Context"},
            },
        }
    return {
        "": {
            "commonTypes": {"Context": _record(CONTEXT)},
            "entityTypes": entity_types,
            "actions": declared,
        }
    }


@functools.cache
def parsed_schema() -> Schema:
    """The schema, ready to validate with."""
    return Schema.from_json_str(json.dumps(cedar_schema()))


def vocabulary() -> str:
    """Every action with its resource type and groups, as a Markdown table."""
    rows = ["| Action | Resource | Groups |", "| --- | --- | --- |"]
    rows += [
        f"| `{action.name}` | `{entity_type(action.kind)}` | "
        + " ".join(f"`{group}`" for group in action.groups)
        + " |"
        for _, action in sorted(actions().items())
    ]
    return "\n".join(rows) + "\n"
