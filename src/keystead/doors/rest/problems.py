"""Errors as problem documents (RFC 9457), and the one table from error to HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keystead import errors
from keystead.errors import KeysteadError

TYPE_PREFIX: Final = "urn:keystead:error:"
MEDIA_TYPE: Final = b"application/problem+json"
RETRY_AFTER_SECONDS: Final = 1

STATUS: Final[Mapping[type[KeysteadError], int]] = {
    errors.KeysteadError: 500,
    errors.FixRequest: 400,
    errors.InvalidRequest: 400,
    errors.UnsupportedOperation: 405,
    errors.PayloadTooLarge: 413,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.Conflict: 409,
    errors.IdempotencyMismatch: 422,
    errors.DecryptionFailed: 422,
    errors.VerificationFailed: 422,
    errors.AskForRights: 403,
    errors.Unauthenticated: 401,
    errors.PermissionDenied: 403,
    errors.WaitAndRetry: 503,
    errors.Overloaded: 429,
    errors.CallOperator: 500,
    errors.Sealed: 503,
    errors.NotInitialized: 503,
    errors.AlreadyInitialized: 409,
    errors.UnsealFailed: 400,
}

_ENCODER = msgspec.json.Encoder()


def status_of(error: type[KeysteadError]) -> int:
    """Return the HTTP status of an error: its own, or its nearest ancestor's."""
    return next(STATUS[cls] for cls in error.__mro__ if cls in STATUS)


def headers_of(error: KeysteadError) -> list[tuple[bytes, bytes]]:
    """Return the headers that an error asks for: how to authenticate, when to come back."""
    if isinstance(error, errors.Unauthenticated):
        return [(b"www-authenticate", b'Bearer realm="keystead"')]
    if isinstance(error, errors.WaitAndRetry | errors.Sealed):
        return [(b"retry-after", b"%d" % RETRY_AFTER_SECONDS)]
    return []


def document(error: KeysteadError, status: int, request_id: str) -> bytes:
    """Return the problem document of an error. Its details stand beside the standard members."""
    standard: dict[str, object] = {
        "type": TYPE_PREFIX + error.code,
        "title": error.title,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "request_id": request_id,
    }
    if error.hint:
        standard["hint"] = error.hint
    return _ENCODER.encode({**error.details, **standard})


def internal_document(request_id: str) -> bytes:
    """Return the document for an error that Keystead did not foresee: it says nothing of it."""
    return _ENCODER.encode(
        {
            "type": TYPE_PREFIX + "internal-error",
            "title": "Internal error",
            "status": 500,
            "detail": "Something went wrong on the server; its log says what.",
            "code": "internal-error",
            "request_id": request_id,
        }
    )
