"""securesystemslib, which signs the metadata of TUF and in-toto, signs with transit keys."""

from __future__ import annotations

from typing import Any

import pytest

vault = pytest.importorskip("securesystemslib.signer", reason="securesystemslib is not there")


@pytest.fixture(scope="module", autouse=True)
def mount(keystead_api: Any) -> None:
    if keystead_api.ask("GET", "sys/mounts/transit/tune").status != 200:
        keystead_api.write("sys/mounts/transit", type="transit")


def test_what_the_signer_signs_its_public_key_verifies(
    keystead_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from securesystemslib.exceptions import UnverifiedSignatureError

    monkeypatch.setenv("VAULT_ADDR", keystead_api.address)
    monkeypatch.setenv("VAULT_TOKEN", keystead_api.token)
    keystead_api.write("transit/keys/tuf", type="ed25519")
    keystead_api.write("transit/keys/tuf/rotate")
    uri, public = vault.VaultSigner.import_("tuf")
    signer = vault.VaultSigner.from_priv_key_uri(uri, public)
    signature = signer.sign(b"metadata")
    public.verify_signature(signature, b"metadata")
    with pytest.raises(UnverifiedSignatureError):
        public.verify_signature(signature, b"other")
