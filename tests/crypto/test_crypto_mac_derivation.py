"""HMAC and HKDF: published vectors and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from keystead.crypto import SPECS, KeyMaterial, Usage, open_private
from keystead.crypto.derivation import Derivation
from keystead.crypto.mac import Mac
from keystead.errors import InvalidRequest, VerificationFailed

Vector = dict[str, Any]
Vectors = Callable[[str], list[Vector]]
DIGESTS = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@pytest.mark.parametrize("digest", DIGESTS)
def test_hmac_matches_rfc_4231(vectors: Vectors, digest: str) -> None:
    for vector in vectors(f"rfc4231-hmac-{digest}"):
        mac = Mac(bytes.fromhex(vector["key"]), DIGESTS[digest])
        message = bytes.fromhex(vector["msg"])
        assert mac.generate(message).hex() == vector["md"]
        mac.verify(message, bytes.fromhex(vector["md"]))


def test_hkdf_matches_rfc_5869(vectors: Vectors) -> None:
    for vector in vectors("rfc5869-hkdf-sha256"):
        ikm, salt, info = (bytes.fromhex(vector[name]) for name in ("ikm", "salt", "info"))
        derived = Derivation(ikm, hashes.SHA256()).derive(
            info=info, salt=salt, length=int(vector["l"])
        )
        assert derived.reveal().hex() == vector["okm"]


@pytest.mark.parametrize("digest", DIGESTS)
def test_hkdf_agrees_with_wycheproof(
    wycheproof: Callable[[str], list[tuple[Vector, Vector]]], digest: str
) -> None:
    for _, test in wycheproof(f"hkdf-{digest}"):
        ikm, salt, info = (bytes.fromhex(test[name]) for name in ("ikm", "salt", "info"))
        derivation = Derivation(ikm, DIGESTS[digest])
        if test["result"] == "valid":
            derived = derivation.derive(info=info, salt=salt, length=test["size"])
            assert derived.reveal().hex() == test["okm"]
        else:
            with pytest.raises(InvalidRequest):
                derivation.derive(info=info, salt=salt, length=test["size"])


MAC = Mac(bytes(32), hashes.SHA256())


@given(message=st.binary(max_size=50), bit=st.integers(0, 255))
def test_any_flipped_bit_of_a_mac_is_refused(message: bytes, bit: int) -> None:
    mac = bytearray(MAC.generate(message))
    mac[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VerificationFailed):
        MAC.verify(message, bytes(mac))


@given(message=st.binary(max_size=50), mac=st.binary(max_size=64))
def test_random_and_truncated_macs_are_refused(message: bytes, mac: bytes) -> None:
    for candidate in (mac, MAC.generate(message)[:-1], MAC.generate(message) + b"\0"):
        with pytest.raises(VerificationFailed):
            MAC.verify(message, candidate)


@pytest.mark.parametrize("digest", DIGESTS)
def test_specs_open_as_macs_and_as_derivations(
    digest: str, material: Callable[[str], KeyMaterial]
) -> None:
    spec, key = SPECS[f"hmac-{digest}"], material(f"hmac-{digest}")
    size = DIGESTS[digest].digest_size
    mac = open_private(spec, Usage.GENERATE_VERIFY_MAC, key)
    assert len(mac.generate(b"m")) == size
    derivation = open_private(spec, Usage.DERIVE, key)
    one = derivation.derive(info=b"a", salt=b"", length=255 * size)
    other = derivation.derive(info=b"b", salt=b"", length=255 * size)
    assert one.reveal() != other.reveal()
    for length in (-1, 0, 255 * size + 1):
        with pytest.raises(InvalidRequest):
            derivation.derive(info=b"", salt=b"", length=length)
