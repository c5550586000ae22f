"""Whether this worker is unsealed, and how it becomes so."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
import time
from collections.abc import Awaitable, Callable

import msgspec

import keystead
from keystead.crypto.material import KeyMaterial
from keystead.errors import (
    AlreadyInitialized,
    ConfigurationError,
    Conflict,
    IntegrityFailure,
    NotInitialized,
    Sealed,
    UnsealFailed,
)
from keystead.operations.system import Initialized, SealStatus
from keystead.seal import shamir
from keystead.seal.base import ROOT_KEY_BYTES, Seal
from keystead.seal.contents import KeyringContents
from keystead.seal.keyring import SYSTEM, Keyring
from keystead.seal.root import RootKey, authority_of
from keystead.services.namespace_directory import (
    NAMESPACE,
    ROOT,
    NamespaceRecord,
    all_namespaces,
    sealed_namespaces,
)
from keystead.store.store import SealRow, Store
from keystead.store.transaction import Reader, Transaction

Listener = Callable[[], Awaitable[None]]


class SealState:
    """Holds the root key while unsealed, and keeps the keyring in step with the store.

    ``on_unseal`` and ``on_seal`` are awaited in order after the keyring is there, or gone;
    if one of ``on_unseal`` fails the worker seals again.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        seal: Seal,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.on_unseal: list[Listener] = []
        self.on_seal: list[Listener] = []
        self.seal = seal
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._root: RootKey | None = None
        self._row: SealRow | None = None
        self._given: list[str] = []
        self._turn = asyncio.Lock()
        self._mutex = threading.Lock()
        self._loaded = -1
        keyring.on_stale = self._reload_if_stale

    # --- what is so ---------------------------------------------------------------------

    @property
    def sealed(self) -> bool:
        return self._root is None

    @property
    def initialized(self) -> bool:
        """As far as this worker has looked."""
        return self._row is not None

    def require_unsealed(self) -> None:
        """Raise NotInitialized or Sealed unless operations can be served."""
        if self._root is not None:
            return
        if self._row is None:
            raise NotInitialized(hint="Initialize it: keystead init.")
        raise Sealed(hint="Unseal it: keystead unseal.")

    def status(self) -> SealStatus:
        """The state as this worker knows it; ``look`` first for what others have done."""
        row = self._row
        return SealStatus(
            initialized=row is not None,
            sealed=self.sealed,
            seal_type=self.seal.type,
            automatic=self.seal.automatic,
            shares=row.shares if row else 0,
            threshold=row.threshold if row else 0,
            progress=len(self._given),
            version=keystead.__version__,
        )

    async def look(self) -> SealRow | None:
        """Read the seal row, which another node may have written."""
        if self.sealed:
            self._row = await self._store.read(lambda reader: reader.seal_row())
        return self._row

    def root_key_for_siblings(self) -> KeyMaterial | None:
        """The root key, to be handed to the other workers of this node; None while sealed."""
        return self._root.material if self._root else None

    # --- initialize ---------------------------------------------------------------------

    async def initialize(
        self, shares: int, threshold: int, furnish: Callable[[Transaction], str] | None = None
    ) -> Initialized:
        """Make the root key, its shares, the keyring and the root namespace.

        ``furnish`` writes the first records in the same transaction and returns the root
        token; without it there is none yet. With an automatic seal the shares are recovery
        shares and the worker is then unsealed; with Shamir they must be given first.

        Raises AlreadyInitialized, InvalidRequest, and what the seal and the store raise; then
        nothing was made.
        """
        shamir.require_shareable(shares, threshold)
        async with self._turn:
            if await self.look() is not None:
                raise AlreadyInitialized
            root = RootKey.generate()
            secret = random_secret() if self.seal.automatic else root.material
            made = shamir.split(secret, shares, threshold)
            contents = KeyringContents([]).rotated(self._clock())
            row = SealRow(
                seal_type=self.seal.type,
                shares=shares,
                threshold=threshold,
                generation=0,
                root=await asyncio.to_thread(self.seal.wrap, root.material),
                keyring=b"",
                successor=b"",
                authority=authority_of(secret),
            )
            token = await self._write_first(renewed(row, root, contents), contents, furnish)
            if self.seal.automatic:
                await self._unseal(root)
            else:
                self._keyring.clear()
            await self.look()
        return Initialized(shares=made, root_token=token)

    async def _write_first(
        self,
        row: SealRow,
        contents: KeyringContents,
        furnish: Callable[[Transaction], str] | None,
    ) -> str:
        keyring = self._keyring
        keyring.load(contents)
        record = NamespaceRecord(
            name="", parent="", created_at=self._clock(), keks=[keyring.new_kek(ROOT, 1)]
        )
        keyring.add_namespace(ROOT, record.keks)

        def work(tx: Transaction) -> str:
            if tx.seal_row() is not None:
                raise AlreadyInitialized
            tx.put_seal_row(row)
            tx.put(NAMESPACE, SYSTEM, ROOT, record)
            return furnish(tx) if furnish else ""

        try:
            return await self._store.write(work)
        except BaseException:
            keyring.clear()
            raise

    # --- unseal and seal ----------------------------------------------------------------

    async def give_share(self, text: str) -> SealStatus:
        """Take one share; with the last one that is needed, unseal.

        Raises UnsealFailed if it is not a share, or if all together are not the root key:
        then they are forgotten and must be given anew.
        """
        share = shamir.read_share(text)
        async with self._turn:
            row = await self._require_row()
            if not self.sealed:
                return self.status()
            if self.seal.automatic:
                raise Conflict(
                    f"A server with a {self.seal.type} seal unseals by itself.",
                    hint="Its shares are recovery shares: they do not unseal.",
                )
            self._given = with_share(self._given, share)
            if len(self._given) >= row.threshold:
                given, self._given = self._given, []
                await self._unseal(RootKey(await asyncio.to_thread(shamir.join, given)))
            return self.status()

    def forget_shares(self) -> None:
        """Forget the shares given so far."""
        self._given = []

    async def auto_unseal(self) -> SealStatus:
        """Unseal if the seal can do it alone; otherwise change nothing.

        Raises NotInitialized, ConfigurationError if the server was initialized with another
        seal, and what ``Seal.unwrap`` raises.
        """
        async with self._turn:
            row = await self._require_row()
            if self.sealed and self.seal.automatic:
                await self._unseal(RootKey(await asyncio.to_thread(self.seal.unwrap, row.root)))
            return self.status()

    async def accept_root_key(self, material: KeyMaterial) -> None:
        """Unseal with the root key that a sibling worker hands over. Raises UnsealFailed."""
        async with self._turn:
            await self._require_row()
            if self.sealed:
                await self._unseal(RootKey(material))

    async def seal_now(self) -> None:
        """Forget the root key and the keyring, and let every cache do the same."""
        with self._mutex:
            self._root = None
            self._loaded = -1
            self._given = []
            self._keyring.clear()
        for listener in self.on_seal:
            await listener()

    async def refresh(self) -> None:
        """Follow what the store says now: rotated keys, a new root key, other namespaces.

        If that cannot be followed the worker seals itself and raises IntegrityFailure or
        UnsealFailed: it must not go on with keys that nothing vouches for.
        """
        try:
            await self._store.read(self._reload)
        except (IntegrityFailure, UnsealFailed):
            await self.seal_now()
            raise

    async def _require_row(self) -> SealRow:
        row = await self.look()
        if row is None:
            raise NotInitialized(hint="Initialize it: keystead init.")
        if row.seal_type != self.seal.type:
            raise ConfigurationError(
                f"This server was initialized with a {row.seal_type} seal, not {self.seal.type}."
            )
        return row

    async def _unseal(self, root: RootKey) -> None:
        def load(reader: Reader) -> None:
            row = reader.seal_row()
            if row is None:
                raise NotInitialized
            self._adopt(root, row, reader, unsealing=True)

        await self._store.read(load)
        try:
            for listener in self.on_unseal:
                await listener()
        except BaseException:
            await self.seal_now()
            raise

    # --- in a storage thread ------------------------------------------------------------

    def root_of(self, row: SealRow) -> RootKey:
        """The root key that vouches for a row: ours, or the one it was replaced with.

        Raises Sealed, or IntegrityFailure if there is none, or if the row is older than the
        one in use: someone put it back, and with it shares that a rekey took the power from.
        """
        root, known = self._root, self._row
        if root is None:
            raise Sealed
        if known is not None and row.generation < known.generation:
            raise IntegrityFailure("The seal row is older than the one in use.")
        if root.vouches_for(row):
            return root
        return RootKey(self._keyring.unwrap_successor(row.successor))

    def _reload(self, reader: Reader) -> None:
        row = reader.seal_row()
        overtaken = reader.last_change() < self._loaded
        if row is not None and not self.sealed and not overtaken:
            self._adopt(self.root_of(row), row, reader, unsealing=False)

    def _adopt(self, root: RootKey, row: SealRow, reader: Reader, *, unsealing: bool) -> None:
        """Open what the snapshot holds, then take all of it into use at once.

        A reload may be overtaken by a newer one, or by sealing: then it changes nothing.
        """
        opened = Keyring()
        opened.load(root.unwrap(row))
        namespaces = all_namespaces(reader.with_sealer(opened))
        opened.load_namespaces(
            {id: record.keks for id, record in namespaces.items()}, sealed_namespaces(namespaces)
        )
        number = reader.last_change()
        with self._mutex:
            if self.sealed is unsealing and number >= self._loaded:
                self._keyring.adopt(opened)
                self._root, self._row, self._loaded = root, row, number

    def _reload_if_stale(self, namespace: str) -> None:
        """Another node may have rotated a key and used it before we heard of it.

        Anyone may name a version of the keyring (in a batch token), so that costs no more
        than a look at the seal row.
        """
        row, known = self._store.load_seal(), self._row
        rotated = row is not None and known is not None and row.generation != known.generation
        if namespace != SYSTEM or rotated:
            self._store.read_now(self._reload)


def random_secret() -> KeyMaterial:
    """32 random bytes to be split into shares."""
    return KeyMaterial(secrets.token_bytes(ROOT_KEY_BYTES))


def with_share(given: list[str], share: str) -> list[str]:
    """The shares with one more, unless it is there already."""
    if any(hmac.compare_digest(share, other) for other in given):
        return given
    return [*given, share]


def renewed(row: SealRow, root: RootKey, contents: KeyringContents, /, **fields: object) -> SealRow:
    """The row of the next generation: keyring and successor wrapped, and signed by ``root``."""
    return root.sign(
        msgspec.structs.replace(
            row,
            generation=row.generation + 1,
            keyring=root.wrap(contents),
            successor=Keyring.wrap_successor(root.material, contents),
            **fields,
        )
    )
