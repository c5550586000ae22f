"""ML-DSA (FIPS 204), pure, with contexts and an external mu."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa

from keystead.crypto.signing import check_digest, refuse_format, unknown_algorithm
from keystead.errors import InvalidRequest, VerificationFailed

ALGORITHMS = ("ml-dsa",)
MU_BYTES = 64
CONTEXT_LIMIT_BYTES = 255

MlDsaPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
MlDsaPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey


def _check(
    message: bytes,
    algorithm: str | None,
    prehashed: bool,
    context: bytes,
    signature_format: str | None,
) -> None:
    refuse_format(signature_format)
    if algorithm not in (None, *ALGORITHMS):
        raise unknown_algorithm(algorithm, ALGORITHMS)
    if len(context) > CONTEXT_LIMIT_BYTES:
        raise InvalidRequest(
            "An ML-DSA context has at most 255 bytes.", limit_bytes=CONTEXT_LIMIT_BYTES
        )
    if prehashed:
        check_digest(message, MU_BYTES)
        if context:
            raise InvalidRequest("The prehashed mu holds the context already.")


class MlDsaVerifier:
    """Checks ML-DSA signatures of 2420, 3309 or 4627 bytes."""

    __slots__ = ("_public",)

    def __init__(self, public: MlDsaPublicKey) -> None:
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
        _check(message, algorithm, prehashed, context, signature_format)
        try:
            if prehashed:
                self._public.verify_mu(signature, message)
            else:
                self._public.verify(signature, message, context)
        except InvalidSignature:
            raise VerificationFailed from None


class MlDsaSigner(MlDsaVerifier):
    """Makes and checks ML-DSA signatures; signing is hedged (FIPS 204, 3.4)."""

    __slots__ = ("_private",)

    def __init__(self, private: MlDsaPrivateKey) -> None:
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
        _check(message, algorithm, prehashed, context, signature_format)
        if prehashed:
            return self._private.sign_mu(message)
        return self._private.sign(message, context)
