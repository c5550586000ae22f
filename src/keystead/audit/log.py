"""The append-only log, written: group commit, rolling segments, disk faults.

One process writes a log; the folder is locked. ``reserve`` holds room that is given back
when the disk is full, so that operators can still act.

A commit is durable when it returns. One that raises has left nothing: what was partly
written is cut off, if not at once then before anything else is written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from keystead.audit import checkpoints, disk
from keystead.audit import head as heads
from keystead.audit.merkle import leaf_hash
from keystead.audit.segments import (
    DURABLE,
    LOG_VKEY,
    Segment,
    parse_frame,
    read_lines,
    segment_path,
)
from keystead.errors import AuditUnavailable, IntegrityFailure, VerificationFailed

SEGMENT_BYTES = 64 << 20
RESERVE_BYTES = 16 << 20

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_RESERVE_RETRY_SECONDS = 1.0
_VERIFIED_TAIL_BYTES = 1 << 20


class CheckpointSigner(Protocol):
    """Signs tree heads: see ``checkpoint.Signer``."""

    vkey: str

    def sign(self, size: int, root: bytes) -> bytes: ...


class LogWriter:
    """The one writer of a log. Not thread-safe.

    ``torn_bytes`` is the length of an incomplete last line found on opening: it was never
    acknowledged, and has been cut off. ``signed_size`` is the last checkpoint's size.
    ``essential_only`` is true while the reserve is spent.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """Open a log, or start one; the folder is made if missing.

        1. Lock the folder.
        2. Cut off what a crash left incomplete: it was never acknowledged.
        3. Replay from the last checkpoint, checking sequence, chain and root.
        4. Open the last segment and set the reserve aside.

        Raises AuditUnavailable if the disk refuses or another process writes this log;
        IntegrityFailure, naming the index, if entries are altered or missing.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._signer: CheckpointSigner | None = None
        self._fd = self._lock = self._durable = -1
        self._next_reserve_try = 0.0
        self.essential_only = False
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock_folder(directory)  # 1
            checkpoints.cut_torn_note(directory)  # 2
            self.torn_bytes = heads.cut_torn_line(directory)
            signed = checkpoints.last_checkpoint(directory)  # 3
            self._head = heads.restore(directory, signed)
            self._fd = _open(self._head.segment.path)  # 4
            self._durable = _open(directory / DURABLE)
            os.fsync(self._fd)  # what a crash left unsynced is replayed, so it counts now
            disk.sync_folder(directory)
        except OSError as error:
            self._release()
            raise _unavailable(error) from error
        except VerificationFailed as error:
            self._release()
            raise IntegrityFailure(f"Checkpoints: {error.message}") from error
        except BaseException:
            self._release()
            raise
        self.signed_size = signed.size if signed else 0
        self._publish()
        self._keep_reserve()

    @property
    def size(self) -> int:
        """The number of durable entries; the next entry takes it as its index."""
        return self._head.tree.size

    def root(self) -> bytes:
        """The Merkle root over all durable entries, 32 bytes."""
        return self._head.tree.root()

    def commit(self, batch: Sequence[bytes]) -> int:
        """Append encoded entries (see ``entry.encode``) durably; the first one's index.

        Raises AuditUnavailable if the disk refuses: nothing of the batch is kept, and the
        next call tries again. Raises IntegrityFailure if, after a fault, the durable
        entries are no longer what was written.
        """
        head = self._head
        try:
            self._make_ready()
            tree, prev, lines = head.tree.copy(), head.prev, []
            for index, encoded in enumerate(batch, tree.size):
                # segments.frame behind RFC 6962's leaf prefix, in one formatting
                framed = b'\0{"index":%d,"prev":"%b",%b' % (index, prev, encoded[1:])
                leaf = sha256(framed)
                prev = leaf.hexdigest().encode()
                tree.append(leaf.digest())
                lines.append(framed[1:])
            lines.append(b"")
            data = b"\n".join(lines)
            disk.write_all(self._fd, data, head.length)
            os.fdatasync(self._fd)
        except OSError as error:
            raise self._fault(error) from error
        first = head.tree.size
        if batch:
            head.last_offset = head.length + len(data) - len(lines[-2]) - 1
        head.length += len(data)
        head.tree, head.prev = tree, prev
        self._publish()
        return first

    def takes_all(self) -> bool:
        """False while the reserve is spent: then only essential entries are to be committed.

        While it is false, calls try, once a second, to set the reserve aside again.
        """
        now = time.monotonic()
        if self.essential_only and now >= self._next_reserve_try:
            self._next_reserve_try = now + _RESERVE_RETRY_SECONDS
            with contextlib.suppress(OSError):
                free = os.statvfs(self._directory)
                if free.f_bavail * free.f_frsize >= 2 * self._reserve_bytes:
                    self._keep_reserve()
        return not self.essential_only

    def sign_with(self, signer: CheckpointSigner) -> None:
        """Sign checkpoints from now on; the vkey is written beside the log.

        Raises IntegrityFailure if the log has been signed with another key,
        AuditUnavailable if the vkey cannot be written.
        """
        path = self._directory / LOG_VKEY
        vkey = signer.vkey.encode() + b"\n"
        try:
            if not path.exists():
                disk.replace(path, vkey)
            if path.read_bytes() != vkey:
                raise IntegrityFailure("The audit log belongs to another checkpoint key")
        except OSError as error:
            raise _unavailable(error) from error
        self._signer = signer

    def checkpoint(self) -> bool:
        """Sign and keep the tree head; False if there is no key or nothing new.

        Raises AuditUnavailable if it cannot be made durable.
        """
        tree = self._head.tree
        if self._signer is None or tree.size == self.signed_size:
            return False
        try:
            checkpoints.append_note(self._directory, self._signer.sign(tree.size, tree.root()))
            self.signed_size = tree.size
            heads.save(self._directory, self._head)
        except OSError as error:
            raise _unavailable(error) from error
        return True

    def close(self) -> None:
        """Sign what is unsigned, and let go of the folder. Does not raise for the disk."""
        with contextlib.suppress(AuditUnavailable):
            self.checkpoint()
        self._signer = None
        self._release()

    def _make_ready(self) -> None:
        """Before a commit: make good what a fault left, and start a segment if due."""
        if self._fd < 0:
            self._repair()
        head = self._head
        if head.length < self._segment_bytes:
            return
        with contextlib.suppress(AuditUnavailable):  # a later checkpoint covers the same
            self.checkpoint()
        path = segment_path(self._directory, head.tree.size)
        fd = _open(path)
        if os.fstat(fd).st_size:
            os.close(fd)
            raise IntegrityFailure("A segment is in the way", index=head.tree.size)
        os.close(self._fd)
        self._fd, head.segment = fd, Segment(head.tree.size, path)
        head.length = head.last_offset = 0
        disk.sync_folder(self._directory)

    def _fault(self, error: OSError) -> AuditUnavailable:
        """Take back a failed commit as far as the disk lets us; the rest is ``_repair``'s."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._head.length)
            os.close(self._fd)
            self._fd = -1
        if error.errno in _DISK_FULL:
            with contextlib.suppress(OSError):
                (self._directory / "reserve").unlink()
            self.essential_only = True
        return _unavailable(error)

    def _repair(self) -> None:
        """After a fault, what the kernel has in memory is not trusted (a failed fsync may
        have dropped it): cut back to the durable length, sync, and read the tail again."""
        head = self._head
        fd = _open(head.segment.path)
        try:
            if os.fstat(fd).st_size < head.length:
                raise IntegrityFailure("Audit entries are missing", index=head.tree.size - 1)
            os.ftruncate(fd, head.length)
            os.fsync(fd)
            disk.sync_folder(self._directory)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            self._verify_tail()
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def _verify_tail(self) -> None:
        head = self._head
        start = max(0, head.length - _VERIFIED_TAIL_BYTES)
        expected: bytes | None = None
        for line in read_lines(head.segment.path, start):
            if start and line.offset == start:
                continue  # begins mid-line
            index, prev = parse_frame(line.data)
            if expected not in (None, prev):
                raise IntegrityFailure("An audit entry was altered", index=max(0, index - 1))
            expected = leaf_hash(line.data).hex().encode()
        if expected not in (None, head.prev):
            raise IntegrityFailure("An audit entry was altered", index=head.tree.size - 1)

    def _keep_reserve(self) -> None:
        path = self._directory / "reserve"
        try:
            if not path.exists() or path.stat().st_size < self._reserve_bytes:
                disk.allocate(path, self._reserve_bytes)
            self.essential_only = False
        except OSError:
            self.essential_only = True

    def _publish(self) -> None:
        with contextlib.suppress(OSError):  # a hint for followers, who then lag
            os.pwrite(self._durable, self.size.to_bytes(8, "little"), 0)

    def _release(self) -> None:
        for fd in (self._fd, self._durable, self._lock):
            if fd >= 0:
                os.close(fd)
        self._fd = self._durable = self._lock = -1


def _unavailable(error: OSError) -> AuditUnavailable:
    reason = os.strerror(error.errno) if error.errno else "input/output error"
    return AuditUnavailable(f"The audit log cannot be written: {reason}", errno=error.errno or 0)


def _lock_folder(directory: Path) -> int:
    fd = _open(directory / "lock")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise AuditUnavailable("Another process is writing this audit log") from None
    return fd


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE)
