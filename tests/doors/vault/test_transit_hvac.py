"""hvac, a client of Vault that others wrote, uses transit keys: every method it has."""

from __future__ import annotations

import base64
from typing import Any

import hvac
import pytest
from hvac.exceptions import InvalidPath, InvalidRequest

INPUT = base64.b64encode(b"hello").decode()
OTHER = base64.b64encode(b"other").decode()
CONTEXT = base64.b64encode(b"context").decode()


@pytest.fixture(scope="module")
def client(server: Any) -> hvac.Client:
    made = hvac.Client(url=server.address, token=server.token, timeout=20)
    made.sys.enable_secrets_engine("transit", path="hvac-transit")
    return made


@pytest.fixture
def transit(client: hvac.Client) -> Any:
    """hvac's transit client, always of this mount."""

    class Mounted:
        def __getattr__(self, name: str) -> Any:
            method = getattr(client.secrets.transit, name)
            return lambda *args, **given: method(*args, mount_point="hvac-transit", **given)

    return Mounted()


def test_a_key_is_created_read_listed_configured_and_deleted(transit: Any) -> None:
    transit.create_key("life", exportable=True, allow_plaintext_backup=True)
    transit.create_key("life")
    read = transit.read_key("life")["data"]
    assert (read["type"], read["latest_version"], read["name"]) == ("aes256-gcm96", 1, "life")
    assert "life" in transit.list_keys()["data"]["keys"]
    transit.rotate_key("life")
    transit.rotate_key("life")
    with pytest.raises(InvalidRequest, match="deletion is not allowed for this key"):
        transit.delete_key("life")
    transit.update_key_configuration(
        "life", min_decryption_version=2, min_encryption_version=3, deletion_allowed=True,
        auto_rotate_period="24h",
    )  # fmt: skip
    read = transit.read_key("life")["data"]
    assert sorted(read["keys"]) == ["2", "3"]
    assert read["auto_rotate_period"] == 86_400
    transit.trim_key("life", min_version=2)
    assert transit.read_key("life")["data"]["min_available_version"] == 2
    assert transit.delete_key("life").status_code == 204
    with pytest.raises(InvalidPath):
        transit.read_key("life")
    transit.create_key("life")
    assert transit.read_key("life")["data"]["latest_version"] == 1


def test_data_is_encrypted_decrypted_and_rewrapped(transit: Any) -> None:
    transit.create_key("data")
    made = transit.encrypt_data("data", plaintext=INPUT)["data"]["ciphertext"]
    assert made.startswith("vault:v1:")
    assert transit.decrypt_data("data", ciphertext=made)["data"]["plaintext"] == INPUT
    transit.rotate_key("data")
    again = transit.rewrap_data("data", ciphertext=made)["data"]["ciphertext"]
    assert again.startswith("vault:v2:")
    assert transit.decrypt_data("data", ciphertext=again)["data"]["plaintext"] == INPUT
    old = transit.encrypt_data("data", plaintext=INPUT, key_version=1)["data"]
    assert old["key_version"] == 1
    assert old["ciphertext"].startswith("vault:v1:")
    batch = [{"plaintext": INPUT}, {"plaintext": OTHER}]
    results = transit.encrypt_data("data", batch_input=batch)["data"]["batch_results"]
    opened = transit.decrypt_data(
        "data", batch_input=[{"ciphertext": one["ciphertext"]} for one in results]
    )
    assert [one["plaintext"] for one in opened["data"]["batch_results"]] == [INPUT, OTHER]
    with pytest.raises(InvalidRequest, match="invalid ciphertext: no prefix"):
        transit.decrypt_data("data", ciphertext="nonsense")
    transit.update_key_configuration("data", min_decryption_version=2)
    with pytest.raises(InvalidRequest, match="disallowed by policy"):
        transit.decrypt_data("data", ciphertext=made)


def test_convergent_keys_encrypt_equal_plaintexts_alike(transit: Any) -> None:
    transit.create_key("conv", convergent_encryption=True, derived=True)
    made = [
        transit.encrypt_data("conv", plaintext=INPUT, context=CONTEXT)["data"]["ciphertext"]
        for _ in range(2)
    ]
    assert made[0] == made[1]
    with pytest.raises(InvalidRequest, match="missing 'context' for key derivation"):
        transit.encrypt_data("conv", plaintext=INPUT)


def test_a_key_comes_into_being_as_something_is_encrypted(transit: Any) -> None:
    transit.encrypt_data("upserted", plaintext=INPUT, type="chacha20-poly1305")
    assert transit.read_key("upserted")["data"]["type"] == "chacha20-poly1305"


def test_data_keys_random_bytes_and_hashes_are_made(transit: Any) -> None:
    transit.create_key("kek")
    made = transit.generate_data_key("kek", key_type="plaintext", bits=512)["data"]
    assert len(base64.b64decode(made["plaintext"])) == 64
    opened = transit.decrypt_data("kek", ciphertext=made["ciphertext"])["data"]
    assert opened["plaintext"] == made["plaintext"]
    assert "plaintext" not in transit.generate_data_key("kek", key_type="wrapped")["data"]
    random = transit.generate_random_bytes(n_bytes=16, output_format="hex")["data"]
    assert len(bytes.fromhex(random["random_bytes"])) == 16
    hashed = transit.hash_data(INPUT, algorithm="sha2-256", output_format="hex")["data"]
    assert hashed["sum"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.mark.parametrize(
    ("type_", "options"),
    [
        ("ed25519", {}),
        ("ecdsa-p256", {"hash_algorithm": "sha2-384", "marshaling_algorithm": "jws"}),
        ("rsa-2048", {"signature_algorithm": "pkcs1v15", "hash_algorithm": "sha2-512"}),
        ("rsa-2048", {"salt_length": "hash"}),
    ],
)
def test_what_is_signed_is_verified(type_: str, options: dict[str, Any], transit: Any) -> None:
    transit.create_key(f"sign-{type_}", key_type=type_)
    made = transit.sign_data(f"sign-{type_}", hash_input=INPUT, **options)["data"]["signature"]
    for message, valid in ((INPUT, True), (OTHER, False)):
        found = transit.verify_signed_data(
            f"sign-{type_}", hash_input=message, signature=made, **options
        )
        assert found["data"]["valid"] is valid


def test_an_hmac_holds_for_its_message_alone(transit: Any) -> None:
    transit.create_key("mac")
    made = transit.generate_hmac("mac", hash_input=INPUT, algorithm="sha2-512")["data"]["hmac"]
    for message, valid in ((INPUT, True), (OTHER, False)):
        found = transit.verify_signed_data(
            "mac", hash_input=message, hmac=made, hash_algorithm="sha2-512"
        )
        assert found["data"]["valid"] is valid


def test_keys_are_exported_backed_up_and_restored(transit: Any) -> None:
    transit.create_key("leaves", exportable=True, allow_plaintext_backup=True)
    made = transit.encrypt_data("leaves", plaintext=INPUT)["data"]["ciphertext"]
    exported = transit.export_key("leaves", key_type="encryption-key")["data"]["keys"]
    assert len(base64.b64decode(exported["1"])) == 32
    assert set(transit.export_key("leaves", key_type="hmac-key", version="1")["data"]["keys"]) == {
        "1"
    }
    backup = transit.backup_key("leaves")["data"]["backup"]
    transit.restore_key(backup, name="came-back")
    assert transit.decrypt_data("came-back", ciphertext=made)["data"]["plaintext"] == INPUT
    with pytest.raises(InvalidRequest, match="already exists"):
        transit.restore_key(backup)
    transit.restore_key(backup, force=True)
    transit.create_key("stays")
    with pytest.raises(InvalidRequest, match="exporting is disallowed"):
        transit.backup_key("stays")
    with pytest.raises(InvalidRequest, match="not exportable"):
        transit.export_key("stays", key_type="encryption-key")
