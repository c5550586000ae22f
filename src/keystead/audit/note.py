"""Signed notes as text (c2sp.org/signed-note): no cryptography here.

A note is text ending in a newline, an empty line, and signature lines
``— <key name> base64(4-byte key ID ‖ signature)``. The log keeps its notes in one file,
each followed by an empty line.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from keystead.errors import VerificationFailed

MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
KEY_ID_BYTES = 4
SIZE_LIMIT = 1 << 63
SIGNATURES_START = "\n\n— ".encode()

_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Signature(NamedTuple):
    name: str
    key_id: bytes
    value: bytes


class Checkpoint(NamedTuple):
    """A tree head (c2sp.org/tlog-checkpoint). ``text`` is what is signed, UTF-8."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[Signature, ...]


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """4 bytes: SHA-256(name ‖ 0x0A ‖ signature type ‖ public key)[:4]."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:KEY_ID_BYTES]


def checkpoint_text(origin: str, size: int, root: bytes) -> bytes:
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def signature_line(signature: Signature) -> bytes:
    encoded = base64.b64encode(signature.key_id + signature.value).decode()
    return f"— {signature.name} {encoded}\n".encode()


def check_name(name: str) -> None:
    """Raises VerificationFailed for a key name with a space or plus, or an empty one."""
    if _NAME.fullmatch(name) is None:
        raise VerificationFailed("Malformed key name")


def split_note(note: bytes) -> tuple[bytes, tuple[Signature, ...]]:
    """A note's signed text and its signatures. Raises VerificationFailed if malformed."""
    if len(note) > MAX_NOTE_BYTES:
        raise VerificationFailed("The note is too large", limit=MAX_NOTE_BYTES)
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise VerificationFailed("Malformed note") from None
    body, gap, signatures = text.rpartition("\n\n")
    if not gap or not signatures.endswith("\n") or _CONTROL.search(text):
        raise VerificationFailed("Malformed note")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise VerificationFailed("The note has too many signatures", limit=MAX_SIGNATURES)
    return f"{body}\n".encode(), tuple(_parse_signature(line) for line in lines)


def parse_checkpoint(note: bytes) -> Checkpoint:
    """Read a checkpoint. Raises VerificationFailed if malformed; verifies no signature."""
    text, signatures = split_note(note)
    lines = text.decode().split("\n")[:-1]
    if len(lines) < 3 or not all(lines) or _SIZE.fullmatch(lines[1]) is None:
        raise VerificationFailed("Malformed checkpoint")
    size, root = int(lines[1]), decode_base64(lines[2])
    if len(root) != 32 or size >= SIZE_LIMIT:
        raise VerificationFailed("Malformed checkpoint")
    return Checkpoint(lines[0], size, root, text, signatures)


def decode_base64(text: str) -> bytes:
    """Canonical standard base64 only. Raises VerificationFailed."""
    try:
        value = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise VerificationFailed("Malformed base64") from None
    if base64.b64encode(value).decode() != text:
        raise VerificationFailed("Malformed base64")
    return value


def read_notes(path: Path, length: int | None = None) -> Iterator[bytes]:
    """The notes of a checkpoints file, first to last, or of its first ``length`` bytes.

    Raises VerificationFailed if the file ends inside a note, or a part is longer than any
    note; OSError if it cannot be read.
    """
    pending = b""
    with path.open("rb") as file:
        left = path.stat().st_size if length is None else length
        while chunk := file.read(min(left, MAX_NOTE_BYTES)):
            left -= len(chunk)
            *parts, rest = (pending + chunk).split(b"\n\n")
            for text, signatures in zip(parts[::2], parts[1::2], strict=False):
                yield text + b"\n\n" + signatures + b"\n"
            pending = parts[-1] + b"\n\n" + rest if len(parts) % 2 else rest
            if len(pending) > 2 * MAX_NOTE_BYTES:
                raise VerificationFailed("The checkpoints file is malformed")
    if pending:
        raise VerificationFailed("The checkpoints file ends inside a note")


def complete_length(tail: bytes) -> int:
    """Where the last whole note ends, in the tail of a checkpoints file; 0 if nowhere."""
    end = len(tail)
    while (gap := tail.rfind(SIGNATURES_START, 0, end)) >= 0:
        close = tail.find(b"\n\n", gap + 2)
        if close >= 0:
            return close + 2
        end = gap
    return 0


def _parse_signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    value = decode_base64(encoded)
    if dash != "—" or len(value) <= KEY_ID_BYTES:
        raise VerificationFailed("Malformed signature line")
    check_name(name)
    return Signature(name, value[:KEY_ID_BYTES], value[KEY_ID_BYTES:])
