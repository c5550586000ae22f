"""The error tree, grouped by what the caller should do.

KeysteadError
├── FixRequest            the request is wrong; sending it again will not help
│   ├── InvalidRequest        malformed, ill-typed or out of range
│   │   ├── UnsupportedAlgorithm
│   │   ├── UnsupportedOperation   the thing is there, but this cannot be done with it
│   │   ├── PayloadTooLarge
│   │   └── ContextRequired   the key requires encryption-context entries that are missing
│   ├── NotFound              no such thing here, or none that the caller may know of
│   ├── AlreadyExists
│   ├── Conflict              the thing is not in a state that allows this
│   │   ├── KeyStateForbids
│   │   ├── KeyUsageForbids
│   │   ├── ExportForbidden
│   │   ├── NamespaceSealed
│   │   └── IdempotencyMismatch
│   ├── DecryptionFailed      one answer for every cause
│   └── VerificationFailed    a signature or a MAC does not hold
├── AskForRights          the caller is not known, or may not
│   ├── Unauthenticated
│   └── PermissionDenied
├── WaitAndRetry          the same request may succeed later
│   ├── StoreUnavailable      nothing was changed, or the change is not acknowledged
│   ├── AuditUnavailable      the entry is not durable, so nothing is acknowledged
│   ├── UpstreamUnavailable   another server that Keystead needs does not answer
│   └── Overloaded
└── CallOperator          someone must act on the server
    ├── Sealed
    ├── NotInitialized
    ├── AlreadyInitialized
    ├── UnsealFailed
    ├── IntegrityFailure      stored bytes are not what Keystead wrote
    └── ConfigurationError

Errors hold data (``details``), not prose to be matched; ``code`` is stable and is
what programs compare. No error carries key material, plaintext or a credential.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | bool | None


class KeysteadError(Exception):
    """Base of all errors that Keystead raises on purpose.

    ``message`` is one sentence for a person; ``hint`` says what to do next;
    ``details`` are ids, versions and limits for programs.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"

    def __init__(self, message: str = "", *, hint: str = "", **details: Detail) -> None:
        self.message = message or self.title
        self.hint = hint
        self.details = details
        super().__init__(self.message)


class FixRequest(KeysteadError):
    """The request is wrong; sending it again unchanged will not help."""


class InvalidRequest(FixRequest):
    code = "invalid-request"
    title = "Invalid request"


class UnsupportedAlgorithm(InvalidRequest):
    code = "unsupported-algorithm"
    title = "Unsupported algorithm"


class UnsupportedOperation(InvalidRequest):
    code = "unsupported-operation"
    title = "Unsupported operation"


class PayloadTooLarge(InvalidRequest):
    code = "payload-too-large"
    title = "Payload too large"


class ContextRequired(InvalidRequest):
    code = "context-required"
    title = "Encryption context required"


class NotFound(FixRequest):
    code = "not-found"
    title = "Not found"


class AlreadyExists(FixRequest):
    code = "already-exists"
    title = "Already exists"


class Conflict(FixRequest):
    code = "conflict"
    title = "Conflict with the current state"


class KeyStateForbids(Conflict):
    code = "key-state-forbids"
    title = "Key state forbids this"


class KeyUsageForbids(Conflict):
    code = "key-usage-forbids"
    title = "Key usage forbids this"


class ExportForbidden(Conflict):
    code = "export-forbidden"
    title = "Key is not exportable"


class NamespaceSealed(Conflict):
    code = "namespace-sealed"
    title = "Namespace is sealed"


class IdempotencyMismatch(Conflict):
    code = "idempotency-mismatch"
    title = "Idempotency key was used for a different request"


class DecryptionFailed(FixRequest):
    """The ciphertext does not open. Never says why: that would be an oracle."""

    code = "decryption-failed"
    title = "Decryption failed"


class VerificationFailed(FixRequest):
    code = "verification-failed"
    title = "Verification failed"


class AskForRights(KeysteadError):
    """The caller is not known, or may not do this."""


class Unauthenticated(AskForRights):
    code = "unauthenticated"
    title = "Not authenticated"


class PermissionDenied(AskForRights):
    code = "permission-denied"
    title = "Permission denied"


class WaitAndRetry(KeysteadError):
    """The same request may succeed later."""


class StoreUnavailable(WaitAndRetry):
    code = "store-unavailable"
    title = "Storage is unavailable"


class AuditUnavailable(WaitAndRetry):
    code = "audit-unavailable"
    title = "The audit log cannot be written"


class UpstreamUnavailable(WaitAndRetry):
    code = "upstream-unavailable"
    title = "A server that Keystead depends on does not answer"


class Overloaded(WaitAndRetry):
    code = "overloaded"
    title = "Too many requests"


class CallOperator(KeysteadError):
    """Someone must act on the server."""


class Sealed(CallOperator):
    code = "sealed"
    title = "Keystead is sealed"


class NotInitialized(CallOperator):
    code = "not-initialized"
    title = "Keystead is not initialized"


class AlreadyInitialized(CallOperator):
    code = "already-initialized"
    title = "Keystead is already initialized"


class UnsealFailed(CallOperator):
    code = "unseal-failed"
    title = "Unseal failed"


class IntegrityFailure(CallOperator):
    """Stored bytes are not what Keystead wrote, or do not belong where they were found."""

    code = "integrity-failure"
    title = "Stored data failed its integrity check"


class ConfigurationError(CallOperator):
    code = "configuration-error"
    title = "Configuration error"
