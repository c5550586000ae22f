"""OpenAPI 3.1 out of the routes and the catalogue: nothing is described twice."""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from keystead import __version__
from keystead.doors.rest.plan import Plan, plans
from keystead.doors.rest.problems import STATUS, TYPE_PREFIX, status_of
from keystead.errors import KeysteadError
from keystead.operations import Access, Effect, reply_type

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_INTRODUCTION: Final = """\
Bytes are standard base64. Names in paths are one percent-encoded segment: the key `app/db`
is `/keys/app%2Fdb`. Listings go on with `after` set to the last reply's `next`. Errors are
problem documents (RFC 9457) whose `code` programs compare."""

EXAMPLES: Final[dict[str, Schema]] = {
    "CreateKey": {"name": "app/db", "spec": "xaes-256-gcm", "tags": {"team": "billing"}},
    "Encrypt": {"plaintext": "aGVsbG8=", "context": {"tenant": "acme"}},
    "Decrypt": {"ciphertext": "S1NUMQ==", "context": {"tenant": "acme"}},
    "Sign": {"message": "aGVsbG8="},
    "GenerateDataKey": {"length": 32},
    "WritePolicy": {
        "text": 'permit (principal in Role::"app", action == Action::"key:encrypt", resource);'
    },
    "LoginAppRole": {"role_id": "…", "secret_id": "…"},
    "CreateToken": {"name": "deploy", "roles": ["app"], "limits": {"ttl_seconds": 3600}},
}
"""Request bodies to begin with, by operation."""


def describe() -> Schema:
    """Return the OpenAPI 3.1 document of the REST door."""
    types: list[type[Any]] = []
    for plan in plans():
        types += [plan.rest, plan.path]
        if plan.status != 204:
            types.append(reply_type(plan.operation))
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    schemas: dict[str, Schema] = {name: _tidy(schema) for name, schema in components.items()}
    paths: dict[str, Schema] = {}
    for plan in plans():
        paths.setdefault(plan.route.path, {})[plan.route.method.lower()] = _operation(plan, schemas)
    for plan in plans():
        schemas.pop(plan.path.__name__, None)
        if plan.in_query or not plan.rest.__struct_fields__:
            schemas.pop(plan.rest.__name__, None)
    schemas["ProblemDocument"] = _problem_schema()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Keystead",
            "version": __version__,
            "summary": "Keys behind one policy and one tamper-evident audit log.",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": kind} for kind in sorted({p.operation.kind for p in plans()})],
        "security": [{"bearer": []}, {"token": []}],
        "paths": _tidy(paths),
        "components": {
            "schemas": schemas,
            "responses": _problem_responses(),
            "parameters": _SHARED_PARAMETERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "header", "name": "X-Keystead-Token"},
            },
        },
    }


_SHARED_PARAMETERS: Final[dict[str, Schema]] = {
    "namespace": {
        "name": "X-Keystead-Namespace",
        "in": "header",
        "description": "The namespace to work in; without it the root namespace.",
        "schema": {"type": "string", "pattern": "^[ -~]*$"},
    },
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Sent again with the same key, a change is done once and answered alike.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
}


def _operation(plan: Plan, schemas: dict[str, Schema]) -> Schema:
    operation = plan.operation
    summary, _, more = (inspect.getdoc(operation) or "").partition("\n\n")
    described: Schema = {
        "operationId": operation.__name__,
        "tags": [operation.kind],
        "summary": " ".join(summary.split()),
        "description": f"{more}\n\nPolicy action: `{operation.action}`.".strip(),
        "parameters": _parameters(plan, schemas),
        "responses": _responses(plan),
    }
    if operation.access is Access.ANYONE:
        described["security"] = []
    if not plan.in_query and plan.rest.__struct_fields__:
        described["requestBody"] = _request_body(plan, schemas)
    return described


def _request_body(plan: Plan, schemas: dict[str, Schema]) -> Schema:
    name = plan.rest.__name__
    content: Schema = {"schema": {"$ref": _REF.format(name=name)}}
    if example := EXAMPLES.get(plan.operation.__name__):
        content["example"] = example
    required = bool(schemas[name].get("required"))
    return {"required": required, "content": {"application/json": content}}


def _parameters(plan: Plan, schemas: dict[str, Schema]) -> list[Schema]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _printable(schema, 1)}
        for name, schema in schemas[plan.path.__name__].get("properties", {}).items()
    ]
    if plan.in_query:
        described = schemas[plan.rest.__name__]
        found += [
            {
                "name": name,
                "in": "query",
                "required": name in described.get("required", ()),
                "schema": _printable(schema, 0),
            }
            for name, schema in described.get("properties", {}).items()
        ]
    found.append({"$ref": "#/components/parameters/namespace"})
    if plan.operation.effect is Effect.CHANGE:
        found.append({"$ref": "#/components/parameters/idempotency_key"})
    return found


def _printable(schema: Schema, least: int) -> Schema:
    """Say what ``decode_text`` takes: no control characters."""
    if schema.get("type") != "string" or "pattern" in schema:
        return schema
    return {"minLength": least, **schema, "pattern": "^[^\\u0000-\\u001f\\u007f]*$"}


def _responses(plan: Plan) -> Schema:
    success: Schema = {"description": "Done."}
    if plan.status != 204:
        reply = reply_type(plan.operation)
        success = {
            "description": _own_doc(reply).partition("\n\n")[0] or "The result.",
            "content": {"application/json": {"schema": _reference(reply)}},
        }
    errors = {
        str(status): {"$ref": f"#/components/responses/problem_{status}"}
        for status in sorted(_codes())
    }
    return {str(plan.status): success, **errors}


def _reference(cls: Any) -> Schema:
    (reference,), _ = msgspec.json.schema_components([cls], ref_template=_REF)
    return reference


def _own_doc(cls: Any) -> str:
    """Return a type's own docstring: not its base's, which is about all of them."""
    return inspect.cleandoc(vars(getattr(cls, "__origin__", cls)).get("__doc__") or "")


def _tidy(value: Any) -> Any:
    """Drop titles, which repeat the names; say what base64 is; write code as CommonMark does."""
    if isinstance(value, str):
        return value.replace("``", "`")
    if isinstance(value, dict):
        if value.get("contentEncoding") == "base64":
            value = {**value, "pattern": _BASE64}
        return {
            name: _tidy(each)
            for name, each in value.items()
            if not (name == "title" and isinstance(each, str))
        }
    return [_tidy(each) for each in value] if isinstance(value, list) else value


def _classes(base: type[KeysteadError]) -> list[type[KeysteadError]]:
    return [base, *(cls for child in base.__subclasses__() for cls in _classes(child))]


def _codes() -> dict[int, list[str]]:
    """Return the codes of errors by HTTP status."""
    codes: dict[int, list[str]] = {405: ["invalid-request"], 415: ["invalid-request"]}
    for cls in _classes(KeysteadError):
        if "code" in vars(cls) and cls is not KeysteadError:
            codes.setdefault(status_of(cls), []).append(cls.code)
    codes[STATUS[KeysteadError]].append("internal-error")
    return codes


def _problem_responses() -> dict[str, Schema]:
    schema = {"$ref": _REF.format(name="ProblemDocument")}
    return {
        f"problem_{status}": {
            "description": f"A problem: {', '.join(codes)}.",
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status, codes in _codes().items()
    }


def _problem_schema() -> Schema:
    return {
        "type": "object",
        "description": "RFC 9457. Further members are ids, versions and limits.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri", "examples": [f"{TYPE_PREFIX}not-found"]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "description": "Stable; for programs to compare."},
            "hint": {"type": "string", "description": "What to do next."},
            "request_id": {"type": "string", "description": "Names the request in the audit log."},
        },
    }
