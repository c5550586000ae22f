"""The development server's seal, which unseals by itself and protects nothing."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from keystead.crypto.material import KeyMaterial
from keystead.errors import ConfigurationError
from keystead.seal.base import ROOT_KEY_BYTES
from keystead.seal.static import StaticSeal, key_from_file


class DevSeal(StaticSeal):
    """A static seal whose key is made here: in memory, or in ``path`` beside the data.

    The file has mode 0600 and is made if it is missing. Raises ConfigurationError if it
    cannot be made or is not such a key.
    """

    type = "dev"

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(_random_key() if path is None else _kept_key(path))


def _random_key() -> KeyMaterial:
    return KeyMaterial(secrets.token_bytes(ROOT_KEY_BYTES))


def _kept_key(path: Path) -> KeyMaterial:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return key_from_file(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(_random_key().reveal()) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return key_from_file(path)
