"""Time-based one-time passwords (RFC 6238 over RFC 4226), and the URLs that carry their keys."""

from __future__ import annotations

import base64
import binascii
from hmac import compare_digest
from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from keystead.discreet import Discreet
from keystead.errors import InvalidRequest, VerificationFailed

Algorithm = Literal["SHA1", "SHA256", "SHA512"]

ALGORITHMS: Final[dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA512]]] = {
    "SHA1": hashes.SHA1,
    "SHA256": hashes.SHA256,
    "SHA512": hashes.SHA512,
}
DIGITS: Final = (6, 8)
LONGEST_KEY_BYTES: Final = 1024


class CodeUsed(VerificationFailed):
    """The code, or a later one, was accepted before."""


class Totp(Discreet, frozen=True, kw_only=True):
    """A key and how codes are made with it: ``period`` in seconds; ``skew`` is how many
    periods a code may be off either way."""

    key: bytes
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30
    skew: int = 1

    def code(self, now: float) -> str:
        """The code at a time (Unix seconds)."""
        return self._code(int(now) // self.period)

    def verify(self, code: str, now: float, last: int = -1) -> int:
        """Check a code in constant time, and return the period that it is of.

        ``last`` is the period of the last accepted code: that one and all before it are used
        up (RFC 6238, 5.2). Raises CodeUsed for these, VerificationFailed for what is wrong.
        """
        current = int(now) // self.period
        found: int | None = None
        for period in range(max(0, current - self.skew), current + self.skew + 1):
            right = compare_digest(self._code(period).encode(), code.encode())
            # Of two periods with the same code, the one that is not used up counts.
            if right and (found is None or found <= last):
                found = period
        if found is None:
            raise VerificationFailed
        if found <= last:
            raise CodeUsed
        return found

    def _code(self, period: int) -> str:
        digest = ALGORITHMS[self.algorithm]()
        # Keys of other issuers may be shorter than RFC 4226 wants them.
        hotp = HOTP(self.key, self.digits, digest, enforce_key_length=False)
        return hotp.generate(period).decode()


def encode_url(totp: Totp, issuer: str, account: str) -> str:
    """The ``otpauth`` URL that authenticator apps read."""
    parameters = {
        "algorithm": totp.algorithm,
        "digits": totp.digits,
        "issuer": issuer,
        "period": totp.period,
        "secret": base64.b32encode(totp.key).decode().rstrip("="),
    }
    label = quote(f"{issuer}:{account}", safe=":@")
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"


class TotpUrl(Discreet, frozen=True):
    """What a URL says; what it leaves out is None."""

    secret: str
    issuer: str
    account: str
    algorithm: str | None
    digits: int | None
    period: int | None


def parse_url(url: str) -> TotpUrl:
    """Read an ``otpauth`` URL; raises InvalidRequest."""
    try:
        parts = urlsplit(url)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        label = unquote(parts.path.removeprefix("/"), errors="strict")
        numbers = {name: int(given[name]) for name in ("digits", "period") if name in given}
    except ValueError:
        raise InvalidRequest("an error occurred while parsing url string") from None
    if parts.scheme != "otpauth" or parts.netloc != "totp":
        raise InvalidRequest("an error occurred while parsing url string")
    issuer, colon, account = label.rpartition(":")
    return TotpUrl(
        secret=given.get("secret", ""),
        issuer=given.get("issuer", issuer),
        account=(account if colon else label).strip(),
        algorithm=given.get("algorithm"),
        digits=numbers.get("digits"),
        period=numbers.get("period"),
    )


def decode_key(text: str) -> bytes:
    """A key in Base32 (RFC 4648, 6), with or without padding; raises InvalidRequest."""
    bare = text.replace(" ", "").rstrip("=").upper()
    if not bare:
        raise InvalidRequest("the key value is required")
    try:
        key = base64.b32decode(bare + "=" * (-len(bare) % 8))
    except (binascii.Error, ValueError):
        raise InvalidRequest("invalid key value: illegal base32 data") from None
    if not 0 < len(key) <= LONGEST_KEY_BYTES:
        raise InvalidRequest("invalid key value: its length is out of range")
    return key


def require_settings(*, algorithm: str, digits: int, period: int, skew: int) -> None:
    """Check how codes are to be made; raises InvalidRequest."""
    if algorithm not in ALGORITHMS:
        raise InvalidRequest("the algorithm value is not valid")
    if digits not in DIGITS:
        raise InvalidRequest("the digits value can only be 6 or 8")
    if period <= 0:
        raise InvalidRequest("the period value must be greater than zero")
    if skew not in (0, 1):
        raise InvalidRequest("the skew value must be 0 or 1")
