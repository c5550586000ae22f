"""Mounts of type ``totp``: one-time passwords."""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.times import duration
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.totp import (
    DeleteTotpKey,
    GenerateTotpCode,
    ListTotpKeys,
    ShowTotpKey,
    VerifyTotpCode,
    WriteTotpKey,
)

ENGINE = Engine("totp")

_PAGE = 1000


@ENGINE.write("keys/{name}")
async def write_key(request: VaultRequest, name: str) -> Reply:
    written = await request.perform(
        WriteTotpKey(
            name=_full(request, name),
            generate=request.boolean("generate"),
            exported=request.boolean("exported", True),
            key_size=_number(request, "key_size", 20),
            url=request.text("url"),
            key=request.text("key"),
            issuer=request.text("issuer"),
            account_name=request.text("account_name"),
            period=request.seconds("period", 30),
            algorithm=request.text("algorithm", "SHA1"),
            digits=_number(request, "digits", 6),
            skew=_number(request, "skew", 1),
            qr_size=_number(request, "qr_size", 200),
        )
    )
    if not written.url:
        return None
    return (
        {"barcode": written.barcode, "url": written.url}
        if written.barcode
        else {"url": written.url}
    )


@ENGINE.read("keys/{name}")
async def read_key(request: VaultRequest, name: str) -> Reply:
    return msgspec.structs.asdict(await request.perform(ShowTotpKey(name=_full(request, name))))


@ENGINE.list("keys")
async def list_keys(request: VaultRequest) -> Reply:
    keys: list[str] = []
    after = ""
    while True:
        page = await request.perform(
            ListTotpKeys(mount=request.mount.prefix, after=after, limit=_PAGE)
        )
        keys += page.names
        if not (after := page.next):
            break
    if not keys:
        raise NotFound
    return {"keys": keys}


@ENGINE.delete("keys/{name}")
async def delete_key(request: VaultRequest, name: str) -> None:
    await request.perform(DeleteTotpKey(name=_full(request, name)))


@ENGINE.read("code/{name}")
async def generate_code(request: VaultRequest, name: str) -> Reply:
    made = await request.perform(GenerateTotpCode(name=_full(request, name)))
    told: dict[str, Any] = {
        "code": made.code,
        "expire_time": made.expires_at,
        "generated": made.made_at,
        "period": duration(made.period),
    }
    return told


@ENGINE.write("code/{name}", capability="update")
async def verify_code(request: VaultRequest, name: str) -> Reply:
    verdict = await request.perform(
        VerifyTotpCode(name=_full(request, name), code=request.text("code"))
    )
    return {"valid": verdict.valid}


def _full(request: VaultRequest, name: str) -> str:
    return f"{request.mount.prefix}/{name}"


def _number(request: VaultRequest, name: str, default: int) -> int:
    number = request.integer(name, default)
    if not 0 <= number < 1 << 31:
        raise InvalidRequest(f"the {name} value must be greater than zero")
    return number
