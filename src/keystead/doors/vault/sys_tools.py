"""``sys/tools``: random bytes and hashes."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Any, Final, get_args

from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.errors import InvalidRequest
from keystead.operations.cryptography import GenerateRandom
from keystead.operations.system import HashBytes, HashName

ENGINE = Engine("sys-tools")

_SOURCES: Final = ("platform", "seal", "all")
_MOST_BYTES: Final = 128 * 1024
_ALGORITHMS: Final = get_args(HashName)


@ENGINE.write("tools/random", "tools/random/{first}", "tools/random/{first}/{count}")
async def random(request: VaultRequest, first: str = "", count: str = "") -> Reply:
    """Every source is the operating system's generator."""
    source = first if first in _SOURCES or count else request.text("source", "platform")
    if source not in _SOURCES:
        raise InvalidRequest(f'unsupported entropy source "{source}"; must be "platform" or "seal"')
    text = count or (first if first not in _SOURCES else "")
    length = _length(text) if text else request.integer("bytes", 32)
    if length < 1:
        raise InvalidRequest("'bytes' cannot be less than 1")
    if length > _MOST_BYTES:
        raise InvalidRequest(f"'bytes' should be less than {_MOST_BYTES}")
    form = _format(request, "base64")
    made = (await request.perform(GenerateRandom(length=length))).random
    return {"random_bytes": _written(made, form)}


@ENGINE.write("tools/hash", "tools/hash/{algorithm}")
async def hash_input(request: VaultRequest, algorithm: str = "") -> Reply:
    name: Any = algorithm or request.text("algorithm", "sha2-256")
    if name not in _ALGORITHMS:
        raise InvalidRequest(f"unsupported algorithm {name}")
    try:
        given = b64decode(request.text("input"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("unable to decode input as base64: illegal base64 data") from None
    form = _format(request, "hex")
    made = await request.perform(HashBytes(algorithm=name, input=given))
    return {"sum": _written(made.digest, form)}


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest("error parsing url-set byte count")
    return int(text)


def _format(request: VaultRequest, default: str) -> str:
    form = request.text("format", default)
    if form not in ("hex", "base64"):
        raise InvalidRequest(f'unsupported encoding format "{form}"; must be "hex" or "base64"')
    return form


def _written(value: bytes, form: str) -> str:
    return value.hex() if form == "hex" else b64encode(value).decode()
