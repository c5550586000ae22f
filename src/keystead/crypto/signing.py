"""What every signature scheme offers, and the refusals that they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from keystead.errors import InvalidRequest, UnsupportedAlgorithm


class Verifier(Protocol):
    """Checks signatures; all that a public key can do."""

    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: str | None = None,
        prehashed: bool = False,
        context: bytes = b"",
        signature_format: str | None = None,
    ) -> None:
        """Check ``signature`` under the same options as ``Signer.sign``.

        Raises VerificationFailed if it does not hold, InvalidRequest or
        UnsupportedAlgorithm if the options do not fit the key.
        """


class Signer(Verifier, Protocol):
    """Makes and checks signatures."""

    def sign(
        self,
        message: bytes,
        *,
        algorithm: str | None = None,
        prehashed: bool = False,
        context: bytes = b"",
        signature_format: str | None = None,
    ) -> bytes:
        """Sign ``message``; each None takes the key's default.

        ``prehashed``: the message is a digest of the algorithm's hash (for ML-DSA, the
        64-byte mu). ``context``: 0 to 255 bytes, ML-DSA only. ``signature_format``: ``der``
        or ``raw`` (r ‖ s, IEEE P1363), ECDSA only. Raises InvalidRequest or
        UnsupportedAlgorithm if the options do not fit the key.
        """


def unknown_algorithm(algorithm: str | None, known: Iterable[str]) -> UnsupportedAlgorithm:
    """Return the error for an algorithm that this key does not sign with."""
    return UnsupportedAlgorithm(f"This key signs with {', '.join(known)}.", algorithm=algorithm)


def refuse_context(context: bytes) -> None:
    """Raise InvalidRequest if a context is given to a scheme that has none."""
    if context:
        raise InvalidRequest("Only ML-DSA signs under a context.")


def refuse_format(signature_format: str | None) -> None:
    """Raise InvalidRequest if a format is chosen for a scheme that has one only."""
    if signature_format is not None:
        raise InvalidRequest("Only ECDSA signatures come in more than one format.")


def check_digest(digest: bytes, length: int) -> None:
    """Raise InvalidRequest unless a prehashed message has the hash's length in bytes."""
    if len(digest) != length:
        raise InvalidRequest(
            f"The prehashed message must have {length} bytes.",
            length_bytes=len(digest),
            expected_bytes=length,
        )
