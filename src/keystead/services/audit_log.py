"""This node's audit log: the committer, its folder, and the key that signs its checkpoints."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from keystead.discreet import Discreet
from keystead.errors import Sealed
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.audit.checkpoint import Signer
    from keystead.audit.committer import Committer, Status
    from keystead.store.store import Store
    from keystead.store.transaction import Transaction


class AuditKeyRecord(Discreet, frozen=True):
    """The Ed25519 seed (32 bytes) that signs one node's checkpoints. Its id is the node's name."""

    seed: bytes


READY_SECONDS = 10.0

SIGN_SECONDS = 60.0
"""Longer than this, entries do not stay without a checkpoint unless something is wrong."""

AUDIT_KEY = Kind("audit-key", AuditKeyRecord)


class AuditLog:
    """What the gate writes to and the audit operations read from.

    Before the node is unsealed entries are written and checkpoints wait.
    """

    def __init__(
        self,
        directory: Path,
        committer: Committer,
        node: str,
    ) -> None:
        self.directory = directory
        self.origin = f"keystead.invalid/{node}"
        self.append = committer.append
        self._committer = committer
        self._node = node
        self._signer: Signer | None = None
        self._signed_size = 0
        self._unsigned_since = time.monotonic()

    async def ready(self) -> None:
        """Return once entries can be taken, or after a while: then requests say what is wrong."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._committer.connected(), READY_SECONDS)

    async def unlock(self, store: Store) -> None:
        """Take this node's signing key from the store, making it the first time."""
        from keystead.audit.checkpoint import Signer

        record = await store.read(lambda reader: reader.get(AUDIT_KEY, "", self._node))
        if record is None:
            record = await store.write(self._make_key)
        self._signer = Signer.from_seed(self.origin, record.seed)
        self._committer.sign_with(self.origin, record.seed)

    def _make_key(self, tx: Transaction) -> AuditKeyRecord:
        present = tx.get(AUDIT_KEY, "", self._node)
        if present is not None:
            return present
        made = AuditKeyRecord(os.urandom(32))
        tx.add(AUDIT_KEY, "", self._node, made)
        return made

    def lock(self) -> None:
        """Forget the signing key."""
        self._signer = None

    @property
    def vkey(self) -> str:
        """The verifier key (C2SP signed-note). Raises Sealed before the node is unsealed."""
        return self._require_signer().vkey

    def sign_note(self, text: str) -> str:
        """Sign one line of text as a C2SP signed note. Raises Sealed."""
        return self._require_signer().sign_text(text.encode() + b"\n").decode()

    def _require_signer(self) -> Signer:
        if self._signer is None:
            raise Sealed("The audit log's key is not at hand.")
        return self._signer

    def status(self) -> Status:
        """The committer's, with an error too if checkpoints have stopped coming.

        Only the writer of the log knows why it does not sign; that it does not, shows here.
        """
        status = self._committer.status()
        now = time.monotonic()
        waits = self._signer is not None and status.size > status.signed_size
        if not waits or status.signed_size != self._signed_size:
            self._signed_size, self._unsigned_since = status.signed_size, now
        if now - self._unsigned_since > SIGN_SECONDS and not status.last_error:
            return status._replace(last_error="Checkpoints of the audit log are not being signed")
        return status

    async def close(self) -> None:
        await self._committer.close()
