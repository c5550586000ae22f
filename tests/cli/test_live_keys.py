"""Keys and their use, as a user types it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest


def test_the_printed_first_steps_work(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    ciphertext = keystead("encrypt", name, given="hello\n").text
    assert base64.b64decode(ciphertext)
    assert keystead("decrypt", given=ciphertext).out == b"hello\n"


def test_json_output_is_whole_and_stable_before_or_after_the_command(
    keystead: Any, name: str
) -> None:
    from keystead.operations.keys import KeyView

    made = keystead("-o", "json", "key", "create", name, "--tag", "team=web").json
    assert set(made) == set(KeyView.__struct_fields__)
    shown = keystead("key", "show", name, "--output", "json").json
    assert shown == made
    assert shown["tags"] == {"team": "web"}


def test_quiet_prints_what_scripts_need(keystead: Any, name: str) -> None:
    made = keystead("key", "create", name, "-q").text.strip()
    assert keystead("key", "show", name, "-q").text.strip() == made
    assert name in keystead("key", "list", "-q", "--prefix", name).text.split()
    assert keystead("key", "rotate", name, "-q").text == "2\n"


def test_tables_show_names_and_states(keystead: Any, name: str) -> None:
    keystead("key", "create", name, "--spec", "ed25519")
    table = keystead("key", "list", "--prefix", name).text
    assert name in table
    assert "ed25519" in table
    assert "active" in table


def test_a_context_is_needed_again(keystead: Any, name: str) -> None:
    keystead("key", "create", name, "--require-context", "customer")
    refused = keystead("encrypt", name, given="x", code=1)
    assert "customer" in refused.err
    sealed = keystead("encrypt", name, "-c", "customer=42", given="x").text
    assert keystead("decrypt", "-c", "customer=42", given=sealed).out == b"x"
    keystead("decrypt", "-c", "customer=43", given=sealed, code=5)


def test_bytes_go_in_and_out_as_they_are_with_raw(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    plain = os.urandom(100_000)
    sealed = keystead("encrypt", name, "--raw", given=plain).out
    assert keystead("decrypt", "--raw", given=sealed).out == plain


def test_rewrap_moves_ciphertext_to_the_new_version(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    old = keystead("encrypt", name, "-c", "a=b", given="x").text
    keystead("key", "rotate", name)
    new = keystead("rewrap", name, "-c", "a=b", "-o", "json", given=old).json
    assert new["version"] == 2
    assert keystead("decrypt", "-c", "a=b", given=new["ciphertext"]).out == b"x"


def test_openssl_verifies_what_keystead_signs(keystead: Any, name: str, tmp_path: Path) -> None:
    keystead("key", "create", name, "--spec", "ec-p256", "--usage", "sign-verify")
    (tmp_path / "message").write_bytes(b"release 1.0")
    (tmp_path / "key.pem").write_text(keystead("key", "public", name).text)
    signature = keystead("sign", name, "--in", "message", "--raw").out
    (tmp_path / "signature").write_bytes(signature)
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "message"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    digest = hashlib.sha256(b"release 1.0").digest()
    encoded = base64.b64encode(signature).decode()
    keystead("verify", name, "--signature", encoded, "--prehashed", given=digest)


def test_what_does_not_verify_exits_5(keystead: Any, name: str) -> None:
    keystead("key", "create", name, "--spec", "ed25519")
    signature = keystead("sign", name, given="a").text.strip()
    keystead("verify", name, "--signature", signature, given="a")
    keystead("verify", name, "--signature", signature, given="b", code=5)
    keystead("key", "create", f"{name}-mac", "--spec", "hmac-sha256")
    mac = keystead("mac", f"{name}-mac", given="a").text.strip()
    keystead("verify-mac", f"{name}-mac", "--mac", mac, given="a")
    keystead("verify-mac", f"{name}-mac", "--mac", mac, given="b", code=5)


def test_secrets_that_keys_make(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    made = keystead("datakey", name, "-o", "json").json
    assert len(base64.b64decode(made["plaintext"])) == 32
    opened = keystead("decrypt", given=made["ciphertext"]).out
    assert base64.b64encode(opened).decode() == made["plaintext"]
    hidden = keystead("datakey", name, "--no-plaintext", "-o", "json").json
    assert hidden["plaintext"] is None
    pair = keystead("datakey-pair", name, "--spec", "ed25519", "-o", "json").json
    assert pair["private_key"]
    wrapped = keystead("wrap", name, given=bytes(range(32))).text
    assert keystead("unwrap", name, given=wrapped).out == bytes(range(32))
    assert len(bytes.fromhex(keystead("random", "16", "--hex").text)) == 16


def test_secrets_that_two_sides_share(keystead: Any, name: str, tmp_path: Path) -> None:
    mine, peer, pq, kdf = (f"{name}-{part}" for part in ("mine", "peer", "pq", "kdf"))
    for each, spec in ((mine, "x25519"), (peer, "x25519"), (pq, "ml-kem-768")):
        keystead("key", "create", each, "--spec", spec)
    secrets = []
    for own, other in ((mine, peer), (peer, mine)):
        pem = keystead("key", "public", other).text
        der = base64.b64decode("".join(pem.splitlines()[1:-1]))
        secrets.append(keystead("agree", own, given=der).text)
    assert secrets[0] == secrets[1]
    made = keystead("encapsulate", pq, "-o", "json").json
    recovered = keystead("decapsulate", pq, "--ciphertext", made["ciphertext"]).text
    assert recovered.strip() == made["shared_secret"]
    keystead("key", "create", kdf, "--spec", "hmac-sha256", "--usage", "derive")
    first = keystead("derive", kdf, "--info", "device-1").text
    assert first == keystead("derive", kdf, "--info", "device-1").text
    assert first != keystead("derive", kdf, "--info", "device-2").text


def test_a_key_goes_through_its_life(keystead: Any, name: str) -> None:
    keystead("key", "create", name, "--inactive")
    keystead("encrypt", name, given="x", code=7)
    assert keystead("key", "enable", name, "-q").text == "active\n"
    assert keystead("key", "disable", name, "-q").text == "suspended\n"
    keystead("encrypt", name, given="x", code=7)
    keystead("key", "enable", name)
    keystead("key", "update", name, "--owner", "alice", "--description", "d")
    keystead("key", "alias", "add", name, f"{name}-alias")
    assert keystead("key", "show", f"{name}-alias", "-o", "json").json["owner"] == "alice"
    keystead("key", "alias", "remove", name, f"{name}-alias")
    keystead("key", "show", f"{name}-alias", code=4)
    keystead("key", "destroy", name, "--wait", "7d")
    assert keystead("key", "restore", name, "-q").text == "suspended\n"
    keystead("key", "enable", name)
    assert keystead("key", "deactivate", name, "-q").text == "deactivated\n"
    keystead("key", "export", name, code=7)
    assert keystead("key", "compromise", name, "-q").text == "compromised\n"
    keystead("key", "usage", name)


def test_a_short_wait_before_destruction_is_refused(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    keystead("key", "destroy", name, "--wait", "1h", code=1)


def test_export_gives_out_only_what_may_be(keystead: Any, name: str) -> None:
    keystead("key", "create", name, "--exportable")
    assert len(keystead("key", "export", name, "--raw").out) == 32
    keystead("key", "update", name, "--not-exportable")
    keystead("key", "export", name, code=7)


def test_a_public_key_is_attested(keystead: Any, name: str) -> None:
    keystead("key", "create", name, "--spec", "ed25519")
    attested = keystead("key", "attest-public", name, "-o", "json").json
    assert name in attested["statement"]


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [("rsa-2048", ["-algorithm", "RSA"]), ("ed25519", ["-algorithm", "ed25519"])],
)
def test_a_key_that_openssl_made_is_imported(
    keystead: Any, name: str, tmp_path: Path, spec: str, arguments: list[str]
) -> None:
    subprocess.run(
        ["openssl", "genpkey", *arguments, "-out", "key.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    public = subprocess.run(
        ["openssl", "pkey", "-in", "key.pem", "-pubout"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    keystead("key", "import", name, "--spec", spec, "--in", "key.pem")
    assert keystead("key", "public", name).text == public
    keystead("key", "import", name, "--spec", spec, "--in", "key.pem", code=7)


def test_raw_material_is_imported_and_exported_again(keystead: Any, name: str) -> None:
    material = os.urandom(32)
    keystead("key", "import", name, "--exportable", given=material)
    assert keystead("key", "export", name, "--raw").out == material


def test_material_that_another_wrapped_is_imported(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    from keystead.client.byok import wrap_for
    from keystead.operations.keys import WrappingKey

    made = keystead("key", "wrapping-key", "-o", "json").json
    made["public_key"] = base64.b64decode(made["public_key"])
    (tmp_path / "wrapped").write_bytes(wrap_for(WrappingKey(**made), bytes(32)))
    keystead("key", "import", name, "--wrapped", "wrapped", "--wrapping-key", made["id"])


@pytest.mark.parametrize(
    "pem",
    [
        "-----BEGIN PRIVATE KEY-----\nAA\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ],
)
def test_pem_that_cannot_be_used_is_said_to_be_so(keystead: Any, name: str, pem: str) -> None:
    refused = keystead("key", "import", name, "--spec", "rsa-2048", given=pem, code=1)
    assert "no unencrypted private key" in refused.err


def test_a_file_is_encrypted_and_decrypted(keystead: Any, name: str, tmp_path: Path) -> None:
    keystead("key", "create", name)
    plain = tmp_path / "backup.tar"
    plain.write_bytes(os.urandom(1_000_000))
    keystead("file", "encrypt", name, "backup.tar", "-c", "tenant=acme")
    sealed = tmp_path / "backup.tar.keystead"
    keystead("file", "decrypt", "backup.tar.keystead", code=1)  # it exists
    keystead("file", "decrypt", "backup.tar.keystead", "--out", "restored")
    assert (tmp_path / "restored").read_bytes() == plain.read_bytes()
    keystead("file", "decrypt", sealed.name, "--out", "x", "-c", "tenant=other", code=5)
    sealed.write_bytes(sealed.read_bytes()[:-1])
    keystead("file", "decrypt", sealed.name, "--out", "x", code=5)
    keystead("file", "decrypt", sealed.name, "--out", "restored", "--force", code=5)
    assert (tmp_path / "restored").read_bytes() == plain.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "backup.tar",
        "backup.tar.keystead",
        "restored",
    ]


def test_files_go_through_pipes(keystead: Any, name: str) -> None:
    keystead("key", "create", name)
    plain = os.urandom(200_000)
    sealed = keystead("file", "encrypt", name, "-", given=plain).out
    assert keystead("file", "decrypt", "-", given=sealed).out == plain
    keystead("file", "decrypt", "-", given=sealed[:-20], code=5)


def test_a_reader_that_goes_away_is_no_error_message(
    keystead: Any, name: str, tmp_path: Path
) -> None:
    keystead("key", "create", name)
    big = tmp_path / "big"
    big.write_bytes(bytes(5_000_000))
    import sys

    command = f"{sys.executable} -m keystead file encrypt {name} big --out - | head -c 10"
    run = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        env=keystead.environment,
        capture_output=True,
        check=False,
    )
    assert run.stderr == b""
    assert run.returncode == 141


def test_ctrl_c_exits_130_and_leaves_no_file(keystead: Any, name: str, tmp_path: Path) -> None:
    import signal
    import sys

    keystead("key", "create", name)
    for how in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-m", "keystead", "file", "encrypt", name, "-", "--out", "out"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=keystead.environment,
        )
        time.sleep(1.0)
        process.send_signal(how)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert b"Traceback" not in err
        assert list(tmp_path.iterdir()) == []
