"""The keyring: seals the system's records, and wraps the namespaces' keys that seal the rest.

A sealed blob is the key's version (4 bytes, big-endian) ‖ the sealed record of
``crypto.record``. Versions are of the keyring for namespace ``""``, else of the namespace's
key-encryption key (KEK).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives import hashes

from keystead.crypto.derivation import Derivation
from keystead.crypto.material import KeyMaterial
from keystead.crypto.record import RecordKey
from keystead.errors import IntegrityFailure, NamespaceSealed, Sealed
from keystead.seal.contents import KEY_BYTES, KeyringContents, KeyringVersion

SYSTEM = ""
_VERSION_BYTES = 4


class WrappedKek(msgspec.Struct, frozen=True):
    """A version of a namespace's KEK, wrapped under the keyring."""

    version: int
    blob: bytes


class Keys(NamedTuple):
    """The keys that open the records of one namespace by version; the active one seals."""

    active: int
    by_version: dict[int, RecordKey]


class Keyring:
    """Keys in memory while the server is unsealed; the store's sealer.

    Safe to use from several threads. ``on_stale`` is called with the namespace when
    a record names a version that is not here: another node may have rotated its keys.
    """

    def __init__(self) -> None:
        self.on_stale: Callable[[str], None] | None = None
        self._contents: KeyringContents | None = None
        self._wrapping: dict[int, _Wrapping] = {}
        self._keys: dict[str, Keys] = {}
        self._sealed: frozenset[str] = frozenset()

    @property
    def contents(self) -> KeyringContents:
        """Raises Sealed."""
        if self._contents is None:
            raise Sealed
        return self._contents

    def load(self, contents: KeyringContents) -> None:
        """Take these versions into use."""
        wrapping = {version.number: _Wrapping(version) for version in contents.versions}
        records = {number: keys.records for number, keys in wrapping.items()}
        self._wrapping = wrapping
        self._keys = {**self._keys, SYSTEM: Keys(contents.active.number, records)}
        self._contents = contents

    def adopt(self, other: Keyring) -> None:
        """Take all that another keyring holds into use, and nothing else."""
        self._wrapping = other._wrapping
        self._keys = other._keys
        self._sealed = other._sealed
        self._contents = other._contents

    def clear(self) -> None:
        """Forget every key."""
        self._contents = None
        self._keys = {}
        self._wrapping = {}
        self._sealed = frozenset()

    # --- records ------------------------------------------------------------------------

    def seal(self, namespace: str, aad: bytes, plaintext: bytes) -> bytes:
        """Seal under the active version; raises Sealed or NamespaceSealed."""
        keys = self._keys_of(namespace)
        version = keys.active
        return version.to_bytes(_VERSION_BYTES) + keys.by_version[version].seal(plaintext, aad)

    def open(self, namespace: str, aad: bytes, blob: bytes) -> bytes:
        """Open what ``seal`` made; raises IntegrityFailure, Sealed or NamespaceSealed."""
        version = int.from_bytes(blob[:_VERSION_BYTES])
        key = self._keys_of(namespace).by_version.get(version)
        if key is None and self.on_stale is not None:
            self.on_stale(namespace)
            key = self._keys_of(namespace).by_version.get(version)
        if key is None:
            raise IntegrityFailure("A record names a key version that there is not.")
        return key.open(blob[_VERSION_BYTES:], aad)

    def _keys_of(self, namespace: str) -> Keys:
        keys = self._keys.get(namespace)
        if keys is not None:
            return keys
        if self._contents is None:
            raise Sealed
        raise NamespaceSealed(namespace=namespace)

    # --- namespaces ---------------------------------------------------------------------

    def load_namespaces(
        self, keks: Mapping[str, Sequence[WrappedKek]], sealed: frozenset[str] = frozenset()
    ) -> None:
        """Take exactly these namespaces' keys into use; those ``sealed`` are left wrapped."""
        opened = {
            namespace: self._open_keks(namespace, wrapped)
            for namespace, wrapped in keks.items()
            if namespace not in sealed
        }
        self._sealed = sealed
        self._keys = {SYSTEM: self._keys_of(SYSTEM), **opened}

    def add_namespace(self, namespace: str, keks: Sequence[WrappedKek]) -> None:
        """Take a namespace's keys into use, all versions, oldest first."""
        self._sealed -= {namespace}
        self._keys = {**self._keys, namespace: self._open_keks(namespace, keks)}

    def drop_namespace(self, namespace: str) -> None:
        """Forget a namespace's keys."""
        self._keys = {name: keys for name, keys in self._keys.items() if name != namespace}

    def seal_namespace(self, namespace: str) -> None:
        """Forget a namespace's keys; its records answer NamespaceSealed."""
        self._sealed |= {namespace}
        self.drop_namespace(namespace)

    def is_sealed(self, namespace: str) -> bool:
        return namespace in self._sealed

    def new_kek(self, namespace: str, version: int) -> WrappedKek:
        """Make a namespace's KEK, wrapped under the active version. Raises Sealed."""
        return self._wrap(self.contents, namespace, version, secrets.token_bytes(KEY_BYTES))

    def rewrap_kek(self, namespace: str, kek: WrappedKek, under: KeyringContents) -> WrappedKek:
        """The same KEK, wrapped under the active version of other ``contents``."""
        return self._wrap(under, namespace, kek.version, self._unwrap(namespace, kek))

    def _open_keks(self, namespace: str, keks: Sequence[WrappedKek]) -> Keys:
        opened = {kek.version: RecordKey(KeyMaterial(self._unwrap(namespace, kek))) for kek in keks}
        return Keys(max(opened), opened)

    @staticmethod
    def _wrap(contents: KeyringContents, namespace: str, version: int, kek: bytes) -> WrappedKek:
        active = contents.active
        blob = _Wrapping(active).keks.seal(kek, _kek_aad(namespace, version))
        return WrappedKek(version, active.number.to_bytes(_VERSION_BYTES) + blob)

    def _unwrap(self, namespace: str, kek: WrappedKek) -> bytes:
        wrapping = self._wrapping_of(kek.blob)
        return wrapping.keks.open(kek.blob[_VERSION_BYTES:], _kek_aad(namespace, kek.version))

    # --- the root key's successor -------------------------------------------------------

    @staticmethod
    def wrap_successor(root_key: KeyMaterial, contents: KeyringContents) -> bytes:
        """The root key, for nodes that hold these keyring contents."""
        active = contents.active
        blob = _Wrapping(active).successor.seal(root_key.reveal(), b"")
        return active.number.to_bytes(_VERSION_BYTES) + blob

    def unwrap_successor(self, blob: bytes) -> KeyMaterial:
        """The root key; raises IntegrityFailure, or Sealed."""
        wrapping = self._wrapping_of(blob)
        return KeyMaterial(wrapping.successor.open(blob[_VERSION_BYTES:], b""))

    def _wrapping_of(self, blob: bytes) -> _Wrapping:
        if self._contents is None:
            raise Sealed
        wrapping = self._wrapping.get(int.from_bytes(blob[:_VERSION_BYTES]))
        if wrapping is None:
            raise IntegrityFailure("A wrapped key names a keyring version that there is not.")
        return wrapping


class _Wrapping:
    """One keyring version's subkeys (HKDF-SHA-256, RFC 5869): a purpose each."""

    __slots__ = ("keks", "records", "successor")

    def __init__(self, version: KeyringVersion) -> None:
        subkeys = Derivation(version.key, hashes.SHA256())

        def subkey(info: bytes) -> RecordKey:
            return RecordKey(subkeys.derive(info=info, salt=b"", length=KEY_BYTES))

        self.records = subkey(b"keystead system records")
        self.keks = subkey(b"keystead namespace keks")
        self.successor = subkey(b"keystead successor root key")


def _kek_aad(namespace: str, version: int) -> bytes:
    return msgspec.msgpack.encode((namespace, version))
