"""New credentials: passwords, and RSA keys for databases that log in with those."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from keystead.crypto.random_text import random_text
from keystead.errors import InvalidRequest
from keystead.services.password_policies import generate_password

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

PASSWORD_CHARACTERS: Final = 20  # 119 bits
_SETS: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-")
_ALPHABET: Final = "".join(_SETS)
_KEY_BITS: Final = (2048, 3072, 4096)


class Credential(NamedTuple):
    """``secret`` is a password or a private key (PEM, PKCS #8); ``public_key`` (PEM) is that
    of the latter."""

    secret: str
    public_key: str = ""

    def __repr__(self) -> str:
        return "Credential(…)"


def new_password() -> str:
    """A password of 20 characters with at least one of each: a-z, A-Z, 0-9 and a dash."""
    while True:
        made = random_text(_ALPHABET, PASSWORD_CHARACTERS)
        if made[0] != "-" and all(any(c in made for c in characters) for characters in _SETS):
            return made


def new_rsa_key(config: dict[str, str]) -> Credential:
    """A key pair; ``key_bits`` 2048 (default), 3072 or 4096. Slow."""
    require_rsa(config)
    key = rsa.generate_private_key(65537, int(config.get("key_bits") or 2048))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Credential(private.decode(), public_pem(private.decode()))


def public_pem(private_pem: str) -> str:
    """The public half (PEM, SubjectPublicKeyInfo) of a private key."""
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def require_rsa(config: dict[str, str]) -> None:
    """Raise InvalidRequest unless RSA keys can be made so."""
    bits, form = config.get("key_bits") or "2048", config.get("format") or "pkcs8"
    if bits not in map(str, _KEY_BITS):
        raise InvalidRequest(f"invalid key_bits: {bits}", field="credential_config")
    if form != "pkcs8":
        raise InvalidRequest(f"invalid format: {form}", field="credential_config")


def policy_password(reader: Reader, namespace: str, policy: str) -> str:
    """A password by a password policy; the default kind if ``policy`` is empty.

    Raises InvalidRequest if there is no such policy.
    """
    return generate_password(reader, namespace, policy) if policy else new_password()
