"""Secret bytes in their own type, so that they do not leak by accident."""

from __future__ import annotations

from typing import NoReturn


class KeyMaterial:
    """Owns the secret bytes of one key.

    Shows nothing in ``repr``, ``str`` or an exception; compares and hashes by identity;
    refuses copying and pickling. Wiping is best effort: the buffer held here is
    overwritten, but ``bytes`` handed out by ``reveal`` and the copies that OpenSSL keeps
    are out of reach.
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = bytearray(data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"<KeyMaterial: {len(self._data)} bytes>"

    def reveal(self) -> bytes:
        """Return a copy of the secret bytes, which no one can wipe any more.

        The only way out. Whoever calls it answers for where the bytes go.
        """
        return bytes(self._data)

    def wipe(self) -> None:
        """Overwrite the secret with zeros and drop it; the length becomes 0."""
        self._data[:] = bytes(len(self._data))
        self._data.clear()

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("key material is neither copied nor pickled")

    __copy__ = __deepcopy__ = __reduce__ = __reduce_ex__ = __getstate__ = _refuse
