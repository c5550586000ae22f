"""What a token claims, held against what a role demands.

The rules, with their allowances for clocks that differ, are those of Vault's JWT method.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from keystead.errors import InvalidRequest
from keystead.identity.jwt import Claims

DEFAULT_LEEWAY_SECONDS: Final = 150
DEFAULT_CLOCK_SKEW_SECONDS: Final = 60


class Missing(Exception):
    """A claim is not there."""


def find(claims: Claims, path: str) -> Any:
    """A claim by its name, or by a JSON pointer if that begins with a slash (RFC 6901).

    Raises Missing.
    """
    if not path.startswith("/"):
        if path not in claims:
            raise Missing
        return claims[path]
    value: Any = claims
    for step in path[1:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise Missing
    return value


def require_registered(
    claims: Claims,
    now: float,
    *,
    issuer: str = "",
    subject: str = "",
    audiences: Iterable[str] = (),
    expiration_leeway: int = 0,
    not_before_leeway: int = 0,
    clock_skew_leeway: int = 0,
) -> None:
    """Check ``iss``, ``sub``, ``aud`` and the times; empty demands nothing.

    Leeways are in seconds: 0 the default, negative none. The expiration leeway stands in for
    an ``exp`` that is missing, the not-before leeway for an ``nbf``. Raises InvalidRequest
    saying which claim it is.
    """
    if issuer and claims.get("iss") != issuer:
        raise _invalid("invalid issuer (iss) claim")
    if subject and claims.get("sub") != subject:
        raise _invalid("invalid subject (sub) claim")
    if (wanted := set(audiences)) and not wanted.intersection(audiences_of(claims)):
        raise _invalid(
            "invalid audience (aud) claim: audience claim does not match any expected audience"
        )
    issued, not_before, expires = (_time(claims, name) for name in ("iat", "nbf", "exp"))
    if not (issued or not_before or expires):
        raise _invalid(
            "no issued at (iat), not before (nbf), or expiration time (exp) claims in token"
        )
    if not expires:
        expires = max(issued, not_before) + _leeway(expiration_leeway, DEFAULT_LEEWAY_SECONDS)
    if not not_before:
        not_before = issued or expires - _leeway(not_before_leeway, DEFAULT_LEEWAY_SECONDS)
    skew = _leeway(clock_skew_leeway, DEFAULT_CLOCK_SKEW_SECONDS)
    if now > expires + skew:
        raise _invalid("invalid expiration time (exp) claim: token is expired")
    if now < not_before - skew:
        raise _invalid("invalid not before (nbf) claim: token not yet valid")
    if now < issued - skew:
        raise _invalid("invalid issued at (iat) claim: token issued in the future")


def audiences_of(claims: Claims) -> list[str]:
    """Whom a token is for."""
    value = claims.get("aud")
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def require_bound(claims: Claims, bound: Mapping[str, Any], *, globs: bool) -> None:
    """Check that each bound claim has one of the values that it may have.

    ``globs``: these are patterns in which ``*`` stands for anything. Raises InvalidRequest.
    """
    for name, wanted in bound.items():
        try:
            claimed = find(claims, name)
        except Missing:
            raise InvalidRequest(f'error validating claims: claim "{name}" is missing') from None
        if not any(
            _fits(value, pattern, globs) for value in _list(claimed) for pattern in _list(wanted)
        ):
            raise InvalidRequest(
                f'error validating claims: claim "{name}" does not match any associated bound'
                " claim values"
            )


def user_of(claims: Claims, path: str, *, pointer: bool) -> str:
    """Whom a token speaks of; raises InvalidRequest if that is not said in a string."""
    try:
        value = find(claims, path) if pointer else claims[path]
    except (Missing, KeyError):
        raise InvalidRequest(f'claim "{path}" not found in token') from None
    if not isinstance(value, str):
        raise InvalidRequest(f'claim "{path}" could not be converted to string')
    if not value:
        raise InvalidRequest(f'claim "{path}" is empty')
    return value


def groups_of(claims: Claims, path: str) -> list[str]:
    """The groups that a claim names, in order and once; raises InvalidRequest."""
    if not path:
        return []
    try:
        value = find(claims, path)
    except Missing:
        raise InvalidRequest(f'failed to fetch groups: "{path}" claim not found in token') from None
    groups = _list(value)
    for group in groups:
        if not isinstance(group, str):
            raise InvalidRequest(
                f"value {_written(group)} in groups claim could not be parsed as string"
            )
    return [group for group in dict.fromkeys(groups) if group]


def metadata_of(claims: Claims, mappings: Mapping[str, str]) -> dict[str, str]:
    """The claims that are kept with the token, under the names that they are mapped to."""
    metadata: dict[str, str] = {}
    for path, name in mappings.items():
        try:
            metadata[name] = _written(find(claims, path))
        except Missing:
            continue
    return metadata


def fits_stars(value: str, pattern: str) -> bool:
    """Whether a text fits a pattern in which ``*`` alone is special: it stands for anything."""
    return fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))


def _fits(value: Any, wanted: Any, globs: bool) -> bool:
    if globs and isinstance(wanted, str):
        return isinstance(value, str) and fits_stars(value, wanted)
    return (type(value) is type(wanted) and bool(value == wanted)) or _same_number(value, wanted)


def _same_number(value: Any, wanted: Any) -> bool:
    return (
        isinstance(value, int | float)
        and isinstance(wanted, int | float)
        and not isinstance(value, bool)
        and not isinstance(wanted, bool)
        and value == wanted
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1 << 53:
        raise _invalid(f"the {name} claim is no time")
    return float(value)


def _leeway(asked: int, default: int) -> int:
    return max(asked, 0) if asked else default


def _invalid(reason: str) -> InvalidRequest:
    return InvalidRequest(f"error validating token: {reason}")
