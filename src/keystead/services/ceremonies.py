"""Ceremonies: share holders come together, one by one, to replace the shares or make a root
token.

A ceremony is a record like any other, so its holders may reach different workers and nodes;
the shares given so far are sealed under the keyring. It ends after an hour.
"""

from __future__ import annotations

import hmac
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
    ``secret`` is what the new shares are of while they wait to be verified.
    """

    nonce: str
    expires_at: float
    given: list[str] = []
    shares: int = 0
    threshold: int = 0
    pad: bytes = b""
    verify: bool = False
    secret: bytes = b""


CEREMONY = Kind("ceremony", CeremonyRecord, expires_of=lambda record: record.expires_at)


def start_rekey(
    tx: Transaction, now: float, shares: int, threshold: int, *, verify: bool = False
) -> CeremonyStatus:
    """Begin to replace the shares. Raises Conflict if some are given to another rekey, or
    InvalidRequest if they cannot be so many."""
    shamir.require_shareable(shares, threshold)
    return _start(tx, REKEY, now, shares=shares, threshold=threshold, verify=verify)


def start_generate_root(tx: Transaction, now: float, pad: bytes) -> CeremonyStatus:
    """Begin to make a root token, to be XORed with ``pad``. Raises Conflict if shares are
    given to another. One without a share gives way: anyone may begin, so nobody may block."""
    return _start(tx, GENERATE_ROOT, now, pad=pad)


def show(reader: Reader, which: str, now: float) -> CeremonyStatus:
    """How far a ceremony is, if one is under way."""
    row = _row(reader)
    ceremony = reader.get(CEREMONY, SYSTEM, which)
    if ceremony is None or ceremony.expires_at <= now:
        return CeremonyStatus(started=False, threshold=row.threshold)
    return _progress(ceremony, row)


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
        secret = random_secret() if seal.seal.automatic else RootKey.generate().material
        made = shamir.split(secret, ceremony.shares, ceremony.threshold)
        if not ceremony.verify:
            _put_in_force(tx, seal, row, ceremony, secret)
            return _complete(ceremony, row, shares=made)
        waiting = msgspec.structs.replace(
            ceremony, nonce=secrets.token_hex(16), given=[], secret=secret.reveal()
        )
        tx.put(CEREMONY, SYSTEM, REKEY, waiting)
        status = _progress(waiting, row)
        return msgspec.structs.replace(status, complete=True, shares=made)

    return _continue(tx, seal, REKEY, now, nonce, share, replace_shares)


def verify_rekey(
    tx: Transaction, seal: SealState, now: float, nonce: str, text: str
) -> CeremonyStatus | UnsealFailed:
    """Take back a new share. With enough of them the new shares come into force.

    Returns UnsealFailed if they are not the new ones, after forgetting them. Raises NotFound
    if no rekey waits for that.
    """
    ceremony = tx.get(CEREMONY, SYSTEM, REKEY)
    if ceremony is None or not ceremony.secret or ceremony.expires_at <= now:
        raise NotFound("There is no rekey that waits to be verified.")
    if ceremony.nonce != nonce:
        raise NotFound("There is no such rekey under way.")
    row = _row(tx)
    given = with_share(ceremony.given, shamir.read_share(text))
    if len(given) < ceremony.threshold:
        ceremony = msgspec.structs.replace(ceremony, given=given)
        tx.put(CEREMONY, SYSTEM, REKEY, ceremony)
        return _progress(ceremony, row)
    secret = KeyMaterial(ceremony.secret)
    try:
        right = hmac.compare_digest(shamir.join(given).reveal(), ceremony.secret)
    except UnsealFailed:
        right = False
    if not right:
        tx.put(CEREMONY, SYSTEM, REKEY, msgspec.structs.replace(ceremony, given=[]))
        return UnsealFailed("These are not the new shares.", hint="Give them all again.")
    tx.delete(CEREMONY, SYSTEM, REKEY)
    _put_in_force(tx, seal, row, ceremony, secret)
    return _complete(ceremony, row)


def _put_in_force(
    tx: Transaction, seal: SealState, row: SealRow, ceremony: CeremonyRecord, secret: KeyMaterial
) -> None:
    """Make new shares those of the server: with Shamir, what they join is the root key."""
    root = seal.root_of(row)
    contents = root.unwrap(row)
    if not seal.seal.automatic:
        root = RootKey(secret)
    row = msgspec.structs.replace(
        row,
        shares=ceremony.shares,
        threshold=ceremony.threshold,
        authority=authority_of(secret),
    )
    tx.put_seal_row(renewed(row, root, contents))


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
    verify: bool = False,
) -> CeremonyStatus:
    present = tx.get(CEREMONY, SYSTEM, which)
    busy = present is not None and present.expires_at > now
    if present is not None and busy and (present.given or present.secret):
        raise Conflict(f"A {which} is under way.", hint="Finish it, or cancel it.")
    ceremony = CeremonyRecord(
        nonce=secrets.token_hex(16),
        expires_at=now + LIFETIME_SECONDS,
        shares=shares,
        threshold=threshold,
        pad=pad,
        verify=verify,
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
    if ceremony.secret:
        raise Conflict("The new shares are made, and wait to be verified.")
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
        new_shares=ceremony.shares,
        new_threshold=ceremony.threshold,
        verification_required=ceremony.verify,
        verifying=bool(ceremony.secret),
        pad_length=len(ceremony.pad),
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
        new_shares=ceremony.shares,
        new_threshold=ceremony.threshold,
        pad_length=len(ceremony.pad),
        shares=shares or [],
        encoded_token=encoded_token,
    )
