"""The registry of key specs: adding an algorithm is adding one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from keystead.crypto import ecdsa, eddsa, keywrap, rsa_signing
from keystead.crypto import mldsa as ml_dsa
from keystead.crypto.agreement import Agreement, EcdhAgreement, X25519Agreement
from keystead.crypto.cipher import (
    OAEP_ALGORITHMS,
    Cipher,
    Encryptor,
    NonceCipher,
    RsaCipher,
    RsaEncryptor,
    SivCipher,
    XaesCipher,
    XChaChaCipher,
)
from keystead.crypto.derivation import Derivation
from keystead.crypto.encoding import Ec, Form, Rsa, SecretBytes, SecretOfAnyLength, Seed, XWing
from keystead.crypto.kem import Encapsulator, Kem
from keystead.crypto.mac import Mac
from keystead.crypto.signing import Signer, Verifier
from keystead.errors import UnsupportedAlgorithm

DEFAULT_SPEC = "xaes-256-gcm"

Handle = Cipher | keywrap.Wrapper | Signer | Mac | Derivation | Agreement | Kem
PublicHandle = Encryptor | Verifier | Encapsulator


class Usage(StrEnum):
    """What a key is for; a key has exactly one usage for life."""

    ENCRYPT_DECRYPT = "encrypt-decrypt"
    WRAP_UNWRAP = "wrap-unwrap"
    SIGN_VERIFY = "sign-verify"
    GENERATE_VERIFY_MAC = "generate-verify-mac"
    DERIVE = "derive"
    KEY_AGREEMENT = "key-agreement"
    ENCAPSULATE_DECAPSULATE = "encapsulate-decapsulate"


class Use(NamedTuple):
    """One way to use a spec: its algorithms, default first, and how handles open.

    The openers take what the spec's form loads.
    """

    usage: Usage
    algorithms: tuple[str, ...]
    open_private: Callable[[Any], Handle]
    open_public: Callable[[Any], PublicHandle] | None = None


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A kind of key.

    ``code`` is the spec's number in ciphertext headers and never changes. ``slow`` specs
    take more than about 100 µs an operation and must leave the event loop.
    ``message_limit`` is how many messages one key may encrypt under random nonces.
    """

    name: str
    code: int
    security_bits: int
    form: Form
    uses: tuple[Use, ...]
    slow: bool = False
    message_limit: int | None = None

    @property
    def usages(self) -> tuple[Usage, ...]:
        """The usages a key of this spec may have; the first is the default."""
        return tuple(use.usage for use in self.uses)

    @property
    def algorithms(self) -> Mapping[Usage, tuple[str, ...]]:
        """The algorithms of each usage; the first is the default."""
        return {use.usage: use.algorithms for use in self.uses}

    @property
    def symmetric(self) -> bool:
        """Whether there is no public part."""
        return isinstance(self.form, SecretBytes)


_NONCE_LIMIT: Final = 2**32  # SP 800-38D, 8.3: random 96-bit nonces


def _encrypts(name: str, opener: Callable[[Any], Cipher]) -> tuple[Use, ...]:
    return (Use(Usage.ENCRYPT_DECRYPT, (name,), opener),)


def _gcm(name: str) -> tuple[Use, ...]:
    return _encrypts(name, lambda key: NonceCipher(name, AESGCM(key)))


def _hmac(code: int, digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512) -> KeySpec:
    size = digest.digest_size
    return KeySpec(
        f"hmac-{digest.name}",
        code,
        security_bits=size * 8,
        form=SecretBytes(size),
        uses=(
            Use(Usage.GENERATE_VERIFY_MAC, (f"hmac-{digest.name}",), lambda key: Mac(key, digest)),
            Use(Usage.DERIVE, (f"hkdf-{digest.name}",), lambda key: Derivation(key, digest)),
        ),
    )


def _rsa(code: int, bits: int, security_bits: int) -> KeySpec:
    return KeySpec(
        f"rsa-{bits}",
        code,
        security_bits,
        form=Rsa(bits),
        uses=(
            Use(
                Usage.SIGN_VERIFY,
                rsa_signing.ALGORITHMS,
                rsa_signing.RsaSigner,
                rsa_signing.RsaVerifier,
            ),
            Use(Usage.ENCRYPT_DECRYPT, OAEP_ALGORITHMS, RsaCipher, RsaEncryptor),
        ),
        slow=True,
    )


def _ecdsa(curve: ec.EllipticCurve) -> Use:
    return Use(Usage.SIGN_VERIFY, ecdsa.algorithms(curve), ecdsa.EcdsaSigner, ecdsa.EcdsaVerifier)


_ECDH: Final = Use(Usage.KEY_AGREEMENT, ("ecdh",), EcdhAgreement)


def _ml_dsa(code: int, private: Any, public: Any, level: int, security_bits: int) -> KeySpec:
    return KeySpec(
        f"ml-dsa-{level}",
        code,
        security_bits,
        form=Seed(32, private.from_seed_bytes, public),
        uses=(Use(Usage.SIGN_VERIFY, ml_dsa.ALGORITHMS, ml_dsa.MlDsaSigner, ml_dsa.MlDsaVerifier),),
        slow=True,
    )


def _encapsulates(algorithm: str) -> tuple[Use, ...]:
    return (Use(Usage.ENCAPSULATE_DECAPSULATE, (algorithm,), Kem, Encapsulator),)


_ALL: Final = (
    KeySpec(
        "xaes-256-gcm",
        1,
        security_bits=256,
        form=SecretBytes(32),
        uses=_encrypts("xaes-256-gcm", XaesCipher),
    ),
    KeySpec(
        "aes-256-gcm",
        2,
        security_bits=256,
        form=SecretBytes(32),
        uses=_gcm("aes-256-gcm"),
        message_limit=_NONCE_LIMIT,
    ),
    KeySpec(
        "aes-128-gcm",
        3,
        security_bits=128,
        form=SecretBytes(16),
        uses=_gcm("aes-128-gcm"),
        message_limit=_NONCE_LIMIT,
    ),
    KeySpec(
        "chacha20-poly1305",
        4,
        security_bits=256,
        form=SecretBytes(32),
        uses=_encrypts(
            "chacha20-poly1305",
            lambda key: NonceCipher("chacha20-poly1305", ChaCha20Poly1305(key)),
        ),
        message_limit=_NONCE_LIMIT,
    ),
    KeySpec(
        "xchacha20-poly1305",
        7,
        security_bits=256,
        form=SecretBytes(32),
        uses=_encrypts("xchacha20-poly1305", XChaChaCipher),
    ),
    KeySpec(
        "aes-256-siv",
        5,
        security_bits=256,
        form=SecretBytes(64),
        uses=_encrypts("aes-256-siv", SivCipher),
    ),
    KeySpec(
        "aes-256-kwp",
        6,
        security_bits=256,
        form=SecretBytes(32),
        uses=(Use(Usage.WRAP_UNWRAP, keywrap.ALGORITHMS, keywrap.Wrapper),),
    ),
    _hmac(16, hashes.SHA256()),
    _hmac(17, hashes.SHA384()),
    _hmac(18, hashes.SHA512()),
    KeySpec(
        "hmac",
        19,
        security_bits=256,
        form=SecretOfAnyLength(32, 512),
        uses=(
            Use(Usage.GENERATE_VERIFY_MAC, ("hmac-sha256",), lambda key: Mac(key, hashes.SHA256())),
        ),
    ),
    _rsa(32, 2048, security_bits=112),
    _rsa(33, 3072, security_bits=128),
    _rsa(34, 4096, security_bits=152),
    KeySpec(
        "ec-p256",
        48,
        security_bits=128,
        form=Ec(ec.SECP256R1()),
        uses=(_ecdsa(ec.SECP256R1()), _ECDH),
    ),
    KeySpec(
        "ec-p384",
        49,
        security_bits=192,
        form=Ec(ec.SECP384R1()),
        uses=(_ecdsa(ec.SECP384R1()), _ECDH),
        slow=True,
    ),
    KeySpec(
        "ec-p521",
        50,
        security_bits=256,
        form=Ec(ec.SECP521R1()),
        uses=(_ecdsa(ec.SECP521R1()), _ECDH),
        slow=True,
    ),
    KeySpec(
        "ec-secp256k1",
        51,
        security_bits=128,
        form=Ec(ec.SECP256K1()),
        uses=(_ecdsa(ec.SECP256K1()),),
        slow=True,
    ),
    KeySpec(
        "ed25519",
        64,
        security_bits=128,
        form=Seed(32, ed25519.Ed25519PrivateKey.from_private_bytes, ed25519.Ed25519PublicKey),
        uses=(
            Use(Usage.SIGN_VERIFY, eddsa.ALGORITHMS, eddsa.Ed25519Signer, eddsa.Ed25519Verifier),
        ),
    ),
    KeySpec(
        "x25519",
        65,
        security_bits=128,
        form=Seed(32, x25519.X25519PrivateKey.from_private_bytes, x25519.X25519PublicKey),
        uses=(Use(Usage.KEY_AGREEMENT, ("x25519",), X25519Agreement),),
    ),
    _ml_dsa(80, mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey, 44, security_bits=128),
    _ml_dsa(81, mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey, 65, security_bits=192),
    _ml_dsa(82, mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey, 87, security_bits=256),
    KeySpec(
        "ml-kem-768",
        96,
        security_bits=192,
        form=Seed(64, mlkem.MLKEM768PrivateKey.from_seed_bytes, mlkem.MLKEM768PublicKey),
        uses=_encapsulates("ml-kem-768"),
    ),
    KeySpec(
        "ml-kem-1024",
        97,
        security_bits=256,
        form=Seed(64, mlkem.MLKEM1024PrivateKey.from_seed_bytes, mlkem.MLKEM1024PublicKey),
        uses=_encapsulates("ml-kem-1024"),
    ),
    KeySpec(
        "x25519-ml-kem-768",
        98,
        security_bits=192,
        form=XWing(),
        uses=_encapsulates("x-wing"),
    ),
)

SPECS: Final[Mapping[str, KeySpec]] = MappingProxyType({entry.name: entry for entry in _ALL})
"""All specs by name."""


def spec(name: str) -> KeySpec:
    """Return the spec called ``name``; raises UnsupportedAlgorithm, which lists them all."""
    found = SPECS.get(name)
    if found is None:
        raise UnsupportedAlgorithm("There is no such key spec.", spec=name, known=", ".join(SPECS))
    return found
