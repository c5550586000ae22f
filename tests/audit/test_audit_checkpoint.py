"""Signed notes and checkpoints against published vectors and hostile bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit import checkpoint, checkpoints, note
from keystead.audit.checkpoint import COSIGNATURE, Signer, VerifierKey, parse_vkey
from keystead.errors import KeysteadError, VerificationFailed

ROOT = bytes(range(32))


@pytest.fixture(scope="module")
def published(load_vectors: Callable[[str], Any]) -> Any:
    return load_vectors("signed_note.json")


def test_the_vkey_and_signature_are_the_published_ones(published: Any) -> None:
    seed = base64.b64decode(published["seed_base64_with_type"])[1:]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    text = published["text"].encode()
    assert Signer("PeterNeumann", key).vkey == published["vkey"]
    assert str(parse_vkey(published["vkey"])) == published["vkey"]
    identity = parse_vkey(published["vkey"]).key_id
    line = note.signature_line(note.Signature("PeterNeumann", identity, key.sign(text)))
    assert line.decode() == published["signature"]


def test_one_known_signature_is_enough_and_unknown_ones_are_ignored(published: Any) -> None:
    text, peter, enoch = published["text"], published["signature"], published["other_signature"]
    both = f"{text}\n{peter}{enoch}".encode()
    assert checkpoint.verify_text(both, published["vkey"]) == text.encode()
    assert checkpoint.verify_text(both, published["other_vkey"]) == text.encode()
    with pytest.raises(VerificationFailed):
        checkpoint.verify_text(f"{text}\n{enoch}".encode(), published["vkey"])


def test_malformed_notes_are_refused(published: Any) -> None:
    text, peter = published["text"], published["signature"]
    for malformed in (
        text,
        text + "\n",
        text + "\n" + peter[:-1],
        "\x01" + text + "\n" + peter,
        text + "\n" + peter + "Unexpected line.\n",
        text + "\n" + peter.replace("PeterNeumann", "Peter Neumann"),
        text + "\n" + peter[:60] + "ABCD" + peter[60:],
        text + "\n" + peter * (note.MAX_SIGNATURES + 1),
    ):
        with pytest.raises(VerificationFailed):
            checkpoint.verify_text(malformed.encode(), published["vkey"])
    with pytest.raises(VerificationFailed):
        checkpoint.verify_text(b"\xff" + f"{text}\n{peter}".encode(), published["vkey"])


def test_no_part_or_mangling_of_a_vkey_is_a_vkey(published: Any) -> None:
    vkey = published["vkey"]
    parts = {vkey[i:j] for i in range(len(vkey)) for j in range(i, len(vkey) + 1)} - {vkey}
    mangled = {vkey[:i] + chr(ord(c) + 1) + vkey[i + 1 :] for i, c in enumerate(vkey)}
    for bad in [*parts, *mangled, *published["bad_vkeys"]]:
        with pytest.raises(VerificationFailed):
            parse_vkey(bad)


def test_the_checkpoint_of_the_specification_parses(load_vectors: Callable[[str], Any]) -> None:
    published = load_vectors("c2sp_checkpoint.json")
    parsed = note.parse_checkpoint(published["note"].encode())
    assert (parsed.origin, parsed.size) == (published["origin"], published["size"])
    assert [s.name for s in parsed.signatures] == published["names"]
    assert [s.key_id.hex() for s in parsed.signatures] == published["key_ids"]
    assert int.from_bytes(parsed.signatures[1].value[:8], "big") == published["cosigned_at"]
    lines = b"".join(map(note.signature_line, parsed.signatures))
    assert parsed.text + b"\n" + lines == published["note"].encode()


def test_a_signed_checkpoint_verifies_only_with_its_key(signer: Signer) -> None:
    signed = signer.sign(12, ROOT)
    verified = checkpoint.verify(signed, signer.vkey)
    assert (verified.origin, verified.size, verified.root) == (signer.origin, 12, ROOT)
    other = Signer(signer.origin, Ed25519PrivateKey.generate())
    with pytest.raises(VerificationFailed):
        checkpoint.verify(signed, other.vkey)


def test_another_logs_checkpoint_is_not_this_logs_even_with_the_same_key() -> None:
    key = Ed25519PrivateKey.generate()
    text = note.checkpoint_text("example.com/b", 3, ROOT)
    a = Signer("example.com/a", key)
    signature = note.Signature("example.com/a", parse_vkey(a.vkey).key_id, key.sign(text))
    with pytest.raises(VerificationFailed):
        checkpoint.verify(text + b"\n" + note.signature_line(signature), a.vkey)


def test_a_witness_cosigns_and_both_signatures_verify(signer: Signer) -> None:
    witness = Ed25519PrivateKey.generate()
    name = "witness.example/w1"
    vkey = VerifierKey(name, COSIGNATURE, witness.public_key().public_bytes_raw())
    cosigned = checkpoint.cosign(signer.sign(12, ROOT), name, witness, 1_679_315_147)
    assert checkpoint.verify(cosigned, signer.vkey).size == 12
    assert checkpoint.cosigned_at(cosigned, str(vkey)) == 1_679_315_147
    assert checkpoint.verify(cosigned, vkey).size == 12
    with pytest.raises(VerificationFailed):
        checkpoint.cosigned_at(signer.sign(12, ROOT), vkey)
    with pytest.raises(VerificationFailed):
        checkpoint.cosigned_at(cosigned, signer.vkey)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_flipped_byte_of_a_checkpoint_is_refused(
    signer: Signer, position: int, mask: int
) -> None:
    signed = bytearray(signer.sign(987, ROOT))
    signed[position % len(signed)] ^= mask
    with pytest.raises(VerificationFailed):
        checkpoint.verify(bytes(signed), signer.vkey)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_hostile_bytes_raise_only_our_error(signer: Signer, data: bytes) -> None:
    for parse in (
        lambda: note.parse_checkpoint(data),
        lambda: note.parse_checkpoint(b"a\n1\n" + data + b"\n\n" + data),
        lambda: checkpoint.verify(data, signer.vkey),
        lambda: parse_vkey(data.decode("latin-1")),
    ):
        with pytest.raises(KeysteadError):
            parse()


def test_the_key_shows_in_no_repr(signer: Signer) -> None:
    secret = b"\x07" * 32
    assert secret.hex() not in repr(signer)
    assert base64.b64encode(secret).decode() not in repr(signer)


@given(cut=st.integers(1, 400))
def test_a_torn_last_note_is_cut_off_and_the_rest_is_kept(
    tmp_path_factory: pytest.TempPathFactory, signer: Signer, cut: int
) -> None:
    folder: Path = tmp_path_factory.mktemp("notes")
    signed = [signer.sign(size, ROOT) for size in (1, 2, 3)]
    for each in signed:
        checkpoints.append_note(folder, each)
    path = folder / "checkpoints"
    assert list(note.read_notes(path)) == signed
    path.write_bytes(path.read_bytes()[:-cut])
    whole = len(path.read_bytes()) // len(signed[0] + b"\n")
    checkpoints.cut_torn_note(folder)
    assert list(note.read_notes(path)) == signed[:whole]
    last = checkpoints.last_note(folder)
    assert last == (signed[whole - 1] if whole else None)
    checkpoints.append_note(folder, signed[2])
    assert list(note.read_notes(path)) == [*signed[:whole], signed[2]]
