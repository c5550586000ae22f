"""What is measured: each operation as each server's clients would ask it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from bench.load import Request
from bench.servers import Keystead, OpenBao

_TEXT = base64.b64encode(b"a secret of thirty-two bytes xx!").decode()


@dataclass(frozen=True)
class Case:
    """One operation on both sides. ``bar`` is the ratio of requests/s that Keystead must reach."""

    name: str
    keystead: Request
    openbao: Request | None
    bar: float | None = None
    items: int = 1


def prepare_keystead(server: Keystead) -> None:
    for name, spec in (
        ("bench", "aes-256-gcm"),
        ("bench-xaes", "xaes-256-gcm"),
        ("ed25519", "ed25519"),
        ("p256", "ec-p256"),
        ("rsa2048", "rsa-2048"),
        ("mldsa65", "ml-dsa-65"),
    ):
        server.create_key(name, spec)
    server.narrow_token()


def prepare_openbao(server: OpenBao) -> None:
    for name, spec in (
        ("bench", "aes256-gcm96"),
        ("ed25519", "ed25519"),
        ("p256", "ecdsa-p256"),
        ("rsa2048", "rsa-2048"),
        ("mldsa65", "ml-dsa-65"),
    ):
        try:
            server.create_key(name, spec)
        except RuntimeError:
            if spec != "ml-dsa-65":
                raise
            server.create_key(name, "mldsa-65")
    server.narrow_token()


def _ours(path: str, **body: Any) -> Request:
    return Request((f"/api/v1{path}",), body)


def _theirs(path: str, **body: Any) -> Request:
    return Request((f"/v1/transit{path}",), body)


def cases(keystead: Keystead, openbao: OpenBao) -> list[Case]:
    """The table. Ciphertexts and signatures to open and check are made here, on each side."""
    sealed = keystead.ask("POST", "/api/v1/keys/bench/encrypt", {"plaintext": _TEXT})
    sealed_bao = openbao.ask("POST", "/v1/transit/encrypt/bench", {"plaintext": _TEXT})
    signed = keystead.ask("POST", "/api/v1/keys/ed25519/sign", {"message": _TEXT})
    signed_bao = openbao.ask("POST", "/v1/transit/sign/ed25519", {"input": _TEXT})
    batch = [{"plaintext": _TEXT}] * 100
    return [
        Case(
            "encrypt (AES-256-GCM)",
            _ours("/keys/bench/encrypt", plaintext=_TEXT),
            _theirs("/encrypt/bench", plaintext=_TEXT),
            bar=8,
        ),
        Case("encrypt (XAES-256-GCM)", _ours("/keys/bench-xaes/encrypt", plaintext=_TEXT), None),
        Case(
            "decrypt",
            _ours("/decrypt", ciphertext=sealed["ciphertext"]),
            _theirs("/decrypt/bench", ciphertext=sealed_bao["data"]["ciphertext"]),
        ),
        Case(
            "encrypt, batch of 100",
            _ours("/keys/bench/encrypt-batch", items=batch),
            _theirs("/encrypt/bench", batch_input=batch),
            bar=5,
            items=100,
        ),
        Case(
            "data key",
            _ours("/keys/bench/data-key"),
            _theirs("/datakey/plaintext/bench"),
        ),
        Case(
            "sign (Ed25519)",
            _ours("/keys/ed25519/sign", message=_TEXT),
            _theirs("/sign/ed25519", input=_TEXT),
            bar=4,
        ),
        Case(
            "sign (ECDSA P-256)",
            _ours("/keys/p256/sign", message=_TEXT),
            _theirs("/sign/p256", input=_TEXT),
        ),
        Case(
            "sign (RSA-2048 PSS)",
            _ours("/keys/rsa2048/sign", message=_TEXT),
            _theirs("/sign/rsa2048", input=_TEXT),
        ),
        Case(
            "sign (ML-DSA-65)",
            _ours("/keys/mldsa65/sign", message=_TEXT),
            _theirs("/sign/mldsa65", input=_TEXT),
        ),
        Case(
            "verify (Ed25519)",
            _ours("/keys/ed25519/verify", message=_TEXT, signature=signed["signature"]),
            _theirs("/verify/ed25519", input=_TEXT, signature=signed_bao["data"]["signature"]),
        ),
    ]
