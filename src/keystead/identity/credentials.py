"""The text of credentials: service tokens, batch tokens and secret identifiers.

    kst_<48 characters>   service token: base64url of 32 random bytes ‖ CRC-32 of them (4)
    kss_<48 characters>   secret identifier of an AppRole, in the same form
    ksb_<base64url>       batch token: a sealed token record

The prefix and the checksum let scanners find leaked credentials, ``kst_[A-Za-z0-9_-]{48}``,
and let a mistyped one be refused without asking storage. Only SHA-256 of a service token or
a secret identifier is stored: 256 random bits need no slow hash.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from zlib import crc32

from keystead.errors import Unauthenticated

SERVICE_PREFIX = "kst_"
SECRET_ID_PREFIX = "kss_"  # noqa: S105 - how secret identifiers begin
BATCH_PREFIX = "ksb_"

_RANDOM_BYTES = 32
_TEXT_CHARACTERS = 48  # base64url of 36 bytes needs no padding
LONGEST_BATCH = 8_192  # characters: a header of this size passes every proxy


def new_service_token() -> str:
    """A new service token: 256 random bits, 52 characters."""
    return SERVICE_PREFIX + _random_text()


def new_secret_id() -> str:
    """A new secret identifier: 256 random bits, 52 characters."""
    return SECRET_ID_PREFIX + _random_text()


def new_accessor() -> str:
    """A name for a credential that is not the credential: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def digest(credential: str) -> bytes:
    """SHA-256 of a credential's text (32 bytes). Takes any text, so that it never fails."""
    return sha256(credential.encode("utf-8", "surrogatepass")).digest()


def fingerprint(credential: str) -> str:
    """The same in hexadecimal: the identifier of the stored record."""
    return digest(credential).hex()


def is_mistyped(token: str) -> bool:
    """Whether a text that begins like a service token cannot be one.

    Texts of other forms may be tokens all the same: a development server takes any.
    """
    if not token.startswith(SERVICE_PREFIX):
        return False
    body = token[len(SERVICE_PREFIX) :]
    if len(body) != _TEXT_CHARACTERS:
        return True
    try:
        raw = urlsafe_b64decode(body)
    except ValueError:
        return True
    return len(raw) != _RANDOM_BYTES + 4 or crc32(raw[:-4]).to_bytes(4, "big") != raw[-4:]


def batch_text(sealed: bytes) -> str:
    """The text of a batch token."""
    return BATCH_PREFIX + urlsafe_b64encode(sealed).decode("ascii").rstrip("=")


def batch_bytes(token: str) -> bytes:
    """The sealed record in a batch token's text; raises Unauthenticated if it is none."""
    body = token[len(BATCH_PREFIX) :]
    if len(token) > LONGEST_BATCH or not body.isascii():
        raise Unauthenticated
    try:
        sealed = urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except ValueError:
        raise Unauthenticated from None
    if batch_text(sealed) != token:  # one token has one text
        raise Unauthenticated
    return sealed


def _random_text() -> str:
    raw = secrets.token_bytes(_RANDOM_BYTES)
    return urlsafe_b64encode(raw + crc32(raw).to_bytes(4, "big")).decode("ascii")
