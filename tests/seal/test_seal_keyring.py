"""The keyring and the root key: each key opens its own and nothing else."""

from __future__ import annotations

import pytest

from keystead.crypto.material import KeyMaterial
from keystead.errors import IntegrityFailure, NamespaceSealed, Sealed, UnsealFailed
from keystead.seal.contents import KeyringContents, decode_contents, encode_contents
from keystead.seal.keyring import Keyring, WrappedKek
from keystead.seal.root import RootKey, authority_of, recognizes
from keystead.store.seal_row import SealRow


@pytest.fixture
def keyring() -> Keyring:
    keyring = Keyring()
    keyring.load(KeyringContents([]).rotated(1.0))
    for name in ("a", "b"):
        keyring.add_namespace(name, [keyring.new_kek(name, 1)])
    return keyring


def test_each_namespace_opens_its_own_records_only(keyring: Keyring) -> None:
    blobs = {name: keyring.seal(name, b"aad", b"plain") for name in ("", "a", "b")}
    for sealed_in, blob in blobs.items():
        for opened_in in blobs:
            if sealed_in == opened_in:
                assert keyring.open(opened_in, b"aad", blob) == b"plain"
            else:
                with pytest.raises(IntegrityFailure):
                    keyring.open(opened_in, b"aad", blob)
        with pytest.raises(IntegrityFailure):
            keyring.open(sealed_in, b"other", blob)


def test_any_flipped_bit_is_refused(keyring: Keyring) -> None:
    blob = keyring.seal("a", b"aad", b"plain")
    for bit in range(len(blob) * 8):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityFailure):
            keyring.open("a", b"aad", bytes(flipped))
    for length in range(len(blob)):
        with pytest.raises(IntegrityFailure):
            keyring.open("a", b"aad", blob[:length])


def test_old_versions_open_and_the_new_one_seals(keyring: Keyring) -> None:
    old = keyring.seal("", b"", b"plain")
    keyring.load(keyring.contents.rotated(2.0))
    new = keyring.seal("", b"", b"plain")
    assert (old[:4], new[:4]) == ((1).to_bytes(4), (2).to_bytes(4))
    assert keyring.open("", b"", old) == keyring.open("", b"", new) == b"plain"
    keyring.seal("a", b"", b"still there")


def test_a_wrapped_kek_is_bound_to_its_namespace_and_version(keyring: Keyring) -> None:
    kek = keyring.new_kek("a", 1)
    with pytest.raises(IntegrityFailure):
        keyring.add_namespace("b", [kek])
    with pytest.raises(IntegrityFailure):
        keyring.add_namespace("a", [WrappedKek(2, kek.blob)])


def test_rewrapping_keeps_the_kek(keyring: Keyring) -> None:
    kek = keyring.new_kek("c", 1)
    keyring.add_namespace("c", [kek])
    blob = keyring.seal("c", b"", b"plain")
    rotated = keyring.contents.rotated(2.0)
    again = keyring.rewrap_kek("c", kek, rotated)
    only_new = Keyring()
    only_new.load(KeyringContents(rotated.versions[-1:]))
    only_new.add_namespace("c", [again])
    assert only_new.open("c", b"", blob) == b"plain"
    with pytest.raises(IntegrityFailure):
        only_new.add_namespace("c", [kek])


def test_sealed_and_unknown_namespaces_and_a_cleared_keyring_refuse(keyring: Keyring) -> None:
    blob = keyring.seal("a", b"", b"")
    keyring.seal_namespace("a")
    for name in ("a", "unknown"):
        with pytest.raises(NamespaceSealed):
            keyring.open(name, b"", blob)
        with pytest.raises(NamespaceSealed):
            keyring.seal(name, b"", b"")
    keyring.clear()
    for name in ("", "a", "b"):
        with pytest.raises(Sealed):
            keyring.open(name, b"", blob)
    with pytest.raises(Sealed):
        keyring.new_kek("a", 2)


def _row(root: RootKey, contents: KeyringContents) -> SealRow:
    return root.sign(
        SealRow(
            seal_type="dev",
            shares=1,
            threshold=1,
            generation=1,
            root=b"",
            keyring=root.wrap(contents),
            successor=Keyring.wrap_successor(root.material, contents),
            authority=authority_of(root.material),
        )
    )


def test_the_root_key_opens_its_row_and_another_does_not() -> None:
    root, contents = RootKey.generate(), KeyringContents([]).rotated(1.0)
    row = _row(root, contents)
    assert root.unwrap(row) == contents
    assert recognizes(row, root.material)
    with pytest.raises(UnsealFailed):
        RootKey.generate().unwrap(row)
    assert not recognizes(row, RootKey.generate().material)


def test_the_successor_is_for_holders_of_the_keyring(keyring: Keyring) -> None:
    root = RootKey.generate()
    blob = Keyring.wrap_successor(root.material, keyring.contents)
    assert keyring.unwrap_successor(blob).reveal() == root.material.reveal()
    other = Keyring()
    other.load(KeyringContents([]).rotated(1.0))
    for wrong in (blob[:-1], b"", bytes(4) + blob[4:]):
        with pytest.raises(IntegrityFailure):
            keyring.unwrap_successor(wrong)
    with pytest.raises(IntegrityFailure):
        other.unwrap_successor(blob)


def test_contents_come_back_and_nothing_else_does() -> None:
    contents = KeyringContents([]).rotated(1.0).rotated(2.0)
    assert decode_contents(encode_contents(contents)) == contents
    for wrong in (
        b"",
        b"\xc1",
        encode_contents(KeyringContents([])),
        encode_contents(contents)[:-1],
    ):
        with pytest.raises(IntegrityFailure):
            decode_contents(wrong)


def test_a_root_key_has_32_bytes() -> None:
    with pytest.raises(UnsealFailed):
        RootKey(KeyMaterial(bytes(16)))


def test_contents_do_not_show_their_keys() -> None:
    contents = KeyringContents([]).rotated(1.0)
    assert contents.active.key.hex() not in repr(contents)
    assert repr(contents.active) == "KeyringVersion(…)"
