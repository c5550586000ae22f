"""The static seal and the development server's: where the key may come from."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from keystead.crypto.material import KeyMaterial
from keystead.errors import ConfigurationError, UnsealFailed
from keystead.seal.dev import DevSeal
from keystead.seal.static import StaticSeal, key_from_environment, key_from_file

KEY = bytes(range(224, 256))


@pytest.mark.parametrize(
    "data",
    [
        KEY,
        KEY.hex().encode(),
        KEY.hex().upper().encode() + b"\n",
        base64.b64encode(KEY),
        base64.b64encode(KEY) + b"\r\n",
    ],
)
def test_a_key_file_is_raw_base64_or_hexadecimal(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(0o600)
    assert key_from_file(path).reveal() == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o660, 0o644])
def test_a_key_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    path.chmod(mode)
    with pytest.raises(ConfigurationError):
        key_from_file(path)


@pytest.mark.parametrize(
    "data", [b"", KEY[:-1], KEY + b"x", b"\xff" * 64, base64.b64encode(KEY)[:-4], b"=" * 44]
)
def test_a_file_that_holds_no_key_is_refused_without_showing_it(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        key_from_file(path)
    assert data.hex() not in repr(caught.value) or not data


def test_a_missing_key_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        key_from_file(tmp_path / "none")
    with pytest.raises(ConfigurationError):
        key_from_file(tmp_path)


def test_a_key_from_the_environment_is_taken_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYSTEAD_TEST_SEAL", base64.b64encode(KEY).decode())
    assert key_from_environment("KEYSTEAD_TEST_SEAL").reveal() == KEY
    assert "KEYSTEAD_TEST_SEAL" not in os.environ
    with pytest.raises(ConfigurationError):
        key_from_environment("KEYSTEAD_TEST_SEAL")


def test_what_is_wrapped_opens_with_the_same_key_only() -> None:
    root = KeyMaterial(bytes(range(32)))
    blob = StaticSeal(KeyMaterial(KEY)).wrap(root)
    assert len(blob) == 73
    assert root.reveal() not in blob
    assert StaticSeal(KeyMaterial(KEY)).unwrap(blob).reveal() == root.reveal()
    flipped = [blob[:n] + bytes([blob[n] ^ 1]) + blob[n + 1 :] for n in range(len(blob))]
    for wrong in (*flipped, blob[:-1], b""):
        with pytest.raises(UnsealFailed):
            StaticSeal(KeyMaterial(KEY)).unwrap(wrong)
    with pytest.raises(UnsealFailed):
        StaticSeal(KeyMaterial(bytes(32))).unwrap(blob)


def test_the_development_seal_keeps_its_key_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    blob = DevSeal(path).wrap(KeyMaterial(KEY))
    assert path.stat().st_mode & 0o777 == 0o600
    assert DevSeal(path).unwrap(blob).reveal() == KEY
    with pytest.raises(UnsealFailed):
        DevSeal().unwrap(blob)
    with pytest.raises(ConfigurationError):
        DevSeal(tmp_path / "no" / "where")
