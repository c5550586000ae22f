"""Archives: every row of a database in one file, sealed as it is stored.

A gzip-compressed tar file (POSIX.1-2001) of four members, in this order:

    manifest.json        what it is of: see ``Manifest``
    records              rows, each as 4 bytes of length (big-endian) and a msgpack array of
                         its columns in the order of ``rows.Row``
    SHA256SUMS           the SHA-256 of both, as sha256sum(1) writes and checks them
    SHA256SUMS.sealed    that file, sealed with the key of the system's own records

Nothing in it is readable without the keyring; and with the keyring it is certain that what is
in it is what was taken.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, BinaryIO, Final

import msgspec

from keystead.errors import IntegrityFailure, InvalidRequest
from keystead.store.rows import Row, Sealer
from keystead.store.schema import REVISION

FORMAT: Final = "keystead snapshot 1"
MANIFEST: Final = "manifest.json"
RECORDS: Final = "records"
SUMS: Final = "SHA256SUMS"
SEALED_SUMS: Final = "SHA256SUMS.sealed"
MAX_ROW_BYTES: Final = 64 << 20
MAX_EXPANSION: Final = 16
"""Sealed rows hardly shrink: what expands more than this was not made here."""

_AAD: Final = b"keystead snapshot sums"
_LENGTH_BYTES: Final = 4
_CHUNK: Final = 1 << 20
_SMALL: Final = 1 << 16
_NO_ARCHIVE: Final = "That is not a snapshot."
_DAMAGED: Final = "The snapshot is damaged."

_StoredRow = tuple[str, str, str, str | None, str | None, str | None, float | None, int, bytes]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_StoredRow).decode


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is of. ``change`` is the newest change that is in it; ``taken_at`` is in
    Unix seconds; ``generation`` is that of the seal row at that time."""

    version: str
    taken_at: float
    cluster_id: str
    change: int
    rows: int
    seal_type: str
    generation: int
    schema: str = REVISION
    format: str = FORMAT


class Spool:
    """Rows in a temporary file, to be read once they are all there."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        self.sum = hashlib.sha256()
        self.size = 0
        self.rows = 0

    def __del__(self) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        """Append a row as it is stored."""
        encoded = _encode(tuple(row))
        self.write(len(encoded).to_bytes(_LENGTH_BYTES) + encoded)
        self.rows += 1

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self.sum.update(data)
        self.size += len(data)

    def file(self) -> IO[bytes]:
        """The file, at its beginning."""
        self._file.seek(0)
        return self._file

    def __iter__(self) -> Iterator[Row]:
        """The rows; raises InvalidRequest where there is none."""
        file = self.file()
        while length := file.read(_LENGTH_BYTES):
            size = int.from_bytes(length)
            encoded = file.read(size) if size <= MAX_ROW_BYTES else b""
            if len(length) != _LENGTH_BYTES or len(encoded) != size:
                raise InvalidRequest(_DAMAGED)
            try:
                yield Row._make(_decode(encoded))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise InvalidRequest(_DAMAGED) from None


def write_archive(
    file: BinaryIO, manifest: Manifest, rows: Iterable[Row], sealer: Sealer
) -> Manifest:
    """Write an archive of ``rows``, and return its manifest with their number.

    Raises Sealed. Rows are spooled to a temporary file: memory stays bounded.
    """
    spool = Spool()
    for row in rows:
        spool.add(row)
    manifest = msgspec.structs.replace(manifest, rows=spool.rows)
    told = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    sums = _sums(hashlib.sha256(told).hexdigest(), spool.sum.hexdigest())
    sealed = sealer.seal("", _AAD, sums)
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        _add(tar, MANIFEST, io.BytesIO(told), len(told), manifest)
        _add(tar, RECORDS, spool.file(), spool.size, manifest)
        _add(tar, SUMS, io.BytesIO(sums), len(sums), manifest)
        _add(tar, SEALED_SUMS, io.BytesIO(sealed), len(sealed), manifest)
    return manifest


def read_archive(file: BinaryIO, size: int, spool: Spool, sealer: Sealer) -> Manifest:
    """Read an archive of ``size`` bytes, its rows into ``spool``.

    Raises InvalidRequest unless it is whole, and made under this keyring. That the rows open
    is not checked here.
    """
    try:
        return _read(file, size, spool, sealer)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError):
        raise InvalidRequest(_NO_ARCHIVE) from None


def _read(file: BinaryIO, size: int, spool: Spool, sealer: Sealer) -> Manifest:
    with tarfile.open(fileobj=file, mode="r|gz") as tar:
        told = _small(tar, MANIFEST)
        manifest = _manifest(told)
        _spool(tar, spool, size * MAX_EXPANSION + _CHUNK)
        sums = _small(tar, SUMS)
        sealed = _small(tar, SEALED_SUMS)
    if sums != _sums(hashlib.sha256(told).hexdigest(), spool.sum.hexdigest()):
        raise InvalidRequest(_DAMAGED)
    try:
        authentic = sealer.open("", _AAD, sealed) == sums
    except IntegrityFailure:
        authentic = False
    if not authentic:
        raise InvalidRequest(
            "The snapshot was not taken under this server's keyring.",
            hint="It can be restored only where it was taken, or where that server's seal is.",
        )
    return manifest


def _manifest(told: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(told, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidRequest(_NO_ARCHIVE) from None
    if manifest.format != FORMAT:
        raise InvalidRequest(_NO_ARCHIVE)
    if manifest.schema != REVISION:
        raise InvalidRequest(
            f"The snapshot is of another version's database: {manifest.schema}, not {REVISION}.",
            hint=f"Restore it with Keystead {manifest.version}.",
        )
    return manifest


def _spool(tar: tarfile.TarFile, spool: Spool, most: int) -> None:
    member = _next(tar, RECORDS)
    while chunk := member.read(_CHUNK):
        if spool.size + len(chunk) > most:
            raise InvalidRequest(_NO_ARCHIVE)
        spool.write(chunk)


def _small(tar: tarfile.TarFile, name: str) -> bytes:
    data = _next(tar, name).read(_SMALL + 1)
    if len(data) > _SMALL:
        raise InvalidRequest(_NO_ARCHIVE)
    return data


def _next(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    member = tar.next()
    if member is None or member.name != name or not member.isreg():
        raise InvalidRequest(_NO_ARCHIVE)
    file = tar.extractfile(member)
    assert file is not None
    return file


def _add(tar: tarfile.TarFile, name: str, file: Any, size: int, manifest: Manifest) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    member.mtime = int(manifest.taken_at)
    tar.addfile(member, file)


def _sums(manifest: str, records: str) -> bytes:
    return f"{manifest}  {MANIFEST}\n{records}  {RECORDS}\n".encode()
