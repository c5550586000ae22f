"""What share holders do, as clients of Vault ask for it: hvac at a server that people unseal."""

from __future__ import annotations

import base64
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import hvac
import pytest
from hvac.exceptions import Forbidden, InvalidRequest, VaultDown
from hypothesis import given
from hypothesis import strategies as st
from shamir_mnemonic.wordlist import WORDLIST

from keystead.crypto.material import KeyMaterial
from keystead.doors.vault.shares import pack_share, share_of, unpack_share
from keystead.errors import UnsealFailed
from keystead.seal import shamir


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class SharedServer:
    """``keystead server`` with a Shamir seal, or one that opens by itself; two workers."""

    folder: Path
    seal: str = 'type = "shamir"'
    workers: int = 2
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        path = self.folder / "keystead.toml"
        path.write_text(
            f"workers = {self.workers}\n"
            f'[storage]\nurl = "sqlite:///{self.folder}/keystead.sqlite"\n'
            f'[audit]\npath = "{self.folder / "audit"}"\n'
            f"[seal]\n{self.seal}\n"
            f'[[listeners]]\naddress = "127.0.0.1:{self.port}"\n'
        )
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "keystead", "server", "--config", str(path)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.address}/health/live", timeout=1)
                return
            except httpx.HTTPError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def client(self, token: str = "") -> hvac.Client:
        return hvac.Client(url=self.address, token=token, timeout=20)


@dataclass
class Initialized:
    """A server that is initialized and unsealed, its shares and its root token."""

    server: SharedServer
    keys: list[str]
    token: str

    @property
    def client(self) -> hvac.Client:
        return self.server.client(self.token)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[SharedServer]:
    """A server that is not yet initialized."""
    server = SharedServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def opened(sealed: SharedServer) -> Initialized:
    made = sealed.client().sys.initialize(3, 2)
    sealed.client().sys.submit_unseal_keys(made["keys"][:2])
    return Initialized(sealed, made["keys"], made["root_token"])


def test_it_is_initialized_unsealed_and_sealed_as_vault_is(sealed: SharedServer) -> None:
    client = sealed.client()
    health = f"{sealed.address}/v1/sys/health"
    assert httpx.get(health).status_code == 501
    assert httpx.head(health).status_code == 501
    assert httpx.get(health, params={"uninitcode": "202"}).status_code == 202
    assert not client.sys.is_initialized()
    made = client.sys.initialize(3, 2)
    assert (len(made["keys"]), len(made["keys_base64"])) == (3, 3)
    assert [bytes.fromhex(k) for k in made["keys"]] == [
        base64.b64decode(k) for k in made["keys_base64"]
    ]
    assert httpx.get(health).status_code == 503
    assert httpx.get(health, params={"sealedcode": "203"}).status_code == 203
    with pytest.raises(VaultDown, match="Vault is sealed"):
        client.sys.list_mounted_secrets_engines()
    status = client.sys.submit_unseal_key(made["keys"][0])
    assert (status["sealed"], status["progress"], status["t"], status["n"]) == (True, 1, 2, 3)
    assert client.sys.submit_unseal_key(made["keys"][0])["progress"] == 1
    assert client.sys.submit_unseal_key(reset=True)["progress"] == 0
    client.sys.submit_unseal_key(made["keys"][2])
    status = client.sys.submit_unseal_key(made["keys_base64"][1])
    assert (status["sealed"], status["progress"]) == (False, 0)
    assert status["cluster_name"] == "keystead"
    assert httpx.get(health).status_code == 200
    known = sealed.client(made["root_token"])
    assert known.is_authenticated()
    assert known.sys.seal().status_code == 204
    assert known.sys.is_sealed()


def test_words_unseal_too(sealed: SharedServer) -> None:
    made = sealed.client().sys.initialize(2, 2)
    words = [unpack_share(bytes.fromhex(key)) for key in made["keys"]]
    assert not sealed.client().sys.submit_unseal_keys(words)["sealed"]


def test_shares_that_go_nowhere_are_refused(sealed: SharedServer) -> None:
    client = sealed.client()
    for shares, threshold, wording in (
        (3, 4, "threshold cannot be larger than shares"),
        (3, 1, "threshold must be greater than one for multiple shares"),
        (17, 2, "shares must be 1 to 16"),
    ):
        with pytest.raises(InvalidRequest, match=wording):
            client.sys.initialize(shares, threshold)
    made = client.sys.initialize(2, 2)
    for key in ("zz", "00" * 42, made["keys"][0][:-4] + "0000", "a b c", made["keys"][0] + "00"):
        with pytest.raises(InvalidRequest):
            client.sys.submit_unseal_key(key)
    with pytest.raises(InvalidRequest, match="'key' must be specified"):
        client.adapter.put("/v1/sys/unseal", json={})
    assert client.sys.read_seal_status()["progress"] == 0


def test_pgp_keys_are_refused_not_ignored(sealed: SharedServer) -> None:
    with pytest.raises(InvalidRequest, match="PGP keys are not supported"):
        sealed.client().sys.initialize(1, 1, pgp_keys=["a"])
    assert not sealed.client().sys.is_initialized()


def test_a_rekey_replaces_the_shares(opened: Initialized) -> None:
    client = opened.client
    started = client.sys.start_rekey(secret_shares=3, secret_threshold=3)
    assert (started["started"], started["t"], started["n"], started["required"]) == (True, 3, 3, 2)
    assert client.sys.read_rekey_progress()["nonce"] == started["nonce"]
    assert client.sys.rekey(opened.keys[0], nonce=started["nonce"])["progress"] == 1
    done = client.sys.rekey(opened.keys[1], nonce=started["nonce"])
    assert (done["complete"], len(done["keys"])) == (True, 3)
    client.sys.seal()
    with pytest.raises(InvalidRequest):
        client.sys.submit_unseal_keys([*opened.keys])
    client.sys.submit_unseal_key(reset=True)
    assert not client.sys.submit_unseal_keys(done["keys"])["sealed"]


def test_a_rekey_that_is_to_be_verified_waits_for_the_new_shares(opened: Initialized) -> None:
    client = opened.client
    nonce = client.sys.start_rekey(secret_shares=2, secret_threshold=2, require_verification=True)[
        "nonce"
    ]
    done = client.sys.rekey_multi(opened.keys[:2], nonce=nonce)
    assert (done["verification_required"], len(done["keys"])) == (True, 2)
    assert client.sys.read_seal_status()["n"] == 3
    verifying = done["verification_nonce"]
    assert client.sys.read_rekey_verify_progress()["nonce"] == verifying
    with pytest.raises(InvalidRequest):
        client.sys.rekey_verify_multi(opened.keys[:2], nonce=verifying)
    assert client.sys.read_rekey_verify_progress()["progress"] == 0
    assert client.sys.rekey_verify(done["keys"][0], nonce=verifying)["progress"] == 1
    assert client.sys.rekey_verify(done["keys"][1], nonce=verifying)["complete"] is True
    status = client.sys.read_seal_status()
    assert (status["n"], status["t"]) == (2, 2)
    client.sys.seal()
    assert not client.sys.submit_unseal_keys(done["keys"])["sealed"]


def test_a_rekey_given_up_changes_nothing(opened: Initialized) -> None:
    client = opened.client
    nonce = client.sys.start_rekey(secret_shares=2, secret_threshold=2)["nonce"]
    client.sys.rekey(opened.keys[0], nonce=nonce)
    assert client.sys.cancel_rekey().status_code == 204
    assert not client.sys.read_rekey_progress()["started"]
    with pytest.raises(InvalidRequest, match="no rekey in progress"):
        client.sys.rekey(opened.keys[1], nonce=nonce)
    waiting = client.sys.start_rekey(
        secret_shares=2, secret_threshold=2, require_verification=True
    )["nonce"]
    client.sys.rekey_multi(opened.keys[:2], nonce=waiting)
    assert client.sys.cancel_rekey_verify().status_code == 204
    client.sys.seal()
    assert not client.sys.submit_unseal_keys(opened.keys[:2])["sealed"]


def test_recovery_keys_are_of_other_seals(opened: Initialized) -> None:
    for ask in (
        lambda: opened.client.sys.read_rekey_progress(recovery_key=True),
        lambda: opened.client.sys.start_rekey(2, 2, recovery_key=True),
        lambda: opened.client.sys.rekey(opened.keys[0], nonce="n", recovery_key=True),
    ):
        with pytest.raises(InvalidRequest, match="recovery rekey is not supported"):
            ask()


def test_openbaos_names_for_a_rekey_answer_in_an_envelope(opened: Initialized) -> None:
    adapter = opened.client.adapter
    body = {"secret_shares": 2, "secret_threshold": 2}
    nonce = adapter.put("/v1/sys/rotate/root/init", json=body)["data"]["nonce"]
    for key in opened.keys[:2]:
        last = adapter.put("/v1/sys/rotate/root/update", json={"key": key, "nonce": nonce})
    assert last["data"]["complete"] is True
    assert len(last["data"]["keys_base64"]) == 2


@pytest.mark.parametrize("own_pad", [True, False])
def test_holders_make_a_root_token_that_only_who_began_can_read(
    opened: Initialized, own_pad: bool
) -> None:
    stranger = opened.server.client()
    length = stranger.sys.read_root_generation_progress()["otp_length"]
    pad = "p" * length
    begun = stranger.sys.start_root_token_generation(otp=pad if own_pad else None)
    assert begun["otp"] == ("" if own_pad else begun["otp"])
    pad = pad if own_pad else begun["otp"]
    assert (begun["started"], begun["required"], len(pad)) == (True, 2, length)
    assert stranger.sys.generate_root(opened.keys[2], begun["nonce"])["progress"] == 1
    done = stranger.sys.generate_root(opened.keys[0], begun["nonce"])
    assert done["complete"]
    encoded = done["encoded_token"]
    assert "=" not in encoded
    hidden = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    token = bytes(a ^ b for a, b in zip(hidden, pad.encode(), strict=True)).decode()
    assert opened.server.client(token).sys.list_mounted_secrets_engines()["data"]


def test_making_a_root_token_is_given_up(opened: Initialized) -> None:
    client = opened.client
    nonce = client.sys.start_root_token_generation()["nonce"]
    assert client.sys.cancel_root_generation().status_code == 204
    with pytest.raises(InvalidRequest, match="no root generation in progress"):
        client.sys.generate_root(opened.keys[0], nonce)


def test_strangers_neither_seal_nor_give_a_ceremony_up(opened: Initialized) -> None:
    stranger = opened.server.client()
    for ask in (
        stranger.sys.seal,
        stranger.sys.cancel_rekey,
        stranger.sys.cancel_root_generation,
        stranger.sys.rotate_encryption_key,
    ):
        with pytest.raises(Forbidden):
            ask()


def test_an_automatic_seal_has_recovery_keys(tmp_path: Path) -> None:
    key = tmp_path / "seal.key"
    key.touch(0o600)
    key.write_bytes(bytes(range(32)))
    server = SharedServer(tmp_path, seal=f'type = "static"\nkey_file = "{key}"')
    server.start()
    try:
        client = server.client()
        made = client.sys.initialize(recovery_shares=3, recovery_threshold=2)
        assert (made["keys"], len(made["recovery_keys"])) == ([], 3)
        assert not client.sys.is_sealed()
        assert client.sys.read_seal_status()["recovery_seal"]
        client = server.client(made["root_token"])
        with pytest.raises(InvalidRequest, match="not supported"):
            client.sys.start_rekey(2, 2)
        nonce = client.sys.start_rekey(2, 2, recovery_key=True)["nonce"]
        done = client.sys.rekey_multi(made["recovery_keys"][:2], nonce=nonce, recovery_key=True)
        begun = client.sys.start_root_token_generation()
        for share in done["keys"]:
            last = client.sys.generate_root(share, begun["nonce"])
        assert last["complete"]
    finally:
        server.stop()


def test_no_share_is_logged_or_audited(opened: Initialized) -> None:
    client = opened.client
    nonce = client.sys.start_rekey(secret_shares=2, secret_threshold=2)["nonce"]
    done = client.sys.rekey_multi(opened.keys[:2], nonce=nonce)
    written = b"".join(p.read_bytes() for p in opened.server.folder.rglob("*") if p.is_file())
    for key in [*opened.keys, *done["keys"]]:
        words = unpack_share(bytes.fromhex(key))
        for form in (key, base64.b64encode(bytes.fromhex(key)).decode(), words):
            assert form.encode() not in written
    assert opened.token.encode() not in written


# --- shares as bytes ----------------------------------------------------------------------


@given(st.lists(st.sampled_from(WORDLIST), min_size=33, max_size=33))
def test_words_are_packed_and_unpacked_to_the_same(words: list[str]) -> None:
    text = " ".join(words)
    packed = pack_share(text)
    assert len(packed) == 42
    assert unpack_share(packed) == text
    assert share_of(packed.hex()) == text
    assert share_of(base64.b64encode(packed).decode()) == text


@given(st.text(max_size=120))
def test_any_text_is_a_share_or_refused(text: str) -> None:
    with contextlib.suppress(UnsealFailed):
        share_of(text)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 41), st.integers(1, 255))
def test_a_flipped_bit_of_a_share_is_found_at_once(secret: bytes, place: int, flip: int) -> None:
    packed = bytearray(pack_share(shamir.split(KeyMaterial(secret), 2, 2)[0]))
    packed[place] ^= flip
    with pytest.raises(UnsealFailed):
        shamir.read_share(share_of(packed.hex()))
