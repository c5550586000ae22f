"""A key ready for use, as a worker keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from keystead.crypto import KeyMaterial, KeySpec, Usage, open_private, spec
from keystead.crypto.ciphertext import pack_header
from keystead.errors import (
    Conflict,
    ContextRequired,
    KeyStateForbids,
    KeyUsageForbids,
    NotFound,
)
from keystead.policy.engine import PolicyResource
from keystead.services.keys.records import KeyRecord, MaterialRecord
from keystead.services.keys.states import ALLOWS, Purpose, State, effective


class KeyVersion:
    """One version: its effective state, its opened handle, and its ciphertext header.

    ``allowance`` is how many messages this worker may still encrypt with it before it must
    reserve more (None: the algorithm has no limit to count). ``kept`` is what the transit
    services have made of the material, to be kept as long as that.
    """

    __slots__ = (
        "_handle",
        "_material",
        "allowance",
        "certificates",
        "convergent_version",
        "header",
        "hmac_key",
        "kept",
        "may_process",
        "may_protect",
        "number",
        "public",
        "public_only",
        "state",
    )

    def __init__(
        self,
        number: int,
        state: State,
        header: bytes,
        row: MaterialRecord,
        counted: bool,
    ) -> None:
        self.number = number
        self.state = state
        self.may_protect = Purpose.PROTECT in ALLOWS[state]
        self.may_process = Purpose.PROCESS in ALLOWS[state]
        self.header = header
        self.public = row.public
        self.public_only = row.public_only
        self.convergent_version = row.convergent_version
        self.certificates = row.certificates
        self.allowance: int | None = 0 if counted else None
        self.hmac_key = KeyMaterial(row.hmac_key)
        self.kept: Any = None
        self._material = KeyMaterial(row.material)
        self._handle: Any = None

    def handle(self, key_spec: KeySpec, usage: Usage) -> Any:
        """The ready algorithm object (a Cipher, Signer, Mac, …), made at first use.

        Raises KeyUsageForbids if only the public part is here.
        """
        if self._handle is None:
            if self.public_only:
                raise KeyUsageForbids("Only the public part of this key version is here.")
            self._handle = open_private(key_spec, usage, self._material)
        return self._handle

    def spend_message(self) -> None:
        """Count one message against this worker's reservation.

        Raises KeyStateForbids when it is used up: the gate reserves enough beforehand unless
        the version is at its limit.
        """
        if self.allowance is None:
            return
        if self.allowance <= 0:
            raise KeyStateForbids(
                f"Version {self.number} has encrypted as many messages as its nonce size allows.",
                hint="Rotate the key.",
                version=self.number,
            )
        self.allowance -= 1

    def take(self, messages: int) -> KeyVersion:
        """A copy of this version for one request, with so many of its messages."""
        taken = copy(self)
        if self.allowance is not None:
            self.allowance -= messages
            taken.allowance = messages
        return taken

    def grant(self, messages: int) -> None:
        """Add messages that were reserved in the store."""
        if self.allowance is not None:
            self.allowance += messages

    def wipe(self) -> None:
        """Overwrite the material as far as Python lets us; the version is of no use after."""
        self._material.wipe()
        self.hmac_key.wipe()
        self._handle = self.kept = None

    def reveal(self) -> bytes:
        """The material itself: for export and for nothing else."""
        return self._material.reveal()


class Key:
    """A key and its versions. Read-only: a changed key is loaded anew.

    ``resource`` is the key as policy sees it.
    """

    __slots__ = ("id", "namespace", "primary", "record", "resource", "spec", "usage", "versions")

    def __init__(
        self,
        key_id: str,
        namespace: str,
        record: KeyRecord,
        materials: Mapping[int, MaterialRecord],
        resource: PolicyResource,
    ) -> None:
        self.id = key_id
        self.namespace = namespace
        self.record = record
        self.spec = spec(record.spec)
        self.usage = Usage(record.usage)
        self.resource = resource
        counted = self.spec.message_limit is not None
        self.versions = {
            number: KeyVersion(
                number,
                effective(record.state, state.state),
                pack_header(self.spec.code, bytes.fromhex(key_id), number),
                materials[number],
                counted,
            )
            for state in record.versions
            if (number := state.version) in materials
        }
        self.primary = record.primary

    def __repr__(self) -> str:
        return f"Key({self.record.name!r}, id={self.id!r})"

    def require_usage(self, usage: Usage) -> None:
        """Raise KeyUsageForbids unless the key was made for ``usage``, or Conflict if Vault's
        transit engine has it deleted, or only ever uses keys that are derived from it."""
        if self.record.transit is not None:
            if self.record.transit.soft_deleted:
                raise Conflict("refusing to use soft-deleted key", key=self.record.name)
            if self.record.transit.derived:
                raise KeyUsageForbids(
                    f"Key {self.record.name} is never used itself: keys are derived from it.",
                    hint="Use it through the transit engine, with a context.",
                )
        if self.usage is not usage:
            raise KeyUsageForbids(
                f"Key {self.record.name} is for {self.usage}, not for {usage}.",
                hint=f"Create a key with usage {usage}.",
                key=self.record.name,
                usage=self.usage,
            )

    def protecting(self, usage: Usage) -> KeyVersion:
        """The primary version, to protect something new with.

        Raises KeyUsageForbids or KeyStateForbids.
        """
        self.require_usage(usage)
        version = self.versions.get(self.primary)
        if version is None or not version.may_protect:
            raise self.state_forbids(self.primary, version)
        return version

    def processing(self, usage: Usage, number: int | None = None) -> KeyVersion:
        """A version (default: the primary), to process what was protected with it.

        Raises KeyUsageForbids, KeyStateForbids, or NotFound if there is no such version.
        """
        self.require_usage(usage)
        wanted = self.primary if number is None else number
        version = self.versions.get(wanted)
        if version is not None and version.may_process:
            return version
        if self.record.version(wanted) is None:
            raise NotFound(
                f"Key {self.record.name} has no version {wanted}.",
                key=self.record.name,
                version=wanted,
            )
        raise self.state_forbids(wanted, version)

    def candidates(self, usage: Usage, number: int | None = None) -> list[KeyVersion]:
        """The named version; or all that may still process, newest first.

        Raises KeyUsageForbids; KeyStateForbids if there is none; NotFound as ``processing``.
        """
        if number is not None:
            return [self.processing(usage, number)]
        self.require_usage(usage)
        found = [v for _, v in sorted(self.versions.items(), reverse=True) if v.may_process]
        return found if found else [self.processing(usage)]

    def with_own_messages(self, spent: Mapping[int, int]) -> Key:
        """This key for one request in another thread, with so many messages of each version
        set aside for it: threads share no counter, and nobody spends what is here."""
        taken = {n: self.versions[n].take(spent[n]) for n in spent if n in self.versions}
        own = copy(self)
        own.versions = {**self.versions, **taken}
        return own

    def state_forbids(self, number: int, version: KeyVersion | None) -> KeyStateForbids:
        """The error for a version whose state does not allow what was asked."""
        state = State.DESTROYED if version is None else version.state
        return KeyStateForbids(
            f"Key {self.record.name} version {number} is {state}.",
            hint=_HINTS.get(state, ""),
            key=self.record.name,
            version=number,
            state=state,
        )

    def require_context(self, context: Mapping[str, str]) -> None:
        """Raise ContextRequired unless every required entry is there."""
        missing = [name for name in self.record.required_context if name not in context]
        if missing:
            raise ContextRequired(
                f"Key {self.record.name} requires the encryption context {', '.join(missing)}.",
                hint="Give the same context to encrypt and to decrypt.",
                missing=", ".join(missing),
            )


_HINTS = {
    State.PRE_ACTIVE: "Enable it first: keystead key enable.",
    State.SUSPENDED: "Enable it again: keystead key enable.",
    State.DEACTIVATED: "It still decrypts and verifies. Rotate it to protect new data.",
    State.COMPROMISED: "It still decrypts and verifies. Rotate it to protect new data.",
    State.PENDING_DESTRUCTION: "Cancel its destruction: keystead key restore.",
}
