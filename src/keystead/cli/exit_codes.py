"""Exit codes: what scripts can tell apart."""

from __future__ import annotations

from keystead.errors import (
    AlreadyExists,
    AlreadyInitialized,
    AskForRights,
    CallOperator,
    ConfigurationError,
    Conflict,
    DecryptionFailed,
    IntegrityFailure,
    KeysteadError,
    NotFound,
    UnsealFailed,
    VerificationFailed,
    WaitAndRetry,
)

OK, ERROR, USAGE, DENIED, NOT_FOUND, NOT_GENUINE, UNAVAILABLE, CONFLICT = range(8)
INTERRUPTED = 130
BROKEN_PIPE = 141

MEANINGS = {
    OK: "done",
    ERROR: "any other error",
    USAGE: "the command line is wrong",
    DENIED: "not authenticated, or not permitted",
    NOT_FOUND: "no such thing, or none that you may know of",
    NOT_GENUINE: "a signature, ciphertext, file or audit log did not verify",
    UNAVAILABLE: "the server is unreachable, busy or sealed: try again later",
    CONFLICT: "it exists already, or its state forbids this",
    INTERRUPTED: "interrupted",
}

_BY_ERROR: tuple[tuple[type[KeysteadError], int], ...] = (
    (AskForRights, DENIED),
    (NotFound, NOT_FOUND),
    (DecryptionFailed, NOT_GENUINE),
    (VerificationFailed, NOT_GENUINE),
    (IntegrityFailure, NOT_GENUINE),
    (AlreadyExists, CONFLICT),
    (AlreadyInitialized, CONFLICT),
    (Conflict, CONFLICT),
    (WaitAndRetry, UNAVAILABLE),
    (ConfigurationError, ERROR),
    (UnsealFailed, ERROR),
    (CallOperator, UNAVAILABLE),
)


def exit_code(error: KeysteadError) -> int:
    """Return the exit code for an error."""
    return next((code for cls, code in _BY_ERROR if isinstance(error, cls)), ERROR)
