"""RSA signatures: PSS and PKCS #1 v1.5 (RFC 8017, 8.1 and 8.2) with SHA-2."""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from keystead.crypto.signing import check_digest, refuse_context, refuse_format, unknown_algorithm
from keystead.errors import VerificationFailed


class _Scheme(NamedTuple):
    digest: hashes.HashAlgorithm
    signing: AsymmetricPadding
    verifying: AsymmetricPadding

    def hashing(self, message: bytes, prehashed: bool) -> hashes.HashAlgorithm | Prehashed:
        if not prehashed:
            return self.digest
        check_digest(message, self.digest.digest_size)
        return Prehashed(self.digest)


def _pss(digest: hashes.HashAlgorithm) -> _Scheme:
    # Salt as long as the hash when signing (FIPS 186-5, 5.4); any length when verifying,
    # since peers choose theirs freely.
    mgf = MGF1(digest)
    return _Scheme(digest, PSS(mgf, PSS.DIGEST_LENGTH), PSS(mgf, PSS.AUTO))


def _pkcs1(digest: hashes.HashAlgorithm) -> _Scheme:
    return _Scheme(digest, PKCS1v15(), PKCS1v15())


_SCHEMES: Final[dict[str, _Scheme]] = {
    "rsa-pss-sha256": _pss(hashes.SHA256()),
    "rsa-pss-sha384": _pss(hashes.SHA384()),
    "rsa-pss-sha512": _pss(hashes.SHA512()),
    "rsa-pkcs1-sha256": _pkcs1(hashes.SHA256()),
    "rsa-pkcs1-sha384": _pkcs1(hashes.SHA384()),
    "rsa-pkcs1-sha512": _pkcs1(hashes.SHA512()),
}
ALGORITHMS = tuple(_SCHEMES)


def _scheme(algorithm: str | None, context: bytes, signature_format: str | None) -> _Scheme:
    refuse_context(context)
    refuse_format(signature_format)
    scheme = _SCHEMES.get(algorithm or ALGORITHMS[0])
    if scheme is None:
        raise unknown_algorithm(algorithm, ALGORITHMS)
    return scheme


class RsaVerifier:
    """Checks RSA signatures, which are as long as the modulus."""

    __slots__ = ("_public",)

    def __init__(self, public: RSAPublicKey) -> None:
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
        scheme = _scheme(algorithm, context, signature_format)
        hashing = scheme.hashing(message, prehashed)
        try:
            self._public.verify(signature, message, scheme.verifying, hashing)
        except InvalidSignature:
            raise VerificationFailed from None


class RsaSigner(RsaVerifier):
    """Makes and checks RSA signatures."""

    __slots__ = ("_private",)

    def __init__(self, private: RSAPrivateKey) -> None:
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
        scheme = _scheme(algorithm, context, signature_format)
        return self._private.sign(message, scheme.signing, scheme.hashing(message, prehashed))
