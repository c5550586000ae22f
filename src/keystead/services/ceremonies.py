"""Ceremonies: share holders come together, one by one, to replace the shares or make a root
token.

A ceremony is a record like any other, so its holders may reach different workers and nodes;
the shares given so far are sealed under the keyring. It ends after an hour.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from typing import TypeVar

import msgspec

from keystead.crypto.material import KeyMaterial
from keystead.discreet import Discreet
from keystead.errors import Conflict, NotFound, NotInitialized, UnsealFailed
from keystead.operations.system import CeremonyStatus
from keystead.seal import shamir
from keystead.seal.keyring import SYSTEM
from keystead.seal.root import RootKey, authority_of, recognizes
from keystead.services.seal_state import SealState, random_secret, renewed, with_share
from keystead.store.kinds import Kind
from keystead.store.store import SealRow
from keystead.store.transaction import Reader, Transaction

REKEY = "rekey"
GENERATE_ROOT = "generate-root"
LIFETIME_SECONDS = 3600

T = TypeVar("T")


class CeremonyRecord(Discreet, frozen=True, kw_only=True):
    """A ceremony that is under way.

    ``nonce`` is what holders check before they give a share: it names who began, with which
    ``pad`` (generate-root) or for how many ``shares`` and which ``threshold`` (rekey).
    """

    nonce: str
    expires_at: float
    given: list[str] = []
    shares: int = 0
    threshold: int = 0
    pad: bytes = b""


CEREMONY = Kind("ceremony", CeremonyRecord, expires_of=lambda record: record.expires_at)


def start_rekey(tx: Transaction, now: float, shares: int, threshold: int) -> CeremonyStatus:
    """Begin to replace the shares. Raises Conflict if some are given to another rekey, or
    InvalidRequest if they cannot be so many."""
    shamir.require_shareable(shares, threshold)
    return _start(tx, REKEY, now, shares=shares, threshold=threshold)


def start_generate_root(tx: Transaction, now: float, pad: bytes) -> CeremonyStatus:
    """Begin to make a root token, to be XORed with ``pad``. Raises Conflict if shares are
    given to another. One without a share gives way: anyone may begin, so nobody may block."""
    return _start(tx, GENERATE_ROOT, now, pad=pad)


def cancel(tx: Transaction, which: str) -> CeremonyStatus:
    """Give up a ceremony, if there is one."""
    tx.delete(CEREMONY, SYSTEM, which)
    return CeremonyStatus(started=False)


def continue_rekey(
    tx: Transaction, seal: SealState, now: float, nonce: str, share: str
) -> CeremonyStatus | UnsealFailed:
    """Take a share. The last one makes new shares; with Shamir, of a new root key.

    Returns UnsealFailed, after ending the ceremony, if the shares are not right. Raises
    NotFound if there is no such ceremony.
    """

    def replace_shares(ceremony: CeremonyRecord, row: SealRow) -> CeremonyStatus:
        root = seal.root_of(row)
        contents = root.unwrap(row)
        if seal.seal.automatic:
            secret = random_secret()
        else:
            root = RootKey.generate()
            secret = root.material
        row = msgspec.structs.replace(
            row,
            shares=ceremony.shares,
            threshold=ceremony.threshold,
            authority=authority_of(secret),
        )
        tx.put_seal_row(renewed(row, root, contents))
        return _complete(
            ceremony, row, shares=shamir.split(secret, ceremony.shares, ceremony.threshold)
        )

    return _continue(tx, seal, REKEY, now, nonce, share, replace_shares)


def continue_generate_root(
    tx: Transaction,
    seal: SealState,
    now: float,
    nonce: str,
    share: str,
    issue_root: Callable[[Transaction], str],
) -> CeremonyStatus | UnsealFailed:
    """Take a share. The last one makes a root token, answered as base64 of token XOR pad.

    Returns UnsealFailed, after ending the ceremony, if the shares are not right. Raises
    NotFound if there is no such ceremony.
    """

    def make_token(ceremony: CeremonyRecord, row: SealRow) -> CeremonyStatus:
        token = issue_root(tx).encode("ascii")
        encoded = bytes(a ^ b for a, b in zip(token, ceremony.pad, strict=True))
        return _complete(ceremony, row, encoded_token=b64encode(encoded).decode("ascii"))

    return _continue(tx, seal, GENERATE_ROOT, now, nonce, share, make_token)


def _start(
    tx: Transaction,
    which: str,
    now: float,
    *,
    shares: int = 0,
    threshold: int = 0,
    pad: bytes = b"",
) -> CeremonyStatus:
    present = tx.get(CEREMONY, SYSTEM, which)
    if present is not None and present.expires_at > now and present.given:
        raise Conflict(f"A {which} is under way.", hint="Finish it, or cancel it.")
    ceremony = CeremonyRecord(
        nonce=secrets.token_hex(16),
        expires_at=now + LIFETIME_SECONDS,
        shares=shares,
        threshold=threshold,
        pad=pad,
    )
    tx.put(CEREMONY, SYSTEM, which, ceremony)
    return _progress(ceremony, _row(tx))


def _continue(
    tx: Transaction,
    seal: SealState,
    which: str,
    now: float,
    nonce: str,
    text: str,
    finish: Callable[[CeremonyRecord, SealRow], CeremonyStatus],
) -> CeremonyStatus | UnsealFailed:
    """1. The ceremony must be the one the holder means. 2. Keep the share. 3. With enough of
    them, end the ceremony whatever comes. 4. Join; the secret must be the one that the
    authentic seal row knows. 5. Do what the ceremony is for."""
    ceremony = tx.get(CEREMONY, SYSTEM, which)  # 1
    if ceremony is None or ceremony.expires_at <= now or ceremony.nonce != nonce:
        raise NotFound(f"There is no such {which} under way.", hint="Begin one.")
    share = shamir.read_share(text)
    row = _row(tx)
    ceremony = msgspec.structs.replace(ceremony, given=with_share(ceremony.given, share))  # 2
    if len(ceremony.given) < row.threshold:
        tx.put(CEREMONY, SYSTEM, which, ceremony)
        return _progress(ceremony, row)
    tx.delete(CEREMONY, SYSTEM, which)  # 3
    try:
        _require_authority(shamir.join(ceremony.given), row, seal)  # 4
    except UnsealFailed as error:
        return error
    return finish(ceremony, row)  # 5


def _require_authority(secret: KeyMaterial, row: SealRow, seal: SealState) -> None:
    seal.root_of(row).unwrap(row)
    if not recognizes(row, secret):
        raise UnsealFailed(
            f"The {row.threshold} shares are not of this server's newest set.",
            hint="Begin again with shares of the newest set.",
            threshold=row.threshold,
        )


def _row(reader: Reader) -> SealRow:
    row = reader.seal_row()
    if row is None:
        raise NotInitialized
    return row


def _progress(ceremony: CeremonyRecord, row: SealRow) -> CeremonyStatus:
    return CeremonyStatus(
        started=True,
        nonce=ceremony.nonce,
        threshold=row.threshold,
        progress=len(ceremony.given),
    )


def _complete(
    ceremony: CeremonyRecord,
    row: SealRow,
    *,
    shares: list[str] | None = None,
    encoded_token: str = "",
) -> CeremonyStatus:
    return CeremonyStatus(
        started=False,
        nonce=ceremony.nonce,
        threshold=row.threshold,
        progress=len(ceremony.given),
        complete=True,
        shares=shares or [],
        encoded_token=encoded_token,
    )
