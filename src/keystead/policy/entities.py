"""Principals, resources and namespaces as Cedar entities.

An entity's identifier is qualified by the namespace it lives in: ``team-a:admin`` is the role
``admin`` of namespace ``team-a`` and ``:admin`` the root namespace's. Namespace names hold no
colon, so the first one ends the namespace. A namespace's own identifier is its name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystead.identity.principal import Principal
from keystead.policy import schema

Uid = dict[str, str]


@dataclass(frozen=True, slots=True)
class PolicyResource:
    """What is to be acted on, as policy sees it.

    ``namespace`` is the identifier of the namespace it is in; ``name`` is empty for a whole
    kind. ``cache_key`` differs wherever kind, namespace, name, attributes or tags differ.
    """

    kind: str
    namespace: str
    name: str
    attributes: Mapping[str, str | bool]
    tags: Mapping[str, str]
    cache_key: tuple[object, ...]


def below(namespace: str, name: str) -> str:
    """The full name of a namespace that is called ``name`` seen from ``namespace``."""
    return f"{namespace}/{name}" if namespace and name else namespace or name


def qualified(namespace: str, type_name: str, identifier: str) -> str:
    """The identifier an entity has everywhere, from the one it has in a namespace's policies.

    ``admin`` is in that namespace itself, ``sub:admin`` in the namespace ``sub`` below it.
    """
    if type_name == schema.NAMESPACE:
        return below(namespace, identifier)
    child, colon, name = identifier.partition(":")
    return f"{below(namespace, child)}:{name}" if colon else f"{namespace}:{identifier}"


def uid(type_name: str, namespace: str, name: str) -> Uid:
    """The entity called ``name`` in the namespace with that full name."""
    if type_name == schema.NAMESPACE:
        return {"type": type_name, "id": below(namespace, name)}
    return {"type": type_name, "id": f"{namespace}:{name}"}


def entities(
    principal: Principal,
    home: str,
    action: str,
    resource: PolicyResource,
    place: str,
    encryption_context: Mapping[str, str],
) -> list[dict[str, Any]]:
    """All entities that a decision needs. ``home`` and ``place`` are the full names of the
    principal's and the resource's namespaces."""
    target = uid(schema.entity_type(resource.kind), place, resource.name)
    found = {name: _namespace(name) for name in (*_line(home), *_line(place))}
    if target["type"] == schema.NAMESPACE:
        found |= {name: _namespace(name) for name in _line(target["id"])}
    return [
        *found.values(),
        _principal(principal, home),
        _action(action),
        *([] if target["type"] == schema.NAMESPACE else [_resource(target, resource, place)]),
        {
            "uid": {"type": schema.ENCRYPTION_CONTEXT, "id": "request"},
            "attrs": {},
            "parents": [],
            "tags": dict(encryption_context),
        },
    ]


def _line(namespace: str) -> list[str]:
    """The full names of a namespace and of all above it."""
    parts = namespace.split("/") if namespace else []
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def _namespace(name: str) -> dict[str, Any]:
    parent, _, _ = name.rpartition("/")
    return {
        "uid": uid(schema.NAMESPACE, "", name),
        "attrs": {"name": name},
        "parents": [uid(schema.NAMESPACE, "", parent)] if name else [],
    }


def _principal(principal: Principal, home: str) -> dict[str, Any]:
    return {
        "uid": uid(schema.PRINCIPAL, home, principal.name),
        "attrs": {"name": principal.name, "method": principal.name.partition("/")[0]},
        "parents": [
            *(uid(schema.ROLE, home, role) for role in principal.roles),
            *(uid(schema.GROUP, home, group) for group in principal.groups),
            uid(schema.NAMESPACE, "", home),
        ],
    }


def _resource(target: Uid, resource: PolicyResource, place: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"name": resource.name}
    if resource.kind == "key":
        attributes = {**schema.KEY_ATTRIBUTES, **resource.attributes, **attributes}
    elif resource.kind in schema.METHODS:
        owner = uid(schema.PRINCIPAL, place, f"{schema.METHODS[resource.kind]}/{resource.name}")
        attributes["principal"] = {"__entity": owner}
    return {
        "uid": target,
        "attrs": attributes,
        "parents": [uid(schema.NAMESPACE, "", place)],
        "tags": dict(resource.tags),
    }


@functools.cache
def _action(name: str) -> dict[str, Any]:
    known = schema.actions().get(name)
    return {
        "uid": {"type": "Action", "id": name},
        "attrs": {},
        "parents": [{"type": "Action", "id": group} for group in known.groups] if known else [],
    }
