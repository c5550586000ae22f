"""Ed25519 and Ed25519ph (RFC 8032, 5.1)."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from keystead.crypto.signing import refuse_context, refuse_format, unknown_algorithm
from keystead.errors import InvalidRequest, VerificationFailed

ALGORITHMS = ("ed25519", "ed25519ph")


def _is_ph(
    algorithm: str | None, prehashed: bool, context: bytes, signature_format: str | None
) -> bool:
    refuse_context(context)
    refuse_format(signature_format)
    if algorithm not in (None, *ALGORITHMS):
        raise unknown_algorithm(algorithm, ALGORITHMS)
    if prehashed:
        raise InvalidRequest("Ed25519 signs whole messages; ed25519ph hashes them by itself.")
    return algorithm == "ed25519ph"


def _absorbed(message: bytes) -> sodium.crypto_sign_ed25519ph_state:
    state = sodium.crypto_sign_ed25519ph_state()
    sodium.crypto_sign_ed25519ph_update(state, message)
    return state


class Ed25519Verifier:
    """Checks Ed25519 signatures, which have 64 bytes."""

    __slots__ = ("_public",)

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

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
        """See ``Verifier.verify``."""
        try:
            if _is_ph(algorithm, prehashed, context, signature_format):
                sodium.crypto_sign_ed25519ph_final_verify(
                    _absorbed(message), signature, self._public.public_bytes_raw()
                )
            else:
                self._public.verify(signature, message)
        except (InvalidSignature, CryptoError):
            raise VerificationFailed from None


class Ed25519Signer(Ed25519Verifier):
    """Makes and checks Ed25519 signatures; signing is deterministic."""

    __slots__ = ("_private",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        super().__init__(private.public_key())
        self._private = private

    def sign(
        self,
        message: bytes,
        *,
        algorithm: str | None = None,
        prehashed: bool = False,
        context: bytes = b"",
        signature_format: str | None = None,
    ) -> bytes:
        """See ``Signer.sign``."""
        if _is_ph(algorithm, prehashed, context, signature_format):
            pair = self._private.private_bytes_raw() + self._public.public_bytes_raw()
            return sodium.crypto_sign_ed25519ph_final_create(_absorbed(message), pair)
        return self._private.sign(message)
