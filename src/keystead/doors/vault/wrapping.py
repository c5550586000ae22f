"""Response wrapping: ``sys/wrapping/…``."""

from __future__ import annotations

from typing import Any

import msgspec

from keystead.doors.vault.engine import Answer, Engine, Raw, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest, Unauthenticated
from keystead.operations.wrapping import RewrapReply, ShowWrapping, UnwrapReply, WrapData, WrapInfo

ENGINE = Engine("wrapping")
"""A part of the engine at ``sys/``."""

_encode = msgspec.json.Encoder().encode


@ENGINE.write("wrapping/wrap", capability="update")
async def wrap(request: VaultRequest) -> Reply:
    ttl = request.call.path.wrap_ttl if request.call.path else None
    if not ttl:
        raise InvalidRequest("endpoint requires response wrapping to be used")
    payload = _encode({**_NOTHING, "data": request.body})
    return _wrapped(await request.perform(WrapData(payload=payload, ttl_seconds=ttl)))


@ENGINE.write("wrapping/unwrap", public=True)
async def unwrap(request: VaultRequest) -> Reply:
    unwrapped = await request.perform(UnwrapReply(token=_token(request)))
    return Answer(raw=Raw(b"application/json", unwrapped.payload))


@ENGINE.write("wrapping/rewrap", public=True)
async def rewrap(request: VaultRequest) -> Reply:
    return _wrapped(await request.perform(RewrapReply(token=_token(request))))


@ENGINE.read("wrapping/lookup", public=True)
@ENGINE.write("wrapping/lookup", public=True)
async def lookup(request: VaultRequest) -> Reply:
    view = await request.perform(ShowWrapping(token=_token(request)))
    return {
        "creation_path": view.creation_path,
        "creation_time": view.creation_time,
        "creation_ttl": view.creation_ttl_seconds,
    }


def _token(request: VaultRequest) -> str:
    """The wrapping token: in the body, or else what the caller presents as its own.

    Whoever holds it could present it as its own, so it takes no other token besides.
    """
    token = request.text("token") or request.call.token
    if not token:
        raise Unauthenticated("error validating wrapping token: token is empty")
    return token


def _wrapped(info: WrapInfo) -> Answer:
    return Answer(
        wrap_info={
            "token": info.token,
            "accessor": info.accessor,
            "ttl": info.ttl_seconds,
            "creation_time": info.creation_time,
            "creation_path": info.creation_path,
        }
    )


_NOTHING: dict[str, Any] = {
    "request_id": "",
    "lease_id": "",
    "renewable": False,
    "lease_duration": 0,
    "data": None,
    "wrap_info": None,
    "warnings": None,
    "auth": None,
}
