"""A seal by one key of the operator's, from a file or the environment."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.errors import ConfigurationError, IntegrityFailure, UnsealFailed
from keystead.seal.seal import ROOT_KEY_BYTES

_AAD = b"keystead root key"
_LONGEST = 256


class StaticSeal:
    """Wraps the root key with XAES-256-GCM under a 32-byte key."""

    automatic = True

    def __init__(self, key: KeyMaterial, type: str = "static") -> None:
        self.type = type
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


def key_of_data_folder(folder: Path) -> KeyMaterial:
    """The development server's key, kept in its data folder (mode 0600) and made if missing.

    It lies beside the database that it seals, so it protects nothing. Raises
    ConfigurationError as ``key_from_file`` does.
    """
    path = folder / "unsafe-dev-seal.key"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return key_from_file(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(ROOT_KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return key_from_file(path)


def dev_seal(folder: Path | None = None) -> StaticSeal:
    """The development server's seal: its key is in memory only, or in the data folder."""
    key = key_of_data_folder(folder) if folder else KeyMaterial(secrets.token_bytes(ROOT_KEY_BYTES))
    return StaticSeal(key, type="dev")


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
