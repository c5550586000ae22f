"""Bring your own key: the sender's half of an import."""

from __future__ import annotations

import base64
import binascii
import re

from keystead.crypto import KeyMaterial, spec
from keystead.crypto.byok import wrap_import
from keystead.errors import InvalidRequest
from keystead.operations.keys import WrappingKey

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")


def wrap_for(wrapping_key: WrappingKey, material: bytes) -> bytes:
    """Wrap a key for a wrapping key of the server's, ready for ``keys.import_``.

    ``material`` is raw bytes (symmetric keys and seeds), or DER or unencrypted PEM of a
    private key. Raises InvalidRequest for PEM that cannot be used, and what
    ``crypto.byok.wrap_import`` raises.
    """
    return wrap_import(
        spec(wrapping_key.spec),
        wrapping_key.public_key,
        wrapping_key.algorithm,
        KeyMaterial(_der(material)),
    )


def _der(material: bytes) -> bytes:
    if b"-----BEGIN " not in material:
        return material
    match = _PEM.search(material)
    if not match or b"ENCRYPTED" in match[1] or b"PRIVATE KEY" not in match[1]:
        raise InvalidRequest(
            "The PEM file holds no unencrypted private key.",
            hint="openssl pkey -in key.pem -out plain.pem",
        )
    try:
        return base64.b64decode(match[2])
    except binascii.Error:
        raise InvalidRequest("The PEM file is damaged.") from None
