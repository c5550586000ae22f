"""Passwords of users, kept as argon2id (RFC 9106)."""

from __future__ import annotations

import functools
import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

# OWASP's parameters for argon2id: 19 MiB, 2 passes, 1 lane; 128-bit salt, 256-bit tag. Those
# of RFC 9106, section 4 (64 MiB or more) would let a few log-ins at once fill a small server.
_hasher = PasswordHasher(
    time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


def hash_password(password: str) -> str:
    """The password's argon2id hash in PHC string form, with a salt of its own. Slow."""
    return _hasher.hash(_octets(password))


def is_password(password: str, stored_hash: str | None) -> bool:
    """Whether the password is the one that was hashed. Slow, and equally slow when there is
    no hash: who measures must not learn which users exist."""
    try:
        _hasher.verify(stored_hash or _nobodys_hash(), _octets(password))
    except (Argon2Error, InvalidHashError):
        return False
    return stored_hash is not None


@functools.cache
def _nobodys_hash() -> str:
    return hash_password(secrets.token_hex(32))


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
