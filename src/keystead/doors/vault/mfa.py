"""``identity/mfa/`` and ``sys/mfa/``: second factors at log-in."""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.doors.vault.engine import Answer, Engine, Reply
from keystead.doors.vault.logins import login_answer
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.mfa import (
    DeleteMfaEnforcement,
    DeleteMfaMethod,
    DestroyMfaSecret,
    GenerateMfaSecret,
    GenerateOwnMfaSecret,
    ListMfaEnforcements,
    ListMfaMethods,
    MfaEnforcement,
    MfaMethod,
    MfaMethodView,
    MfaSecret,
    ShowMfaEnforcement,
    ShowMfaMethod,
    ValidateMfa,
    WriteMfaEnforcement,
    WriteMfaMethod,
)

ENGINE = Engine("mfa")
SYSTEM = Engine("system-mfa")


@ENGINE.write("mfa/method/totp")
async def create_method(request: VaultRequest) -> Reply:
    written = await request.perform(WriteMfaMethod(method=_method(request, MfaMethod())))
    return {"method_id": written.id}


@ENGINE.write("mfa/method/totp/{id}")
async def write_method(request: VaultRequest, id: str) -> None:
    """What the request leaves out stays as it is."""
    present = await request.perform(ShowMfaMethod(id=id))
    await request.perform(WriteMfaMethod(id=id, method=_method(request, present.method)))


@ENGINE.read("mfa/method/totp/{id}", "mfa/method/{id}")
async def read_method(request: VaultRequest, id: str) -> Reply:
    return _told(await request.perform(ShowMfaMethod(id=id)), request)


@ENGINE.list("mfa/method/totp", "mfa/method")
async def list_methods(request: VaultRequest) -> Reply:
    found = (await request.perform(ListMfaMethods())).methods
    if not found:
        raise NotFound
    told = {view.id: _told(view, request) for view in found}
    return {"key_info": told, "keys": list(told)}


@ENGINE.delete("mfa/method/totp/{id}")
async def delete_method(request: VaultRequest, id: str) -> None:
    await request.perform(DeleteMfaMethod(id=id))


@ENGINE.write("mfa/method/totp/generate", capability="update")
async def generate_own(request: VaultRequest) -> Reply:
    return _secret(await request.perform(GenerateOwnMfaSecret(method_id=request.text("method_id"))))


@ENGINE.write("mfa/method/totp/admin-generate", capability="update")
async def generate_for(request: VaultRequest) -> Reply:
    return _secret(await request.perform(GenerateMfaSecret(**_whose(request))))


@ENGINE.write("mfa/method/totp/admin-destroy", capability="update")
async def destroy(request: VaultRequest) -> None:
    await request.perform(DestroyMfaSecret(**_whose(request)))


@ENGINE.write("mfa/login-enforcement/{name}")
async def write_enforcement(request: VaultRequest, name: str) -> None:
    await request.perform(
        WriteMfaEnforcement(
            name=name,
            method_ids=request.strings("mfa_method_ids"),
            accessors=_given(request, "auth_method_accessors"),
            types=_given(request, "auth_method_types"),
            group_ids=_given(request, "identity_group_ids"),
            entity_ids=_given(request, "identity_entity_ids"),
        )
    )


@ENGINE.read("mfa/login-enforcement/{name}")
async def read_enforcement(request: VaultRequest, name: str) -> Reply:
    return _enforcement(await request.perform(ShowMfaEnforcement(name=name)), request)


@ENGINE.list("mfa/login-enforcement")
async def list_enforcements(request: VaultRequest) -> Reply:
    found = (await request.perform(ListMfaEnforcements())).enforcements
    if not found:
        raise NotFound
    told = {one.name: _enforcement(one, request) for one in found}
    return {"key_info": told, "keys": list(told)}


@ENGINE.delete("mfa/login-enforcement/{name}")
async def delete_enforcement(request: VaultRequest, name: str) -> None:
    await request.perform(DeleteMfaEnforcement(name=name))


@SYSTEM.write("mfa/validate", public=True)
async def validate(request: VaultRequest) -> Reply:
    payload = request.body.get("mfa_payload") or {}
    if not isinstance(payload, dict):
        raise InvalidRequest("Field validation failed: mfa_payload must be a dictionary")
    codes = {name: _codes(given) for name, given in payload.items()}
    operation = ValidateMfa(request_id=request.text("mfa_request_id"), codes=codes)
    return login_answer(await request.perform(operation))


def _given(request: VaultRequest, name: str) -> list[str] | None:
    return request.strings(name) if request.has(name) else None


def _codes(given: object) -> list[str]:
    codes = given if isinstance(given, list) else [given]
    texts = [code for code in codes if isinstance(code, str)]
    if len(texts) != len(codes):
        raise InvalidRequest("Field validation failed: mfa_payload must hold lists of strings")
    return texts


def _method(request: VaultRequest, present: MfaMethod) -> MfaMethod:
    numbers = ("key_size", "qr_size", "digits", "skew", "max_validation_attempts")
    given = {name: request.integer(name, getattr(present, name)) for name in numbers}
    if min(given.values()) < 0:
        raise InvalidRequest("Field validation failed: numbers must not be negative")
    return MfaMethod(
        name=request.text("method_name", present.name),
        issuer=request.text("issuer", present.issuer),
        period=request.seconds("period", present.period),
        algorithm=request.text("algorithm", present.algorithm),
        **given,
    )


def _whose(request: VaultRequest) -> dict[str, str]:
    return {"method_id": request.text("method_id"), "entity_id": request.text("entity_id")}


def _secret(made: MfaSecret) -> Answer:
    if made.present:
        return Answer(warnings=["Entity already has a secret for this MFA method"])
    return Answer(data={"barcode": made.barcode, "url": made.url})


def _told(view: MfaMethodView, request: VaultRequest) -> dict[str, Any]:
    namespace = request.call.namespace
    return {
        **msgspec.structs.asdict(view.method),
        "id": view.id,
        "namespace_id": namespace or "root",
        "namespace_path": f"{namespace}/" if namespace else "",
        "type": "totp",
    }


def _enforcement(one: MfaEnforcement, request: VaultRequest) -> dict[str, Any]:
    namespace = request.call.namespace
    return {
        "auth_method_accessors": one.accessors,
        "auth_method_types": one.types,
        "id": one.id,
        "identity_entity_ids": one.entity_ids,
        "identity_group_ids": one.group_ids,
        "mfa_method_ids": one.method_ids,
        "name": one.name,
        "namespace_id": namespace or "root",
        "namespace_path": f"{namespace}/" if namespace else "",
    }
