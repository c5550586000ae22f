"""What every kind of seal does: keep the root key outside the database."""

from __future__ import annotations

from typing import Protocol

from keystead.crypto.material import KeyMaterial

ROOT_KEY_BYTES = 32


class Seal(Protocol):
    """Wraps the root key for the database.

    An ``automatic`` seal unwraps it again alone, and may take seconds over it (network, HSM):
    call it outside the event loop and outside transactions. A seal that is not automatic
    keeps nothing; people give shares instead. ``type`` is its name in the configuration.
    """

    @property
    def type(self) -> str: ...

    @property
    def automatic(self) -> bool: ...

    def wrap(self, root_key: KeyMaterial) -> bytes:
        """The 32-byte root key, wrapped.

        Raises UpstreamUnavailable while a server that it needs does not answer, or
        ConfigurationError if that server refuses.
        """

    def unwrap(self, blob: bytes) -> KeyMaterial:
        """The root key; raises UnsealFailed if ``blob`` does not open, else as ``wrap``."""
