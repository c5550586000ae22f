"""Transit keys: those whose source gives their material away."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from keystead.errors import InvalidRequest
from keystead.migration.steps import Outcome, Result, Step, settle
from keystead.migration.vault_api import VaultApi

_SIGNING = ("ed25519", "ecdsa-", "mldsa", "ml-dsa")
_SETTINGS = ("min_decryption_version", "min_encryption_version", "deletion_allowed", "exportable",
             "allow_plaintext_backup", "auto_rotate_period")  # fmt: skip


def transit_steps(source: VaultApi, target: VaultApi, mount: str) -> Iterator[Step]:
    """A step for each key."""
    for name in source.list(f"{mount}keys"):
        yield Step("key", f"{mount}{name}", partial(_copy, source, target, mount, name))


def _copy(source: VaultApi, target: VaultApi, mount: str, name: str, dry_run: bool) -> Result:
    key = source.read(f"{mount}keys/{name}") or {}
    present = target.read(f"{mount}keys/{name}")
    if present is not None:
        same = present.get("type") == key.get("type") and set(present["keys"]) == set(key["keys"])
        return settle(same, True, dry_run, lambda: None)
    if key.get("allow_plaintext_backup"):
        return settle(False, False, dry_run, partial(_restore, source, target, mount, name))
    if key.get("convergent_encryption"):
        return Result(Outcome.SKIPPED, "convergent: only with allow_plaintext_backup, see docs")
    if not key.get("exportable"):
        return Result(Outcome.SKIPPED, "not exportable: re-encrypt what it holds, see docs")
    if dry_run:
        return Result(Outcome.PLANNED)
    versions = _export(source, mount, name, key)
    numbers = sorted(versions)
    if numbers[0] != 1:
        return Result(Outcome.SKIPPED, f"its first {numbers[0] - 1} versions are not available")
    _import(source, target, mount, name, key, [versions[number] for number in numbers])
    return Result(Outcome.COPIED)


def _restore(source: VaultApi, target: VaultApi, mount: str, name: str) -> None:
    """A backup holds everything: HMAC keys and settings too."""
    backup = (source.read(f"{mount}backup/{name}") or {}).get("backup", "")
    target.write(f"{mount}restore/{name}", {"backup": backup})


def _export(source: VaultApi, mount: str, name: str, key: dict[str, Any]) -> dict[int, str]:
    signs = str(key["type"]).startswith(_SIGNING)
    what = "hmac-key" if key["type"] == "hmac" else "signing-key" if signs else "encryption-key"
    exported = source.read(f"{mount}export/{what}/{name}") or {}
    return {int(number): material for number, material in exported["keys"].items()}


def _import(
    source: VaultApi,
    target: VaultApi,
    mount: str,
    name: str,
    key: dict[str, Any],
    versions: list[str],
) -> None:
    """Import every version, wrapped for the target (RSA-OAEP and AES-KWP), then the settings."""
    pem = (target.read(f"{mount}wrapping_key") or {}).get("public_key", "")
    wrapping = serialization.load_pem_public_key(pem.encode())
    if not isinstance(wrapping, rsa.RSAPublicKey):
        raise InvalidRequest("The target's wrapping key is no RSA key.")
    body: dict[str, Any] = {
        "type": key["type"],
        "hash_function": "SHA256",
        "allow_rotation": True,
        "exportable": True,
        "derived": key.get("derived", False),
    }
    for number, material in enumerate(versions, 1):
        wrapped = {"ciphertext": _wrap(wrapping, _material(str(key["type"]), material))}
        if number == 1:
            target.write(f"{mount}keys/{name}/import", body | wrapped)
        else:
            more = {"hash_function": "SHA256"} | wrapped
            target.write(f"{mount}keys/{name}/import_version", more)
    settings = {name_: key[name_] for name_ in _SETTINGS if key.get(name_)}
    target.write(f"{mount}keys/{name}/config", settings)


def _material(type_: str, exported: str) -> bytes:
    """What ``import`` takes, from what ``export`` gives: raw bytes, or PKCS #8 in DER."""
    if exported.startswith("-----BEGIN"):
        private = serialization.load_pem_private_key(exported.encode(), None)
    elif type_ == "ed25519":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(exported)[:32])
    else:
        return base64.b64decode(exported)
    return private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _wrap(wrapping: rsa.RSAPublicKey, material: bytes) -> str:
    """Vault's form: RSA-OAEP(SHA-256) of an ephemeral AES key ‖ AES-KWP (RFC 5649)."""
    ephemeral = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    sealed = wrapping.encrypt(ephemeral, oaep)
    return base64.b64encode(
        sealed + keywrap.aes_key_wrap_with_padding(ephemeral, material)
    ).decode()
