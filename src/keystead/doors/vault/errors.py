"""The one table from error to Vault's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keystead import errors
from keystead.errors import KeysteadError

STATUS: Final[Mapping[type[KeysteadError], int]] = {
    errors.KeysteadError: 500,
    errors.FixRequest: 400,
    errors.UnsupportedOperation: 405,
    errors.PayloadTooLarge: 413,
    errors.NotFound: 404,
    errors.AskForRights: 403,
    errors.WaitAndRetry: 503,
    errors.UpstreamUnavailable: 502,
    errors.Overloaded: 429,
    errors.CallOperator: 500,
    errors.Sealed: 503,
    errors.NotInitialized: 503,
    errors.AlreadyInitialized: 400,
    errors.UnsealFailed: 400,
}
_WORDING: Final[Mapping[type[KeysteadError], str]] = {
    errors.Sealed: "Vault is sealed",
    errors.NamespaceSealed: "Namespace is sealed",
    errors.NotInitialized: "Vault is not initialized",
    errors.AlreadyInitialized: "Vault is already initialized",
    errors.AskForRights: "permission denied",
    errors.UnsupportedOperation: "unsupported operation",
}
"""What clients compare with; elsewhere the error's own message is the answer."""

_encode = msgspec.json.Encoder().encode


def status_of(error: type[KeysteadError]) -> int:
    """The HTTP status of an error: its own, or its nearest ancestor's."""
    return next(STATUS[cls] for cls in error.__mro__ if cls in STATUS)


def messages(error: KeysteadError) -> list[str]:
    """The ``errors`` member. What is denied says no more than that; what is not there says
    nothing unless the service has a sentence for it."""
    for cls in type(error).__mro__:
        if cls in _WORDING:
            return [_WORDING[cls]]
    if isinstance(error, errors.NotFound) and error.message in ("", error.title):
        return []
    return [error.message]


def body(error: KeysteadError) -> bytes:
    """The JSON body of an error."""
    return _encode({"errors": messages(error)})


INTERNAL: Final = _encode({"errors": ["internal error"]})
