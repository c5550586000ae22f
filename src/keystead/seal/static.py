"""A seal by one key of the operator's, from a file or the environment."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.errors import ConfigurationError, IntegrityFailure, UnsealFailed
from keystead.seal.base import ROOT_KEY_BYTES

_AAD = b"keystead root key"
_LONGEST = 256


class StaticSeal:
    """Wraps the root key with XAES-256-GCM under a 32-byte key."""

    type = "static"
    automatic = True

    def __init__(self, key: KeyMaterial) -> None:
        self._key = RecordKey(key)

    def wrap(self, root_key: KeyMaterial) -> bytes:
        """The root key wrapped: 73 bytes."""
        return self._key.seal(root_key.reveal(), _AAD)

    def unwrap(self, blob: bytes) -> KeyMaterial:
        """The root key; raises UnsealFailed if this key did not wrap it."""
        try:
            return KeyMaterial(self._key.open(blob, _AAD))
        except IntegrityFailure:
            raise UnsealFailed(
                "The seal key does not open the root key.",
                hint="Give the key that was configured when the server was initialized.",
            ) from None


def key_from_file(path: Path) -> KeyMaterial:
    """A 32-byte key from a file: raw, base64 or hexadecimal.

    Raises ConfigurationError if it cannot be read, holds anything else, or can be read by
    others than its owner.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LONGEST)
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error.strerror}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(
            f"The key file {path} can be read by others.", hint=f"chmod 600 {path}"
        )
    return _parse(data, str(path))


def key_from_environment(variable: str) -> KeyMaterial:
    """A 32-byte key from an environment variable: base64 or hexadecimal.

    Raises ConfigurationError if it is not set or holds anything else. The variable is
    removed, so that no child process inherits it.
    """
    text = os.environ.pop(variable, None)
    if text is None:
        raise ConfigurationError(f"The environment variable {variable} is not set.")
    return _parse(os.fsencode(text), variable)


def _parse(data: bytes, source: str) -> KeyMaterial:
    if len(data) == ROOT_KEY_BYTES:
        return KeyMaterial(data)
    text = data.strip()
    for decode in (binascii.unhexlify, _base64):
        try:
            key = decode(text)
        except ValueError:
            continue
        if len(key) == ROOT_KEY_BYTES:
            return KeyMaterial(key)
    raise ConfigurationError(
        f"{source} does not hold a key of {ROOT_KEY_BYTES} bytes.",
        hint="Give it raw (in a file), in base64 or in hexadecimal: openssl rand -base64 32",
    )


def _base64(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)
