"""Proofs, checked by a verifier that shares no code with what made them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.checkpoint import Signer
from keystead.audit.entry import encode
from keystead.audit.log import LogWriter
from keystead.audit.proof import Proof, parse_proof, prove, verify_proof
from keystead.audit.segments import list_segments
from keystead.errors import IntegrityFailure, NotFound, VerificationFailed


def independent_verifier(proof_json: bytes, vkey: str) -> dict[str, Any]:
    """Only hashlib, Ed25519 and the specifications: C2SP notes, RFC 6962 recursion."""
    proof = json.loads(proof_json)
    name, _, encoded_key = vkey.split("+", 2)
    text, _, signatures = proof["checkpoint"].rpartition("\n\n")
    text += "\n"
    (line,) = [s for s in signatures.splitlines() if s.split(" ")[1] == name]
    signature = base64.b64decode(line.split(" ")[2])[4:]
    key = base64.b64decode(encoded_key)[1:]
    Ed25519PublicKey.from_public_bytes(key).verify(signature, text.encode())
    origin, size, root = text.splitlines()[:3]
    assert origin == name
    path = [bytes.fromhex(h) for h in proof["path"]]

    def climb(index: int, count: int, leaf: bytes) -> bytes:
        if count == 1:
            return leaf
        split = 1
        while split * 2 < count:
            split *= 2
        sibling = path.pop()
        if index < split:
            left, right = climb(index, split, leaf), sibling
        else:
            left, right = sibling, climb(index - split, count - split, leaf)
        return hashlib.sha256(b"\x01" + left + right).digest()

    leaf = hashlib.sha256(b"\x00" + proof["entry"].encode()).digest()
    assert climb(proof["index"], int(size), leaf) == base64.b64decode(root)
    assert path == []
    entry: dict[str, Any] = json.loads(proof["entry"])
    assert entry["index"] == proof["index"]
    return entry


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21, 33])
def test_an_independent_verifier_accepts_the_proof_of_every_entry(
    make_log: Callable[..., Path], signer: Signer, size: int
) -> None:
    directory = make_log(size, segment_bytes=2000)
    for index in range(size):
        proof = prove(directory, index)
        entry = independent_verifier(proof.to_json(), signer.vkey)
        assert entry["request_id"] == f"r-{index}"
        assert (
            verify_proof(parse_proof(proof.to_json()), signer.vkey).entry.request_id == f"r-{index}"
        )


@given(st.data())
def test_a_proof_with_any_byte_changed_proves_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, proven: Proof, signer: Signer, data: st.DataObject
) -> None:
    good = proven.to_json()
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        record = verify_proof(parse_proof(bytes(changed)), signer.vkey)
    except VerificationFailed:
        return
    assert record == verify_proof(proven, signer.vkey)  # only its spelling has changed


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory, make_entry: Any, signer: Signer) -> Proof:
    writer = LogWriter(tmp_path_factory.mktemp("proof") / "log", reserve_bytes=4096)
    writer.sign_with(signer)
    writer.commit([encode(make_entry(n)) for n in range(11)])
    writer.close()
    return prove(writer._directory, 6)


@given(st.binary(max_size=200))
def test_hostile_proofs_raise_only_our_error(data: bytes) -> None:
    with pytest.raises(VerificationFailed):
        parse_proof(data)


def test_an_entry_that_no_checkpoint_covers_has_no_proof_yet(
    make_log: Callable[..., Path], tmp_path: Path
) -> None:
    directory = make_log(3)
    with pytest.raises(NotFound):
        prove(directory, 3)
    with pytest.raises(NotFound):
        prove(tmp_path, 0)


def test_entries_after_the_newest_checkpoint_do_not_disturb_a_proof(
    make_log: Callable[..., Path],
    open_log: Callable[..., LogWriter],
    make_entry: Any,
    signer: Signer,
) -> None:
    directory = make_log(5, segment_bytes=2000)
    writer = open_log()
    writer.commit([encode(make_entry(n)) for n in range(5, 12)])
    proof = prove(directory, 4)
    assert proof.size == 5
    assert independent_verifier(proof.to_json(), signer.vkey)["request_id"] == "r-4"
    writer.close()


def test_nothing_is_proven_from_an_altered_log(make_log: Callable[..., Path]) -> None:
    directory = make_log(5)
    path = list_segments(directory)[0].path
    path.write_bytes(path.read_bytes().replace(b'"r-1"', b'"r-X"'))
    with pytest.raises(IntegrityFailure):
        prove(directory, 3)


def test_a_proof_holds_only_under_its_own_logs_key(
    make_log: Callable[..., Path], signer: Signer
) -> None:
    proof = prove(make_log(5), 2)
    with pytest.raises(VerificationFailed):
        verify_proof(proof, Signer.from_seed(signer.origin, b"\x08" * 32).vkey)
