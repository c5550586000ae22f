"""Proof that one entry is in the log, for whoever holds the log's vkey but not the log."""

from __future__ import annotations

from pathlib import Path

import msgspec

from keystead.audit import checkpoint, checkpoints, note
from keystead.audit.entry import Record, decode
from keystead.audit.merkle import fill, inclusion_ranges, leaf_hash, verify_inclusion
from keystead.audit.segments import leaves, read_from
from keystead.errors import AuditUnavailable, IntegrityFailure, NotFound, VerificationFailed


class Proof(msgspec.Struct, frozen=True):
    """``entry`` is the line; ``path`` the RFC 9162 inclusion proof, hashes in hex, in the
    tree of ``size`` leaves that the ``checkpoint`` note signs."""

    entry: str
    index: int
    size: int
    path: list[str]
    checkpoint: str

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


def parse_proof(data: bytes) -> Proof:
    """Raises VerificationFailed if malformed."""
    try:
        return msgspec.json.decode(data, type=Proof)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise VerificationFailed("Malformed proof") from None


def prove(directory: Path, index: int) -> Proof:
    """Prove an entry's inclusion under the newest checkpoint. Reads the whole log once.

    Raises NotFound if no checkpoint covers the index yet, IntegrityFailure if the log is
    not what the checkpoint signs, AuditUnavailable if it cannot be read.
    """
    try:
        newest = checkpoints.last_note(directory)
    except OSError as error:
        raise AuditUnavailable(f"Checkpoints cannot be read: {error.strerror}") from error
    if newest is None:
        raise NotFound("The log has no checkpoint yet")
    try:
        head = note.parse_checkpoint(newest)
        if not 0 <= index < head.size:
            raise NotFound("No checkpoint covers this entry", index=index, size=head.size)
        path = fill(inclusion_ranges(index, head.size), leaves(directory, head.size))
        _, line = next(read_from(directory, index, index + 1))
        verify_inclusion(leaf_hash(line), index, head.size, path, head.root)
        text = line.decode()
    except (VerificationFailed, UnicodeDecodeError, StopIteration):
        raise IntegrityFailure("The log does not match its checkpoint", index=index) from None
    return Proof(text, index, head.size, [each.hex() for each in path], newest.decode())


def verify_proof(proof: Proof, vkey: checkpoint.VerifierKey | str) -> Record:
    """The proven entry. Raises VerificationFailed if anything does not hold.

    1. The log's key signs the checkpoint.
    2. The checkpoint is of the tree that the path is in.
    3. The path leads from the entry to the checkpoint's root.
    4. The entry is the one with this index.
    """
    head = checkpoint.verify(proof.checkpoint.encode(errors="replace"), vkey)  # 1
    if head.size != proof.size:  # 2
        raise VerificationFailed("The proof is for another tree", size=head.size)
    try:
        line = proof.entry.encode()
        path = [bytes.fromhex(each) for each in proof.path]
        record = decode(line)
    except (ValueError, IntegrityFailure):
        raise VerificationFailed("Malformed proof") from None
    verify_inclusion(leaf_hash(line), proof.index, head.size, path, head.root)  # 3
    if record.index != proof.index:  # 4
        raise VerificationFailed("The entry has another index", index=record.index)
    return record
