"""Templates of identity tokens: JSON in which ``{{…}}`` stands for something of an entity.

Every value is filled in as JSON, so that no name or metadata can add a claim.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

import msgspec

from keystead.errors import InvalidRequest
from keystead.identity.principal import EntityInfo

RESERVED: Final = (
    "iat", "aud", "exp", "iss", "sub", "namespace", "nonce", "auth_time", "at_hash", "c_hash",
)  # fmt: skip

_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_DURATION = re.compile(r"(\d{1,10})([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def require_template(template: str) -> None:
    """Check a template; raises InvalidRequest in Vault's words."""
    claims = fill(template, EntityInfo(id="", name=""), 0)
    for name in claims:
        if name in RESERVED:
            raise InvalidRequest(
                f'top level key "{name}" not allowed. Restricted keys: {", ".join(RESERVED)}'
            )


def fill(template: str, entity: EntityInfo, now: int) -> dict[str, Any]:
    """The claims that a template gives for an entity; raises InvalidRequest."""
    if not template:
        return {}

    def value(match: re.Match[str]) -> str:
        return msgspec.json.encode(_value(match[1].strip(), entity, now)).decode()

    try:
        return msgspec.json.decode(_DIRECTIVE.sub(value, _plain(template)), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest(f"error parsing template JSON: {error}") from None


def _plain(template: str) -> str:
    try:
        return base64.b64decode(template, validate=True).decode()
    except (binascii.Error, ValueError):
        return template


def _value(selector: str, entity: EntityInfo, now: int) -> Any:
    plain: dict[str, Any] = {
        "identity.entity.id": entity.id,
        "identity.entity.name": entity.name,
        "identity.entity.metadata": dict(entity.metadata),
        "identity.entity.groups.ids": [group.id for group in entity.groups],
        "identity.entity.groups.names": [group.name for group in entity.groups],
        "time.now": now,
    }
    if selector in plain:
        return plain[selector]
    prefix = "identity.entity.metadata."
    if selector.startswith(prefix):
        return entity.metadata.get(selector[len(prefix) :], "")
    prefix = "identity.entity.aliases."
    if selector.startswith(prefix):
        return _of_alias(selector[len(prefix) :], entity)
    for prefix, sign in (("time.now.plus.", 1), ("time.now.minus.", -1)):
        if selector.startswith(prefix):
            duration = _DURATION.fullmatch(selector[len(prefix) :])
            if duration:
                return now + sign * int(duration[1]) * _SECONDS[duration[2]]
    raise InvalidRequest(
        "error parsing template: no value could be found for one of the template directives"
    )


def _of_alias(selector: str, entity: EntityInfo) -> Any:
    accessor, _, field = selector.partition(".")
    found = next((alias for alias in entity.aliases if alias.mount_accessor == accessor), None)
    if field == "name":
        return found.name if found else ""
    if field == "metadata":
        return dict(found.metadata) if found else {}
    if field.startswith("metadata."):
        return found.metadata.get(field[len("metadata.") :], "") if found else ""
    raise InvalidRequest(
        "error parsing template: no value could be found for one of the template directives"
    )
