"""Signatures in the transit engine: ECDSA, RSA, Ed25519 and ML-DSA with Vault's options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from keystead.crypto.material import KeyMaterial
from keystead.crypto.transit.derivation import derive
from keystead.crypto.transit.hashes import BY_LENGTH, HASHES, Hash
from keystead.errors import InvalidRequest

NO_HASH: Final = "none"
AUTO_SALT: Final = 0
HASH_SALT: Final = -1


@dataclass(frozen=True, slots=True)
class SignatureOptions:
    """How to sign. ``salt`` is a length in bytes, ``AUTO_SALT`` or ``HASH_SALT`` (RSA-PSS).

    ``hash`` is a name of ``HASHES`` or ``NO_HASH``. ``algorithm`` is ``pss`` (also if empty)
    or ``pkcs1v15`` (RSA). ``raw``: r ‖ s instead of DER (ECDSA).
    """

    hash: str = "sha2-256"
    prehashed: bool = False
    algorithm: str = ""
    salt: int = AUTO_SALT
    raw: bool = False


class MadeSignature(NamedTuple):
    """A signature, and the public key of a key that was derived for it."""

    signature: bytes
    public_key: bytes = b""


class TransitSigner(Protocol):
    """Signs and verifies with one version of a key."""

    def sign(self, message: bytes, options: SignatureOptions, context: bytes) -> MadeSignature:
        """Sign; raises InvalidRequest."""

    def verify(
        self, message: bytes, signature: bytes, options: SignatureOptions, context: bytes
    ) -> bool:
        """Whether the signature holds; raises InvalidRequest if it is none or the options
        do not fit."""


def private_part_missing() -> InvalidRequest:
    """The error for a version of which only the public key was imported."""
    return InvalidRequest("requested version for signing does not contain a private part")


def _digest(message: bytes, options: SignatureOptions) -> tuple[bytes, Hash]:
    """The digest to sign, and a hash function as long as it."""
    if not options.prehashed:
        found = HASHES[options.hash]
        return found.digest(message), found
    by_length = BY_LENGTH.get(len(message))
    if by_length is None:
        raise InvalidRequest("input must be hashed with given hash")
    return message, by_length


class EcdsaSigner:
    """ECDSA (FIPS 186-5, 6) over a digest."""

    __slots__ = ("_private", "_public", "_scalar_bytes")

    def __init__(
        self, private: ec.EllipticCurvePrivateKey | None, public: ec.EllipticCurvePublicKey
    ) -> None:
        self._private = private
        self._public = public
        self._scalar_bytes = (public.key_size + 7) // 8

    def sign(self, message: bytes, options: SignatureOptions, context: bytes) -> MadeSignature:
        """See ``TransitSigner.sign``."""
        if self._private is None:
            raise private_part_missing()
        digest, hashed = _digest(message, options)
        signature = self._private.sign(digest, ec.ECDSA(Prehashed(hashed.algorithm)))
        if options.raw:
            r, s = decode_dss_signature(signature)
            signature = r.to_bytes(self._scalar_bytes) + s.to_bytes(self._scalar_bytes)
        return MadeSignature(signature)

    def verify(
        self, message: bytes, signature: bytes, options: SignatureOptions, context: bytes
    ) -> bool:
        """See ``TransitSigner.verify``."""
        digest, hashed = _digest(message, options)
        if options.raw:
            half = len(signature) // 2
            if half > self._scalar_bytes:
                return False
            r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            signature = encode_dss_signature(r, s)
        else:
            try:
                decode_dss_signature(signature)
            except ValueError:
                raise InvalidRequest("supplied signature is invalid") from None
        try:
            self._public.verify(signature, digest, ec.ECDSA(Prehashed(hashed.algorithm)))
        except InvalidSignature:
            return False
        return True


class RsaSigner:
    """RSA-PSS and PKCS #1 v1.5 (RFC 8017, 8) over a digest."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: RSAPrivateKey | None, public: RSAPublicKey) -> None:
        self._private = private
        self._public = public

    def sign(self, message: bytes, options: SignatureOptions, context: bytes) -> MadeSignature:
        """See ``TransitSigner.sign``."""
        if self._private is None:
            raise private_part_missing()
        padding, digest, algorithm = self._scheme(message, options, PSS.MAX_LENGTH)
        try:
            return MadeSignature(self._private.sign(digest, padding, algorithm))
        except ValueError:
            raise InvalidRequest("crypto/rsa: message too long for RSA key size") from None

    def verify(
        self, message: bytes, signature: bytes, options: SignatureOptions, context: bytes
    ) -> bool:
        """See ``TransitSigner.verify``."""
        padding, digest, algorithm = self._scheme(message, options, PSS.AUTO)
        if isinstance(algorithm, NoDigestInfo):
            return self._verify_bare(signature, digest)
        try:
            self._public.verify(signature, digest, padding, algorithm)
        except InvalidSignature:
            return False
        return True

    def _verify_bare(self, signature: bytes, digest: bytes) -> bool:
        try:
            return self._public.recover_data_from_signature(signature, PKCS1v15(), None) == digest
        except InvalidSignature:
            return False

    def _scheme(
        self, message: bytes, options: SignatureOptions, automatic: Any
    ) -> tuple[AsymmetricPadding, bytes, Any]:
        if options.algorithm not in ("", "pss", "pkcs1v15"):
            raise InvalidRequest(f"unsupported rsa signature algorithm {options.algorithm}")
        if options.hash == NO_HASH:
            return PKCS1v15(), message, NoDigestInfo()
        hashed = HASHES[options.hash]
        digest = message if options.prehashed else hashed.digest(message)
        if len(digest) != hashed.algorithm.digest_size:
            raise InvalidRequest("crypto/rsa: input must be hashed with given hash")
        algorithm = Prehashed(hashed.algorithm)
        if options.algorithm == "pkcs1v15":
            return PKCS1v15(), digest, algorithm
        salt = self._salt(options.salt, hashed.algorithm.digest_size, automatic)
        return PSS(MGF1(hashed.algorithm), salt), digest, algorithm

    def _salt(self, wanted: int, digest_bytes: int, automatic: Any) -> Any:
        most = (self._public.key_size - 1 + 7) // 8 - 2 - digest_bytes
        if not HASH_SALT <= wanted <= most:
            raise InvalidRequest(f"requested salt length {wanted} is invalid")
        if wanted == AUTO_SALT:
            return automatic
        return digest_bytes if wanted == HASH_SALT else wanted


class Ed25519Signer:
    """Ed25519 (RFC 8032) of the message itself, whether it is said to be hashed or not."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: Ed25519PrivateKey | None, public: Ed25519PublicKey) -> None:
        self._private = private
        self._public = public

    def sign(self, message: bytes, options: SignatureOptions, context: bytes) -> MadeSignature:
        """See ``TransitSigner.sign``."""
        if self._private is None:
            raise private_part_missing()
        return MadeSignature(self._private.sign(message))

    def verify(
        self, message: bytes, signature: bytes, options: SignatureOptions, context: bytes
    ) -> bool:
        """See ``TransitSigner.verify``."""
        return _holds(self._public, message, signature)


class DerivedEd25519Signer:
    """Ed25519 with a key derived for each context, from the 64 bytes seed ‖ public key."""

    __slots__ = ("_kdf", "_pair")

    def __init__(self, private: Ed25519PrivateKey, kdf: str) -> None:
        public = private.public_key().public_bytes_raw()
        self._pair = KeyMaterial(private.private_bytes_raw() + public)
        self._kdf = kdf

    def derived(self, context: bytes) -> Ed25519PrivateKey:
        """The private key of a context; raises InvalidRequest without one."""
        seed = derive(self._pair.reveal(), context, 32, self._kdf)
        return Ed25519PrivateKey.from_private_bytes(seed)

    def sign(self, message: bytes, options: SignatureOptions, context: bytes) -> MadeSignature:
        """See ``TransitSigner.sign``."""
        private = self.derived(context)
        return MadeSignature(private.sign(message), private.public_key().public_bytes_raw())

    def verify(
        self, message: bytes, signature: bytes, options: SignatureOptions, context: bytes
    ) -> bool:
        """See ``TransitSigner.verify``."""
        return _holds(self.derived(context).public_key(), message, signature)


class MlDsaSigner:
    """ML-DSA (FIPS 204), pure, with an empty context."""

    __slots__ = ("_private", "_public")

    def __init__(self, private: Any, public: Any) -> None:
        self._private = private
        self._public = public

    def sign(self, message: bytes, options: SignatureOptions, context: bytes) -> MadeSignature:
        """See ``TransitSigner.sign``."""
        return MadeSignature(self._private.sign(message))

    def verify(
        self, message: bytes, signature: bytes, options: SignatureOptions, context: bytes
    ) -> bool:
        """See ``TransitSigner.verify``."""
        return _holds(self._public, message, signature)


def _holds(public: Any, message: bytes, signature: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True
